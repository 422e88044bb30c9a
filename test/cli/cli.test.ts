import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type {
  CheckpointList,
  Events,
  RunDetail,
  RunSummary,
  WireEvent,
} from '../../src-main/contract.ts';
import type { SensorReport } from '../../src-main/cli/sensor-report.ts';
import type { MatrixResults } from '../../src-main/cli/matrix-results.ts';
import { removeHome, temporaryHome } from '../fixtures/host.ts';
import { vitOf } from '../fixtures/vit.ts';

const bin = join(import.meta.dirname, '..', '..', 'src-main', 'cli', 'bin.js');

let home: string;
let started: ChildProcessWithoutNullStreams[];
beforeEach(async () => {
  home = await temporaryHome();
  started = [];
});
afterEach(async () => {
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
  await removeHome(home);
});

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}
interface Running {
  child: ChildProcessWithoutNullStreams;
  /** Resolves when stdout and stderr together contain it. */
  says(text: string | RegExp): Promise<string>;
  ended: Promise<Result>;
}

/** The real command line as a process of its own, on the test's data folder. */
function start(...args: string[]): Running {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: home,
    env: { ...process.env, HUGGINGGREEN_HOME: join(home, 'data') },
  });
  started.push(child);
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  const hear = (take: (text: string) => void) => (text: string) => {
    take(text);
    for (const watch of watchers) watch();
  };
  child.stdout.setEncoding('utf8').on(
    'data',
    hear((text) => (stdout += text)),
  );
  child.stderr.setEncoding('utf8').on(
    'data',
    hear((text) => (stderr += text)),
  );
  const ended = new Promise<Result>((resolve) =>
    child.once('close', (code) => resolve({ code, stdout, stderr })),
  );
  return {
    child,
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const watch = (): void => {
          const all = stdout + stderr;
          if (typeof text === 'string' ? !all.includes(text) : !text.test(all)) return;
          watchers.delete(watch);
          resolve(all);
        };
        watchers.add(watch);
        watch();
        void ended.then(() =>
          reject(new Error(`it ended without saying ${text}: ${stdout}${stderr}`)),
        );
      }),
  };
}
const cli = (...args: string[]): Promise<Result> => start(...args).ended;
const json = async <T>(...args: string[]): Promise<T> => {
  const { stdout, code, stderr } = await cli(...args, '--json');
  if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code} ${stderr}${stdout}`);
  return JSON.parse(stdout) as T;
};

const tiny = {
  dataset: { kind: 'greensynth', train: 128, validation: 32, test: 32 },
  model: { patch: 16, dim: 8, layers: 1, heads: 1, dimHead: 8 },
  train: { epochs: 2, batch: 32 },
  compute: { engine: 'cpu' },
  energy: { baselineSeconds: 0 },
};
const endless = { ...tiny, train: { epochs: 10_000, batch: 32, evalEvery: 10_000 } };
async function config(name: string, content: unknown): Promise<string> {
  const path = join(home, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** Process ids of the workers that a process has started (Linux). */
async function workers(parent: number, entry: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const read = (file: string) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '');
    const stat = await read('stat');
    const ppid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (ppid === parent && (await read('cmdline')).includes(entry)) found.push(Number(name));
  }
  return found;
}

test('help, and honest exit codes for what cannot be meant', async () => {
  const [help, none, unknown, option, runHelp, badId, badFormat, missing] = await Promise.all([
    cli('--help'),
    cli(),
    cli('rnu'),
    cli('list', '--jsn'),
    cli('run', '--help'),
    cli('show', 'one'),
    cli('export', '1', '--format', 'docx'),
    cli('import', 'gone.csv'),
  ]);
  expect(help.code).toBe(0);
  for (const name of [
    'run',
    'list',
    'show',
    'compare',
    'export',
    'import',
    'serve',
    'doctor',
    'demo',
  ])
    expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  // all of it is read on a terminal of 90 columns
  expect(Math.max(...help.stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(90);
  expect(help.stdout).toContain('124 stopped by its budget');
  expect(none.code).toBe(2);
  expect(unknown).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no command "rnu"; did you mean run?'),
  });
  expect(option).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('There is no option "--jsn"; did you mean --json?'),
  });
  expect(missing).toMatchObject({ code: 2, stderr: 'There is no file or folder gone.csv.\n' });
  expect(runHelp).toMatchObject({ code: 0, stdout: expect.stringContaining('--out DIR') });
  expect(badId).toMatchObject({ code: 2, stderr: expect.stringContaining('"one"') });
  expect(badFormat).toMatchObject({ code: 2, stderr: expect.stringContaining('"docx"') });
});

test('a bad config: exit code 2 and a sentence with the key, nothing recorded', async () => {
  const key = await config('key.json', { train: { epochz: 3 } });
  const value = await config('value.json', { model: { patch: 5 } });
  const syntax = await config('syntax.json', '{"train": ');
  const [unknown, impossible, broken, missing, preset] = await Promise.all([
    cli('run', key),
    cli('run', value, '--json'),
    cli('run', syntax),
    cli('run', join(home, 'none.json')),
    cli('run', 'green-99'),
  ]);
  expect(unknown).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('train.epochz: unknown key "epochz"; did you mean "epochs"?'),
  });
  expect(impossible.code).toBe(2);
  expect(JSON.parse(impossible.stdout)).toMatchObject({
    error: { code: 'BAD_INPUT', issues: [{ path: 'model.patch' }] },
  });
  expect(broken).toMatchObject({ code: 2, stderr: expect.stringContaining('is not JSON') });
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no file') });
  expect(preset.code).toBe(2);
  expect(preset.stderr).toMatch(/did you mean green-32\?\nPresets: quick-demo, green-32, /);
  await expect(stat(join(home, 'data'))).rejects.toThrow();
});

test('a dataset that is not there: said before anything is measured, and how to get it', async () => {
  const { code, stderr } = await cli(
    'run',
    await config('c.json', { dataset: { kind: 'cifar10' } }),
  );
  expect(code).toBe(1);
  expect(stderr).toContain(
    'CIFAR-10 is not on this computer.\nAdd --download to fetch it first (170 MB)',
  );
  expect(await json('list')).toEqual([]);
});

test('a folder for results that cannot be made: said before the training, not after', async () => {
  const out = join(await config('a-file', 'x'), 'out');
  const { code, stderr } = await cli('run', await config('tiny.json', tiny), '--out', out);
  expect(code).toBe(1);
  expect(stderr).toContain(`Results cannot be written to ${out}`);
  await expect(stat(join(home, 'data'))).rejects.toThrow();
});

test('options: every key with its default', async () => {
  const all = await json<{ key: string; default: unknown; choices: object | null }[]>('options');
  const byKey = new Map(all.map((option) => [option.key, option]));
  expect(byKey.get('model.patch')).toMatchObject({ default: 4, unit: 'px', title: 'Patch side' });
  expect(byKey.get('dataset.kind')).toMatchObject({ default: 'greensynth' });
  expect(byKey.get('selection.mode')?.choices).toHaveProperty('drop');
  expect(byKey.has('dataset.labels')).toBe(true);
  expect(new Set(all.map(({ key }) => key)).size).toBe(all.length);
  expect(byKey.get('preset')?.choices).toHaveProperty('green-32');
  expect(byKey.get('matrix')?.choices).toHaveProperty('rq2');
  const unexplained = all.flatMap(({ key, choices }) =>
    Object.entries(choices ?? {}).flatMap(([choice, line]) => (line ? [] : `${key} = ${choice}`)),
  );
  expect(unexplained).toEqual([]);
});

test('run, list, show, compare, export, import: one run after the other, all of it as JSON', async () => {
  const path = await config('tiny.json', tiny);
  const first = await json<{ run: RunSummary }>('run', path);
  expect(first.run).toMatchObject({ status: 'done', name: 'tiny', step: 8, engine: 'cpu' });
  expect(first.run.macroF1).not.toBeNull();
  const second = await json<{ run: RunSummary }>('run', path);

  const runs = await json<RunSummary[]>('list');
  expect(runs.map(({ id }) => id)).toEqual([second.run.id, first.run.id]);
  const tokens = 'id:1 tiny train.lr>0 status:done';
  expect(await json('list', '--filter', tokens)).toMatchObject([{ id: first.run.id }]);
  expect(await json('list', '--filter', 'wh>1MWh -f1:none')).toEqual([]);
  expect(await json('list', '--archived')).toHaveLength(2);
  const refused = await cli('list', '--filter', 'gpu>4potatoes');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('"potatoes" is no unit of "gpu": Wh');
  const shown = await json<RunDetail>('show', String(first.run.id));
  expect(shown.phases.map(({ name }) => name)).toContain('train');
  expect(vitOf(shown.config).patch).toBe(16);
  const ids = runs.map(({ id }) => String(id));
  expect(await json('compare', ...ids)).toMatchObject({ runs: [{ id: 2 }, { id: 1 }] });

  const out = join(home, 'out');
  const { files } = await json<{ files: string[] }>('export', ...ids, '--out', out);
  expect(files).toHaveLength(6);
  const csv = files.find((file) => file.endsWith('-runs.csv'))!;
  expect((await readFile(csv, 'utf8')).trim().split('\n')).toHaveLength(3);
  const about = JSON.parse(await readFile(csv.replace(/csv$/, 'json'), 'utf8')) as {
    runs: number[];
    columns: { name: string }[];
  };
  expect(about).toMatchObject({ file: basename(csv), runs: ids.map(Number) });
  expect(about.columns.map(({ name }) => name).join(',')).toBe(
    (await readFile(csv, 'utf8')).split('\r\n', 1)[0],
  );
  const byEpoch = join(home, 'by-epoch.csv');
  await json('export', ids[0]!, '--format', 'phases', '--bom', '--out', byEpoch);
  expect(await readFile(byEpoch, 'utf8')).toMatch(/^\uFEFFrun_id,run_name,phase,epoch,/);
  expect((await cli('export', ids[0]!, '--format', 'json', '--bom')).stderr).toContain(
    '--bom is for the formats csv, phases, predictions.',
  );
  // the whole folder: samples and metrics lie beside the runs
  const again = await cli('import', out);
  expect(again.code).toBe(0);
  expect(again.stdout).toContain('2 rows already here as runs 1, 2');
  expect(again.stdout).toContain('2 files of samples, metrics, phases or predictions not needed');
  await json('import', await foreign(csv));
  expect(
    (await json<RunSummary[]>('list')).filter(({ status }) => status === 'imported'),
  ).toHaveLength(2);
  expect(await cli('show', '99')).toMatchObject({ code: 2, stderr: 'There is no run 99.\n' });
});

/** The file as if another computer had written it: its runs have other ids. */
async function foreign(csv: string): Promise<string> {
  const path = join(home, 'foreign-runs.csv');
  const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
  let other = 0;
  const id = (): string => `00000000-0000-8000-8000-${String(++other).padStart(12, '0')}`;
  await writeFile(path, (await readFile(csv, 'utf8')).replace(uuid, id));
  return path;
}

test('matrix: listed, priced, run in turn after a warm-up, and told against its baseline', async () => {
  const common = await config('common.json', { ...tiny, train: { batch: 32 } });
  const order = ['rq2', '--dataset', 'greensynth', '--epochs', '1', '--repeats', '2'];
  order.push('--arms', 'none,random-drop-50', '--common', common);
  const [all, dry, unknown, badArm, badNumber] = await Promise.all([
    json<{ id: string }[]>('matrix', 'list'),
    json<{ total: { runs: number } }>('matrix', 'run', ...order, '--dry-run'),
    cli('matrix', 'run', 'rq9'),
    cli('matrix', 'run', 'rq2', '--arms', 'nothing'),
    cli('matrix', 'run', 'rq2', '--repeats', 'many'),
  ]);
  expect(all.map(({ id }) => id)).toContain('rq1');
  expect(dry.total.runs).toBe(5);
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('no matrix "rq9"') });
  expect(badArm).toMatchObject({ code: 2, stderr: expect.stringContaining('Its arms: none,') });
  expect(badNumber).toMatchObject({ code: 2, stderr: expect.stringContaining('"many"') });
  expect(await json('list')).toEqual([]);

  const out = join(home, 'out');
  const { code, stdout } = await cli('matrix', 'run', ...order, '--out', out);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /random, dropped to 50 % against no selection: energy was .* not testable with 2 and 2/,
  );
  const runs = (await json<RunSummary[]>('list')).toReversed();
  expect(runs.map(({ matrix }) => matrix?.arm)).toEqual([
    'none',
    'none',
    'random-drop-50',
    'random-drop-50',
    'none',
  ]);
  expect(runs.every(({ status }) => status === 'done')).toBe(true);
  const results = await json<MatrixResults>('matrix', 'results', String(runs[0]!.matrix!.group));
  expect(results.leftOut).toEqual([{ id: runs[0]!.id, why: 'warm-up' }]);
  expect(results.arms.map((arm) => [arm.arm, arm.runs])).toEqual([
    ['none', 2],
    ['random-drop-50', 2],
  ]);
  const csv = (await readdir(out)).find((name) => name.endsWith('-runs.csv'))!;
  const rows: Record<string, string>[] = parse(await readFile(join(out, csv), 'utf8'), {
    columns: true,
  });
  expect(rows[0]).toMatchObject({
    hg_method: 'standard',
    hg_matrix: 'rq2',
    hg_matrix_group: '1',
    hg_arm: 'none',
    hg_repeat: '1',
    hg_warm_up: 'Y',
  });
}, 120_000);

test('a run that cannot fit into memory: said and refused, nothing recorded', async () => {
  const path = await config('huge.json', {
    ...tiny,
    dataset: { kind: 'greensynth', train: 60_000 },
    model: { image: 224, patch: 16, dim: 3072, layers: 16, heads: 16, dimHead: 64 },
    train: { batch: 60_000 },
  });
  const { code, stderr } = await cli('run', path);
  expect(code).toBe(1);
  expect(stderr).toMatch(/would need about \d+ GiB of memory .* has \d+(\.\d)? GiB/);
  expect(stderr).toContain('--force');
  expect(await json('list')).toEqual([]);
});

test('a trained model leaves as ONNX and as safetensors; what cannot is refused', async () => {
  const { run } = await json<{ run: RunSummary }>('run', await config('tiny.json', tiny));
  const id = String(run.id);
  const models = join(home, 'models');
  const { files } = await json<{ files: string[] }>(
    'export',
    id,
    '--format',
    'onnx',
    '--out',
    models,
  );
  expect(files).toEqual([expect.stringMatching(/-1-best\.onnx$/)]);
  const session = await InferenceSession.create(files[0]!);
  const images = new Tensor('uint8', new Uint8Array(2 * 3 * 32 * 32).fill(99), [2, 3, 32, 32]);
  const { probabilities } = await session.run({ images });
  expect(probabilities!.dims).toEqual([2, 10]);
  await session.release();

  const file = join(home, 'deep', 'weights.safetensors');
  const args = ['export', id, '--format', 'safetensors', '--checkpoint', 'last', '--out', file];
  const { stdout } = await cli(...args);
  expect(stdout.trim()).toBe(file);
  expect((await readFile(file)).includes('"patch.weight"')).toBe(true);
  expect(await readdir(join(home, 'deep'))).toEqual(['weights.safetensors']);
  // nothing stays behind in the data folder
  expect(await readdir(join(home, 'data'))).not.toContain('exports');

  // without a browser there is no PDF, and what else there can be is asked for
  vi.stubEnv('CHROMIUM_PATH', join(home, 'no-browser'));
  const paper = join(home, 'paper');
  const pdf = ['export', id, '--format', 'pdf', '--out', join(paper, 'report.pdf')];
  const refused = await cli(...pdf);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('No Chromium');
  expect(refused.stderr).toContain('--or-html');
  const instead = await cli(...pdf, '--or-html', '--notes', 'For the wiki.');
  expect(instead).toMatchObject({ code: 0, stderr: expect.stringContaining('instead') as string });
  const html = instead.stdout.trim().split('\n').find((path) => path.endsWith('.html'))!; // prettier-ignore
  expect(await readFile(html, 'utf8')).toContain('For the wiki.');
  expect((await readdir(paper)).filter((name) => name.endsWith('.csv'))).toHaveLength(3);
  await cli('export', id, '--format', 'markdown', '--out', paper);
  expect(await readdir(paper)).toContainEqual(expect.stringMatching(/-markdown\.zip$/));
  vi.unstubAllEnvs();

  await rm(join(home, 'data', 'runs'), { recursive: true });
  const [none, which, what] = await Promise.all([
    cli('export', id, '--format', 'onnx'),
    cli('export', id, '--format', 'onnx', '--checkpoint', 'first'),
    cli('export', id, '--checkpoint', 'last'),
  ]);
  expect(none).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('has no checkpoint') as string,
  });
  expect(which).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('best or last') as string,
  });
  expect(what).toMatchObject({ code: 2, stderr: expect.stringContaining('onnx and') as string });
});

test('doctor says what can be measured and trained with', async () => {
  const findings = await json<{
    healthy: boolean;
    machine: { autoEngine: string };
    energy: SensorReport;
  }>('doctor');
  expect(findings.healthy).toBe(true);
  expect(findings.machine.autoEngine).not.toBeNull();
  // the power of now was waited for, and each path says what it is
  expect(findings.energy.total!.watts).toBeGreaterThan(0);
  expect(findings.energy.sources.every(({ reads, gives }) => reads !== '' && gives !== '')).toBe(
    true,
  );
});

/** A page as the server sees it; resolves with the first notice. */
async function firstNotice(url: string): Promise<string> {
  const { host, origin, hash } = new URL(url);
  const socket = new WebSocket(
    `ws://${host}/link`,
    ['hugginggreen', hash.slice(1).replace('=', '.')],
    { origin },
  );
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (text) => {
      const { event, data } = JSON.parse(String(text)) as WireEvent;
      if (event !== 'notice') return;
      socket.close();
      resolve((data as Events['notice']).message);
    });
  });
}

test('serve: list goes through it, a second one is refused, SIGTERM ends it in order', async () => {
  await mkdir(join(home, 'data'));
  await writeFile(join(home, 'data', 'hugginggreen.sqlite'), 'this is no database');
  const serving = start('serve', '--port', '0', '--json');
  const said = await serving.says('"token"');
  // what stderr says on starting, the page says to whoever opens it
  expect(await firstNotice(/http:[^"]+/.exec(said)![0])).toContain('has been set aside');
  const path = await config('tiny.json', tiny);
  const [second, run] = await Promise.all([cli('serve', '--port', '0'), cli('run', path)]);
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('already runs on') });
  expect(second.stderr).toContain(`process ${serving.child.pid}`);
  expect(run).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('into the queue of the running program (hugginggreen serve'),
  });
  expect(await json<RunSummary[]>('list')).toMatchObject([{ status: 'done', name: 'tiny' }]);
  serving.child.kill('SIGTERM');
  await serving.says('Ending;');
  serving.child.kill('SIGTERM');
  const { code, stdout } = await serving.ended;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/),
  });
  expect(await readdir(join(home, 'data'))).not.toContain('lock');
  // where nothing was built yet, serve builds the page first
}, 240_000);

test('Ctrl-C stops with a checkpoint and exit code 130; --resume goes on', async () => {
  const running = start('run', await config('endless.json', endless));
  await running.says('step ');
  // npm hands the signal on that the terminal has sent already: it comes twice
  running.child.kill('SIGINT');
  await running.says('Stopping with a checkpoint');
  running.child.kill('SIGINT');
  const { code, stdout } = await running.ended;
  expect(code).toBe(130);
  expect(stdout).toContain('hugginggreen run --resume 1');
  const stopped = await json<RunDetail>('show', '1');
  expect(stopped.summary.status).toBe('stopped');
  expect(stopped.checkpoints.at(-1)?.step).toBe(stopped.summary.step);

  const again = start('run', '--resume', '1');
  // the line begins with the step it goes on from
  while ((await json<RunDetail>('show', '1')).summary.step! <= stopped.summary.step!)
    expect(again.child.exitCode).toBeNull();
  again.child.kill('SIGTERM');
  expect((await again.ended).code).toBe(130);
  const resumed = await json<RunDetail>('show', '1');
  expect(resumed.summary.step!).toBeGreaterThan(stopped.summary.step!);
});

test.runIf(process.platform === 'linux')(
  'a trainer killed mid-run: the run fails, its records stay; an orphaned trainer ends by itself',
  async () => {
    const path = await config('endless.json', endless);
    const running = start('run', path);
    await running.says('step ');
    const [trainer] = await workers(running.child.pid!, 'trainer/main.ts');
    process.kill(trainer!, 'SIGKILL');
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('ended unexpectedly (killed by SIGKILL)');
    const failed = await json<RunDetail>('show', '1');
    expect(failed.summary.status).toBe('failed');
    expect(failed.summary.step).toBeGreaterThan(0);

    // now the program itself is killed: the next one finds the run interrupted
    const second = start('run', path);
    await second.says('step ');
    const [orphan] = await workers(second.child.pid!, 'trainer/main.ts');
    second.child.kill('SIGKILL');
    await second.ended;
    const runs = await json<RunSummary[]>('list');
    expect(runs[0]).toMatchObject({ id: 2, status: 'interrupted' });
    expect(runs[0]!.step).toBeGreaterThan(0);
    const alive = async (): Promise<boolean> =>
      (await readFile(`/proc/${orphan}/cmdline`, 'utf8').catch(() => '')).includes('trainer');
    while (await alive()) await new Promise((resolve) => setTimeout(resolve, 50));

    // a person is told, and decides: it counts as failed, and goes on all the same
    const told = await cli('recover');
    expect(told.stdout).toContain(`Run 2 was interrupted at step ${runs[0]!.step} of `);
    expect(told.stdout).toContain('hugginggreen run --resume 2');
    expect((await cli('log', '2')).stdout).toMatch(/warning: The program ended while this run was/);
    // the orphan kept what it had learnt
    const kept = await json<CheckpointList>('checkpoints', '2', '--verify');
    expect(kept.checkpoints[0]).toMatchObject({ state: 'whole', roles: ['last'] });
    const { step } = kept.checkpoints[0]!;
    expect(step).toBeGreaterThanOrEqual(runs[0]!.step!);

    const marked = await cli('recover', '2', '--failed');
    expect(marked).toMatchObject({ code: 0, stdout: 'Run 2 counts as failed.\n' });
    expect((await cli('recover')).stdout).toBe('No run is interrupted.\n');
    expect((await cli('recover', '2', '--failed')).stderr).toContain('was not interrupted');
    const shown = await json<RunDetail>('show', '2');
    expect(shown.summary.error).toMatchObject({
      code: 'INTERRUPTED',
      message: `The program ended at step ${runs[0]!.step} of ${runs[0]!.steps}.`,
    });
    const third = start('run', '--resume', '2');
    await third.says('step ');
    const following = start('log', '2', '--follow');
    await following.says(`Resumed from the checkpoint at step ${step}.`);
    third.child.kill('SIGINT');
    const [ended, followed] = await Promise.all([third.ended, following.ended]);
    expect(ended.code).toBe(130);
    expect(followed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/ {2}stopped after step \d+/),
    });
  },
  180_000,
);

test('the queue is paused, shown and let go on from the command line', async () => {
  const paused = await start('queue', 'pause').ended;
  expect(paused).toMatchObject({
    code: 0,
    stdout: 'The queue is paused: nothing new starts.\nNothing runs, and nothing waits.\n',
  });
  expect((await start('queue').ended).stdout).toBe(paused.stdout);
  const { stdout } = await start('queue', 'resume', '--json').ended;
  expect(JSON.parse(stdout)).toMatchObject({
    active: null,
    waiting: [],
    paused: false,
    coolDown: null,
  });
  for (const [words, says] of [
    [['move', '7'], 'It is: queue move'],
    [['move', 'x', 'first'], '"x" is not the number of a run.'],
    [['sort'], '"sort" is not list, move, pause or resume.'],
  ] as const) {
    const { code, stderr } = await start('queue', ...words).ended;
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
  }
  expect(await start('queue', 'move', '7', 'first').ended).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Run 7 does not wait in the queue.'),
  });
});

test('settings are shown, changed and refused on the command line', async () => {
  const changed = await start(
    'settings',
    'ramMode=constant',
    'ramWatts=9.5',
    'cpuTdpWatts=95',
    'region=france',
    'cpuCurve={"idle":0.15,"span":0.75,"exponent":1}',
    '--json',
  ).ended;
  expect(JSON.parse(changed.stdout)).toMatchObject({
    ramMode: 'constant',
    ramWatts: 9.5,
    cpuTdpWatts: 95,
    region: 'FRA',
    cpuCurve: { idle: 0.15, span: 0.75, exponent: 1 },
  });
  for (const [word, why] of [
    ['ramMod=off', 'did you mean ramMode?'],
    ['cpuTdpWatts=0', 'cpuTdpWatts: '],
    ['ramMode', 'is not NAME=VALUE'],
    ['region=Itly', 'near are ITA (Italy)'],
  ] as const) {
    const { code, stderr } = await start('settings', word).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(why);
  }
  const { code, stdout } = await start('settings', 'ramWatts=null', 'ramMode=off').ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/ramMode +off/);
});

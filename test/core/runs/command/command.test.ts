import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CallInput, RunDetail } from '../../../../src-main/contract.ts';
import type { Environment } from '../../../../src-main/core/runs/command/process-group.ts';
import {
  fixtureOptions,
  removeHome,
  startHost,
  temporaryHome,
  type Witness,
} from '../../../fixtures/host.ts';
import { fileVersion, scalar } from './event-files.ts';

let home: string;
let own: Witness;
beforeEach(async () => {
  home = await temporaryHome();
  own = await startHost(fixtureOptions(join(home, 'data')));
});
afterEach(async () => {
  await own.host.close();
  await removeHome(home);
});

const posix = process.platform !== 'win32';
type Order = CallInput<'runs.command'>;

/** A Node script as the command. */
const node = (script: string, ...args: string[]): string[] => [
  process.execPath,
  '-e',
  script,
  ...args,
];

async function start(command: string[], more: Partial<Order> = {}): Promise<number> {
  const { ids } = await own.call('runs.command', {
    command,
    cwd: home,
    energy: { baselineSeconds: 0 },
    ...more,
  });
  return ids[0]!;
}
async function finished(id: number): Promise<RunDetail> {
  await own.reached(id, 'done', 'failed', 'stopped');
  return own.call('runs.get', { id });
}
const run = async (...args: Parameters<typeof start>): Promise<RunDetail> =>
  finished(await start(...args));

test('phases, steps, evaluations, images and values of its own become a run like any other', async () => {
  const script = `
    const say = (line) => console.log('::hg ' + line);
    say('total steps=4 epochs=2');
    say('phase load');
    for (let epoch = 1; epoch <= 2; epoch++) {
      say('phase train epoch=' + epoch);
      for (let i = 1; i <= 2; i++) {
        say('metric step=' + (2 * (epoch - 1) + i) + ' loss=' + 1 / (epoch + i) + ' lr=0.1 grad/norm=' + i);
        say('images 32');
      }
      say('phase evaluate epoch=' + epoch);
      say('eval split=validation epoch=' + epoch + ' macro_f1=0.' + (6 + epoch) + ' micro_f1=0.75 loss=0.4 kappa=0.5');
    }
    say('phase my-own');
    say('eval split=test macro_f1=0.625');
    console.log('::hg metric loss=oops');
    console.log('::hg nonsense');
  `;
  const detail = await run(node(script), {
    name: 'mine',
    dataset: 'MNIST',
    model: 'a net',
    seed: 7,
  });
  expect(detail.summary).toMatchObject({
    status: 'done',
    name: 'mine',
    dataset: 'MNIST',
    model: 'a net',
    seed: 7,
    epoch: 2,
    epochs: 2,
    step: 4,
    steps: 4,
    macroF1: 0.625,
    f1Split: 'test',
    imagesSeen: 128,
  });
  expect(detail.summary.loss).toBeCloseTo((1 / 3 + 1 / 4) / 2, 10);
  expect(detail.summary.wh).toBeGreaterThan(0);
  expect(detail.summary.imagesPerSecond).toBeGreaterThan(0);
  expect(detail.summary.f1PerWh).toBeCloseTo(62.5 / detail.summary.wh!, 6);
  expect(detail.phases.map(({ name, epoch }) => [name, epoch])).toEqual([
    ['prepare', null],
    ['train', 1],
    ['evaluate', 1],
    ['train', 2],
    ['evaluate', 2],
    ['my-own', null],
  ]);
  expect(detail.phases.every(({ from, to }) => from >= 0 && to! >= from)).toBe(true);
  expect(
    detail.evaluations.map(({ result }) => [result.split, result.macroF1, result.loss]),
  ).toEqual([
    ['validation', 0.7, 0.4],
    ['validation', 0.8, 0.4],
    ['test', 0.625, null],
  ]);
  expect(detail.scalars).toEqual(['grad/norm', 'validation/kappa']);
  const id = detail.summary.id;
  const [loss, norm, f1] = await own.call('runs.series', {
    id,
    names: ['loss', 'scalar.grad/norm', 'validation.macroF1'],
    x: 'step',
    width: 100,
  });
  expect(loss!.x).toEqual([1, 2, 3, 4]);
  expect([norm!.x, norm!.y]).toEqual([
    [1, 2, 3, 4],
    [1, 2, 1, 2],
  ]);
  expect(f1!.y).toEqual([0.7, 0.8]);
  const [overEpochs] = await own.call('runs.series', {
    id,
    names: ['scalar.grad/norm'],
    x: 'epoch',
    width: 100,
  });
  expect(overEpochs!.x).toEqual([0.5, 1, 1.5, 2]);
  expect(
    detail.notes.filter(({ message }) => message.includes('could not be understood')),
  ).toHaveLength(2);
  expect(detail.command).toMatchObject({ cwd: home, env: [], exit: { code: 0, signal: null } });
});

test('what it writes is kept byte for byte, and told line by line', async () => {
  const script = `
    process.stdout.write(Buffer.from([0, 255, 10, 13, 97, 195]));
    process.stderr.write('to the error output\\n');
  `;
  const { summary, log } = await run(node(script));
  expect(await readFile(log!.stdout)).toEqual(Buffer.from([0, 255, 10, 13, 97, 195]));
  expect(await readFile(log!.stderr, 'utf8')).toBe('to the error output\n');
  const lines = await own.call('runs.log', { id: summary.id, lines: 10 });
  expect(lines.map(({ kind, text }) => [kind, text])).toContainEqual([
    'stderr',
    'to the error output',
  ]);
  expect(own.heard('run.log').flatMap(({ lines }) => lines)).toEqual(lines);
});

test('its environment and folder are those that were asked for, and are kept nowhere', async () => {
  const script = `console.log(process.env.SECRET_TOKEN, process.env.HUGGINGGREEN_RUN, process.cwd(), process.env.PATH === undefined)`;
  const { summary, log, command } = await run(node(script), { env: { SECRET_TOKEN: 'hush' } });
  const said = (await readFile(log!.stdout, 'utf8')).trim().split(' ');
  expect(said[0]).toBe('hush');
  expect(said[1]).toBe(String(summary.id));
  expect(said[3]).toBe('false');
  expect(command!.env).toEqual(['SECRET_TOKEN']);
  expect(JSON.stringify(command)).not.toContain('hush');
  const bare = await run(node(script), { env: { SECRET_TOKEN: 'x' }, wholeEnv: true });
  expect((await readFile(bare.log!.stdout, 'utf8')).trim().endsWith('true')).toBe(true);
  expect(bare.command!.env).toEqual([]);
});

test('an exit code, a signal and a program that is not there', async () => {
  const three = await run(node(`console.error('no such dataset'); process.exitCode = 3`));
  expect(three.summary.status).toBe('failed');
  expect(three.summary.error).toEqual({
    code: 'COMMAND',
    message: 'The command ended with exit code 3.\nno such dataset',
    hint: null,
  });
  expect(three.command!.exit).toEqual({ code: 3, signal: null });
  await expect(start(['hg-no-such-program'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(start(['./data'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(start(node(''), { cwd: join(home, 'gone') })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  await expect(start(node(''), { cwd: 'relative' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await writeFile(join(home, 'plain.txt'), 'text', { mode: 0o600 });
  if (posix) await expect(start(['./plain.txt'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  if (!posix) return;
  const killed = await run(node(`process.kill(process.pid, 'SIGKILL')`));
  expect(killed.summary.error?.message).toContain('killed by SIGKILL');
  expect(killed.summary.error?.hint).toContain('memory');
  await expect(own.call('runs.resume', { id: killed.summary.id })).rejects.toMatchObject({
    code: 'CONFLICT',
  });
});

test.runIf(posix)(
  'a stop is SIGINT to the whole group: the command may save its work',
  async () => {
    const script = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', 'process.on("SIGINT", () => process.exit(0)); console.log("child"); setInterval(() => {}, 1e6)'], { stdio: 'inherit' });
    process.on('SIGINT', () => {});
    child.on('exit', () => { console.log('::hg metric step=9 loss=1'); process.exitCode = 5; });
  `;
    const id = await start(node(script));
    await own.until('run.log', ({ lines }) => lines.some(({ text }) => text === 'child'));
    await own.call('runs.stop', { id });
    const { summary, command } = await finished(id);
    expect(summary).toMatchObject({ status: 'stopped', step: 9, error: null });
    expect(command!.exit).toEqual({ code: 5, signal: null });
  },
);

test.runIf(posix)(
  'one that heeds neither SIGINT nor SIGTERM is killed with all its processes',
  async () => {
    const deaf = `process.on('SIGINT', () => {}); process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1e6);`;
    const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(deaf)}], { stdio: 'inherit' }); ${deaf}`;
    const id = await start(node(script));
    const pids = new Set<number>();
    while (pids.size < 2) {
      await sleep(20);
      for (const { text } of await own.call('runs.log', { id, lines: 10 })) pids.add(Number(text));
    }
    await own.call('runs.stop', { id });
    const { summary, notes } = await finished(id);
    expect(summary.status).toBe('stopped');
    expect(notes.map(({ message }) => message).join(' ')).toMatch(/SIGTERM.*killed/);
    const alive = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    while ([...pids].some(alive)) await sleep(20);
  },
);

test.runIf(posix)(
  'a process that outlives the command does not keep the run open, and is said',
  async () => {
    const script = `require('node:child_process').spawn('sleep', ['5'], { stdio: 'inherit' }).unref()`;
    const { summary, notes, command } = await run(node(script));
    expect(summary.status).toBe('done');
    expect(command!.exit).toEqual({ code: 0, signal: null });
    expect(notes.map(({ message }) => message).join()).toContain('still run after its end');
  },
);

test('a JSON-lines file: what stood there before is old; it grows, is cut and begins again', async () => {
  const path = join(home, 'history.jsonl');
  await writeFile(path, '{"_step": 1, "loss": 99}\n');
  const id = await start(node(`process.stdin.on('end', () => {}); setTimeout(() => {}, 1e5)`), {
    watch: { jsonl: 'history.jsonl' },
  });
  await own.reached(id, 'running');
  await own.until('run.progress', ({ label }) => label === 'Running');
  await appendFile(
    path,
    '{"_step": 2, "loss": 0.5, "epoch": 1, "train": {"acc": 0.7}}\n{"_step": 3, "lo',
  );
  await own.until('run.steps', ({ steps }) => steps.step.includes(2));
  await appendFile(path, 'ss": 0.25}\nnot json\n');
  await own.until('run.steps', ({ steps }) => steps.step.includes(3));
  await writeFile(path, '{"_step": 4, "loss": NaN, "val_macro_f1": 0.5}\n');
  await own.until('run.evaluation', ({ step }) => step === 4);
  await own.call('runs.stop', { id });
  const detail = await finished(id);
  expect(detail.summary).toMatchObject({ macroF1: 0.5, f1Split: 'validation', step: 4 });
  expect(detail.scalars).toEqual(['train/acc']);
  const [loss] = await own.call('runs.series', { id, names: ['loss'], x: 'step', width: 100 });
  expect([loss!.x, loss!.y]).toEqual([
    [2, 3],
    [0.5, 0.25],
  ]);
  expect(detail.notes.filter(({ message }) => message.includes('not json'))).toHaveLength(1);
});

test('event files of several writers; a damaged one is told and left, the others go on', async () => {
  const old = join(home, 'runs', 'version_0');
  await mkdir(old, { recursive: true });
  const oldFile = join(old, 'events.out.tfevents.1.host');
  await writeFile(oldFile, Buffer.concat([fileVersion(1), scalar(2, 1, 'train/loss', 99)]));
  const id = await start(node(`setTimeout(() => {}, 1e5)`), { watch: { tensorboard: 'runs' } });
  await own.until('run.progress', ({ label }) => label === 'Running');
  const now = Date.now() / 1000;
  const train = join(home, 'runs', 'version_1', 'train');
  const validation = join(home, 'runs', 'version_1', 'validation');
  await mkdir(train, { recursive: true });
  await mkdir(validation, { recursive: true });
  const [a, b] = [
    join(train, 'events.out.tfevents.2.h'),
    join(validation, 'events.out.tfevents.2.h'),
  ];
  const second = scalar(now, 2, 'epoch_loss', 0.25);
  await writeFile(
    a,
    Buffer.concat([fileVersion(now), scalar(now, 1, 'epoch_loss', 0.5), second.subarray(0, 20)]),
  );
  await own.until('run.steps', ({ steps }) => steps.step.includes(1));
  await appendFile(a, second.subarray(20));
  await own.until('run.steps', ({ steps }) => steps.step.includes(2));
  await writeFile(
    b,
    Buffer.concat([
      fileVersion(now),
      scalar(now, 1, 'macro_f1', 0.875),
      scalar(now, 1, 'temperature', 3),
    ]),
  );
  await own.until('run.evaluation', ({ step }) => step === 1);
  await appendFile(b, Buffer.alloc(64, 0x55));
  await appendFile(a, scalar(now, 3, 'epoch_loss', 0.125));
  await own.until('run.steps', ({ steps }) => steps.step.includes(3));
  await own.call('runs.stop', { id });
  const detail = await finished(id);
  expect(detail.summary.macroF1).toBeCloseTo(0.875, 6);
  expect(detail.scalars).toEqual(['validation/temperature']);
  expect(detail.notes.map(({ message }) => message).join()).toContain('is damaged');
  const [loss] = await own.call('runs.series', { id, names: ['loss'], x: 'time', width: 100 });
  expect(loss!.y).toEqual([0.5, 0.25, 0.125]);
  expect(loss!.x.every((at) => at >= 0)).toBe(true);
});

test('a score that is no share is shown and not believed', async () => {
  const { summary, scalars, notes } = await run(
    node(`console.log('::hg eval split=test macro_f1=85.3 micro_f1=0.5')`),
  );
  expect(summary).toMatchObject({ microF1: 0.5, macroF1: null });
  expect(scalars).toEqual(['test/macro_f1']);
  expect(notes.map(({ message }) => message).join()).toContain('no share between 0 and 1');
});

test('commands that differ in their seed alone repeat each other', async () => {
  const script = `console.log('::hg eval split=test macro_f1=0.5')`;
  const [a, b, c] = [
    await run(node(script, '--seed', '1')),
    await run(node(script, '--seed=2')),
    await run(node(script, '--seed', '1', '--lr=0.1')),
  ];
  expect([a.summary.seed, b.summary.seed]).toEqual([1, 2]);
  expect(b.summary.group).toBe(a.summary.group);
  expect(c.summary.group).not.toBe(a.summary.group);
});

test('one that waits when the program ends is not started without its environment', async () => {
  await start(node(`setTimeout(() => {}, 1e5)`));
  const waiting = await start(node(''));
  await own.until('run.progress', ({ label }) => label === 'Running');
  await own.host.close();
  own = await startHost(fixtureOptions(join(home, 'data')));
  const { summary, notes } = await own.call('runs.get', { id: waiting });
  expect(summary.status).toBe('stopped');
  expect(notes.at(-1)?.message).toContain('environment');
});

test('of one that ran when the program was killed no more is promised than is true', async () => {
  const home2 = join(home, 'killed');
  const script = join(home, 'host.mjs');
  const root = join(import.meta.dirname, '../../../..');
  await writeFile(
    script,
    `import { fixtureOptions, startHost } from ${JSON.stringify(pathToFileURL(join(root, 'test/fixtures/host.ts')).href)};
    const own = await startHost(fixtureOptions(${JSON.stringify(home2)}));
    const { ids } = await own.call('runs.command', {
      command: [process.execPath, '-e', 'process.stdout.on("error", () => process.exit()); setInterval(() => console.log(1), 100)'],
      cwd: ${JSON.stringify(home)}, energy: { baselineSeconds: 0 } });
    await own.until('run.progress', ({ label }) => label === 'Running');
    process.kill(process.pid, 'SIGKILL');`,
  );
  const killed = spawn(process.execPath, [script], { stdio: 'ignore' });
  await once(killed, 'exit');
  await own.host.close();
  own = await startHost(fixtureOptions(home2));
  const [run] = await own.call('runs.list', {});
  expect(run).toMatchObject({ status: 'interrupted' });
  const { notes } = await own.call('runs.get', { id: run!.id });
  expect(notes.at(-1)?.message).toContain('may still run');
  await expect(own.call('runs.resume', { id: run!.id })).rejects.toThrow(/Start|command/);
});

test('thousands of values that come at once are all kept, and do not hold the program up', async () => {
  const [steps, evaluations] = [30_000, 1500];
  const began = performance.now();
  const detail = await run(
    node(`
      const rows = Array.from({ length: ${steps} }, (_, i) =>
        JSON.stringify({ step: i + 1, loss: 1, ...(i < ${evaluations} && { val_macro_f1: i / ${steps} }) }));
      require('fs').writeFileSync('all.jsonl', rows.join('\\n') + '\\n');
    `),
    { watch: { jsonl: 'all.jsonl' } },
  );
  expect(detail.summary).toMatchObject({ status: 'done', step: steps });
  expect(detail.evaluations).toHaveLength(evaluations);
  // every step looking through all the steps before it took minutes
  expect(performance.now() - began).toBeLessThan(30_000);
});

test('a step that is no count is left out, and the run can still be read', async () => {
  await mkdir(join(home, 'tb'));
  const events = Buffer.concat([
    fileVersion(Date.now() / 1000),
    scalar(Date.now() / 1000, 2 ** 62, 'loss', 1),
    scalar(Date.now() / 1000, 2 ** 62, 'other', 1),
    scalar(Date.now() / 1000, 3, 'loss', 0.5),
  ]).toString('base64');
  const detail = await run(
    node(
      `require('fs').writeFileSync('tb/events.out.tfevents.1', Buffer.from('${events}', 'base64'))`,
    ),
    { watch: { tensorboard: 'tb' } },
  );
  expect(detail.summary).toMatchObject({ status: 'done', step: 3 });
});

test('the environment of a command is let go with its run, also of one that never started', async () => {
  await own.host.close();
  const terminal = { stdin: 'ignore' as const, environments: new Map<number, Environment>() };
  own = await startHost({ ...fixtureOptions(join(home, 'data')), terminal });
  const first = await start(node('setTimeout(() => {}, 1e6)'));
  const waits = await start(node('0'), { env: { PASSWORD: 'x' } });
  const deleted = await start(node('0'), { env: { PASSWORD: 'y' } });
  expect([waits, deleted].every((id) => terminal.environments.has(id))).toBe(true);
  await own.call('runs.stop', { id: waits });
  await own.call('runs.delete', { ids: [deleted], undoSeconds: 0 });
  await own.reached(first, 'running');
  await own.call('runs.stop', { id: first });
  await own.reached(first, 'stopped');
  await expect.poll(() => [...terminal.environments.keys()]).toEqual([]);
});

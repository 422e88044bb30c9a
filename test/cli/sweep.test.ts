import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { MatrixState, SweepPreview } from '../../src-main/contract.ts';
import { readSet } from '../../src-main/cli/sweep-order.ts';
import { removeHome, temporaryHome } from '../fixtures/host.ts';

describe('--set', () => {
  it.each([
    ['train.lr=log:1e-4..1e-2', ['train.lr', { from: 1e-4, to: 1e-2, scale: 'log' }]],
    ['train.lr=log:1e-4..1e-2:5', ['train.lr', { from: 1e-4, to: 1e-2, scale: 'log', steps: 5 }]],
    ['train.weightDecay=0..0.1', ['train.weightDecay', { from: 0, to: 0.1 }]],
    ['x=linear:-1..+.5:3', ['x', { from: -1, to: 0.5, steps: 3 }]],
    ['selection.keepRatio=0.5,0.7, 0.9', ['selection.keepRatio', [0.5, 0.7, 0.9]]],
    ['attention.kind=standard,mgk', ['attention.kind', ['standard', 'mgk']]],
    ['selection.keep=null,8', ['selection.keep', [null, 8]]],
    ['train.shuffle=true,false', ['train.shuffle', [true, false]]],
    ['energy.region=a=b', ['energy.region', ['a=b']]],
  ])('reads %s', (text, field) => {
    expect(readSet(text)).toEqual(field);
  });

  it.each([
    ['train.lr', /--set is KEY=VALUES/],
    ['=1', /--set is KEY=VALUES/],
    ['train.lr=log:1e-4', /is no range/],
    ['train.lr=1..', /is no range/],
    ['train.lr=1..2:', /is no range/],
  ])('refuses %s', (text, words) => {
    expect(() => readSet(text)).toThrow(words);
  });
});

const bin = join(import.meta.dirname, '..', '..', 'src-main', 'cli', 'bin.js');
let home: string;
beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(() => removeHome(home));

/** The real command line as a process of its own, on a data folder of the test's. */
function cli(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: home,
    env: { ...process.env, HUGGINGGREEN_HOME: join(home, 'data') },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

const tiny = {
  name: 'tiny',
  dataset: { kind: 'greensynth', train: 128, validation: 32, test: 32 },
  model: { patch: 16, dim: 8, layers: 1, heads: 1, dimHead: 8 },
  train: { epochs: 2, batch: 32 },
  compute: { engine: 'cpu' },
  energy: { baselineSeconds: 0 },
};

test('a sweep file runs to its end: half of the trials are dropped at the rung, the best is told', async () => {
  const file = join(home, 'sweep.json');
  await writeFile(join(home, 'tiny.json'), JSON.stringify(tiny));
  await writeFile(
    file,
    JSON.stringify({
      config: 'tiny.json',
      fields: { 'train.lr': [1e-4, 1e-2] },
      halving: { eta: 2 },
      warmUp: false,
    }),
  );
  const planned = await cli('sweep', file, '--dry-run', '--json');
  const { order: plan, arms } = JSON.parse(planned.stdout) as SweepPreview;
  expect(plan.halving).toEqual({ eta: 2, rungs: [{ epochs: 1, enter: 2, goOn: 1 }] });
  expect(arms.map(({ title }) => title)).toEqual(['lr 0.0001', 'lr 0.01']);

  const done = await cli('sweep', file, '--json', '--out', 'results');
  expect(done.code, done.stderr).toBe(0);
  const state = JSON.parse(done.stdout) as MatrixState & { files: string[] };
  expect(state).toMatchObject({ state: 'over', decided: 1 });
  expect(state.trials.map(({ state, epochs }) => `${state} ${epochs}`).sort()).toEqual([
    'done 2',
    'dropped 1',
  ]);
  expect(state.trials.find(({ arm }) => arm === state.best)?.state).toBe('done');
  const table = state.files.find((path) => path.endsWith('runs.csv'))!;
  const runs = await readFile(join(home, table), 'utf8');
  expect(runs.trim().split('\n')).toHaveLength(3);

  const listed = await cli('sweep', 'results');
  expect(listed.stdout).toMatch(/^ +1 +tiny +2 +1 +1 +0$/m);
  const shown = await cli('sweep', 'results', String(state.group));
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/^\* +0\.0\d+ +done +2\/2/m);
  expect(shown.stdout).toMatch(/dropped +1\/2/);
  expect(shown.stdout).toContain('* Best: lr');
  expect(shown.stdout).toMatch(/ spent, of which .* on trials that were dropped/);
});

test('options stand before the file, and what cannot be meant is refused with its place', async () => {
  await writeFile(join(home, 'tiny.json'), JSON.stringify(tiny));
  const sweep = (...args: string[]) => cli('sweep', 'tiny.json', ...args);
  const [none, key, halving, unknown, objective, number, noSweep, help] = await Promise.all([
    sweep(),
    sweep('--set', 'train.lrr=1,2'),
    sweep('--set', 'train.lr=0.1,0.2', '--halving', '--dry-run'),
    sweep('--set', 'train.lr=0.1', '--objective', 'speed'),
    sweep('--set', 'train.lr=0.1,0.2', '--objective', 'f1WithinWh'),
    cli('sweep', 'results', 'x'),
    cli('sweep', 'results', '7'),
    cli('sweep', '--help'),
  ]);
  expect(none).toMatchObject({ code: 2 });
  expect(none.stderr).toContain('--set train.lr=log:1e-4..1e-2:3');
  expect(key).toMatchObject({ code: 2 });
  expect(key.stderr).toContain('train.lrr: is no key of a config; did you mean train.lr?');
  expect(halving).toMatchObject({ code: 2 });
  expect(halving.stderr).toContain('2 trials are too few to keep one in 3');
  expect(unknown).toMatchObject({ code: 2 });
  expect(unknown.stderr).toContain('--objective is one of: f1, f1PerWh, f1WithinWh');
  expect(objective.stderr).toContain('give the energy limit of one run in Wh');
  expect(number.stderr).toContain('"x" is not the number of a sweep.');
  expect(noSweep).toMatchObject({ code: 2 });
  expect(noSweep.stderr).toContain('There is no matrix or sweep 7.');
  expect(help.stdout).toContain('bit for bit');
});

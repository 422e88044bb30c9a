/** EcoFormer's learned hash in whole runs: when it is learned, what it keeps, and that a resume goes on exactly. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { parseExperimentConfig, type ExperimentConfig } from '../../src-main/experiment-config.ts';
import { readCheckpoint } from '../../src-main/trainer/checkpoint.ts';
import { unpackFlat } from '../../src-main/trainer/engine/flat.ts';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { train } from '../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../src-main/trainer/messages.ts';
import { initialValues } from '../../src-main/trainer/models/parameters.ts';
import { supervised } from '../../src-main/trainer/recipes/supervised.ts';

const root = mkdtempSync(join(tmpdir(), 'calibration-'));
let runDir: string;
beforeEach(() => (runDir = mkdtempSync(join(root, 'run-'))));
afterAll(() => rmSync(root, { recursive: true }));

function configOf(attention: object, over: object = {}): ExperimentConfig {
  const parsed = parseExperimentConfig({
    dataset: { kind: 'greensynth', size: 16, train: 64, validation: 10, test: 10 },
    model: { image: 16, patch: 4, dim: 12, layers: 2, heads: 2, dimHead: 6 },
    attention: { kind: 'ecoformer', bits: 4, anchors: 6, ...attention },
    train: { epochs: 2, batch: 16, ...over },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

type Of<Type extends FromTrainer['type']> = Extract<FromTrainer, { type: Type }>;

async function run(
  config: ExperimentConfig,
  {
    resume = null,
    stopWhen = () => false,
  }: { resume?: string | null; stopWhen?: (m: FromTrainer) => boolean } = {},
) {
  const messages: FromTrainer[] = [];
  const stop = new AbortController();
  await train({
    config,
    dataDir: join(root, 'data'),
    runDir,
    resume,
    openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 1 }), why: 'a test' }),
    post: (message) => {
      messages.push(message);
      if (stopWhen(message)) stop.abort();
    },
    stop: stop.signal,
  });
  const all = <Type extends FromTrainer['type']>(type: Type) =>
    messages.filter((message): message is Of<Type> => message.type === type);
  return { messages, all, losses: all('steps').flatMap(({ steps }) => steps.loss) };
}

const shape = {
  channels: 3,
  size: 16,
  classes: Array<string>(10).fill(''),
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

/** The tensors of the last checkpoint, and those the run began with. */
async function tensors(config: ExperimentConfig) {
  const recipe = supervised(config, shape, 16);
  const { state } = await readCheckpoint(join(runDir, 'last.json'), () => recipe);
  const start = initialValues(recipe.parameters, config.train.seed);
  return {
    last: unpackFlat(recipe.layout, state.parameters),
    start: unpackFlat(recipe.layout, start),
  };
}

const own = ['b0.anchors', 'b0.kernelMean', 'b0.hash', 'b1.anchors', 'b1.kernelMean', 'b1.hash'];

describe('the learned hash', () => {
  it('is learned before the first step, as preparation, and stays', async () => {
    const once = await run(configOf({}, { epochs: 1 }));
    const phases = once.all('phase').map(({ name, edge, epoch }) => `${name} ${edge} ${epoch}`);
    expect(phases.slice(2, 10)).toEqual([
      'compile start null',
      'compile end null',
      'pictures start null',
      'pictures end null',
      'prepare start 1',
      'prepare end 1',
      'train start 1',
      'train end 1',
    ]);
    const first = await tensors(configOf({}, { epochs: 1 }));
    for (const name of own)
      expect(first.last[name]!.data, name).not.toEqual(first.start[name]!.data);

    const longer = await run(configOf({}));
    expect(longer.all('phase').filter(({ name }) => name === 'prepare')).toHaveLength(4);
    const second = await tensors(configOf({}));
    for (const name of own) expect(second.last[name]!.data, name).toEqual(first.last[name]!.data);
    expect(second.last['b0.qk.weight']!.data).not.toEqual(first.last['b0.qk.weight']!.data);
  });

  it('learned again, keeps its anchors and changes otherwise', async () => {
    await run(configOf({}));
    const once = (await tensors(configOf({}))).last;
    await run(configOf({ refreshEvery: 1 }));
    const again = (await tensors(configOf({ refreshEvery: 1 }))).last;
    expect(again['b0.anchors']!.data).toEqual(once['b0.anchors']!.data);
    expect(again['b0.hash']!.data).not.toEqual(once['b0.hash']!.data);
    expect(again['b0.kernelMean']!.data).not.toEqual(once['b0.kernelMean']!.data);
  });

  it.each(['trained', 'random'])('is none of a %s one', async (hash) => {
    const other = await run(configOf({ hash }, { epochs: 1 }));
    expect(other.all('phase').filter(({ name }) => name === 'prepare')).toHaveLength(2);
    const { last, start } = await tensors(configOf({ hash }, { epochs: 1 }));
    expect(last['b0.hash']!.data.join() === start['b0.hash']!.data.join()).toBe(hash === 'random');
  });

  it.each([
    ['before it is learned', (m: FromTrainer) => m.type === 'ready'],
    [
      'while it is learned',
      (m: FromTrainer) => m.type === 'phase' && m.name === 'prepare' && m.epoch === 1,
    ],
    ['after the first step', (m: FromTrainer) => m.type === 'phase' && m.name === 'train'],
    [
      'while it is learned again',
      (m: FromTrainer) => m.type === 'phase' && m.name === 'prepare' && m.epoch === 2,
    ],
  ])('stopped %s, the run goes on bit for bit', async (_, stopWhen) => {
    const config = configOf({ refreshEvery: 1 });
    const straight = await run(config);
    const expected = await tensors(config);
    runDir = mkdtempSync(join(root, 'run-'));

    const first = await run(config, { stopWhen });
    const stopped = first.messages.at(-1) as Of<'stopped'>;
    expect(stopped.type).toBe('stopped');
    const second = await run(config, { resume: stopped.checkpoint });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect((await tensors(config)).last).toEqual(expected.last);
  });
});

import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExperimentConfigInput, VitModel } from '../../src-main/experiment-config.ts';
import type { Checkpoint } from '../../src-main/trainer/checkpoint.ts';
import type { FromTrainer } from '../../src-main/trainer/messages.ts';
import { tensorBytes, trainToEnd, type Of, type RunOptions } from './run.ts';

const root = mkdtempSync(join(tmpdir(), 'loop-'));
afterAll(() => rmSync(root, { recursive: true }));
let runDir: string;
beforeEach(() => (runDir = mkdtempSync(join(root, 'run-'))));
const runToEnd = (input: ExperimentConfigInput, options: RunOptions = {}) =>
  trainToEnd(input, { dataDir: join(root, 'data'), runDir, ...options });
const lastTensors = () => tensorBytes(join(runDir, 'last.json'));

/** A ViT of 16 patches on images of 16 x 16: a step takes a few milliseconds. */
type Extra = Omit<ExperimentConfigInput, 'model'> & {
  model?: Partial<Omit<VitModel, 'kind'>>;
};
const small = (extra: Extra = {}): ExperimentConfigInput => ({
  ...extra,
  dataset: { kind: 'greensynth', size: 16, train: 200, validation: 50, test: 30 },
  model: { image: 16, patch: 4, dim: 16, layers: 1, heads: 2, dimHead: 8, ...extra.model },
  train: { epochs: 2, batch: 16, ...extra.train },
});

describe('a run', () => {
  it('says what it does, in order, and ends with done', async () => {
    const run = await runToEnd(small());
    const phases = run.all('phase').map(({ name, edge, epoch }) => `${name} ${edge} ${epoch}`);
    const epoch = (e: number) =>
      ['train', 'evaluate', 'pictures', 'checkpoint'].flatMap((name) => [
        `${name} start ${e}`,
        `${name} end ${e}`,
      ]);
    expect(phases.slice(0, 6)).toEqual(
      ['prepare', 'compile', 'pictures'].flatMap((name) => [
        `${name} start null`,
        `${name} end null`,
      ]),
    );
    expect(phases.slice(6)).toEqual([...epoch(1), ...epoch(2), 'test start null', 'test end null']);
    expect(run.last('ready')).toMatchObject({ stepsPerEpoch: 12, steps: 24, firstStep: 1 });
    expect(run.last('note').message).toMatch(/8 of 200 training images do not fill a batch of 16/);
    expect(run.losses).toHaveLength(24);
    expect(run.messages.at(-1)).toMatchObject({ type: 'done', step: 24, imagesSeen: 384 });
    const stamps = run.all('phase').map(({ at }) => at);
    expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
  });

  it('counts every image of a split once, also where batches do not fit', async () => {
    const run = await runToEnd(small());
    for (const { result } of run.all('evaluation')) {
      const counted = result.confusion.flat().reduce((a, b) => a + b);
      expect(counted).toBe(result.split === 'test' ? 30 : 50);
      expect(result.perClass.map(({ support }) => support)).toEqual(
        Array(10).fill(counted / 10), // GreenSynth deals its classes evenly
      );
    }
    expect(run.all('evaluation').map(({ result }) => result.split)).toEqual([
      'validation',
      'validation',
      'test',
    ]);
  });

  it('tells top-5 accuracy of ten classes, and no box metrics without a task of boxes', async () => {
    const run = await runToEnd(small());
    for (const { result } of run.all('evaluation')) {
      expect(result.top5).toBeGreaterThanOrEqual(result.accuracy);
      expect(result.top5! * result.images).toBeCloseTo(Math.round(result.top5! * result.images), 9);
      expect(result).toMatchObject({ detection: null, patchRecall: null });
    }
  });

  it('depends on its seed and nothing else', async () => {
    const first = await runToEnd(small());
    const second = await runToEnd(small());
    const other = await runToEnd(small({ train: { seed: 7 } }));
    expect(second.losses).toEqual(first.losses);
    expect(other.losses).not.toEqual(first.losses);
  });

  it('learns', async () => {
    const run = await runToEnd({
      dataset: { kind: 'greensynth', size: 16, train: 1000, validation: 50, test: 500 },
      model: { image: 16, patch: 4, dim: 32, layers: 2, heads: 4, dimHead: 8 },
      train: { epochs: 25, batch: 25, labelSmoothing: 0, lr: 3e-3, evalEvery: 25 },
    });
    expect(run.last('evaluation').result.accuracy).toBeGreaterThan(0.2); // chance: 0.1 +- 0.013
  });

  it('stops with a clear error where the loss is no number, and keeps the last good checkpoint', async () => {
    const exploding = small({ train: { epochs: 30, lr: 10, weightDecay: 10, warmup: 0.1 } });
    await expect(runToEnd(exploding)).rejects.toThrow(/Training diverged: .* in step \d+/);
    expect(lastTensors().length).toBeGreaterThan(0);
    const floats = new Float32Array(new Uint8Array(lastTensors()).buffer);
    const third = floats.length / 3; // weights, then the two moments
    expect(floats.subarray(0, third).every(Number.isFinite)).toBe(true);
  });
});

describe('delta attention', () => {
  it('tells how many differences are zero: more of them at a higher threshold, none at 0', async () => {
    const zerosAt = async (threshold: number) => {
      const run = await runToEnd(small({ attention: { kind: 'delta', threshold } }));
      const shares = run.all('evaluation').map(({ result }) => result.deltaSparsity!);
      expect(shares).toHaveLength(3);
      return shares.at(-1)!;
    };
    const [none, some, most] = [await zerosAt(0), await zerosAt(0.3), await zerosAt(2)];
    expect(none.thresholded).toBeLessThan(1e-3);
    // GreenSynth is noisy: about half the differences are within 0.3 standard deviations at best
    expect(some.thresholded).toBeGreaterThan(0.02);
    expect(some.thresholded).toBeLessThan(most.thresholded);
    expect(most.thresholded).toBeGreaterThan(0.6);
    for (const { thresholded, in8Bits } of [none, some, most])
      expect(in8Bits).toBeGreaterThanOrEqual(thresholded);
    const other = await runToEnd(small());
    expect(other.last('evaluation').result.deltaSparsity).toBeNull();
  });
});

describe('patch selection', () => {
  it.each(['full', 'topk'] as const)(
    'tells how much of the objects it keeps, evaluated on %s images',
    async (evalSelect) => {
      const recallOf = async (heuristic: 'random' | 'variance_channel_mean') => {
        const run = await runToEnd(
          small({ selection: { mode: 'drop', keepRatio: 0.5, heuristic, evalSelect } }),
        );
        return run.all('evaluation').map(({ result }) => result.patchRecall!);
      };
      const drawn = await recallOf('random');
      const scored = await recallOf('variance_channel_mean');
      expect(drawn).toHaveLength(3);
      for (const recall of drawn) expect(Math.abs(recall - 0.5)).toBeLessThan(0.12);
      for (const recall of scored) expect(recall).toBeGreaterThan(0.65);
    },
  );

  it('drops patches in some batches and anneals to full images', async () => {
    const run = await runToEnd(
      small({ selection: { mode: 'drop', keep: 8, prob: 0.7 }, train: { epochs: 4 } }),
    );
    expect(new Set(run.tokens)).toEqual(new Set([9, 17]));
    expect(run.tokens.slice(-12)).toEqual(Array(12).fill(17));
  });

  it.each([
    { mode: 'drop', heuristic: 'entropy', evalSelect: 'topk', probabilistic: false },
    { mode: 'drop', heuristic: 'random', evalSelect: 'topk' },
    { mode: 'mask', heuristic: 'contrast', evalSelect: 'authors-bug', prob: 0.5 },
  ] as const)('runs with %o', async (selection) => {
    const run = await runToEnd(
      small({ selection: { keep: 8, schedule: 'constant', ...selection } }),
    );
    const tokens = selection.mode === 'drop' ? 9 : 17;
    expect(run.tokens).toEqual(Array(24).fill(tokens));
    expect(run.last('evaluation').result.images).toBe(30);
  });

  it('keeping every patch is the run without selection', async () => {
    const plain = await runToEnd(small());
    const all = await runToEnd(
      small({ selection: { mode: 'drop', keepRatio: 1, schedule: 'constant' } }),
    );
    expect(all.losses).toEqual(plain.losses);
  });
});

describe('options of a step', () => {
  it.each([
    ['dropout', { model: { dropout: 0.1 } }],
    ['q, k, v bias and Adam', { model: { qkvBias: true }, train: { optimizer: 'adam' } }],
    ['clipping', { train: { clipNorm: 0.1 } }],
    ['resizing', { model: { image: 32, patch: 8 } }],
  ] as const)('%s makes another run that learns as well', async (_, extra) => {
    const plain = await runToEnd(small());
    const run = await runToEnd(small(extra));
    expect(run.losses).not.toEqual(plain.losses);
    expect(run.losses.every(Number.isFinite)).toBe(true);
    expect(run.losses.at(-1)).toBeLessThan(3);
  });
});

describe('stop and resume', () => {
  const selecting = small({
    selection: { mode: 'drop', keep: 8, prob: 0.5, schedule: 'constant' },
    model: { dropout: 0.1 },
  });

  it.each([
    ['in the middle of an epoch', (m: FromTrainer) => m.type === 'steps'],
    ['at the end of an epoch', (m: FromTrainer) => m.type === 'checkpoint'],
    ['in an evaluation', (m: FromTrainer) => m.type === 'phase' && m.name === 'evaluate'],
    ['before the first step', (m: FromTrainer) => m.type === 'ready'],
  ])('%s goes on bit for bit', async (_, stopWhen) => {
    const straight = await runToEnd(selecting);
    const expected = lastTensors();
    runDir = mkdtempSync(join(root, 'run-'));

    const first = await runToEnd(selecting, { stopWhen });
    const stopped = first.messages.at(-1) as Of<'stopped'>;
    expect(stopped).toMatchObject({ type: 'stopped', step: first.losses.length });
    expect(stopped.step).toBeLessThan(24);

    const second = await runToEnd(selecting, { resume: stopped.checkpoint });
    expect(second.last('ready').firstStep).toBe(stopped.step + 1);
    expect(second.messages.at(-1)).toMatchObject({ type: 'done', step: 24, imagesSeen: 384 });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect(lastTensors().equals(expected)).toBe(true);
    expect(second.last('evaluation').result).toEqual(straight.last('evaluation').result);
  });

  it('paused at the end of an epoch, twice, is bit for bit the run without a pause', async () => {
    const longer = { ...selecting, train: { ...selecting.train, epochs: 6, checkpointEvery: 4 } };
    const straight = await runToEnd(longer);
    const expected = lastTensors();
    runDir = mkdtempSync(join(root, 'run-'));

    const first = await runToEnd(longer, { pauseAfter: 1 });
    const paused = first.messages.at(-1) as Of<'stopped'>;
    expect(paused).toMatchObject({ type: 'stopped', step: first.last('ready').stepsPerEpoch });
    // evaluated, saved once though no checkpoint was due, and not a step further
    expect(first.all('evaluation').map(({ epoch, result }) => [epoch, result.split])).toEqual([
      [1, 'validation'],
    ]);
    expect(first.all('checkpoint')).toHaveLength(1);
    // who is started there once more, to pause there, has nothing to do
    const idle = await runToEnd(longer, { resume: paused.checkpoint, pauseAfter: 1 });
    expect(idle.losses).toEqual([]);
    expect(idle.messages.at(-1)).toMatchObject({ type: 'stopped', step: paused.step });
    const second = await runToEnd(longer, { resume: paused.checkpoint, pauseAfter: 3 });
    expect(second.all('evaluation').map(({ epoch }) => epoch)).toEqual([2, 3]);
    const again = second.messages.at(-1) as Of<'stopped'>;
    const third = await runToEnd(longer, { resume: again.checkpoint });
    expect(third.messages.at(-1)).toMatchObject({ type: 'done' });
    expect([...first.losses, ...second.losses, ...third.losses]).toEqual(straight.losses);
    const results = (run: typeof first) => run.all('evaluation').map(({ result }) => result);
    expect([first, second, third].flatMap(results)).toEqual(results(straight));
    expect(lastTensors().equals(expected)).toBe(true);
  });

  it('does not pause after its last epoch', async () => {
    const run = await runToEnd(small({ train: { epochs: 2 } }), { pauseAfter: 2 });
    expect(run.messages.at(-1)).toMatchObject({ type: 'done' });
  });

  it('keeps the last and the best checkpoint and nothing else', async () => {
    await runToEnd(small({ train: { epochs: 4 } }));
    const files = readdirSync(runDir);
    expect(files).toContain('last.json');
    expect(files).toContain('best.json');
    expect(files.filter((name) => name.endsWith('.safetensors')).length).toBeLessThanOrEqual(2);
    expect(files.filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  it('keeps one every n epochs, too, with what the trainer tells of each', async () => {
    // however seldom the last one is written
    const train = { epochs: 5, keepCheckpoints: 2, checkpointEvery: 3 };
    const run = await runToEnd(small({ train }));
    const kept = readdirSync(runDir).filter((name) => /^step-.*json$/.test(name));
    expect(kept.sort()).toEqual(['step-24.json', 'step-48.json']);
    const told = run.all('checkpoint');
    expect(told.map(({ step }) => step)).toEqual([12, 24, 36, 48, 60]);
    for (const { step, path, also, file, sha256 } of told) {
      expect(path).toBe(join(runDir, 'last.json'));
      expect(also.includes(join(runDir, `step-${step}.json`))).toBe(step === 24 || step === 48);
      if (!kept.includes(`step-${step}.json`)) continue;
      const bytes = readFileSync(join(runDir, file));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    }
    const resumed = await runToEnd(small({ train: { epochs: 6, keepCheckpoints: 3 } }), {
      resume: join(runDir, 'step-24.json'),
    });
    expect(resumed.last('ready').firstStep).toBe(25);
  });

  it('keeps the best in relation to the energy used, which the host tells', async () => {
    // the first evaluation is by far the cheapest
    const spent = [0.001, 10, 20, 30];
    const options = { energy: () => spent.shift() ?? 40 };
    const run = await runToEnd(small({ train: { epochs: 3, keepBestPerEnergy: true } }), options);
    const { position, bestPerEnergy } = JSON.parse(
      readFileSync(join(runDir, 'best-per-kwh.json'), 'utf8'),
    ) as Checkpoint;
    expect(position.step).toBe(12);
    const [first] = run.all('evaluation');
    expect(bestPerEnergy).toEqual({
      macroF1: first!.result.macroF1,
      wh: 0.001,
      epoch: 0,
      step: 12,
    });
    // resumed, it is still the one to beat
    spent.push(10);
    await runToEnd(small({ train: { epochs: 4, keepBestPerEnergy: true } }), {
      ...options,
      resume: join(runDir, 'last.json'),
    });
    expect(readFileSync(join(runDir, 'best-per-kwh.json'), 'utf8')).toContain('"wh": 0.001');
  });

  it('says once that no energy is known by which the best could be kept', async () => {
    const run = await runToEnd(small({ train: { epochs: 2, keepBestPerEnergy: true } }));
    expect(readdirSync(runDir)).not.toContain('best-per-kwh.json');
    const said = run.all('note').filter(({ message }) => /best F1 per kWh/.test(message));
    expect(said).toHaveLength(1);
  });

  it('refuses to go on with another model or other data', async () => {
    const run = await runToEnd(small());
    const resume = run.last('checkpoint').path;
    await expect(runToEnd(small({ model: { dim: 24 } }), { resume })).rejects.toThrow(
      /tensor "patch.weight" is \[16, 3, 4, 4\], this model needs \[24, 3, 4, 4\]/,
    );
    await expect(runToEnd(small({ train: { batch: 20 } }), { resume })).rejects.toThrow(
      /it was made with train.batch = 16, not 20/,
    );
    // nor how it is watched is a part of what it learns
    const other = small({ watch: { images: 2 }, budget: { minutes: 60 }, train: { epochs: 4 } });
    expect((await runToEnd(other, { resume })).messages.at(-1)).toMatchObject({ type: 'done' });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../src-main/experiment-config.ts';
import { Augmenter, augmenterOf, type Augmentation } from '../../src-main/trainer/augment.ts';
import { operationNames } from '../../src-main/trainer/augment/operations.ts';
import { RandAugment } from '../../src-main/trainer/augment/rand-augment.ts';
import { Feeder } from '../../src-main/trainer/batches.ts';
import { refuseChangedConfig } from '../../src-main/trainer/checkpoint.ts';
import type { Split } from '../../src-main/trainer/data/index.ts';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { train } from '../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../src-main/trainer/messages.ts';
import { epochSeed } from '../../src-main/trainer/random-streams.ts';
import { supervised } from '../../src-main/trainer/recipes/supervised.ts';
import { ScoreCache } from '../../src-main/trainer/score-cache.ts';

const none: Augmentation = {
  flip: false,
  crop: 0,
  randAugment: 0,
  magnitude: 9,
  mixup: 0,
  cutmix: 0,
};

/** [3, 4, 4], every pixel another. */
const planes = Uint8Array.from({ length: 48 }, (_, i) => i + 1);

/** Pixel by pixel, from the definition. */
function expected({ dx, dy, mirrored }: ReturnType<Augmenter['changeOf']>): number[] {
  return Array.from(planes, (_, i) => {
    const [c, y, x] = [Math.floor(i / 16), Math.floor(i / 4) % 4, i % 4];
    const [fromX, fromY] = [(mirrored ? 3 - x : x) + dx, y + dy];
    const inside = fromX >= 0 && fromX < 4 && fromY >= 0 && fromY < 4;
    return inside ? planes[c * 16 + fromY * 4 + fromX]! : 0;
  });
}

describe('augmentation', () => {
  it('shifts and mirrors as it says, over all changes there are', () => {
    const augmenter = new Augmenter({ ...none, flip: true, crop: 2 }, 4, 42, 0);
    const seen = new Set<string>();
    for (let image = 0; image < 600; image++) {
      const change = augmenter.changeOf(image);
      seen.add(JSON.stringify(change));
      const into = new Uint8Array(48).fill(99);
      augmenter.apply(image, planes, into);
      expect([...into]).toEqual(expected(change));
    }
    expect(seen.size).toBe(5 * 5 * 2);
  });

  it('takes the box with the pixels', () => {
    const augmenter = new Augmenter({ ...none, flip: true, crop: 3 }, 8, 7, 0);
    // one lit rectangle; its bounds in the changed image are the changed box
    const [x0, y0, x1, y1] = [2, 1, 6, 4];
    const lit = new Uint8Array(64);
    for (let y = y0; y < y1; y++) lit.fill(255, y * 8 + x0, y * 8 + x1);
    for (let image = 0; image < 200; image++) {
      const into = new Uint8Array(64);
      augmenter.apply(image, lit, into);
      const on = [...into.keys()].filter((i) => into[i] === 255);
      const xs = on.map((i) => i % 8);
      const ys = on.map((i) => Math.floor(i / 8));
      expect(augmenter.box(image, [x0, y0, x1, y1])).toEqual([
        Math.min(...xs),
        Math.min(...ys),
        Math.max(...xs) + 1,
        Math.max(...ys) + 1,
      ]);
    }
    const only = new Augmenter({ ...none, flip: false, crop: 3 }, 8, 7, 0);
    const gone = Array.from({ length: 200 }, (_, i) => only.box(i, [0, 0, 1, 1]));
    expect(gone.some(([a, , c]) => a === c)).toBe(true);
  });

  it('depends on seed, epoch and image, and is none where nothing is asked for', () => {
    const changes = (seed: number, epoch: number) => {
      const augmenter = new Augmenter({ ...none, flip: true, crop: 4 }, 32, seed, epoch);
      return Array.from({ length: 50 }, (_, image) => augmenter.changeOf(image));
    };
    expect(changes(1, 0)).toEqual(changes(1, 0));
    expect(changes(1, 1)).not.toEqual(changes(1, 0));
    expect(changes(2, 0)).not.toEqual(changes(1, 0));
    expect(augmenterOf(none, 32, 1, 0)).toBeNull();
  });

  it('RandAugment draws each of its operations, either way, as often', () => {
    const random = new RandAugment(2, 9, 32, 5);
    const counts = new Map<string, number>();
    for (let image = 0; image < 2800; image++)
      for (const { name, negative } of random.operationsOf(image))
        counts.set(`${name} ${negative}`, (counts.get(`${name} ${negative}`) ?? 0) + 1);
    expect(counts.size).toBe(2 * operationNames.length);
    // 5,600 draws of 28: 200 each, five standard deviations
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(70);
  });

  it('RandAugment comes after crop and mirroring, and takes the box along', () => {
    const options = { ...none, flip: true, crop: 2, randAugment: 2 };
    const both = new Augmenter(options, 16, 3, 1);
    const first = new Augmenter({ ...options, randAugment: 0 }, 16, 3, 1);
    const then = new RandAugment(2, 9, 16, epochSeed(3, 1));
    const image = Uint8Array.from({ length: 768 }, (_, i) => (i * 29) % 256);
    for (let i = 0; i < 60; i++) {
      const [whole, steps] = [new Uint8Array(768), new Uint8Array(768)];
      both.apply(i, image, whole);
      first.apply(i, image, steps);
      then.apply(i, steps);
      expect([...whole]).toEqual([...steps]);
      const box = [3, 4, 9, 12] as const;
      expect(both.box(i, [...box])).toEqual(then.box(i, first.box(i, [...box])));
    }
    expect(both.movesPixels).toBe(true);
  });
});

const root = mkdtempSync(join(tmpdir(), 'hg-augment-'));
afterAll(() => rmSync(root, { recursive: true }));

const configOf = (input: ExperimentConfigInput) => {
  const parsed = parseExperimentConfig({
    dataset: { kind: 'greensynth', size: 16, train: 96, validation: 16, test: 16 },
    model: { kind: 'vit', image: 16, patch: 4, dim: 16, layers: 1, heads: 2, dimHead: 8 },
    ...input,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
};

it('an image that is shifted out of itself is black', () => {
  const augmenter = new Augmenter({ ...none, crop: 9 }, 4, 1, 0);
  const planes = new Uint8Array(3 * 16).fill(7);
  for (let image = 0; image < 200; image++) {
    const into = new Uint8Array(3 * 16).fill(1);
    augmenter.apply(image, planes, into);
    const { dx, dy } = augmenter.changeOf(image);
    const left = Math.max(0, 4 - Math.abs(dx)) * Math.max(0, 4 - Math.abs(dy));
    expect(into.filter((value) => value === 7)).toHaveLength(3 * left);
  }
});

describe('augmentation in a run', () => {
  it('gives patches of mirrored images the scores that they would be given anew', async () => {
    const config = configOf({ selection: { mode: 'drop' }, augment: { flip: true } });
    const count = 8;
    const images = Uint8Array.from({ length: count * 768 }, (_, i) => (i * i * 7 + i) % 251);
    const split: Split = { count, images, labels: new Int32Array(count), boxes: null };
    const shape = { channels: 3, size: 16, classes: ['a', 'b'], mean: [0, 0, 0], std: [1, 1, 1] };
    const recipe = supervised(config, shape, count);
    const engine = openOrtEngine('cpu', { threads: 1 });
    const state = await engine.createState({});
    const program = await engine.compile(recipe.score!.step, recipe.score!.specs);
    const cache = new ScoreCache(recipe, program, split);
    const augmenter = new Augmenter(config.augment, 16, 1, 0);
    const indices = Uint32Array.from({ length: count }, (_, i) => i);
    const mirrored = [...indices].filter((i) => augmenter.changeOf(i).mirrored).length;
    expect(mirrored % count).toBeGreaterThan(0);

    await cache.ensure(indices, state);
    const feeder = new Feeder(recipe.train({ epoch: 0, selects: true }).specs.inputs, split);
    feeder.perImage('scores', indices, cache.values);
    feeder.mirrorScores(indices, recipe.patches, augmenter);
    feeder.images(indices, { augmenter, mix: null });
    const anew = await cache.changed(feeder, state);
    feeder.feeds.scores!.forEach((score, i) => expect(score).toBeCloseTo(anew[i]!, 5));
    expect([...cache.values]).not.toEqual([...feeder.feeds.scores!]);
    await engine.dispose();
  });

  /** Losses of a run; stopped after the third step and gone on with where asked. */
  async function losses(input: ExperimentConfigInput, stopped = false): Promise<number[]> {
    const runDir = mkdtempSync(join(root, 'run-'));
    const found: number[] = [];
    let resume: string | null = null;
    const leg = (stopAfter: number) => {
      const stop = new AbortController();
      const post = (message: FromTrainer) => {
        if (message.type === 'steps') found.push(...message.steps.loss);
        if (message.type === 'stopped') resume = message.checkpoint;
        if (message.type === 'phase' && message.name === 'checkpoint' && stopAfter === 1)
          stop.abort();
      };
      return train({
        config: configOf({ ...input, train: { epochs: 2, batch: 32 } }),
        dataDir: join(root, 'data'),
        runDir,
        resume,
        openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 1 }), why: 'a test' }),
        post,
        stop: stop.signal,
      });
    };
    if (stopped) await leg(1);
    await leg(Infinity);
    return found;
  }

  it.each<[string, ExperimentConfigInput]>([
    ['mirroring', { augment: { flip: true } }],
    ['RandAugment', { augment: { randAugment: 2 } }],
    ['mixup', { augment: { mixup: 0.8 } }],
    [
      'mixup or CutMix on top of all else, with patch selection',
      {
        augment: { flip: true, crop: 1, randAugment: 1, mixup: 0.2, cutmix: 1 },
        selection: { mode: 'drop' },
      },
    ],
    [
      'crops, with patch selection',
      { augment: { crop: 2, flip: true }, selection: { mode: 'drop' } },
    ],
  ])('%s changes the run, and goes on bit for bit', async (_, input) => {
    const whole = await losses(input);
    expect(whole).toHaveLength(6);
    expect(whole).not.toEqual(await losses({ ...input, augment: {} }));
    expect(await losses(input, true)).toEqual(whole);
  });

  it.each([{ flip: true }, { crop: 1 }, { randAugment: 1 }, { mixup: 0.1 }, { cutmix: 1 }])(
    '%o is refused where it would not be seen',
    (augment) => {
      const config = { model: { kind: 'imagesig' }, augment };
      expect(parseExperimentConfig(config)).toMatchObject({
        ok: false,
        issues: [{ path: 'augment' }],
      });
    },
  );
});

it('a checkpoint made before augmentation existed is gone on with, one of another crop is not', () => {
  const before = structuredClone(configOf({}));
  Reflect.deleteProperty(before, 'augment');
  expect(() => refuseChangedConfig('x.safetensors', before, configOf({}))).not.toThrow();
  expect(() =>
    refuseChangedConfig('x.safetensors', before, configOf({ augment: { crop: 4 } })),
  ).toThrow(/augment\.crop = 0, not 4/);
});

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mix32, Sfc32 } from '../../../src-main/trainer/data/prng.ts';
import {
  GreenSynth,
  openGreenSynth,
  type GreenSynthConfig,
} from '../../../src-main/trainer/data/synthetic.ts';
import prng from '../../fixtures/golden/prng.json' with { type: 'json' };
import synth from '../../fixtures/golden/synth.json' with { type: 'json' };

describe('random streams', () => {
  it('mix32 agrees with the golden values', () => {
    for (const [word, mixed] of Object.entries(prng.mix32)) expect(mix32(Number(word))).toBe(mixed);
  });

  it('Sfc32 agrees with the golden streams', () => {
    const draws = (stream: Sfc32, count: number) =>
      Array.from({ length: count }, () => stream.u32());
    expect(draws(new Sfc32(42, 0, 0), 6)).toEqual(prng.seed42_split0_index0);
    expect(draws(new Sfc32(42, 1, 7), 6)).toEqual(prng.seed42_split1_index7);
    const first = new Sfc32(7, 0, 0).randint(10);
    const stream = new Sfc32(7, 0, 0);
    const next = Array.from({ length: 12 }, () => stream.randint(10));
    expect([first, ...next]).toEqual(prng.randint10_seed7);
  });

  it('unit stays inside (0, 1)', () => {
    const stream = new Sfc32(1, 2, 3);
    for (let i = 0; i < 10_000; i++) {
      const u = stream.unit();
      expect(u > 0 && u < 1).toBe(true);
    }
  });
});

/** [3, S, S] to [S, S, 3], the order in which the golden hashes were taken. */
function toHwc(planes: Uint8Array, size: number): Uint8Array {
  const plane = size * size;
  return Uint8Array.from(planes, (_, i) => planes[(i % 3) * plane + Math.floor(i / 3)]!);
}

describe('GreenSynth images', () => {
  it.each(synth.cases)('draws image $index of split $split, $S px, to the byte', (expected) => {
    const { S: size, seed, classes, noise, distractors } = expected;
    const generator = new GreenSynth({
      seed,
      size,
      classes: classes === 100 ? 100 : 10,
      noise,
      distractors,
    });
    const planes = new Uint8Array(3 * size * size);
    const box = new Int16Array(4);
    const label = generator.draw(expected.split, expected.index, planes, box);
    expect(label).toBe(expected.label);
    expect([...box]).toEqual(expected.box);
    expect(createHash('sha256').update(toHwc(planes, size)).digest('hex')).toBe(
      expected.sha256_hwc,
    );
  });

  it('names its classes', () => {
    const parameters = { seed: 1, size: 16, noise: 0, distractors: 0 };
    expect(new GreenSynth({ ...parameters, classes: 10 }).classNames).toEqual(synth.shapes);
    const names = new GreenSynth({ ...parameters, classes: 100 }).classNames;
    expect(new Set(names).size).toBe(100);
    expect(names[57]).toBe('cross, rising stripes');
  });
});

describe('GreenSynth as a dataset', () => {
  const config: GreenSynthConfig = {
    kind: 'greensynth',
    seed: 42,
    train: 40,
    validation: 20,
    test: 10,
    size: 32,
    classes: 10,
    noise: 4,
    distractors: 0,
  };
  let dataDir: string;
  beforeEach(async () => void (dataDir = await mkdtemp(join(tmpdir(), 'hg-synth-'))));
  afterEach(() => rm(dataDir, { recursive: true, force: true }));
  const cacheFile = async () => {
    const files = await readdir(join(dataDir, 'greensynth'));
    expect(files).toHaveLength(1);
    return join(dataDir, 'greensynth', files[0]!);
  };

  it('is drawn once and then read, with equal content', async () => {
    const drawn = await openGreenSynth(config, { dataDir });
    const labels: string[] = [];
    const read = await openGreenSynth(config, {
      dataDir,
      onProgress: (label) => labels.push(label),
    });
    expect(read).toEqual(drawn);
    expect(labels).not.toContain('drawing GreenSynth');

    const { train, test } = read.splits;
    expect([train.count, train.images.length, test.count]).toEqual([40, 40 * 3072, 10]);
    expect([...train.labels.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    // image 3 of the test split is one of the golden cases
    expect(
      createHash('sha256')
        .update(toHwc(test.images.subarray(3 * 3072, 4 * 3072), 32))
        .digest('hex'),
    ).toBe(synth.cases.find((c) => c.split === 2 && c.index === 3)?.sha256_hwc);
    expect([...(test.boxes ?? []).slice(12, 16)]).toEqual([13, 5, 29, 21]);
  });

  it('computes mean and standard deviation of the training split', async () => {
    const { mean, std, splits } = await openGreenSynth(config, { dataDir });
    const green = Array.from({ length: 40 }, (_, i) =>
      [...splits.train.images.subarray(i * 3072 + 1024, i * 3072 + 2048)].map((v) => v / 255),
    ).flat();
    const average = green.reduce((a, b) => a + b) / green.length;
    const variance = green.reduce((a, b) => a + (b - average) ** 2, 0) / green.length;
    expect(mean[1]).toBeCloseTo(average, 10);
    expect(std[1]).toBeCloseTo(Math.sqrt(variance), 10);
  });

  it('keeps one cache per set of parameters', async () => {
    await openGreenSynth(config, { dataDir });
    await openGreenSynth({ ...config, distractors: 2 }, { dataDir });
    expect(await readdir(join(dataDir, 'greensynth'))).toHaveLength(2);
  });

  it.each([
    ['tampered with', (bytes: Buffer) => bytes.fill(bytes[5000]! ^ 1, 5000, 5001)],
    ['cut short', (bytes: Buffer) => bytes.subarray(0, 9000)],
    ['emptied', () => Buffer.alloc(0)],
    ['of another format', (bytes: Buffer) => bytes.fill('x')],
  ])('draws again when the cache was %s', async (_, damage) => {
    const drawn = await openGreenSynth(config, { dataDir });
    const file = await cacheFile();
    await writeFile(file, damage(await readFile(file)));
    expect(await openGreenSynth(config, { dataDir })).toEqual(drawn);
    expect((await stat(file)).size).toBe(512 + 70 * (3072 + 4 + 8));
  });

  it('goes on without a cache that cannot be written', async () => {
    await writeFile(join(dataDir, 'greensynth'), 'a file where the folder should be');
    const notes: string[] = [];
    const dataset = await openGreenSynth(config, { dataDir, onNote: (note) => notes.push(note) });
    expect(dataset.splits.train.count).toBe(40);
    expect(notes).toEqual([expect.stringMatching(/not cached/)]);
  });

  it('can be cancelled', async () => {
    const signal = AbortSignal.abort();
    await expect(openGreenSynth(config, { dataDir, signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  it('refuses what does not fit into memory', async () => {
    const huge = { ...config, train: 1_000_000, size: 512 };
    await expect(openGreenSynth(huge, { dataDir })).rejects.toMatchObject({
      code: 'DATASET',
      hint: 'Choose fewer or smaller images.',
    });
  });
});

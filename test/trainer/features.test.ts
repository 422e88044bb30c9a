import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { splitNames } from '../../src-main/trainer/data/dataset.ts';
import type { Split } from '../../src-main/trainer/data/index.ts';
import {
  openFeatures,
  type FeatureContext,
  type Features,
} from '../../src-main/trainer/features.ts';
import type { FeatureTransform } from '../../src-main/trainer/models/registry.ts';

const size = 4;
const split = (count: number, seed: number): Split => ({
  count,
  images: Uint8Array.from(
    { length: count * 3 * size ** 2 },
    (_, i) => (i * 89 + seed * i * i) % 256,
  ),
  labels: new Int32Array(count),
  boxes: null,
});
// more than one stretch, and not a multiple of it
const data = { splits: { train: split(150, 1), validation: split(5, 2), test: split(70, 3) } };

let root: string;
let calls: number;
let notes: string[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'features-'));
  calls = 0;
  notes = [];
});
afterEach(() => rm(root, { recursive: true }));

/** Sums of four rows, a product of two pixels, and a column that never changes. */
const transform: FeatureTransform = {
  name: 'sums',
  key: 'sums-1',
  shape: [2, 3],
  of: (bytes, target) => {
    calls++;
    for (const half of [0, 1]) {
      const part = bytes.subarray(half * 24, (half + 1) * 24);
      target[3 * half] = part.reduce((sum, value) => sum + value, 0);
      target[3 * half + 1] = (part[0]! * part[1]!) / 1e6;
      target[3 * half + 2] = 7;
    }
  },
};
const context = (changes: Partial<FeatureContext> = {}): FeatureContext => ({
  dataDir: root,
  onProgress: () => {},
  onNote: (message) => notes.push(message),
  stop: new AbortController().signal,
  ...changes,
});
const all = (features: Features | null): number[][] => {
  if (!features) throw new Error('it was stopped');
  const rows = splitNames.flatMap((name) =>
    Array.from({ length: data.splits[name].count }, (_, image) => {
      const target = new Float32Array(8).fill(-99);
      features.rows[name].copy(image, target, 1);
      expect([target[0], target[7]], 'nothing beside the row is touched').toEqual([-99, -99]);
      return Array.from(target.subarray(1, 7));
    }),
  );
  features.close();
  return rows;
};
const files = () => readdir(join(root, 'features'));

describe('features', () => {
  it('have mean 0 and variance 1 per column over the training images', async () => {
    const rows = all(await openFeatures(transform, data, context())).slice(0, 150);
    const columns = [0, 1, 2].map((c) => rows.flatMap((row) => [row[c]!, row[c + 3]!]));
    for (const column of columns.slice(0, 2)) {
      const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
      const square = column.reduce((sum, value) => sum + value ** 2, 0) / column.length;
      expect(mean).toBeCloseTo(0, 5);
      expect(square - mean ** 2).toBeCloseTo(1, 5);
    }
    expect(columns[2]!.every((value) => value === 0)).toBe(true);
  });

  it('are computed once and read afterwards, held or from the file, bit for bit', async () => {
    const computed = all(await openFeatures(transform, data, context()));
    expect(calls).toBe(225);
    expect(all(await openFeatures(transform, data, context()))).toEqual(computed);
    expect(all(await openFeatures(transform, data, context({ heldBytes: 0 })))).toEqual(computed);
    expect(calls).toBe(225);
    expect(notes).toEqual([]);
    expect(await files()).toHaveLength(1);
  });

  it('belong to the images and to the transform', async () => {
    await openFeatures(transform, data, context());
    await openFeatures({ ...transform, key: 'sums-2' }, data, context());
    const changed = { splits: { ...data.splits, test: split(70, 4) } };
    await openFeatures(transform, changed, context());
    expect(calls).toBe(3 * 225);
    expect(await files()).toHaveLength(3);
  });

  it('are computed again where the file was damaged or cut short', async () => {
    const computed = all(await openFeatures(transform, data, context()));
    const path = join(root, 'features', (await files())[0]!);
    const whole = await readFile(path);
    const handle = await open(path, 'r+');
    await handle.write(Buffer.from([whole[1000]! ^ 1]), 0, 1, 1000);
    await handle.close();
    expect(all(await openFeatures(transform, data, context({ heldBytes: 0 })))).toEqual(computed);
    expect(calls).toBe(2 * 225);
    await writeFile(path, whole.subarray(0, -1));
    expect(all(await openFeatures(transform, data, context()))).toEqual(computed);
    expect(calls).toBe(3 * 225);
  });

  it('stay in memory where the disk takes nothing, and that is told', async () => {
    const computed = all(await openFeatures(transform, data, context()));
    await writeFile(join(root, 'file'), '');
    const dataDir = join(root, 'file');
    expect(all(await openFeatures(transform, data, context({ dataDir })))).toEqual(computed);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/sums are not kept .*: /);
  });

  it('leave nothing behind where the run is stopped', async () => {
    const stop = new AbortController();
    const stopped = context({
      stop: stop.signal,
      onProgress: (_, fraction) => fraction > 0.4 && stop.abort(),
    });
    expect(await openFeatures(transform, data, stopped)).toBeNull();
    expect(calls).toBeLessThan(225);
    expect(await files()).toEqual([]);
  });
});

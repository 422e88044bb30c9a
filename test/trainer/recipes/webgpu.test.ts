/** Recipes on a GPU imitated in software, in a child process (see test/trainer/engine/webgpu.test.ts). */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { softwareDriver } from '../engine/software-driver.ts';
import type { Picture } from '../../../src-main/trainer/messages.ts';
import { trainToEnd } from '../run.ts';
import { stagedRuns } from './staged-runs.ts';

const root = mkdtempSync(join(tmpdir(), 'recipes-webgpu-'));
afterAll(() => rmSync(root, { recursive: true }));

describe.runIf(softwareDriver)('webgpu', () => {
  let onWebGpu: Record<string, { losses: number[]; pictures: Picture[] }>;

  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [new URL('on-webgpu.ts', import.meta.url).pathname],
      { env: { ...process.env, VK_DRIVER_FILES: softwareDriver, NODE_OPTIONS: '' } },
    );
    onWebGpu = JSON.parse(stdout.trim().split('\n').at(-1)!) as typeof onWebGpu;
  }, 240_000);

  it.each(Object.entries(stagedRuns))('%s trains and looks as on cpu', async (name, input) => {
    const runDir = mkdtempSync(join(root, 'run-'));
    const run = await trainToEnd(input, { dataDir: join(root, 'data'), runDir });
    const { losses, pictures } = onWebGpu[name]!;
    expect(losses).toHaveLength(run.losses.length);
    losses.forEach((loss, step) => expect(loss).toBeCloseTo(run.losses[step]!, 4));

    const seen = run.last('snapshot').snapshot.pictures;
    expect(pictures).toHaveLength(seen.length);
    for (const [i, picture] of pictures.entries()) {
      const { rollout, layers, kept, trueProbability } = seen[i]!;
      expect(picture.kept).toEqual(kept);
      expect(picture.layers.map(({ tokens }) => tokens)).toEqual(layers.map((one) => one.tokens));
      expect(picture.trueProbability).toBeCloseTo(trueProbability, 3);
      expect(picture.rollout!.min).toBeCloseTo(rollout!.min, 3);
      expect(picture.rollout!.max).toBeCloseTo(rollout!.max, 3);
    }
  });
});

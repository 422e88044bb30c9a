/** Recipes on a GPU imitated in software, in a child process (see test/trainer/engine/webgpu.test.ts). */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { softwareDriver } from '../engine/software-driver.ts';
import { trainToEnd } from '../run.ts';
import { stagedRuns } from './staged-runs.ts';

const root = mkdtempSync(join(tmpdir(), 'recipes-webgpu-'));
afterAll(() => rmSync(root, { recursive: true }));

describe.runIf(softwareDriver)('webgpu', () => {
  let onWebGpu: Record<string, number[]>;

  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [new URL('on-webgpu.ts', import.meta.url).pathname],
      { env: { ...process.env, VK_DRIVER_FILES: softwareDriver, NODE_OPTIONS: '' } },
    );
    onWebGpu = JSON.parse(stdout.trim().split('\n').at(-1)!) as typeof onWebGpu;
  }, 240_000);

  it.each(Object.entries(stagedRuns))('%s trains as on cpu', async (name, input) => {
    const runDir = mkdtempSync(join(root, 'run-'));
    const { losses } = await trainToEnd(input, { dataDir: join(root, 'data'), runDir });
    expect(onWebGpu[name]).toHaveLength(losses.length);
    onWebGpu[name]!.forEach((loss, step) => expect(loss).toBeCloseTo(losses[step]!, 4));
  });
});

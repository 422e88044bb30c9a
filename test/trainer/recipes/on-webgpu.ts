/**
 * Run as a process of its own with a Vulkan driver named in its environment: short runs of recipes with
 * several stages on the `webgpu` provider. Prints one line of JSON: the losses and the last pictures of each.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Picture } from '../../../src-main/trainer/messages.ts';
import { trainToEnd } from '../run.ts';
import { stagedRuns } from './staged-runs.ts';

const root = mkdtempSync(join(tmpdir(), 'webgpu-'));
const runs: Record<string, { losses: number[]; pictures: Picture[] }> = {};
for (const [name, input] of Object.entries(stagedRuns)) {
  const runDir = mkdtempSync(join(root, 'run-'));
  const dataDir = join(root, 'data');
  const run = await trainToEnd(input, { dataDir, runDir, engine: 'webgpu' });
  runs[name] = { losses: run.losses, pictures: run.last('snapshot').snapshot.pictures };
}
rmSync(root, { recursive: true });
console.log(JSON.stringify(runs));

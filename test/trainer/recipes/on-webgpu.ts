/**
 * Run as a process of its own with a Vulkan driver named in its environment: short runs of recipes with
 * several stages on the `webgpu` provider. Prints one line of JSON: the losses of each.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainToEnd } from '../run.ts';
import { stagedRuns } from './staged-runs.ts';

const root = mkdtempSync(join(tmpdir(), 'webgpu-'));
const losses: Record<string, number[]> = {};
for (const [name, input] of Object.entries(stagedRuns)) {
  const runDir = mkdtempSync(join(root, 'run-'));
  const dataDir = join(root, 'data');
  losses[name] = (await trainToEnd(input, { dataDir, runDir, engine: 'webgpu' })).losses;
}
rmSync(root, { recursive: true });
console.log(JSON.stringify(losses));

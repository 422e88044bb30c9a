/**
 * `npm run bench [name...]`: the measured figures of the README, one script each. Timed work lives here
 * and never in `npm test`. `PYTHON=/path/to/python` adds PyTorch as a peer where it has torch.
 */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const here = import.meta.dirname;
/** What the benches share. */
const helpers = [
  'run.ts',
  'long-runs.ts',
  'many-runs.ts',
  'process-time.ts',
  'race.ts',
  'stub-machine.ts',
];
const names = (await readdir(here))
  .filter((file) => file.endsWith('.ts') && !helpers.includes(file))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length) {
  console.error(`There is no bench ${unknown.join(', ')}; known: ${names.join(', ')}.`);
  process.exit(2);
}

for (const name of asked.length ? asked : names) {
  console.log(`\n=== ${name}`);
  const code = await new Promise<number>((resolve) => {
    const child = spawn(process.execPath, [join(here, `${name}.ts`)], { stdio: 'inherit' });
    child.on('exit', (exit) => resolve(exit ?? 1));
  });
  if (code !== 0) process.exitCode = 1;
}

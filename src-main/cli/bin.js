#!/usr/bin/env node
/**
 * The door of the command line. Plain JavaScript, so that an old Node gets a sentence instead of a
 * syntax error; where this checkout brought its own Node (`node_modules/.bin/node`), that one is used.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);
const recent = major > 22 || (major === 22 && minor >= 18);

if (recent) {
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2));
} else {
  const own = join(here, '..', '..', 'node_modules', '.bin', 'node');
  if (existsSync(own)) runWith(own);
  else {
    console.error(
      `HuggingGreen needs Node.js 22.18 or newer (this is ${process.versions.node}). Install it from https://nodejs.org, or run "npm ci" here, which brings one on Linux.`,
    );
    process.exitCode = 1;
  }
}

function runWith(node) {
  const child = spawn(node, [join(here, 'bin.js'), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // a terminal sends Ctrl-C to both: the child decides when to end
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
}

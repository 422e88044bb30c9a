/**
 * `npm test`: everything, one command, no GPU, network or display.
 *
 * Lint, types, build, unit and component tests (vitest), and a user's walk through the program in a
 * real browser (Playwright). Each stage runs even when an earlier one failed, so that one run tells
 * all. The last line is the sum: `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Tally {
  passed: number;
  failed: number;
}

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');
const scratch = await mkdtemp(join(tmpdir(), 'hugginggreen-test-'));

/** Runs one tool of the project with its output shown; resolves with the exit code. */
function run(command: string, args: string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(join(bin, command), args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, ...env },
      shell: process.platform === 'win32',
    });
    child.on('error', (cause) => {
      console.error(`${command} did not start: ${cause.message}`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** A stage that is one check: its exit code says passed or failed. */
const check = async (command: string, args: string[]): Promise<Tally> =>
  (await run(command, args)) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };

/** Vitest's JSON report counts the tests; a run that wrote none, or none passing, has failed. */
async function vitest(): Promise<Tally> {
  const file = join(scratch, 'vitest.json');
  const code = await run('vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${file}`,
  ]);
  const report = await readJson<{ numPassedTests: number; numFailedTests: number }>(file);
  if (!report) return { passed: 0, failed: 1 };
  const failed = report.numFailedTests;
  // an unhandled error fails the run without failing a test
  return { passed: report.numPassedTests, failed: failed || (code === 0 ? 0 : 1) };
}

async function playwright(): Promise<Tally> {
  const file = join(scratch, 'playwright.json');
  const code = await run('playwright', ['test', '--reporter=list,json'], {
    PLAYWRIGHT_JSON_OUTPUT_NAME: file,
  });
  const report = await readJson<{ stats: { expected: number; unexpected: number } }>(file);
  if (!report) return { passed: 0, failed: 1 };
  const failed = report.stats.unexpected;
  return { passed: report.stats.expected, failed: failed || (code === 0 ? 0 : 1) };
}

async function readJson<T>(file: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch {
    return null;
  }
}

const stages: [string, () => Promise<Tally>][] = [
  ['lint', () => check('eslint', ['.'])],
  ['format', () => check('prettier', ['--check', '--log-level=warn', '.'])],
  ['types: main', () => check('tsc', ['-p', 'tsconfig.node.json'])],
  ['types: tests', () => check('tsc', ['-p', 'tsconfig.test.json'])],
  [
    'types: renderer',
    () => check('svelte-check', ['--tsconfig', './tsconfig.web.json', '--fail-on-warnings']),
  ],
  ['build: program', () => check('electron-vite', ['build', '--logLevel=warn'])],
  [
    'build: report',
    () => check('vite', ['build', '--config', 'vite.report.config.ts', '--logLevel=warn']),
  ],
  ['unit and component tests', vitest],
  ['end to end', playwright],
];

const total: Tally = { passed: 0, failed: 0 };
const failures: string[] = [];
for (const [name, stage] of stages) {
  const began = Date.now();
  console.log(`\n=== ${name}`);
  const { passed, failed } = await stage();
  total.passed += passed;
  total.failed += failed;
  if (failed) failures.push(name);
  console.log(
    `=== ${name}: ${failed ? 'FAILED' : 'ok'}, ${((Date.now() - began) / 1000).toFixed(0)} s`,
  );
}
await rm(scratch, { recursive: true, force: true });

if (failures.length) console.log(`\nFailed: ${failures.join(', ')}`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed ? 1 : 0;

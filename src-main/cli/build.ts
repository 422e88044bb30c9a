/** The page and the report's bundle, built when a source is newer than what was built. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../contract.ts';

export const root = join(import.meta.dirname, '..', '..');
export const pageDir = join(root, 'out', 'renderer');
export const reportDir = join(root, 'out', 'report');

type What = 'page' | 'desktop' | 'report';

interface Target {
  /** Its age tells whether a source is newer. */
  made: string;
  sources: string[];
  command: [string, ...string[]];
  label: string;
}

const page: Target = {
  made: join(pageDir, 'index.html'),
  sources: [
    'src-renderer',
    'src-main/contract.ts',
    'src-main/experiment-config.ts',
    'src-main/experiment-config',
    'package.json',
    'electron.vite.config.ts',
    'svelte.config.js',
  ],
  command: ['electron-vite', 'build', '--logLevel=error'],
  label: 'the interface',
};
const targets: Record<What, Target> = {
  page,
  // one build makes both, but only the window needs the bundles of the processes to be fresh
  desktop: {
    ...page,
    made: join(root, 'out', 'main', 'index.js'),
    sources: [...page.sources, 'src-main'],
  },
  report: {
    made: join(reportDir, 'report.js'),
    sources: [
      'src-renderer',
      'src-main/contract.ts',
      'src-main/experiment-config.ts',
      'src-main/experiment-config',
      'vite.report.config.ts',
    ],
    command: ['vite', 'build', '--config', 'vite.report.config.ts', '--logLevel=error'],
    label: 'the report',
  },
};

/**
 * Builds what is missing or stale and says so in a line. An installed copy without the sources has
 * nothing to build.
 * @throws AppError UNAVAILABLE with the builder's own words.
 */
export async function ensureBuilt(...wanted: What[]): Promise<void> {
  for (const target of wanted.map((what) => targets[what])) {
    if (!existsSync(join(root, 'src-renderer')) || !(await stale(target))) continue;
    console.error(`Building ${target.label} ...`);
    await run(target.command);
  }
}

async function stale({ made, sources }: Target): Promise<boolean> {
  const built = await stat(made).catch(() => null);
  if (!built) return true;
  const ages = await Promise.all(sources.map((source) => newest(join(root, source))));
  return Math.max(...ages) > built.mtimeMs;
}

/** The latest change of a file, or of any file below a folder; 0 where there is none. */
async function newest(path: string): Promise<number> {
  const info = await stat(path).catch(() => null);
  if (!info) return 0;
  if (!info.isDirectory()) return info.mtimeMs;
  const below = await Promise.all((await readdir(path)).map((name) => newest(join(path, name))));
  return Math.max(0, ...below);
}

function run([tool, ...args]: Target['command']): Promise<void> {
  return new Promise((resolve, reject) => {
    const bin = join(root, 'node_modules', '.bin', tool);
    const child = spawn(bin, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      // the tools are scripts that look for `node` by themselves: they get this one
      env: { ...process.env, PATH: pathWithNode(), NO_COLOR: '1' },
      shell: process.platform === 'win32',
    });
    const words: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => words.push(text));
    const fail = (reason: string): void =>
      reject(
        new AppError(
          'UNAVAILABLE',
          `The interface could not be built: ${reason}`,
          'Run "npm ci", then "npm run build" to see all of it.',
        ),
      );
    child.once('error', (cause) => fail(cause.message));
    child.once('close', (code) => (code === 0 ? resolve() : fail(gist(words.join('')))));
  });
}

/** The first lines that say something; the rest is a trace. */
const gist = (output: string): string =>
  output
    .split('\n')
    .filter((line) => line.trim() && !/^\s+at /.test(line))
    .slice(0, 4)
    .join('\n');

const pathWithNode = (): string =>
  [join(process.execPath, '..'), process.env.PATH]
    .filter(Boolean)
    .join(process.platform === 'win32' ? ';' : ':');

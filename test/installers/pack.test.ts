/**
 * The installer's contents, packed for real: electron-builder with a stand-in for Electron's own files (its
 * binary comes by a download), then the packed processes are started from what was packed and nothing else.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPackage, extractAll } from '@electron/asar';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseExperimentConfig } from '../../src-main/experiment-config.ts';
import { ensureBuilt, root } from '../../src-main/cli/build.ts';
import type { FromMeter, ToMeter } from '../../src-main/meter/messages.ts';
import { defaultMeterSettings } from '../../src-main/meter/settings.ts';
import type { FromTrainer, ToTrainer } from '../../src-main/trainer/messages.ts';

let folder: string;
/** What an installation has beside Electron. */
let unpacked: string;
/** The archive's contents, as files. */
let app: string;

/** Where Electron's binary has its fuses: this text, a version, their number, and one digit each. */
const fuseSentinel = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';

async function standInForElectron(dist: string): Promise<void> {
  await mkdir(join(dist, 'resources'), { recursive: true });
  await mkdir(join(dist, 'locales'));
  await mkdir(join(folder, 'default'));
  await writeFile(join(folder, 'default', 'package.json'), '{}');
  await createPackage(join(folder, 'default'), join(dist, 'resources', 'default_app.asar'));
  await writeFile(join(dist, 'electron'), `stand-in ${fuseSentinel}\u0001\u0009${'0'.repeat(9)}`);
  for (const name of ['LICENSE', 'LICENSES.chromium.html', 'version', 'chrome-sandbox'])
    await writeFile(join(dist, name), name);
}

/** The native packages that are installed here are those of this platform. */
const here = process.platform === 'linux' && process.arch === 'x64';
if (!here) console.warn('Installers are packed and tried on Linux x64 only: skipped.');
const packed = test.runIf(here);

beforeAll(async () => {
  if (!here) return;
  await ensureBuilt('desktop', 'report');
  folder = await mkdtemp(join(tmpdir(), 'hugginggreen-dist-'));
  const dist = join(folder, 'electron');
  await standInForElectron(dist);
  const builder = spawn(
    join(root, 'node_modules', '.bin', 'electron-builder'),
    [
      ...['--linux', 'dir', '--x64', `-c.electronDist=${dist}`],
      `-c.directories.output=${join(folder, 'dist')}`,
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [builder.stdout, builder.stderr])
    stream.on('data', (text: Buffer) => (said += text.toString()));
  const [code] = (await once(builder, 'exit')) as [number];
  if (code !== 0) throw new Error(`electron-builder: exit ${code}\n${said}`);
  unpacked = join(folder, 'dist', 'linux-unpacked');
  app = join(folder, 'app');
  extractAll(join(unpacked, 'resources', 'app.asar'), app);
}, 240_000);

afterAll(() => here && rm(folder, { recursive: true, force: true }));

/** Talks to a packed process until it says what is waited for. */
async function ask<In, Out>(
  entry: string,
  said: In,
  wanted: (message: Out) => boolean,
): Promise<Out> {
  const child = fork(join(app, 'out', 'main', entry), [], {
    serialization: 'advanced',
    // nothing outside of what was packed may help it
    cwd: '/',
    execArgv: [],
  });
  try {
    return await new Promise<Out>((resolve, reject) => {
      child.on('message', (message) => wanted(message as Out) && resolve(message as Out));
      child.on('exit', (code) => reject(new Error(`${entry} ended with ${code}`)));
      child.send(said as object);
    });
  } finally {
    child.removeAllListeners('exit');
    child.kill();
  }
}

packed('holds the bundles, the tables and nothing that is not needed to run', async () => {
  for (const path of ['out/main/index.js', 'out/preload/preload.cjs', 'out/renderer/index.html'])
    expect(existsSync(join(app, path)), path).toBe(true);
  for (const path of ['out/report/report.js', 'resources/carbon-intensity.json', 'LICENSE'])
    expect(existsSync(join(app, path)), path).toBe(true);
  for (const path of ['src-main', 'test', 'resources/screenshots', 'node_modules/typescript'])
    expect(existsSync(join(app, path)), path).toBe(false);
  const { size } = await stat(join(unpacked, 'resources', 'app.asar'));
  expect(size).toBeLessThan(40e6);
});

packed(
  'brings the native binaries of its own platform only, as files beside the archive',
  async () => {
    const modules = join(unpacked, 'resources', 'app.asar.unpacked', 'node_modules');
    expect(await readdir(join(modules, 'better-sqlite3', 'prebuilds'))).toEqual(['linux-x64.node']);
    const runtime = join(modules, 'onnxruntime-node', 'bin', 'napi-v6');
    expect(await readdir(runtime)).toEqual(['linux']);
    expect(await readdir(join(runtime, 'linux'))).toEqual(['x64']);
    expect(existsSync(join(modules, '@koromix', 'koffi-linux-x64'))).toBe(true);
    expect(existsSync(join(modules, '@img', 'sharp-linux-x64'))).toBe(true);
  },
);

packed('is started as the program alone: no Node mode, no debugger, no other code', async () => {
  const { version, ...fuses } = await getCurrentFuseWire(join(unpacked, 'hugginggreen'));
  expect(version).toBe('1');
  const on = Object.entries(fuses)
    .filter(([, digit]) => String.fromCharCode(digit as number) === '1')
    .map(([fuse]) => FuseV1Options[Number(fuse)]);
  expect(on.sort()).toEqual([
    'EnableCookieEncryption',
    'EnableEmbeddedAsarIntegrityValidation',
    'OnlyLoadAppFromAsar',
  ]);
  const { main } = JSON.parse(await readFile(join(app, 'package.json'), 'utf8')) as {
    main: string;
  };
  expect(existsSync(join(app, main))).toBe(true);
});

packed(
  'the packed trainer trains and the packed meter reads',
  async () => {
    const parsed = parseExperimentConfig({
      dataset: { kind: 'greensynth', train: 64, validation: 32, test: 32 },
      model: { patch: 16, dim: 8, layers: 1, heads: 1, dimHead: 8 },
      train: { epochs: 1, batch: 32 },
      compute: { engine: 'cpu' },
    });
    if (!parsed.ok) throw new Error('the config of this test is refused');
    const runDir = join(folder, 'run');
    await mkdir(runDir);
    const order: ToTrainer = {
      type: 'start',
      config: parsed.config,
      dataDir: join(folder, 'data'),
      runDir,
      resume: null,
    };
    const ended = await ask<ToTrainer, FromTrainer>('trainer.js', order, ({ type }) =>
      ['done', 'failed'].includes(type),
    );
    expect(ended).toMatchObject({ type: 'done', imagesSeen: 64 });

    const settings = defaultMeterSettings(join(app, 'resources'));
    const read = await ask<ToMeter, FromMeter>(
      'meter.js',
      { type: 'start', settings },
      ({ type }) => type === 'samples',
    );
    expect(read.type).toBe('samples');
  },
  120_000,
);

/**
 * Where Electron's binary is, if it was fetched. Never `require('electron')` to find out: since Electron
 * 42 that starts the download.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const electronHome = (): string =>
  dirname(createRequire(import.meta.url).resolve('electron/package.json'));

/** Null where it was never fetched. */
export function electronBinary(env: NodeJS.ProcessEnv = process.env): string | null {
  const home = electronHome();
  const name = join(home, 'path.txt');
  const candidates = [
    env.ELECTRON_OVERRIDE_DIST_PATH && join(env.ELECTRON_OVERRIDE_DIST_PATH, 'electron'),
    existsSync(name) && join(home, 'dist', readFileSync(name, 'utf8')),
  ];
  return candidates.find((path): path is string => !!path && existsSync(path)) ?? null;
}

/**
 * `npm run licences`: resources/licences.json, the packages that are in the program with their licences, as
 * the about page shows them. A test keeps it true and every licence on the list of those we may ship.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './build.ts';

export interface Licence {
  name: string;
  version: string;
  licence: string;
}

/** Licences under which a package may be part of an MIT program that is given away as a whole. */
export const allowed: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  // sharp's image library: used as a shared library that can be exchanged
  'LGPL-3.0-or-later',
]);

/** An SPDX expression of which we may take one side of each OR, and have to take all of each AND. */
export const mayShip = (expression: string): boolean =>
  expression
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((side) => side.split(' AND ').every((licence) => allowed.has(licence)));

/** Packages that are only there to build, and whose code is bundled all the same. */
const bundled = [
  'bits-ui',
  'chart.js',
  'csv-parse',
  'protobufjs',
  'svelte',
  'tar-stream',
  'valibot',
  'yauzl',
];

/** Their package.json names none, their LICENSE file does. */
const unnamed: Record<string, string> = { 'svelte-toolbelt': 'MIT' };

/** One package per platform is one package to a reader. */
const platform = /-(android|darwin|freebsd|linux|linuxmusl|openbsd|win32)[-_\w]*$/;

interface LockEntry {
  version: string;
  license?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** Everything that the program contains, from the lock file: the same on every machine. */
export async function licences(): Promise<Licence[]> {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(root, name), 'utf8'));
  const { packages } = (await read('package-lock.json')) as { packages: Record<string, LockEntry> };
  const own = (await read('package.json')) as { dependencies: Record<string, string> };
  const found = new Map<string, Licence>();
  const visit = (name: string, from: string): void => {
    // as Node looks: beside the package that asks, then in every folder above it
    for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
      const path = `${at ? `${at}/` : ''}node_modules/${name}`;
      const entry = packages[path];
      if (entry) {
        if (found.has(path)) return;
        const licence = entry.license ?? unnamed[name] ?? 'unknown';
        found.set(path, { name: name.replace(platform, '-*'), version: entry.version, licence });
        // Electron's own packages fetch its binary and stay behind
        if (name !== 'electron')
          for (const next of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }))
            visit(next, path);
        return;
      }
      if (at === '') return;
    }
  };
  for (const name of [...Object.keys(own.dependencies), ...bundled, 'electron']) visit(name, '');
  const distinct = new Map([...found.values()].map((one) => [`${one.name} ${one.version}`, one]));
  return [...distinct.values()].sort((a, b) => a.name.localeCompare(b.name, 'en'));
}

export const licencesFile = join(root, 'resources', 'licences.json');

export const licencesText = async (): Promise<string> =>
  `${JSON.stringify(await licences(), null, 2)}\n`;

if (process.argv[1] === import.meta.filename) await writeFile(licencesFile, await licencesText());

/**
 * How much of the page goes over the wire, compressed: whoever opens it over a slow link to a server waits for
 * this before the first paint. Of the build, which is made where there is none or where a source is newer.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { ensureBuilt, pageDir } from '../src-main/cli/build.ts';

/** Bytes after gzip. */
const limit = 500_000;

/** Every file of the page by its path in it, with its bytes after gzip. */
const sizes = new Map<string, number>();

beforeAll(async () => {
  await ensureBuilt('page');
  for (const entry of await readdir(pageDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    sizes.set(relative(pageDir, path), gzipSync(await readFile(path)).length);
  }
}, 240_000);

const sum = (paths: readonly string[]): number =>
  paths.reduce((total, path) => total + sizes.get(path)!, 0);

/** What the document names: its icon, scripts and stylesheets, and whatever those need before they run. */
async function firstView(): Promise<string[]> {
  const document = await readFile(join(pageDir, 'index.html'), 'utf8');
  const named = [...document.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, path]) => path!);
  return ['index.html', ...named];
}

it('the first view takes less than 500 kB', async () => {
  const paths = await firstView();
  // a document that names no script would be small, and empty
  for (const kind of ['.js', '.css'])
    expect(paths.filter((path) => path.endsWith(kind))).not.toEqual([]);
  expect(paths.filter((path) => !sizes.has(path))).toEqual([]);
  expect(sum(paths)).toBeLessThan(limit);
});

it('all views together take less than 500 kB', () => {
  const all = [...sizes.keys()];
  expect(all).toContain('index.html');
  expect(sum(all), JSON.stringify(Object.fromEntries(sizes))).toBeLessThan(limit);
});

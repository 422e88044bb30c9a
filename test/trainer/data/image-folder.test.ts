import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkExperiment } from '../../../src-main/core/experiments/index.ts';
import {
  listImageFolder,
  type ImageFolderConfig,
} from '../../../src-main/trainer/data/image-folder.ts';
import { describeDataset, openDataset } from '../../../src-main/trainer/data/index.ts';

const sourceOf = (name: string) =>
  new URL(`../../../src-main/trainer/data/${name}`, import.meta.url).href;

let root: string;
let folder: string;
let dataDir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hg-folder-'));
  folder = join(root, 'pets');
  dataDir = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const config = (changes: Partial<ImageFolderConfig> = {}): ImageFolderConfig => ({
  kind: 'image-folder',
  path: folder,
  size: 8,
  fit: 'crop',
  validation: 0.2,
  test: 0.2,
  seed: 42,
  ...changes,
});

const encoded = new Map<string, Promise<Buffer>>();
/** A plain picture of this red. */
function picture(red: number, format: 'png' | 'jpeg' = 'png'): Promise<Buffer> {
  const key = `${red} ${format}`;
  const background = { r: red, g: 0, b: 0 };
  let made = encoded.get(key);
  if (!made) {
    made = sharp({ create: { width: 10, height: 9, channels: 3, background } })
      .toFormat(format)
      .toBuffer();
    encoded.set(key, made);
  }
  return made;
}

async function put(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), bytes);
}
/** `count` pictures of one class; picture i has red 10 x class + i. */
async function putClass(name: string, count: number, red: number): Promise<void> {
  for (let i = 0; i < count; i++) await put(`${name}/${i}.png`, await picture(red + i));
}

/** Reds of the first pixels, sorted. */
const reds = ({ images, count }: { images: Uint8Array; count: number }) =>
  Array.from({ length: count }, (_, i) => images[i * 192]!).sort((a, b) => a - b);

describe('a folder of images per class', () => {
  it('is split by a seed, the same share of every class', async () => {
    await putClass('cat', 10, 100);
    await putClass('dog', 10, 200);
    await put('dog/3.png', await picture(203, 'jpeg'));
    const { splits, classes, size, name } = await openDataset(config(), { dataDir });
    expect({ classes, size, name }).toEqual({ classes: ['cat', 'dog'], size: 8, name: 'pets' });
    expect(splits.train.count).toBe(12);
    const counts = (labels: Int32Array) => [0, 1].map((l) => labels.filter((x) => x === l).length);
    expect(counts(splits.validation.labels)).toEqual([2, 2]);
    expect(counts(splits.test.labels)).toEqual([2, 2]);
    const all = [splits.train, splits.validation, splits.test].flatMap(reds);
    expect(new Set(all).size).toBe(20);
    for (const split of Object.values(splits))
      split.labels.forEach((label, i) => expect(split.images[i * 192]! >= 150 ? 1 : 0).toBe(label));

    expect(describeDataset(config())).toEqual({
      classes: 2,
      size: 8,
      train: 12,
      validation: 4,
      test: 4,
    });
    const tested = (seed: number) => listImageFolder(config({ seed })).images.map((i) => i.split);
    expect(tested(42)).toEqual(tested(42));
    expect(tested(43)).not.toEqual(tested(42));
  });

  it('takes splits that have folders of their own', async () => {
    await putClass('train/a', 10, 0);
    await putClass('train/b', 10, 50);
    await putClass('val/b', 3, 100);
    await putClass('test/a', 2, 200);
    const { splits } = await openDataset(config(), { dataDir });
    expect(splits.train.count).toBe(20);
    expect(reds(splits.validation)).toEqual([100, 101, 102]);
    expect([...splits.validation.labels]).toEqual([1, 1, 1]);
    expect(reds(splits.test)).toEqual([200, 201]);
    await putClass('test/c', 1, 0);
    await expect(openDataset(config(), { dataDir })).rejects.toThrow(
      /test\/c is a class that the training folder does not have/,
    );
  });

  it('decodes once; a file that was written anew is decoded anew', async () => {
    await putClass('a', 6, 10);
    await putClass('b', 6, 100);
    const labels = async () => {
      const told: string[] = [];
      await openDataset(config(), { dataDir, onProgress: (label) => told.push(label) });
      return told;
    };
    expect(await labels()).toContain('decoding pets');
    expect(await labels()).not.toContain('decoding pets');
    await put('a/0.png', await picture(250));
    await utimes(join(folder, 'a/0.png'), 1, 1);
    expect(await labels()).toContain('decoding pets');
    expect(await readdir(join(dataDir, 'image-folder'))).toHaveLength(2);
  });

  it('notices a damaged cache and mends it', async () => {
    await putClass('a', 6, 10);
    await putClass('b', 6, 100);
    const first = await openDataset(config(), { dataDir });
    const cache = join(dataDir, 'image-folder');
    const bin = (await readdir(cache)).find((name) => name.endsWith('.bin'))!;
    const file = await open(join(cache, bin), 'r+');
    await file.write(Buffer.from([99]), 0, 1, 500);
    await file.close();
    const again = await openDataset(config(), { dataDir });
    expect(again.splits).toEqual(first.splits);
  });

  it('goes on where decoding was cut off', async () => {
    for (const name of ['a', 'b']) await putClass(name, 1, 7);
    for (let i = 0; i < 600; i++) await put(`a/x${i}.png`, await picture(i % 50));
    const abort = new AbortController();
    let calls = 0;
    await expect(
      openDataset(config({ validation: 0.5, test: 0.1 }), {
        dataDir,
        signal: abort.signal,
        onProgress: (label) => label.startsWith('decoding') && ++calls === 2 && abort.abort(),
      }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    const cache = join(dataDir, 'image-folder');
    const index = (await readdir(cache)).find((name) => name.endsWith('.json'))!;
    expect(JSON.parse(await readFile(join(cache, index), 'utf8'))).toMatchObject({ done: 256 });

    const shares: (number | null)[] = [];
    const onProgress = (label: string, share: number | null) =>
      label.startsWith('decoding') && shares.push(share);
    // class b has one image, which has to stay in training
    const { splits } = await openDataset(config({ validation: 0.3, test: 0.1 }), {
      dataDir,
      onProgress,
    });
    expect(shares[0]).toBeCloseTo(256 / 602);
    expect(splits.train.count + splits.validation.count + splits.test.count).toBe(602);
    await rm(dataDir, { recursive: true });
    const fresh = await openDataset(config({ validation: 0.3, test: 0.1 }), { dataDir });
    expect(fresh.splits).toEqual(splits);
  });

  it('goes on after the process was killed in the middle of decoding', async () => {
    await put('a/0.png', await picture(7));
    await mkdir(join(folder, 'b'));
    for (let i = 1; i < 3000; i++)
      await link(join(folder, 'a/0.png'), join(folder, i % 2 ? 'a' : 'b', `${i}.png`));
    const script = `
      import { openDataset } from ${JSON.stringify(sourceOf('index.ts'))};
      await openDataset(${JSON.stringify(config())}, { dataDir: ${JSON.stringify(dataDir)} });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const ended = once(child, 'exit');
    const cache = join(dataDir, 'image-folder');
    const names = () => readdir(cache).catch((): string[] => []);
    // the first commit is after 2,048 images
    while (child.exitCode === null && !(await names()).some((name) => name.endsWith('.json')))
      await sleep(2);
    child.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(await names()).toContainEqual(expect.stringMatching(/\.lock$/));

    const shares: (number | null)[] = [];
    const onProgress = (label: string, share: number | null) =>
      label.startsWith('decoding') && shares.push(share);
    const { splits } = await openDataset(config(), { dataDir, onProgress });
    expect(shares[0]).toBeGreaterThanOrEqual(2048 / 3000);
    const all = [splits.train, splits.validation, splits.test].flatMap(reds);
    expect(all).toHaveLength(3000);
    expect(new Set(all)).toEqual(new Set([7]));
  });

  it('leaves out one bad image among many, and says so', async () => {
    await putClass('a', 10, 10);
    await putClass('b', 10, 100);
    await put('a/4.png', 'this is no picture');
    await put('a/readme.txt', 'x');
    await put('b/.DS_Store', 'x');
    const notes: string[] = [];
    const { splits } = await openDataset(config(), {
      dataDir,
      onNote: (note) => notes.push(note),
    });
    expect(splits.train.count + splits.validation.count + splits.test.count).toBe(19);
    expect(notes).toEqual([
      expect.stringMatching(/^1 file in .*pets is neither \.jpg nor \.png and left out\.$/),
      expect.stringMatching(
        /^1 of 20 images of pets are left out: .*a\/4\.png is neither JPEG nor PNG: it begins with 74686973\.$/,
      ),
    ]);
  });

  // Windows has no named pipes in folders, and links only for administrators
  it.skipIf(process.platform === 'win32')(
    'takes names in capitals and links; passes over pipes, circles and deeper folders',
    async () => {
      await putClass('a', 12, 10);
      await putClass('b', 12, 100);
      await put('a/x.PNG', await picture(60));
      await put('a/y.JPEG', await picture(61));
      await put('a/deeper/z.png', await picture(62));
      await put('../elsewhere/w.png', await picture(63));
      await symlink(join(root, 'elsewhere/w.png'), join(folder, 'a/w.png'));
      await symlink(folder, join(folder, 'a/round'));
      await symlink('self.png', join(folder, 'a/self.png'));
      await symlink('/dev/zero', join(folder, 'b/zero.png'));
      // length without content: nothing of it is read
      await writeFile(join(folder, 'b/huge.jpg'), '');
      await truncate(join(folder, 'b/huge.jpg'), 2 ** 33);
      const notes: string[] = [];
      const { splits } = await openDataset(config(), {
        dataDir,
        onNote: (note) => notes.push(note),
      });
      const all = [splits.train, splits.validation, splits.test].flatMap(reds);
      const wanted = [...Array(12).keys()].flatMap((i) => [10 + i, 100 + i]).concat(60, 61, 63);
      expect(all.sort((a, b) => a - b)).toEqual(wanted.sort((a, b) => a - b));
      expect(notes).toEqual([
        expect.stringMatching(/^1 file in .*pets is neither/),
        expect.stringMatching(
          /^2 folders inside the folders of classes in .*pets are not looked into/,
        ),
        expect.stringMatching(
          /^2 of 29 images of pets are left out: .*self\.png cannot be read: ELOOP.*huge\.jpg has 8590 MB\.$/,
        ),
      ]);
    },
  );

  it('refuses a folder with many bad images', async () => {
    await putClass('a', 10, 10);
    await putClass('b', 10, 100);
    for (const i of [1, 2, 3]) await put(`a/${i}.png`, '');
    await expect(openDataset(config(), { dataDir })).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(/3 of the 20 images of pets are of no use: .*1\.png is empty/),
    });
  });

  it('refuses an empty class, one class, no class and a split without images', async () => {
    await putClass('a', 5, 0);
    const refusal = () => expect(openDataset(config(), { dataDir })).rejects;
    await refusal().toThrow(/has only one sub-folder/);
    await mkdir(join(folder, 'b'));
    await refusal().toThrow(/The class b is empty: there is no JPEG or PNG file in .*pets\/b/);
    await putClass('b', 5, 0);
    await expect(openDataset(config({ test: 0 }), { dataDir })).rejects.toThrow(
      /No image of .*pets is left for the test split/,
    );
    await expect(openDataset(config({ path: join(root, 'no') }), { dataDir })).rejects.toThrow(
      /no folder or archive/,
    );
    await expect(openDataset(config({ path: null }), { dataDir })).rejects.toThrow(
      /names no folder/,
    );
  });

  it('that is not there is an issue of the form, not a failure', async () => {
    expect(checkExperiment({ dataset: { kind: 'image-folder' } })).toEqual({
      ok: false,
      issues: [{ path: 'dataset.path', message: expect.stringMatching(/names no folder/) }],
    });
    await putClass('a', 200, 0);
    await putClass('b', 200, 0);
    const checked = checkExperiment({ dataset: { kind: 'image-folder', path: folder } });
    expect(checked).toMatchObject({ ok: true, forecast: { stepsPerEpoch: 2 } });
  });
});

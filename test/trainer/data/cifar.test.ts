import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import {
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  cifar10,
  cifar100,
  cifarState,
  openCifar,
  type CifarSource,
} from '../../../src-main/trainer/data/cifar.ts';
import { datasetStates, openDataset } from '../../../src-main/trainer/data/index.ts';

type EntryHeader = Partial<Header> & { name: string };

/** The real file layout at the real record format, with fewer records, where full size adds nothing. */
const small = (source: CifarSource, records: number): CifarSource => ({
  ...source,
  train: source.train.map((file) => ({ ...file, records, md5: null })),
  test: source.test.map((file) => ({ ...file, records, md5: null })),
});

/** Record i: label bytes, then red = i, green = label, blue = 7, all modulo 256. */
function records(source: CifarSource, count: number, from: number): Buffer {
  const stride = source.labelBytes + 3072;
  const bytes = Buffer.alloc(count * stride);
  for (let i = 0; i < count; i++) {
    const start = i * stride;
    const label = (from + i) % 10;
    bytes[start] = label;
    if (source.labelBytes === 2) bytes[start + 1] = (from + i) % 100;
    const image = start + source.labelBytes;
    bytes.fill((from + i) % 256, image, image + 1024);
    bytes.fill(label, image + 1024, image + 2048);
    bytes.fill(7, image + 2048, image + 3072);
  }
  return bytes;
}

async function writeFolder(source: CifarSource, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  let from = 0;
  for (const file of source.train) {
    await writeFile(join(folder, file.name), records(source, file.records, from));
    from += file.records;
  }
  for (const file of source.test)
    await writeFile(join(folder, file.name), records(source, file.records, 0));
}

/** Writes a .tar.gz of (header, content) pairs and returns its digest. */
async function writeArchive(
  path: string,
  entries: [EntryHeader, Buffer | null][],
): Promise<string> {
  const tar = pack();
  for (const [header, content] of entries)
    if (content === null) tar.entry(header);
    else tar.entry(header, content);
  tar.finalize();
  await pipeline(tar, createGzip({ level: 1 }), createWriteStream(path));
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

const withDigest = (source: CifarSource, hex: string): CifarSource => ({
  ...source,
  archive: { ...source.archive, digest: { algorithm: 'sha256', hex } },
});

let root: string;
let dataDir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hg-cifar-'));
  dataDir = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('CIFAR-10 at its full size', () => {
  let fullRoot: string;
  let folder: string;
  beforeAll(async () => {
    fullRoot = await mkdtemp(join(tmpdir(), 'hg-cifar-full-'));
    folder = join(fullRoot, cifar10.folder);
    await mkdir(folder);
    // sparse: label 0, black; one pixel differs
    for (const file of [...cifar10.train, ...cifar10.test]) {
      await writeFile(join(folder, file.name), '');
      await truncate(join(folder, file.name), 30_730_000);
    }
    const batch = await open(join(folder, 'data_batch_2.bin'), 'r+');
    await batch.write(Uint8Array.of(9, 255), 0, 2, 3073 * 3);
    await batch.close();
  });
  afterAll(() => rm(fullRoot, { recursive: true, force: true }));

  it('opens, with every 20th training image held out', async () => {
    const dataset = await openDataset({ kind: 'cifar10', path: folder }, { dataDir });
    const { train, validation, test } = dataset.splits;
    expect([train.count, validation.count, test.count]).toEqual([47_500, 2_500, 10_000]);
    expect(train.images.length).toBe(47_500 * 3072);
    // image 3 of the second batch is number 10,003; 500 before it were held out
    expect(train.labels[10_003 - 500]).toBe(9);
    expect(train.images[(10_003 - 500) * 3072]).toBe(255);
    expect(train.labels.filter((label) => label !== 0)).toHaveLength(1);
    expect(dataset.mean[0]).toBeCloseTo(1 / (47_500 * 1024), 12);
    expect(dataset).toMatchObject({ name: 'CIFAR-10', channels: 3, size: 32 });
    expect(dataset.classes[9]).toBe('truck');
  });

  it('refuses a truncated batch, a label out of range and a missing batch, naming the file', async () => {
    const last = join(folder, 'test_batch.bin');
    await truncate(last, 30_000_000);
    await expect(openDataset({ kind: 'cifar10', path: folder }, { dataDir })).rejects.toMatchObject(
      {
        code: 'DATASET',
        message: expect.stringMatching(/test_batch\.bin has 30000000 bytes instead of 30730000/),
        hint: expect.stringMatching(/cifar-10-binary\.tar\.gz/),
      },
    );

    await rm(join(folder, 'test_batch.bin'));
    const batch = await open(join(folder, 'data_batch_1.bin'), 'r+');
    await batch.write(Uint8Array.of(10), 0, 1, 3073 * 5);
    await expect(openDataset({ kind: 'cifar10', path: folder }, { dataDir })).rejects.toThrow(
      /data_batch_1\.bin: image 5 has label 10, but labels go from 0 to 9/,
    );
    await batch.write(Uint8Array.of(0), 0, 1, 3073 * 5);
    await batch.close();
    await expect(openDataset({ kind: 'cifar10', path: folder }, { dataDir })).rejects.toThrow(
      /test_batch\.bin is missing/,
    );
  });
});

describe('CIFAR from a folder', () => {
  const source = small(cifar10, 40);

  it('keeps pixels, labels and order; takes the folder around it as well', async () => {
    await writeFolder(source, join(root, 'around', source.folder));
    const dataset = await openCifar(source, join(root, 'around'), 'fine', { dataDir });
    const { train, validation, test } = dataset.splits;
    expect([train.count, validation.count, test.count]).toEqual([190, 10, 40]);
    const red = (images: Uint8Array) =>
      Array.from({ length: images.length / 3072 }, (_, i) => images[i * 3072 + 500]);
    expect(red(validation.images)).toEqual([19, 39, 59, 79, 99, 119, 139, 159, 179, 199]);
    expect(red(train.images).slice(17, 22)).toEqual([17, 18, 20, 21, 22]);
    for (const { labels, images, count } of [train, validation, test])
      for (let i = 0; i < count; i++) {
        expect(images[i * 3072 + 1024]).toBe(labels[i]);
        expect(images[i * 3072 + 3071]).toBe(7);
      }
    expect(dataset.mean[2]).toBeCloseTo(7 / 255, 12);
    expect(dataset.std[2]).toBe(0);
  });

  it('reads fine or coarse labels of CIFAR-100, and the names beside them', async () => {
    const hundred = small(cifar100, 200);
    const folder = join(root, hundred.folder);
    await writeFolder(hundred, folder);
    const names = Array.from({ length: 20 }, (_, i) => `group ${i}`);
    await writeFile(join(folder, 'coarse_label_names.txt'), names.join('\n') + '\n');
    const fine = await openCifar(hundred, folder, 'fine', { dataDir });
    const coarse = await openCifar(hundred, folder, 'coarse', { dataDir });
    expect(fine.splits.test.labels[57]).toBe(57);
    expect(coarse.splits.test.labels[57]).toBe(7);
    expect(fine.classes).toHaveLength(100);
    expect(fine.classes[99]).toBe('worm');
    expect(coarse.classes).toEqual(names);
    await writeFile(join(folder, 'coarse_label_names.txt'), 'one\n');
    expect((await openCifar(hundred, folder, 'coarse', { dataDir })).classes[19]).toBe(
      'vehicles_2',
    );
  });

  it('refuses a file whose published checksum differs', async () => {
    const hundred = small(cifar100, 10);
    const folder = join(root, hundred.folder);
    await writeFolder(hundred, folder);
    const md5 = createHash('md5')
      .update(await readFile(join(folder, 'train.bin')))
      .digest('hex');
    const checked = { ...hundred, train: [{ ...hundred.train[0]!, md5 }] };
    expect((await openCifar(checked, folder, 'fine', { dataDir })).splits.train.count).toBe(10);
    const file = await open(join(folder, 'train.bin'), 'r+');
    await file.write(Uint8Array.of(99), 0, 1, 1000);
    await file.close();
    await expect(openCifar(checked, folder, 'fine', { dataDir })).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(new RegExp(`train\\.bin.*md5 [0-9a-f]{32} instead of ${md5}`)),
    });
  });

  it.each([
    ['a path that is not there', 'nowhere', /There is no folder or archive .*nowhere/],
    ['a folder without the files', '.', /neither data_batch_1\.bin nor cifar-10-batches-bin/],
    ['an empty data folder', null, /CIFAR-10 is not in the data folder/],
  ])('says what to do about %s', async (_, path, message) => {
    const opened = openCifar(source, path && join(root, path), 'fine', { dataDir });
    await expect(opened).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/\S/),
    });
  });

  it('can be cancelled', async () => {
    await writeFolder(source, join(root, source.folder));
    const signal = AbortSignal.abort();
    await expect(openCifar(source, root, 'fine', { dataDir, signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});

describe('CIFAR from an archive', () => {
  const source = small(cifar10, 40);
  const file = (name: string) => `${source.folder}/${name}`;
  const whole = (): [EntryHeader, Buffer | null][] => [
    [{ name: `${source.folder}/`, type: 'directory' }, null],
    [{ name: file('readme.html') }, Buffer.from('<html>')],
    [{ name: file('batches.meta.txt') }, Buffer.from(cifar10.labels.fine!.classes.join('\n'))],
    ...[...source.train, ...source.test].map(({ name, records: count }): [EntryHeader, Buffer] => [
      { name: `./${file(name)}` },
      records(source, count, 0),
    ]),
  ];

  it('unpacks the expected members only, once, and opens them', async () => {
    const archive = join(root, 'mine.tar.gz');
    const known = withDigest(source, await writeArchive(archive, whole()));
    const dataset = await openCifar(known, archive, 'fine', { dataDir });
    expect(dataset.splits.test.count).toBe(40);
    expect((await readdir(dataDir)).sort()).toEqual([source.folder]);
    expect((await readdir(join(dataDir, source.folder))).sort()).toEqual(
      ['batches.meta.txt', ...source.train.map((f) => f.name), 'test_batch.bin'].sort(),
    );
    const labels: string[] = [];
    await openCifar(known, archive, 'fine', { dataDir, onProgress: (label) => labels.push(label) });
    expect(labels).not.toContain('unpacking mine.tar.gz');
  });

  it('finds an archive that was put into the data folder by hand', async () => {
    await mkdir(dataDir);
    const known = withDigest(
      source,
      await writeArchive(join(dataDir, source.archive.name), whole()),
    );
    expect((await cifarState(known, dataDir)).state).toBe('ready');
    expect((await openCifar(known, null, 'fine', { dataDir })).splits.train.count).toBe(190);
  });

  it('refuses an archive that was tampered with, leaving nothing behind', async () => {
    const archive = join(root, 'cifar-10-binary.tar.gz');
    const known = withDigest(source, await writeArchive(archive, whole()));
    const bytes = await readFile(archive);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(archive, bytes);
    await expect(openCifar(known, archive, 'fine', { dataDir })).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(/not the published archive: \d+ bytes, sha256 .* expected/),
      hint: expect.stringMatching(/unpack it and give the folder/),
    });
    await expect(readdir(dataDir)).rejects.toThrow();
  });

  const good = records(source, 40, 0);
  it.each<[string, [EntryHeader, Buffer | null][], RegExp]>([
    ['climbs out of its folder', [[{ name: '../evil.bin' }, good]], /"\.\.\/evil\.bin".*outside/],
    ['has an absolute name', [[{ name: '/tmp/evil.bin' }, good]], /"\/tmp\/evil\.bin".*outside/],
    [
      'climbs within an expected name',
      [[{ name: `${source.folder}/../../data_batch_1.bin` }, good]],
      /outside the folder/,
    ],
    [
      'has a member of another size',
      [[{ name: file('data_batch_1.bin') }, Buffer.alloc(100)]],
      /data_batch_1\.bin has 100 bytes instead of 122920/,
    ],
    [
      'has a link in the place of a file',
      [[{ name: file('data_batch_1.bin'), type: 'symlink', linkname: '/etc/passwd' }, null]],
      /is a symlink, not a file/,
    ],
    ['lacks a member', [[{ name: file('data_batch_1.bin') }, good]], /has no .*data_batch_2\.bin/],
  ])('refuses an archive that %s', async (_, entries, message) => {
    const archive = join(root, 'mine.tgz');
    const known = withDigest(source, await writeArchive(archive, entries));
    await expect(openCifar(known, archive, 'fine', { dataDir })).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(message),
    });
    expect(await readdir(dataDir)).toEqual([]);
    expect((await readdir(root)).sort()).toEqual(['data', 'mine.tgz']);
  });

  it('refuses a truncated archive even where its checksum is taken for right', async () => {
    const archive = join(root, 'mine.tgz');
    await writeArchive(archive, whole());
    const bytes = await readFile(archive);
    await writeFile(archive, bytes.subarray(0, bytes.length / 2));
    const hex = createHash('sha256')
      .update(bytes.subarray(0, bytes.length / 2))
      .digest('hex');
    await expect(
      openCifar(withDigest(source, hex), archive, 'fine', { dataDir }),
    ).rejects.toMatchObject({ code: 'DATASET', message: expect.stringMatching(/unexpected end/) });
    expect(await readdir(dataDir)).toEqual([]);
  });
});

describe('what is in the data folder', () => {
  it('is told for every dataset', async () => {
    const states = await datasetStates(dataDir);
    expect(states.map(({ id, state }) => [id, state])).toEqual([
      ['greensynth', 'ready'],
      ['cifar10', 'missing'],
      ['cifar100', 'missing'],
      ['mnist', 'missing'],
      ['tiny-imagenet', 'missing'],
      ['image-folder', 'ready'],
    ]);
    expect(states[1]).toMatchObject({
      url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
      downloadBytes: 170_052_171,
      fix: expect.stringContaining('170 MB'),
    });
  });

  it('is broken when a file is short, and ready when all are whole', async () => {
    const source = small(cifar10, 40);
    await writeFolder(source, join(root, 'x'));
    await cp(join(root, 'x'), join(dataDir, source.folder), { recursive: true });
    expect(await cifarState(source, dataDir)).toMatchObject({ state: 'ready', bytes: 6 * 122_920 });
    await truncate(join(dataDir, source.folder, 'data_batch_3.bin'), 5);
    expect(await cifarState(source, dataDir)).toMatchObject({
      state: 'broken',
      detail: expect.stringMatching(/data_batch_3\.bin has 5 bytes instead of 122920/),
    });
  });
});

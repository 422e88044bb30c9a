import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileServer } from './file-server.ts';
import { describeDataset } from '../../../src-main/trainer/data/index.ts';
import {
  downloadMnist,
  mnist,
  mnistState,
  openMnist,
  type MnistSource,
} from '../../../src-main/trainer/data/mnist.ts';

const counts = { train: 60, test: 20 };

/** Big-endian magic and dimensions, then bytes. */
function idx(dimensions: number[], body: Buffer): Buffer {
  const header = Buffer.alloc(4 * (1 + dimensions.length));
  [0x0800 + dimensions.length, ...dimensions].forEach((word, i) =>
    header.writeUInt32BE(word, 4 * i),
  );
  return Buffer.concat([header, body]);
}
/** Image i is filled with i and has a 255 in its second pixel; its label is i modulo 10. */
function images(count: number): Buffer {
  const body = Buffer.alloc(count * 784);
  for (let i = 0; i < count; i++) {
    body.fill(i, i * 784, (i + 1) * 784);
    body[i * 784 + 1] = 255;
  }
  return idx([count, 28, 28], body);
}
const labels = (count: number) =>
  idx([count], Buffer.from(Uint8Array.from({ length: count }, (_, i) => i % 10)));

const plain: Record<string, Buffer> = {
  'train-images-idx3-ubyte': images(counts.train),
  'train-labels-idx1-ubyte': labels(counts.train),
  't10k-images-idx3-ubyte': images(counts.test),
  't10k-labels-idx1-ubyte': labels(counts.test),
};
const packed = Object.fromEntries(
  Object.entries(plain).map(([name, bytes]) => [name, gzipSync(bytes)]),
);

/** The real layout with few images; lengths and checksums of the files above. */
const source: MnistSource = {
  mirrors: [],
  counts,
  files: Object.fromEntries(
    Object.entries(mnist.files).map(([key, { name }]) => [
      key,
      {
        name,
        bytes: packed[name]!.length,
        md5: createHash('md5').update(packed[name]!).digest('hex'),
      },
    ]),
  ) as MnistSource['files'],
};

let root: string;
let dataDir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hg-mnist-'));
  dataDir = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const write = async (files: Record<string, Buffer>, suffix: string) => {
  for (const [name, bytes] of Object.entries(files))
    await writeFile(join(root, name + suffix), bytes);
};

describe('MNIST', () => {
  it.each([
    ['.gz', packed],
    ['', plain],
  ])(
    'is read from files ending in "%s": three equal planes, every 20th held out',
    async (suffix, files) => {
      await write(files, suffix);
      const { splits, classes, size } = await openMnist(source, root, { dataDir });
      expect({ classes, size }).toEqual({ classes: [...'0123456789'], size: 28 });
      expect(splits.train.count).toBe(57);
      expect([...splits.validation.labels]).toEqual([9, 9, 9]);
      expect([...splits.test.labels.slice(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
      // image 20 is the 20th that stays in training: 19 was held out
      expect([...splits.train.images.subarray(19 * 2352, 19 * 2352 + 3)]).toEqual([20, 255, 20]);
      for (const plane of [1, 2])
        expect(splits.train.images.subarray(plane * 784, (plane + 1) * 784)).toEqual(
          splits.train.images.subarray(0, 784),
        );
    },
  );

  it('has the published numbers', () => {
    expect(describeDataset({ kind: 'mnist', path: null })).toEqual({
      classes: 10,
      size: 28,
      train: 57_000,
      validation: 3_000,
      test: 10_000,
    });
  });

  const damaged = (name: string, change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(plain[name]!);
    change(bytes);
    return { ...plain, [name]: bytes };
  };
  it.each<[string, Record<string, Buffer>, RegExp]>([
    [
      'a label out of range',
      damaged('t10k-labels-idx1-ubyte', (bytes) => (bytes[8 + 5] = 10)),
      /t10k-labels-idx1-ubyte: image 5 has label 10, but labels go from 0 to 9/,
    ],
    [
      'another magic number',
      damaged('train-images-idx3-ubyte', (bytes) => (bytes[3] = 1)),
      /header says 2049, 60, 28, 28 instead of 2051, 60, 28, 28/,
    ],
    [
      'images of another shape',
      damaged('train-images-idx3-ubyte', (bytes) => {
        bytes.writeUInt32BE(14, 8);
        bytes.writeUInt32BE(56, 12);
      }),
      /60, 14, 56/,
    ],
    [
      'a file that is not whole',
      { ...plain, 'train-labels-idx1-ubyte': plain['train-labels-idx1-ubyte']!.subarray(0, 30) },
      /has 30 bytes \(unpacked\) instead of 68/,
    ],
  ])('with %s is refused', async (_, files, message) => {
    await write(files, '');
    await expect(openMnist(source, root, { dataDir })).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(message),
    });
  });

  it('refuses an archive that is not the published one, or cannot be unpacked', async () => {
    const name = 'train-labels-idx1-ubyte';
    await write({ ...packed, [name]: Buffer.from('no gzip at all') }, '.gz');
    await expect(openMnist(source, root, { dataDir })).rejects.toThrow(/md5 .* instead of/);
    const unchecked = { ...source.files.trainLabels, md5: null };
    const lax = { ...source, files: { ...source.files, trainLabels: unchecked } };
    await expect(openMnist(lax, root, { dataDir })).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(/train-labels-idx1-ubyte\.gz cannot be unpacked/),
    });
  });

  it('says which file a folder lacks, and where the data folder is', async () => {
    await expect(openMnist(source, root, { dataDir })).rejects.toThrow(
      /neither train-images-idx3-ubyte\.gz nor/,
    );
    await expect(openMnist(source, null, { dataDir })).rejects.toThrow(
      `not in the data folder ${join(dataDir, 'mnist')}`,
    );
    await expect(openMnist(source, join(root, 'x'), { dataDir })).rejects.toThrow(/no folder or/);
  });
});

describe('MNIST from a mirror', () => {
  let server: Server;
  const asked: string[] = [];
  beforeEach(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const body = packed[(request.url ?? '').replace(/^\/here\/(.*)\.gz$/, '$1')];
      response.writeHead(body ? 200 : 404).end(body);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    process.env['HUGGINGGREEN_MIRROR'] =
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/here/`;
  });
  afterEach(async () => {
    delete process.env['HUGGINGGREEN_MIRROR'];
    await new Promise((done) => server.close(done));
  });

  it('is downloaded, checked and opened', async () => {
    expect((await mnistState(source, dataDir)).state).toBe('missing');
    const shares: number[] = [];
    await downloadMnist(source, dataDir, {
      onProgress: ({ received, total }) => shares.push(received / (total ?? NaN)),
    });
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
    const bytes = Object.values(packed).reduce((sum, { length }) => sum + length, 0);
    expect(await mnistState(source, dataDir)).toMatchObject({ state: 'ready', bytes });
    expect((await openMnist(source, null, { dataDir })).splits.test.count).toBe(20);

    const file = join(dataDir, 'mnist', 't10k-labels-idx1-ubyte.gz');
    await writeFile(file, (await readFile(file)).subarray(0, 10));
    expect((await mnistState(source, dataDir)).state).toBe('broken');

    // as a download that was stopped leaves it
    await rename(file, `${file}.part`);
    const rest = bytes - Object.values(packed).at(-1)!.length + 10;
    expect(await mnistState(source, dataDir)).toMatchObject({
      state: 'missing',
      bytes: rest,
      detail: expect.stringContaining('the download goes on from there'),
    });
  });

  it.each<[string, (first: FileServer) => void]>([
    ['lacks them', (first) => (first.statuses = [404, 404, 404, 404])],
    ['is cut off again and again', (first) => (first.cuts = Array<number>(8).fill(3))],
    ['sends something else', (first) => (first.content = Buffer.alloc(50, 7))],
    ['refuses connections', (first) => first.stop()],
  ])('is asked for the files where the first %s', async (_, misbehave) => {
    const second = process.env['HUGGINGGREEN_MIRROR']!.replace(/\/$/, '');
    delete process.env['HUGGINGGREEN_MIRROR'];
    const first = new FileServer();
    await first.start();
    const mirrors = [first.url, second];
    misbehave(first);
    asked.length = 0;
    await downloadMnist({ ...source, mirrors }, dataDir, { retries: 1, pauseMs: 1 });
    await first.stop();
    expect(asked).toHaveLength(4);
    expect((await openMnist(source, null, { dataDir })).splits.test.count).toBe(20);
  });

  it('that sends something else is refused', async () => {
    const other = { ...source.files.trainImages, md5: '0'.repeat(32) };
    const wrong = { ...source, files: { ...source.files, trainImages: other } };
    await mkdir(dataDir);
    await expect(downloadMnist(wrong, dataDir)).rejects.toThrow(/is not the published file/);
    expect((await mnistState(source, dataDir)).state).toBe('missing');
  });
});

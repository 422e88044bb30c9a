import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeDataset } from '../../../src-main/trainer/data/index.ts';
import {
  downloadTinyImageNet,
  openTinyImageNet,
  tinyImageNet,
  tinyImageNetState,
  type TinyImageNetSource,
} from '../../../src-main/trainer/data/tiny-imagenet.ts';
import { FileServer } from './file-server.ts';
import { zipOf, type Member } from './zip-file.ts';

/** The real layout with three classes. */
const small: TinyImageNetSource = { ...tinyImageNet, classes: 3, trainPerClass: 20, val: 6 };
// as published, not in sorted order
const ids = ['n02124075', 'n01443537', 'n07734744'];

/** Path in the set to content. */
type Files = Map<string, Buffer>;
let pictures: { colour: Buffer[]; grey: Buffer };

beforeAll(async () => {
  const plain = (blue: number, side = 64) =>
    sharp({
      create: { width: side, height: side, channels: 3, background: { r: 10, g: 20, b: blue } },
    });
  pictures = {
    colour: await Promise.all([0, 100, 200].map((blue) => plain(blue).jpeg().toBuffer())),
    grey: await plain(90).greyscale().jpeg().toBuffer(),
  };
});

function wholeSet(): Files {
  const files: Files = new Map();
  const text = (path: string, lines: string[]) =>
    files.set(path, Buffer.from(lines.join('\n') + '\n'));
  text('wnids.txt', ids);
  text('words.txt', [
    'n01443537\tgoldfish, Carassius auratus',
    'n02124075\tEgyptian cat',
    'n07734744\tmushroom',
    'n99999999\tnot in the set',
  ]);
  ids.forEach((id, c) => {
    const names = Array.from({ length: small.trainPerClass }, (_, i) => `${id}_${i}.JPEG`);
    text(
      `train/${id}/${id}_boxes.txt`,
      names.map((name, i) => `${name}\t${i}\t0\t63\t${c}`),
    );
    for (const name of names) files.set(`train/${id}/images/${name}`, pictures.colour[c]!);
  });
  const val = Array.from({ length: small.val }, (_, i) => i);
  text(
    'val/val_annotations.txt',
    val.map((i) => `val_${i}.JPEG\t${ids[i % 3]}\t0\t32\t44\t62`),
  );
  for (const i of val)
    files.set(`val/images/val_${i}.JPEG`, i === 0 ? pictures.grey : pictures.colour[i % 3]!);
  return files;
}

let root: string;
let dataDir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hg-tiny-'));
  dataDir = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function writeFolder(files: Files): Promise<string> {
  const folder = join(root, 'tiny-imagenet-200');
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

const membersOf = (files: Files): Member[] =>
  [...files].map(([path, bytes], i) => ({
    name: `tiny-imagenet-200/${path}`,
    bytes,
    deflate: i % 2 === 0,
  }));

/** Writes an archive and returns a source that takes it for the published one. */
async function writeArchive(path: string, members: Member[]): Promise<TinyImageNetSource> {
  const bytes = zipOf(members);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  const hex = createHash('md5').update(bytes).digest('hex');
  const digest = { algorithm: 'md5', hex } as const;
  return { ...small, archive: { ...small.archive, bytes: bytes.length, digest } };
}

describe('Tiny ImageNet', () => {
  it('is read from its archive: sorted ids, half-open boxes, val as test, 5 % held out', async () => {
    const archive = join(dataDir, 'tiny-imagenet-200.zip');
    const source = await writeArchive(archive, membersOf(wholeSet()));
    expect(await tinyImageNetState(source, dataDir)).toMatchObject({
      state: 'ready',
      detail: expect.stringMatching(/decoded when first used/),
    });
    const { splits, classes, size } = await openTinyImageNet(source, null, { dataDir });
    expect(classes).toEqual(['goldfish', 'Egyptian cat', 'mushroom']);
    expect(size).toBe(64);
    const { train, validation, test } = splits;
    expect([train.count, validation.count, test.count]).toEqual([57, 3, 6]);
    expect([...validation.labels]).toEqual([0, 1, 2]);
    // val_i belongs to ids[i % 3], whose places among the sorted ids are 1, 0, 2
    expect([...test.labels]).toEqual([1, 0, 2, 1, 0, 2]);
    expect([...test.boxes!.subarray(0, 4)]).toEqual([0, 32, 45, 63]);
    // the goldfish is the second in wnids.txt: rows 0..1; image 3 begins in column 3
    expect([...train.boxes!.subarray(12, 16)]).toEqual([3, 0, 64, 2]);
    // blue of the class, and grey replicated
    const pixel = (images: Uint8Array, i: number) =>
      [0, 1, 2].map((c) => images[i * 12288 + c * 4096]!);
    expect(pixel(train.images, 0)[2]).toBeGreaterThan(90);
    expect(pixel(train.images, 0)[2]).toBeLessThan(110);
    const [red, green, blue] = pixel(test.images, 0);
    expect([green, blue]).toEqual([red, red]);

    const told: string[] = [];
    const again = await openTinyImageNet(source, archive, {
      dataDir,
      onProgress: (label) => told.push(label),
    });
    expect(told).not.toContain('decoding Tiny ImageNet');
    expect(again.splits).toEqual(splits);
    const [held, whole] = [tinyImageNetState(source, dataDir), source.archive.bytes];
    expect((await held).bytes).toBe(whole + 66 * 12288);
  });

  it('is read from the folder it unpacks to, the same', async () => {
    const folder = await writeFolder(wholeSet());
    const source = await writeArchive(join(root, 'mine.zip'), membersOf(wholeSet()));
    const packed = await openTinyImageNet(source, join(root, 'mine.zip'), { dataDir });
    for (const path of [folder, root])
      expect((await openTinyImageNet(small, path, { dataDir })).splits).toEqual(packed.splits);
  });

  it('has the published numbers', () => {
    expect(describeDataset({ kind: 'tiny-imagenet', path: null })).toEqual({
      classes: 200,
      size: 64,
      train: 95_000,
      validation: 5_000,
      test: 10_000,
    });
  });

  it.each<[string, string, RegExp]>([
    ['reaches out of the image', '0\t0\t64\t5', /has a box outside the image: 0 0 64 5/],
    ['starts before the image', '-1\t0\t5\t5', /has a box outside the image: -1 0 5 5/],
    ['is turned inside out', '9\t0\t3\t5', /has a box outside the image: 9 0 3 5/],
    ['is between two pixels', '0.5\t0\t3\t5', /has a box outside the image: 0.5 0 3 5/],
    ['is half there', '0\t0', /has a box outside the image: 0 0/],
  ])('leaves out an image whose box %s, and says so', async (_, corners, reason) => {
    const files = wholeSet();
    const boxes = 'train/n01443537/n01443537_boxes.txt';
    const text = files.get(boxes)!.toString();
    files.set(boxes, Buffer.from(text.replace(/(_3\.JPEG)\t.*/, `$1\t${corners}`)));
    const notes: string[] = [];
    const { splits } = await openTinyImageNet(small, await writeFolder(files), {
      dataDir,
      onNote: (note) => notes.push(note),
    });
    expect(splits.train.count).toBe(56);
    expect(notes).toEqual([expect.stringMatching(reason)]);
    // the boxes that are left still belong to their images
    expect([...splits.train.boxes!.subarray(8, 12)]).toEqual([2, 0, 64, 2]);
  });

  it('leaves out single bad images, each with its reason', async () => {
    const files = wholeSet();
    const id = 'n01443537';
    const image = (i: number) => `train/${id}/images/${id}_${i}.JPEG`;
    files.set(image(0), Buffer.from('no jpeg'));
    files.delete(image(1));
    files.set(image(2), await sharp(pictures.grey).resize(32, 64).jpeg().toBuffer());
    const boxes = `train/${id}/${id}_boxes.txt`;
    files.set(
      boxes,
      Buffer.from(
        files
          .get(boxes)!
          .toString()
          .replace(/(_3\.JPEG)\t.*/, '$1\t0\t0\t64\t5'),
      ),
    );
    const source = await writeArchive(join(root, 'mine.zip'), membersOf(files));
    for (const [given, path] of [
      [small, await writeFolder(files)],
      [source, join(root, 'mine.zip')],
    ] as const) {
      const notes: string[] = [];
      const { splits } = await openTinyImageNet(given, path, {
        dataDir,
        onNote: (note) => notes.push(note),
      });
      expect(splits.train.count).toBe(53);
      // image 4 of the class is now the first
      expect([...splits.train.boxes!.subarray(0, 4)]).toEqual([4, 0, 64, 2]);
      expect(notes).toEqual([
        expect.stringMatching(
          /^4 of 66 images of Tiny ImageNet are left out: .*_0\.JPEG is neither JPEG nor PNG.*_1\.JPEG is (missing|not in the archive); .*_2\.JPEG has 32x64 pixels instead of 64x64; and so on\.$/,
        ),
      ]);
    }
  });

  const withText = (path: string, change: (text: string) => string): Files => {
    const files = wholeSet();
    return files.set(path, Buffer.from(change(files.get(path)!.toString())));
  };
  it.each<[string, () => Files, RegExp]>([
    [
      'an id that leads out of the folder',
      () => withText('wnids.txt', (text) => text.replace('n01443537', '../../x')),
      /wnids\.txt: "\.\.\/\.\.\/x" is no WordNet id/,
    ],
    [
      'a class too few',
      () => withText('wnids.txt', (text) => text.replace('n01443537\n', '')),
      /wnids\.txt names 2 classes instead of 3/,
    ],
    [
      'a label that is none of its classes',
      () =>
        withText('val/val_annotations.txt', (text) =>
          text.replace('val_1.JPEG\tn01443537', 'val_1.JPEG\tn99999999'),
        ),
      /val_1\.JPEG has the label n99999999, which wnids\.txt does not name/,
    ],
    [
      'an image without a label',
      () => withText('val/val_annotations.txt', (text) => text.replace('val_5', 'val_7')),
      /says nothing of val_5\.JPEG/,
    ],
    [
      'a missing text file',
      () => {
        const files = wholeSet();
        files.delete('words.txt');
        return files;
      },
      /words\.txt is missing/,
    ],
    [
      'boxes outside the images',
      () =>
        withText('train/n01443537/n01443537_boxes.txt', (text) => text.replaceAll('\t63', '\t-1')),
      /20 of the 66 images of Tiny ImageNet are of no use: .*_0\.JPEG has a box outside the image: 0 0 -1 1/,
    ],
  ])('with %s is refused', async (_, files, message) => {
    const folder = await writeFolder(files());
    await expect(openTinyImageNet(small, folder, { dataDir })).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(message),
    });
  });
});

describe('the download of Tiny ImageNet', () => {
  let server: FileServer;
  beforeEach(async () => {
    server = new FileServer();
    await server.start();
    process.env['HUGGINGGREEN_MIRROR'] = server.url;
  });
  afterEach(async () => {
    delete process.env['HUGGINGGREEN_MIRROR'];
    await server.stop();
  });
  const archive = () => join(dataDir, 'tiny-imagenet-200.zip');
  const options = { pauseMs: 1, retries: 2 };

  it('goes on after cuts, by way of a redirect, and is opened', async () => {
    const source = await writeArchive(join(root, 'mine.zip'), membersOf(wholeSet()));
    server.content = await readFile(join(root, 'mine.zip'));
    server.redirect = true;
    server.cuts = [0.4, 0.3].map((share) => Math.floor(share * server.content.length));
    await expect(
      downloadTinyImageNet(source, dataDir, { ...options, retries: 0 }),
    ).rejects.toMatchObject({ hint: expect.stringMatching(/bytes received are kept/) });
    expect(await tinyImageNetState(source, dataDir)).toMatchObject({
      state: 'missing',
      detail: expect.stringMatching(/the download goes on from there/),
    });
    const received: number[] = [];
    await downloadTinyImageNet(source, dataDir, {
      ...options,
      onProgress: (progress) => received.push(progress.received),
    });
    expect(received).toEqual(received.toSorted((a, b) => a - b));
    expect(received[0]).toBeGreaterThan(0);
    // the first from the start, the others from where the last ended
    expect(server.ranges.map((range) => range !== undefined)).toEqual([false, true, true]);
    expect(await readdir(dataDir)).toEqual(['tiny-imagenet-200.zip']);
    const { splits } = await openTinyImageNet(source, null, { dataDir });
    expect(splits.train.count).toBe(57);
  });

  it('refuses an archive with another checksum, and asks anew the next time', async () => {
    const source = await writeArchive(join(root, 'mine.zip'), membersOf(wholeSet()));
    const whole = await readFile(join(root, 'mine.zip'));
    server.content = Buffer.from(whole);
    server.content[whole.length >> 1]! ^= 1;
    await expect(downloadTinyImageNet(source, dataDir, options)).rejects.toThrow(
      /is not the published file: md5/,
    );
    expect(await readdir(dataDir)).toEqual([]);
    server.content = whole;
    await downloadTinyImageNet(source, dataDir, options);
    expect((await readFile(archive())).equals(whole)).toBe(true);
  });
});

describe('an archive of Tiny ImageNet', () => {
  const refusal = async (source: TinyImageNetSource) =>
    expect(openTinyImageNet(source, join(root, 'mine.zip'), { dataDir })).rejects;
  const archive = () => join(root, 'mine.zip');
  const evil = Buffer.from('evil');

  it.each([
    ['../evil', /invalid relative path: \.\.\/evil/],
    ['tiny-imagenet-200/../../evil', /invalid relative path/],
    ['/tmp/evil', /absolute path: \/tmp\/evil/],
    ['tiny-imagenet-200\\..\\evil', /invalid characters/],
  ])('with the member %s is refused whole', async (name, message) => {
    const source = await writeArchive(archive(), [...membersOf(wholeSet()), { name, bytes: evil }]);
    await (await refusal(source)).toThrow(message);
    expect(await readdir(root)).toEqual(['mine.zip']);
  });

  it('that is not the published one, or none, or cut off, is refused', async () => {
    await writeArchive(archive(), membersOf(wholeSet()));
    await (await refusal(small)).toThrow(/not the published archive: \d+ bytes, md5/);

    const bytes = zipOf(membersOf(wholeSet())).subarray(0, 5000);
    await writeFile(archive(), bytes);
    const hex = createHash('md5').update(bytes).digest('hex');
    const digest = { algorithm: 'md5', hex } as const;
    await (
      await refusal({ ...small, archive: { ...small.archive, digest } })
    ).toThrow(/mine\.zip is not the archive it should be/);
  });

  it('with members that are not what they claim loses those', async () => {
    const members = membersOf(wholeSet());
    const jpegs = members.filter(({ name }) => name.includes('/train/n07734744/images'));
    Object.assign(jpegs[0]!, { deflate: false, claims: { crc: 1 } });
    Object.assign(jpegs[1]!, { deflate: true, claims: { length: 3 } });
    Object.assign(jpegs[2]!, { deflate: true, claims: { length: 1e9 } });
    const source = await writeArchive(archive(), members);
    const notes: string[] = [];
    const { splits } = await openTinyImageNet(source, archive(), {
      dataDir,
      onNote: (note) => notes.push(note),
    });
    expect(splits.train.count).toBe(54);
    expect(notes[0]).toMatch(/_0\.JPEG has another checksum than the archive says/);
    expect(notes[0]).toMatch(/_2\.JPEG claims a length of 1000000000 bytes/);
  });
});

/**
 * MNIST (LeCun, Cortes & Burges 1998), four files in the idx format (method, section I).
 *
 * From a folder with the published .gz files or with what they unpack to. Grey becomes three equal
 * planes on load, so that every model sees colour images; 28 x 28 is resized on the device. The last
 * of every 20 training images is held out for validation.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { createHash } from 'node:crypto';
import {
  channelStatistics,
  DatasetError,
  emptySplit,
  heldOut,
  splitPlace,
  throwIfCancelled,
  type Dataset,
  type LocalState,
  type OpenContext,
  type Split,
  type SplitName,
} from './dataset.ts';
import { download, type DownloadOptions } from './download.ts';
import { cannotRead, exists, givenPath, megabytes, nothingAt } from './local-files.ts';

const side = 28;
const pixels = side * side;
const classes = [...'0123456789'];
const unzip = promisify(gunzip);

interface IdxFile {
  /** Without .gz. */
  name: string;
  /** Of the published .gz file. */
  bytes: number;
  /** Of the published .gz file; null accepts any. */
  md5: string | null;
}

/** What is published about the set. */
export interface MnistSource {
  /** Folders that have the files, in the order they are tried. */
  mirrors: readonly string[];
  counts: { train: number; test: number };
  files: Record<'trainImages' | 'trainLabels' | 'testImages' | 'testLabels', IdxFile>;
}

export const mnist: MnistSource = {
  mirrors: ['https://ossci-datasets.s3.amazonaws.com/mnist', 'http://yann.lecun.com/exdb/mnist'],
  counts: { train: 60_000, test: 10_000 },
  files: {
    trainImages: {
      name: 'train-images-idx3-ubyte',
      bytes: 9_912_422,
      md5: 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    },
    trainLabels: {
      name: 'train-labels-idx1-ubyte',
      bytes: 28_881,
      md5: 'd53e105ee54ea40749a09fcbcd1e9432',
    },
    testImages: {
      name: 't10k-images-idx3-ubyte',
      bytes: 1_648_877,
      md5: '9fb629c4189551a2d022fa330f9573f3',
    },
    testLabels: {
      name: 't10k-labels-idx1-ubyte',
      bytes: 4_542,
      md5: 'ec29112dd5afa0611ce80d1b7f02629c',
    },
  },
};

/** Where the files are tried to be had; HUGGINGGREEN_MIRROR replaces the published places. */
export function mnistMirrors({ mirrors }: MnistSource = mnist): readonly string[] {
  const own = process.env['HUGGINGGREEN_MIRROR'];
  return own ? [own.replace(/\/+$/, '')] : mirrors;
}

const filesOf = (source: MnistSource): IdxFile[] => Object.values(source.files);
export const mnistBytes = (source: MnistSource = mnist): number =>
  filesOf(source).reduce((sum, { bytes }) => sum + bytes, 0);
const ownFolder = (dataDir: string) => join(dataDir, 'mnist');

const again = `Get the four .gz files anew from ${mnist.mirrors[0]}, or download MNIST again on the page of the datasets.`;

/**
 * Reads MNIST from `path`, or from the data folder where it is null.
 * @throws DatasetError naming the file, what was expected, what was found and what to do.
 */
export async function openMnist(
  source: MnistSource,
  path: string | null,
  context: OpenContext,
): Promise<Dataset> {
  const folder = await locate(source, path, context);
  const { files, counts } = source;
  const train = emptySplit(counts.train - heldOut(counts.train), side);
  const validation = emptySplit(heldOut(counts.train), side);
  const test = emptySplit(counts.test, side);

  const read = (file: IdxFile, values: number, ...dimensions: number[]) =>
    readIdx(folder, file, values, dimensions, context);
  const trainLabels = await read(files.trainLabels, classes.length, counts.train);
  const trainImages = await read(files.trainImages, 256, counts.train, side, side);
  for (let i = 0; i < counts.train; i++) {
    const { split, at } = splitPlace(i);
    put(trainImages, trainLabels, i, split === 'train' ? train : validation, at);
  }
  const testLabels = await read(files.testLabels, classes.length, counts.test);
  const testImages = await read(files.testImages, 256, counts.test, side, side);
  for (let i = 0; i < counts.test; i++) put(testImages, testLabels, i, test, i);

  return {
    name: 'MNIST',
    classes,
    channels: 3,
    size: side,
    splits: { train, validation, test },
    ...channelStatistics(train.images, side),
  };
}

/** Images per split and classes, known without opening anything. */
export function mnistSummary({ counts }: MnistSource): {
  classes: number;
  size: number;
} & Record<SplitName, number> {
  return {
    classes: classes.length,
    size: side,
    train: counts.train - heldOut(counts.train),
    validation: heldOut(counts.train),
    test: counts.test,
  };
}

function put(images: Uint8Array, labels: Uint8Array, from: number, to: Split, at: number): void {
  const grey = images.subarray(from * pixels, (from + 1) * pixels);
  for (let channel = 0; channel < 3; channel++) to.images.set(grey, (at * 3 + channel) * pixels);
  to.labels[at] = labels[from]!;
}

/**
 * The values of an idx file: a big-endian magic number 0x0800 + rank, the dimensions, then bytes.
 * @param values each must be below this.
 */
async function readIdx(
  folder: string,
  file: IdxFile,
  values: number,
  dimensions: readonly number[],
  { onProgress, signal }: OpenContext,
): Promise<Uint8Array> {
  throwIfCancelled(signal, 'Reading MNIST');
  onProgress?.(`reading MNIST, ${file.name}`, null);
  const { path, bytes } = await contents(folder, file);
  const header = 4 * (1 + dimensions.length);
  const expected = header + dimensions.reduce((a, b) => a * b, 1);
  if (bytes.byteLength !== expected)
    throw new DatasetError(
      `${path} has ${bytes.byteLength} bytes (unpacked) instead of ${expected}: it is not whole, or another set.`,
      again,
    );
  const found = [0, ...dimensions].map((_, i) => bytes.readUInt32BE(4 * i));
  const wanted = [0x0800 + dimensions.length, ...dimensions];
  if (found.join() !== wanted.join())
    throw new DatasetError(
      `${path} is not the idx file it should be: its header says ${found.join(', ')} instead of ${wanted.join(', ')}.`,
      again,
    );
  const body = bytes.subarray(header);
  const wrong = values > 255 ? -1 : body.findIndex((value) => value >= values);
  if (wrong >= 0)
    throw new DatasetError(
      `${path}: image ${wrong} has label ${body[wrong]}, but labels go from 0 to ${values - 1}.`,
      again,
    );
  return body;
}

/** The unpacked file where it is there, else its .gz, checked. */
async function contents(folder: string, file: IdxFile): Promise<{ path: string; bytes: Buffer }> {
  const plain = join(folder, file.name);
  const packed = `${plain}.gz`;
  const path = (await exists(plain)) ? plain : packed;
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw cannotRead(path, cause, again);
  });
  if (path === plain) return { path, bytes };
  if (file.md5 !== null) {
    const found = createHash('md5').update(bytes).digest('hex');
    if (found !== file.md5)
      throw new DatasetError(
        `${path} is not the published file: md5 ${found} instead of ${file.md5}.`,
        `${again} To use files of your own making, unpack them.`,
      );
  }
  // nothing published unpacks to more than 48 MB
  const unpacked = await unzip(bytes, { maxOutputLength: 64 << 20 }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(`${path} cannot be unpacked: ${reason}.`, again);
  });
  return { path, bytes: unpacked };
}

/** The folder that has the files. */
async function locate(
  source: MnistSource,
  path: string | null,
  { dataDir }: OpenContext,
): Promise<string> {
  const given = givenPath(path);
  const folder = given ?? ownFolder(dataDir);
  if (given !== null && !(await exists(given))) throw nothingAt(given);
  const missing = await firstMissing(source, folder);
  if (missing === null) return folder;
  if (given !== null)
    throw new DatasetError(
      `There is no MNIST in ${given}: neither ${missing}.gz nor ${missing} is there.`,
      `dataset.path has to name the folder with the four files of ${mnist.mirrors[0]}.`,
    );
  throw new DatasetError(
    `MNIST is not in the data folder ${folder}.`,
    `Download it on the page of the datasets; or put the four .gz files of ${mnist.mirrors[0]} there, or give their folder as dataset.path.`,
  );
}

async function firstMissing(source: MnistSource, folder: string): Promise<string | null> {
  for (const { name } of filesOf(source)) {
    const path = join(folder, name);
    if (!(await exists(path)) && !(await exists(`${path}.gz`))) return name;
  }
  return null;
}

// --- the data folder -----------------------------------------------------------------------------

/** Downloads what is missing of the four files; the next mirror is asked where one fails. */
export async function downloadMnist(
  source: MnistSource,
  dataDir: string,
  options: DownloadOptions = {},
): Promise<void> {
  const total = mnistBytes(source);
  let before = 0;
  for (const file of filesOf(source)) {
    const { onProgress } = options;
    const received = before;
    await fromMirrors(mnistMirrors(source), file, join(ownFolder(dataDir), `${file.name}.gz`), {
      ...options,
      ...(onProgress && {
        onProgress: (progress) =>
          onProgress({ ...progress, received: received + progress.received, total }),
      }),
    });
    before += file.bytes;
  }
}

async function fromMirrors(
  mirrors: readonly string[],
  { name, bytes, md5 }: IdxFile,
  file: string,
  options: DownloadOptions,
): Promise<void> {
  for (const [i, mirror] of mirrors.entries()) {
    const digest = { algorithm: 'md5', hex: md5 ?? '' } as const;
    try {
      return await download({ url: `${mirror}/${name}.gz`, bytes, digest }, file, options);
    } catch (cause) {
      if (!(cause instanceof DatasetError) || i === mirrors.length - 1) throw cause;
    }
  }
}

/** What the data folder holds, by names and lengths; contents are checked when the set is opened. */
export async function mnistState(source: MnistSource, dataDir: string): Promise<LocalState> {
  const folder = ownFolder(dataDir);
  const total = megabytes(mnistBytes(source));
  let bytes = 0;
  let missing = false;
  for (const file of filesOf(source)) {
    const plain = join(folder, file.name);
    const packed = await stat(`${plain}.gz`).catch(() => null);
    const found = (await stat(plain).catch(() => null)) ?? packed;
    if (found && found === packed && found.size !== file.bytes)
      return {
        state: 'broken',
        detail: `${plain}.gz has ${found.size} bytes instead of ${file.bytes}.`,
        fix: 'Download it again.',
        bytes: null,
      };
    missing ||= !found;
    const begun = found ?? (await stat(`${plain}.gz.part`).catch(() => null));
    bytes += begun?.size ?? 0;
  }
  if (missing)
    return {
      state: 'missing',
      detail:
        bytes > 0
          ? `${megabytes(bytes)} of ${total} MB are here; the download goes on from there.`
          : `Not in ${folder}.`,
      fix: `Download it (${total} MB), or put the four .gz files of ${mnist.mirrors[0]} into ${folder}.`,
      bytes: bytes || null,
    };
  return { state: 'ready', detail: folder, fix: null, bytes };
}

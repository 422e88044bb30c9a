/**
 * CIFAR-10 and CIFAR-100, binary version (Krizhevsky 2009; formats and checksums: method, section I).
 *
 * From a folder, a local .tar.gz, or the data folder after a download. Everything that is published
 * about the files is checked before a number is trained on: lengths, checksums, the range of labels.
 *
 * CIFAR has no validation split. Every 20th training image (index 19, 39, ...) is held out: 2,500 of
 * 50,000, the same in every run, so that models are never chosen on the test images.
 */
import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { extractMembers, type Member } from './archive.ts';
import type { Digest } from './checksum.ts';
import { cifar100Classes, cifar100Superclasses, cifar10Classes } from './cifar-classes.ts';
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
import {
  cannotRead,
  exists,
  givenPath,
  megabytes,
  nothingAt,
  requirePublished,
} from './local-files.ts';

const side = 32;
const imageBytes = 3 * side * side;

interface BatchFile {
  name: string;
  records: number;
  /** Published checksum; null where none is. */
  md5: string | null;
}

/** One of a record's label bytes. */
interface LabelKind {
  /** Position in the record. */
  byte: number;
  classes: string[];
  /** File of the archive that names the classes; may be absent. */
  namesFile: string;
}

/** What is published about one of the two sets. */
export interface CifarSource {
  title: string;
  /** Name of the archive's folder, and of ours in the data folder. */
  folder: string;
  archive: { name: string; bytes: number; digest: Digest };
  labelBytes: 1 | 2;
  labels: Record<'fine' | 'coarse', LabelKind | null>;
  train: BatchFile[];
  test: BatchFile[];
}

export const cifar10: CifarSource = {
  title: 'CIFAR-10',
  folder: 'cifar-10-batches-bin',
  archive: {
    name: 'cifar-10-binary.tar.gz',
    bytes: 170_052_171,
    digest: {
      algorithm: 'sha256',
      hex: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
    },
  },
  labelBytes: 1,
  labels: {
    fine: { byte: 0, classes: cifar10Classes, namesFile: 'batches.meta.txt' },
    coarse: null,
  },
  train: [1, 2, 3, 4, 5].map((n) => ({ name: `data_batch_${n}.bin`, records: 10_000, md5: null })),
  test: [{ name: 'test_batch.bin', records: 10_000, md5: null }],
};

export const cifar100: CifarSource = {
  title: 'CIFAR-100',
  folder: 'cifar-100-binary',
  archive: {
    name: 'cifar-100-binary.tar.gz',
    bytes: 168_513_733,
    digest: { algorithm: 'md5', hex: '03b5dce01913d631647c71ecec9e9cb8' },
  },
  labelBytes: 2,
  labels: {
    coarse: { byte: 0, classes: cifar100Superclasses, namesFile: 'coarse_label_names.txt' },
    fine: { byte: 1, classes: cifar100Classes, namesFile: 'fine_label_names.txt' },
  },
  train: [{ name: 'train.bin', records: 50_000, md5: '6172c7755cfe09b2fe270c85cebc1b15' }],
  test: [{ name: 'test.bin', records: 10_000, md5: '4499cfba6c016c1be1438163640a0898' }],
};

const publisher = 'https://www.cs.toronto.edu/~kriz';

/** Address of the archive; HUGGINGGREEN_MIRROR names another folder that has it. */
export function archiveUrl({ archive }: CifarSource): string {
  const base = process.env['HUGGINGGREEN_MIRROR'] || publisher;
  return `${base.replace(/\/+$/, '')}/${archive.name}`;
}

const recordBytes = (source: CifarSource) => source.labelBytes + imageBytes;
const fileBytes = (source: CifarSource, file: BatchFile) => file.records * recordBytes(source);
const batchFiles = (source: CifarSource) => [...source.train, ...source.test];

const members = (source: CifarSource): Member[] => [
  ...batchFiles(source).map((file) => ({
    path: `${source.folder}/${file.name}`,
    bytes: fileBytes(source, file),
  })),
  ...Object.values(source.labels).flatMap((kind) =>
    kind ? [{ path: `${source.folder}/${kind.namesFile}`, bytes: null, optional: true }] : [],
  ),
];

// --- opening -------------------------------------------------------------------------------------

/**
 * Opens a set. `path` is a folder (the archive's own or the one around it), a .tar.gz, or null for the
 * data folder.
 * @throws DatasetError for missing, truncated, altered or wrong files.
 */
export async function openCifar(
  source: CifarSource,
  path: string | null,
  labels: 'fine' | 'coarse',
  context: OpenContext,
): Promise<Dataset> {
  const kind = source.labels[labels];
  if (!kind) throw new RangeError(`${source.title} has no ${labels} labels`);
  const folder = await locate(source, path, context);

  const counts = cifarSummary(source, labels);
  const train = emptySplit(counts.train, side);
  const validation = emptySplit(counts.validation, side);
  const test = emptySplit(counts.test, side);

  let index = 0;
  for (const file of source.train) {
    const records = await readBatch(source, folder, file, kind, context);
    for (let i = 0; i < file.records; i++, index++) {
      const { split, at } = splitPlace(index);
      put(records, i, split === 'train' ? train : validation, at, kind.byte);
    }
  }
  index = 0;
  for (const file of source.test) {
    const records = await readBatch(source, folder, file, kind, context);
    for (let i = 0; i < file.records; i++, index++) put(records, i, test, index, kind.byte);
  }

  return {
    name: source.title,
    classes: await classNames(folder, kind),
    channels: 3,
    size: side,
    splits: { train, validation, test },
    ...channelStatistics(train.images, side),
  };
}

/** Images per split and classes, known without opening anything. */
export function cifarSummary(
  source: CifarSource,
  labels: 'fine' | 'coarse',
): { classes: number; size: number } & Record<SplitName, number> {
  const all = total(source.train);
  const held = heldOut(all);
  return {
    classes: source.labels[labels]?.classes.length ?? 0,
    size: side,
    train: all - held,
    validation: held,
    test: total(source.test),
  };
}

const total = (files: readonly BatchFile[]) => files.reduce((sum, file) => sum + file.records, 0);

/** Records of one file, label bytes first. */
interface Records {
  bytes: Uint8Array;
  stride: number;
}

function put({ bytes, stride }: Records, record: number, to: Split, at: number, label: number) {
  const start = record * stride;
  to.labels[at] = bytes[start + label]!;
  to.images.set(bytes.subarray(start + stride - imageBytes, start + stride), at * imageBytes);
}

async function readBatch(
  source: CifarSource,
  folder: string,
  file: BatchFile,
  kind: LabelKind,
  { onProgress, signal }: OpenContext,
): Promise<Records> {
  throwIfCancelled(signal, `Reading ${source.title}`);
  onProgress?.(`reading ${source.title}, ${file.name}`, null);
  const path = join(folder, file.name);
  const expected = fileBytes(source, file);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw cannotRead(path, cause, again(source));
  });
  if (bytes.byteLength !== expected)
    throw new DatasetError(
      `${path} has ${bytes.byteLength} bytes instead of ${expected}: it is not whole, or not the binary version.`,
      again(source),
    );
  if (file.md5 !== null) {
    const found = createHash('md5').update(bytes).digest('hex');
    if (found !== file.md5)
      throw new DatasetError(
        `${path} is not the published file: md5 ${found} instead of ${file.md5}.`,
        again(source),
      );
  }
  const stride = recordBytes(source);
  for (let i = 0; i < file.records; i++) {
    const label = bytes[i * stride + kind.byte]!;
    if (label >= kind.classes.length)
      throw new DatasetError(
        `${path}: image ${i} has label ${label}, but labels go from 0 to ${kind.classes.length - 1}.`,
        again(source),
      );
  }
  return { bytes, stride };
}

/** Names from the archive's own file where it has as many lines as there are classes. */
async function classNames(folder: string, { classes, namesFile }: LabelKind): Promise<string[]> {
  const text = await readFile(join(folder, namesFile), 'utf8').catch(() => '');
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.length === classes.length ? lines : classes;
}

// --- where the files are -------------------------------------------------------------------------

const isArchive = (path: string) => /\.(tar\.gz|tgz)$/i.test(path);
const ownFolder = (source: CifarSource, dataDir: string) => join(dataDir, source.folder);
const ownArchive = (source: CifarSource, dataDir: string) => join(dataDir, source.archive.name);

/** The folder with the batch files; unpacks an archive into the data folder first. */
async function locate(
  source: CifarSource,
  path: string | null,
  context: OpenContext,
): Promise<string> {
  const { dataDir } = context;
  const given = givenPath(path);
  if (given === null) {
    const folder = ownFolder(source, dataDir);
    if (await exists(folder)) return folder;
    const archive = ownArchive(source, dataDir);
    if (await exists(archive)) return unpack(source, archive, context);
    throw new DatasetError(
      `${source.title} is not in the data folder ${dataDir}.`,
      `Download it on the page of the datasets; or download ${archiveUrl(source)} by hand and put it at ${archive}, or give its place as dataset.path.`,
    );
  }
  if (!(await exists(given))) throw nothingAt(given);
  if (isArchive(given)) return unpack(source, given, context);

  const first = source.train[0]!.name;
  for (const folder of [given, join(given, source.folder)])
    if (await exists(join(folder, first))) return folder;
  if (await exists(join(given, source.archive.name)))
    return unpack(source, join(given, source.archive.name), context);
  throw new DatasetError(
    `There is no ${source.title} in ${given}: neither ${first} nor ${source.folder}/${first} nor ${source.archive.name} is there.`,
    `It has to be the binary version (${archiveUrl(source)}), not the Python or MATLAB one.`,
  );
}

/** Checks an archive and unpacks it into the data folder, unless that was done before. */
async function unpack(
  source: CifarSource,
  archive: string,
  { dataDir, onProgress, signal }: OpenContext,
): Promise<string> {
  onProgress?.(`checking ${basename(archive)}`, null);
  await requirePublished(archive, source.archive, again(source), signal);
  const folder = ownFolder(source, dataDir);
  if (!(await isComplete(source, folder))) {
    onProgress?.(`unpacking ${basename(archive)}`, null);
    await extractMembers(archive, folder, members(source), signal);
  }
  return folder;
}

const again = (source: CifarSource): string =>
  `Get it anew from ${archiveUrl(source)}, or download it again on the page of the datasets.`;

/** The first batch file that is missing or of the wrong length; null when all are there. */
async function firstFault(source: CifarSource, folder: string): Promise<string | null> {
  for (const file of batchFiles(source)) {
    const path = join(folder, file.name);
    const size = await stat(path).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) return `${path} is missing`;
    const expected = fileBytes(source, file);
    if (size !== expected) return `${path} has ${size} bytes instead of ${expected}`;
  }
  return null;
}

const isComplete = async (source: CifarSource, folder: string): Promise<boolean> =>
  (await firstFault(source, folder)) === null;

// --- the data folder -----------------------------------------------------------------------------

/**
 * Downloads the archive, checks it, unpacks it into the data folder and deletes it. A set that is there
 * already is replaced: someone who asks for it again has a reason.
 */
export async function downloadCifar(
  source: CifarSource,
  dataDir: string,
  options: DownloadOptions = {},
): Promise<void> {
  const folder = ownFolder(source, dataDir);
  const archive = ownArchive(source, dataDir);
  const { bytes, digest } = source.archive;
  await download({ url: archiveUrl(source), bytes, digest }, archive, options);
  options.onProgress?.({ received: bytes, total: bytes, label: 'unpacking' });
  await extractMembers(archive, folder, members(source), options.signal);
  await rm(archive, { force: true });
}

/** What the data folder holds, by names and lengths; contents are checked when the set is opened. */
export async function cifarState(source: CifarSource, dataDir: string): Promise<LocalState> {
  const folder = ownFolder(source, dataDir);
  const archive = ownArchive(source, dataDir);
  if (await exists(folder)) {
    const fault = await firstFault(source, folder);
    const bytes = batchFiles(source).reduce((sum, file) => sum + fileBytes(source, file), 0);
    return fault === null
      ? { state: 'ready', detail: folder, fix: null, bytes }
      : { state: 'broken', detail: `${fault}.`, fix: 'Download it again.', bytes: null };
  }
  if (await exists(archive))
    return {
      state: 'ready',
      detail: `${archive}, unpacked when first used`,
      fix: null,
      bytes: source.archive.bytes,
    };
  const part = await stat(`${archive}.part`).catch(() => null);
  return {
    state: 'missing',
    detail: part
      ? `${megabytes(part.size)} of ${megabytes(source.archive.bytes)} MB are here; the download goes on from there.`
      : `Not in ${dataDir}.`,
    fix: `Download it (${megabytes(source.archive.bytes)} MB), or put ${archiveUrl(source)} at ${archive}.`,
    bytes: part?.size ?? null,
  };
}

/**
 * Tiny ImageNet-200 (Stanford CS231n): 64x64 JPEGs of 200 classes, every one with a box (method, section I).
 *
 * Read from the published zip archive or from the folder that it unpacks to; decoded once. The labels
 * of its own test set were never published: its validation set is our test set, and every 20th training
 * image is held out for validation. Labels are places in the sorted list of ids. Boxes are published
 * with both corners inside; ours end just outside.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  channelStatistics,
  DatasetError,
  emptySplit,
  heldOut,
  requireMemory,
  splitPlace,
  type Dataset,
  type LocalState,
  type OpenContext,
  type SplitName,
} from './dataset.ts';
import type { Digest } from './checksum.ts';
import { readDecoded, type ImageFile, type Unreadable } from './decoded-images.ts';
import { UnreadableImage } from './decode-image.ts';
import { download, type DownloadOptions } from './download.ts';
import {
  cannotRead,
  exists,
  givenPath,
  megabytes,
  nothingAt,
  requirePublished,
} from './local-files.ts';
import { Zip } from './zip.ts';

const side = 64;
const title = 'Tiny ImageNet';

/** What is published about the set. */
export interface TinyImageNetSource {
  classes: number;
  trainPerClass: number;
  /** Images of its validation set. */
  val: number;
  archive: { name: string; bytes: number; digest: Digest };
}

export const tinyImageNet: TinyImageNetSource = {
  classes: 200,
  trainPerClass: 500,
  val: 10_000,
  archive: {
    name: 'tiny-imagenet-200.zip',
    bytes: 248_100_043,
    digest: { algorithm: 'md5', hex: '90528d7ca1a48142e341f4ef8d21d0de' },
  },
};

/** The folder inside the archive, and the one it unpacks to. */
const folderName = 'tiny-imagenet-200';

/** Address of the archive; HUGGINGGREEN_MIRROR names another folder that has it. */
export function tinyImageNetUrl({ archive }: TinyImageNetSource): string {
  const base = process.env['HUGGINGGREEN_MIRROR'] || 'http://cs231n.stanford.edu';
  return `${base.replace(/\/+$/, '')}/${archive.name}`;
}

const again = (source: TinyImageNetSource): string =>
  `Get it anew from ${tinyImageNetUrl(source)}, or download it again on the page of the datasets.`;

/** Images per split and classes, known without opening anything. */
export function tinyImageNetSummary({
  classes,
  trainPerClass,
  val,
}: TinyImageNetSource): { classes: number; size: number } & Record<SplitName, number> {
  const all = classes * trainPerClass;
  return { classes, size: side, train: all - heldOut(all), validation: heldOut(all), test: val };
}

/**
 * Opens it from `path`, or from the data folder where it is null.
 * @throws DatasetError naming the file, what was expected, what was found and what to do.
 */
export async function openTinyImageNet(
  source: TinyImageNetSource,
  path: string | null,
  context: OpenContext,
): Promise<Dataset> {
  const { classes, trainPerClass, val } = source;
  requireMemory(title, (classes * trainPerClass + val) * 3 * side * side);
  const files = await locate(source, path, context);
  try {
    context.onProgress?.(`reading the labels of ${title}`, null);
    const labels = await readLabels(source, files);
    return await openImages(labels, files, context);
  } finally {
    await files.close();
  }
}

// --- labels and boxes ------------------------------------------------------------------------------

/** One image as the text files describe it. */
interface Described {
  /** Inside the folder. */
  path: string;
  label: number;
  split: SplitName;
  /** x0, y0, x1, y1, half-open; null where `fault` says why. */
  box: Box | null;
  fault: string | null;
}
type Box = [x0: number, y0: number, x1: number, y1: number];

interface Labels {
  classNames: string[];
  images: Described[];
  /** Of all text that was read. */
  digest: string;
}

async function readLabels(source: TinyImageNetSource, files: SetFiles): Promise<Labels> {
  const hash = createHash('sha256');
  const text = async (path: string): Promise<string[][]> => {
    const content = await files.text(path);
    hash.update(content);
    const lines = content.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line) => line.trim().split(path === 'words.txt' ? '\t' : /\s+/));
  };

  const ids = (await text('wnids.txt')).map(([id = '']) => id).sort();
  const odd = ids.find((id) => !/^n\d{8}$/.test(id));
  if (odd !== undefined || new Set(ids).size !== source.classes)
    throw new DatasetError(
      odd === undefined
        ? `${files.place('wnids.txt')} names ${new Set(ids).size} classes instead of ${source.classes}.`
        : `${files.place('wnids.txt')}: "${odd}" is no WordNet id such as n01443537.`,
      again(source),
    );
  const words = new Map((await text('words.txt')).map(([id = '', names = '']) => [id, names]));

  const images: Described[] = [];
  for (const [label, id] of ids.entries()) {
    const boxes = boxesByName(await text(`train/${id}/${id}_boxes.txt`), 1);
    for (let i = 0; i < source.trainPerClass; i++) {
      const name = `${id}_${i}.JPEG`;
      const { split } = splitPlace(images.length);
      images.push({ path: `train/${id}/images/${name}`, label, split, ...boxOf(boxes, name) });
    }
  }
  const annotations = await text('val/val_annotations.txt');
  const idOf = new Map(annotations.map(([name = '', id = '']) => [name, id]));
  const boxes = boxesByName(annotations, 2);
  for (let i = 0; i < source.val; i++) {
    const name = `val_${i}.JPEG`;
    const id = idOf.get(name);
    const label = id === undefined ? -1 : ids.indexOf(id);
    if (label < 0)
      throw new DatasetError(
        id === undefined
          ? `${files.place('val/val_annotations.txt')} says nothing of ${name}.`
          : `${files.place('val/val_annotations.txt')}: ${name} has the label ${id}, which wnids.txt does not name.`,
        again(source),
      );
    images.push({ path: `val/images/${name}`, label, split: 'test', ...boxOf(boxes, name) });
  }
  return { classNames: namesOf(ids, words), images, digest: hash.digest('hex') };
}

/** The four numbers after column `from`, by file name. */
const boxesByName = (lines: readonly string[][], from: number): Map<string, number[]> =>
  new Map(lines.map((line) => [line[0] ?? '', line.slice(from, from + 4).map(Number)]));

/** Inclusive corners, as published, to half-open ones. */
function boxOf(
  boxes: ReadonlyMap<string, number[]>,
  name: string,
): Pick<Described, 'box' | 'fault'> {
  const corners = boxes.get(name);
  if (!corners) return { box: null, fault: 'has no box' };
  const [x0 = NaN, y0 = NaN, x1 = NaN, y1 = NaN] = corners;
  const inside = [x0, y0, x1, y1].every((v) => Number.isInteger(v) && v >= 0 && v < side);
  if (!inside || x1 < x0 || y1 < y0)
    return { box: null, fault: `has a box outside the image: ${corners.join(' ')}` };
  return { box: [x0, y0, x1 + 1, y1 + 1], fault: null };
}

/** The first word for every class; two classes with the same one keep their ids. */
function namesOf(ids: readonly string[], words: ReadonlyMap<string, string>): string[] {
  const first = ids.map((id) => words.get(id)?.split(',')[0]?.trim() || id);
  return first.map((name, i) =>
    first.filter((n) => n === name).length > 1 ? `${name} (${ids[i]})` : name,
  );
}

// --- images ----------------------------------------------------------------------------------------

async function openImages(
  { images, classNames, digest }: Labels,
  files: SetFiles,
  context: OpenContext,
): Promise<Dataset> {
  let splits = {} as Dataset['splits'];
  await readDecoded(
    {
      title,
      file: join(context.dataDir, folderName, 'decoded'),
      key: `tiny-imagenet-1 ${files.key} ${digest}`,
      side,
      fit: 'exact',
      list: images.map((image): ImageFile => ({
        name: files.place(image.path),
        read: () => {
          if (image.fault !== null) return Promise.reject(new UnreadableImage(image.fault));
          return files.image(image.path);
        },
      })),
    },
    (unreadable) => {
      splits = splitsFor(images, unreadable);
      const filled: Record<SplitName, number> = { train: 0, validation: 0, test: 0 };
      return (ordinal, planes) => {
        const { label, split, box } = images[ordinal]!;
        const at = filled[split]++;
        splits[split].images.set(planes, at * planes.length);
        splits[split].labels[at] = label;
        if (box) splits[split].boxes?.set(box, at * 4);
      };
    },
    context,
  );
  return {
    name: title,
    classes: classNames,
    channels: 3,
    size: side,
    splits,
    ...channelStatistics(splits.train.images, side),
  };
}

function splitsFor(images: readonly Described[], unreadable: Unreadable): Dataset['splits'] {
  const room = (name: SplitName) => {
    const used = images.filter(({ split }, i) => split === name && !unreadable.has(i));
    return emptySplit(used.length, side, true);
  };
  return { train: room('train'), validation: room('validation'), test: room('test') };
}

// --- where the files are ---------------------------------------------------------------------------

/** The set's own folder, in an archive or on the disk. Paths are relative to it. */
interface SetFiles {
  /** Changes where another set is read. */
  key: string;
  /** A path as people find it. */
  place(path: string): string;
  /** @throws DatasetError */
  text(path: string): Promise<string>;
  /** @throws UnreadableImage */
  image(path: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

const ownArchive = ({ archive }: TinyImageNetSource, dataDir: string) =>
  join(dataDir, archive.name);

async function locate(
  source: TinyImageNetSource,
  path: string | null,
  context: OpenContext,
): Promise<SetFiles> {
  const { dataDir } = context;
  const given = givenPath(path);
  if (given === null) {
    const archive = ownArchive(source, dataDir);
    if (await exists(archive)) return inArchive(source, archive, context);
    throw new DatasetError(
      `${title} is not in the data folder ${dataDir}.`,
      `Download it on the page of the datasets; or download ${tinyImageNetUrl(source)} by hand and put it at ${archive}, or give its place as dataset.path.`,
    );
  }
  if (!(await exists(given))) throw nothingAt(given);
  if (/\.zip$/i.test(given)) return inArchive(source, given, context);
  for (const folder of [given, join(given, folderName)])
    if (await exists(join(folder, 'wnids.txt'))) return inFolder(source, folder);
  const archive = join(given, source.archive.name);
  if (await exists(archive)) return inArchive(source, archive, context);
  throw new DatasetError(
    `There is no ${title} in ${given}: neither wnids.txt nor ${folderName} nor ${source.archive.name} is there.`,
    again(source),
  );
}

function inFolder(source: TinyImageNetSource, folder: string): SetFiles {
  const place = (path: string) => join(folder, path);
  return {
    // what the JPEGs hold is taken to be what the text files, whose digest is known, speak of
    key: `folder ${folder}`,
    place,
    text: (path) =>
      readFile(place(path), 'utf8').catch((cause: unknown) => {
        throw cannotRead(place(path), cause, again(source));
      }),
    image: (path) => readFile(place(path)).catch(unreadable),
    close: () => Promise.resolve(),
  };
}

async function inArchive(
  source: TinyImageNetSource,
  archive: string,
  { onProgress, signal }: OpenContext,
): Promise<SetFiles> {
  onProgress?.(`checking ${source.archive.name}`, null);
  await requirePublished(archive, source.archive, again(source), signal);
  const zip = await Zip.open(archive, again(source));
  const place = (path: string) => `${archive}: ${path}`;
  const read = (path: string) => zip.read(`${folderName}/${path}`);
  return {
    key: source.archive.digest.hex,
    place,
    text: async (path) => {
      const bytes = await read(path).catch((cause: unknown) => {
        throw new DatasetError(`${place(path)} ${reasonOf(cause)}.`, again(source));
      });
      return bytes.toString('utf8');
    },
    image: (path) => read(path).catch(unreadable),
    close: () => zip.close(),
  };
}

const reasonOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);

function unreadable(cause: unknown): never {
  const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  throw new UnreadableImage(missing ? 'is missing' : reasonOf(cause));
}

// --- the data folder -------------------------------------------------------------------------------

/** Downloads and checks the archive; it stays packed, and is decoded when first used. */
export async function downloadTinyImageNet(
  source: TinyImageNetSource,
  dataDir: string,
  options: DownloadOptions = {},
): Promise<void> {
  const { bytes, digest } = source.archive;
  const url = tinyImageNetUrl(source);
  await download({ url, bytes, digest }, ownArchive(source, dataDir), options);
}

/** What the data folder holds, by names and lengths; contents are checked when the set is opened. */
export async function tinyImageNetState(
  source: TinyImageNetSource,
  dataDir: string,
): Promise<LocalState> {
  const archive = ownArchive(source, dataDir);
  const lengthOf = (path: string) =>
    stat(path).then(
      ({ size }) => size,
      () => null,
    );
  const packed = await lengthOf(archive);
  const decoded = await lengthOf(join(dataDir, folderName, 'decoded.bin'));
  const total = source.archive.bytes;
  if (packed === null) {
    const part = await lengthOf(`${archive}.part`);
    return {
      state: 'missing',
      detail:
        part === null
          ? `Not in ${dataDir}.`
          : `${megabytes(part)} of ${megabytes(total)} MB are here; the download goes on from there.`,
      fix: `Download it (${megabytes(total)} MB), or put ${tinyImageNetUrl(source)} at ${archive}.`,
      bytes: part,
    };
  }
  if (packed !== total)
    return {
      state: 'broken',
      detail: `${archive} has ${packed} bytes instead of ${total}.`,
      fix: 'Download it again.',
      bytes: null,
    };
  return {
    state: 'ready',
    detail: decoded === null ? `${archive}, decoded when first used` : archive,
    fix: null,
    bytes: packed + (decoded ?? 0),
  };
}

/**
 * A folder of images per class, as torchvision's ImageFolder reads them.
 *
 * Either `FOLDER/train/CLASS/*`, with `val` and `test` beside it where there are such, or `FOLDER/CLASS/*`.
 * A split that has no folder of its own gets its share of every class of the training folder, drawn
 * by a seed. Labels are the places of the class names in sorted order. JPEG and PNG files are decoded
 * and made square once; files that are something else are left out and counted.
 */
import { createHash } from 'node:crypto';
import { readdirSync, statSync, type Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { DatasetConfig } from '../../experiment-config.ts';
import {
  channelStatistics,
  DatasetError,
  emptySplit,
  requireMemory,
  splitNames,
  throwIfCancelled,
  type Dataset,
  type OpenContext,
  type SplitName,
} from './dataset.ts';
import { readDecoded, type DecodedImages, type Unreadable } from './decoded-images.ts';
import { UnreadableImage } from './decode-image.ts';
import { cannotRead, givenPath, megabytes, nothingAt } from './local-files.ts';
import { Sfc32 } from './prng.ts';

export type ImageFolderConfig = Extract<DatasetConfig, { kind: 'image-folder' }>;

/** One image file and where it belongs. */
interface Listed {
  path: string;
  label: number;
  split: SplitName;
}

export interface FolderListing {
  root: string;
  classes: string[];
  /** In the order of the paths. */
  images: Listed[];
  /** Files that do not end as images do, and what is no file. */
  others: number;
  /** Folders inside those of the classes. */
  deeper: number;
}

const namesOfSplits: Record<SplitName, readonly string[]> = {
  train: ['train', 'training'],
  validation: ['val', 'valid', 'validation'],
  test: ['test', 'testing'],
};

const isImage = (name: string): boolean => /\.(jpe?g|png)$/i.test(name);
const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * What a folder holds, by names only.
 * @throws DatasetError where there is no such folder, a class is empty, or a split has no image.
 */
export function listImageFolder(
  config: Pick<ImageFolderConfig, 'path' | 'validation' | 'test' | 'seed'>,
): FolderListing {
  const root = givenPath(config.path);
  if (root === null)
    throw new DatasetError(
      'dataset.path names no folder of images.',
      'Give the folder that has one sub-folder of images per class.',
    );
  const top = readFolder(root);
  const folderOf = (split: SplitName): string | null => {
    const name = namesOfSplits[split].find((known) => top.folders.includes(known));
    return name === undefined ? null : join(root, name);
  };
  const pool = folderOf('train');
  const classes = pool === null ? top.folders : readFolder(pool).folders;
  if (classes.length < 2)
    throw new DatasetError(
      `${pool ?? root} has ${classes.length === 0 ? 'no sub-folder' : 'only one sub-folder'}: images are expected in one sub-folder per class, of at least two classes.`,
      'Sort the images into sub-folders named after their classes.',
    );

  const listing: FolderListing = { root, classes, images: [], others: 0, deeper: 0 };
  const own = { validation: pool && folderOf('validation'), test: pool && folderOf('test') };
  for (const [label, name] of classes.entries()) {
    const paths = imagesIn(join(pool ?? root, name), listing);
    if (paths.length === 0)
      throw new DatasetError(
        `The class ${name} is empty: there is no JPEG or PNG file in ${join(pool ?? root, name)}.`,
        'Put its images there, not into folders inside it; or remove the folder.',
      );
    const shares = {
      validation: own.validation === null ? config.validation : 0,
      test: own.test === null ? config.test : 0,
    };
    listing.images.push(...drawn(paths, label, shares, config.seed));
  }
  for (const split of ['validation', 'test'] as const)
    if (own[split] !== null) listOwnFolder(own[split], split, listing);
  listing.images.sort((a, b) => byCodeUnit(a.path, b.path));
  for (const split of splitNames) requireSome(listing, split);
  return listing;
}

/**
 * Names in sorted order, links followed; hidden ones are passed over.
 * `special`: pipes, devices and sockets, which would be waited for without end.
 */
function readFolder(folder: string): { folders: string[]; files: string[]; special: number } {
  try {
    const folders: string[] = [];
    const files: string[] = [];
    let special = 0;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const kind = entry.isSymbolicLink() ? targetOf(join(folder, entry.name)) : entry;
      if (kind?.isDirectory()) folders.push(entry.name);
      // a link to nothing, or to itself, is a file that cannot be read
      else if (kind === null || kind.isFile()) files.push(entry.name);
      else special++;
    }
    return { folders: folders.sort(byCodeUnit), files: files.sort(byCodeUnit), special };
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : null;
    if (code === 'ENOENT') throw nothingAt(folder);
    throw cannotRead(folder, cause, 'Correct dataset.path.');
  }
}

/** What a path leads to; null where it leads nowhere or in circles. */
function targetOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

function imagesIn(folder: string, listing: FolderListing): string[] {
  const { folders, files, special } = readFolder(folder);
  const images = files.filter(isImage);
  listing.others += files.length - images.length + special;
  listing.deeper += folders.length;
  return images.map((name) => join(folder, name));
}

/** Gives every split its share of a class, by one shuffle per class. */
function drawn(
  paths: readonly string[],
  label: number,
  shares: { validation: number; test: number },
  seed: number,
): Listed[] {
  const order = [...paths];
  const random = new Sfc32(seed, splitStream, label);
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.randint(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const validation = Math.round(shares.validation * order.length);
  const test = Math.round(shares.test * order.length);
  return order.map((path, i) => ({
    path,
    label,
    split: i < validation ? 'validation' : i < validation + test ? 'test' : 'train',
  }));
}

/** Apart from the streams of a training run (`random-streams.ts`). */
const splitStream = 64;

function listOwnFolder(folder: string, split: SplitName, listing: FolderListing): void {
  for (const name of readFolder(folder).folders) {
    const label = listing.classes.indexOf(name);
    if (label < 0)
      throw new DatasetError(
        `${join(folder, name)} is a class that the training folder does not have.`,
        `Its classes are ${listing.classes.slice(0, 10).join(', ')}${listing.classes.length > 10 ? ', …' : ''}.`,
      );
    for (const path of imagesIn(join(folder, name), listing))
      listing.images.push({ path, label, split });
  }
}

function requireSome({ root, images }: FolderListing, split: SplitName): void {
  if (!images.some((image) => image.split === split))
    throw new DatasetError(
      `No image of ${root} is left for the ${split} split.`,
      split === 'train'
        ? 'Lower the shares of validation and test.'
        : `Raise its share, or make a folder ${namesOfSplits[split][0]} beside train.`,
    );
}

/** Opens the folder: from the decoded file in the data folder, or decoded and then kept there. */
export async function openImageFolder(
  config: ImageFolderConfig,
  context: OpenContext,
): Promise<Dataset> {
  const { size: side, fit } = config;
  const { root, classes, images, others, deeper } = listImageFolder(config);
  const title = basename(root);
  requireMemory(`${title} at ${side}x${side} pixels`, images.length * 3 * side * side);
  if (others > 0)
    context.onNote?.(
      `${others} ${others === 1 ? 'file' : 'files'} in ${root} ${others === 1 ? 'is' : 'are'} neither .jpg nor .png and left out.`,
    );
  if (deeper > 0)
    context.onNote?.(
      `${deeper} ${deeper === 1 ? 'folder' : 'folders'} inside the folders of classes in ${root} ${deeper === 1 ? 'is' : 'are'} not looked into.`,
    );
  const decoded: DecodedImages = {
    title,
    // one per folder and geometry: the seed of the split changes nothing in it
    file: join(context.dataDir, 'image-folder', digest([root, side, fit]).slice(0, 16)),
    key: await keyOf(images, config, context),
    side,
    fit,
    list: images.map(({ path }) => ({ name: path, read: () => readImage(path) })),
  };

  let splits = {} as Dataset['splits'];
  await readDecoded(
    decoded,
    (unreadable) => {
      splits = splitsFor(images, unreadable, classes, side);
      const filled: Record<SplitName, number> = { train: 0, validation: 0, test: 0 };
      return (ordinal, planes) => {
        const { label, split } = images[ordinal]!;
        const at = filled[split]++;
        splits[split].images.set(planes, at * planes.length);
        splits[split].labels[at] = label;
      };
    },
    context,
  );
  return {
    name: title,
    classes,
    channels: 3,
    size: side,
    splits,
    ...channelStatistics(splits.train.images, side),
  };
}

/** No image within the decoder's limit of pixels is longer. */
const maxImageBytes = 256 << 20;

async function readImage(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > maxImageBytes) throw new UnreadableImage(`has ${megabytes(size)} MB`);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof UnreadableImage) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UnreadableImage(`cannot be read: ${reason}`);
  }
}

/** Room for the readable images. @throws DatasetError where a class has none to train on. */
function splitsFor(
  images: readonly Listed[],
  unreadable: Unreadable,
  classes: readonly string[],
  side: number,
): Dataset['splits'] {
  const readable = images.filter((_, ordinal) => !unreadable.has(ordinal));
  const trained = new Set(readable.filter(({ split }) => split === 'train').map((i) => i.label));
  const lost = classes.findIndex((_, label) => !trained.has(label));
  if (lost >= 0)
    throw new DatasetError(
      `The class ${classes[lost]} has no readable image to train on.`,
      'Add images to it, or lower the shares of validation and test.',
    );
  const room = (name: SplitName) =>
    emptySplit(readable.filter(({ split }) => split === name).length, side);
  return { train: room('train'), validation: room('validation'), test: room('test') };
}

const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** Changes with every file that comes, goes or is written. */
async function keyOf(
  images: readonly Listed[],
  { size: side, fit }: ImageFolderConfig,
  { onProgress, signal }: OpenContext,
): Promise<string> {
  const hash = createHash('sha256').update(`image-folder-1 ${side} ${fit}\n`);
  for (const [i, { path }] of images.entries()) {
    // of 100,000 files: ten times as fast as waiting for each, and a stop is still heard
    if (i % 1024 === 0) {
      onProgress?.('looking for changed images', i / images.length);
      await turn();
      throwIfCancelled(signal, 'Looking for changed images');
    }
    const found = targetOf(path);
    hash.update(`${path}\0${found?.size ?? -1}\0${found?.mtimeMs ?? 0}\n`);
  }
  return hash.digest('hex');
}

/** Images per split and classes, by names alone. @throws DatasetError, as `listImageFolder`. */
export function imageFolderSummary(
  config: ImageFolderConfig,
): { classes: number; size: number } & Record<SplitName, number> {
  const { classes, images } = listImageFolder(config);
  const count = (name: SplitName) => images.filter(({ split }) => split === name).length;
  return {
    classes: classes.length,
    size: config.size,
    train: count('train'),
    validation: count('validation'),
    test: count('test'),
  };
}

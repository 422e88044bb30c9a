/**
 * Many image files decoded once to one file of uint8 planes, read in one go from then on.
 *
 * `NAME.bin` holds the images in the order of the list, `NAME.json` says how many of them are whole, their
 * checksum, and which could not be decoded. The JSON is the commit record: it is replaced after the bytes
 * it speaks of are on the disk, so that work that was cut off goes on where it stood. Memory stays at a
 * few megabytes, whatever the length of the list. Measured on 110,000 JPEGs of 64x64: 0.3 ms
 * each of this thread and, meanwhile, 0.35 ms of the decoder's; 0.5 GB for the whole process until the images
 * themselves are read in.
 */
import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { AppError } from '../../contract.ts';
import { DatasetError, explainDisk, throwIfCancelled, type OpenContext } from './dataset.ts';
import { decodeImage, UnreadableImage, type DecodeOptions } from './decode-image.ts';
import { writeAll } from './download.ts';
import { withLock } from './lock.ts';

export interface ImageFile {
  /** Names the file in messages. */
  name: string;
  /** @throws UnreadableImage where this file alone is at fault. */
  read(): Promise<Uint8Array>;
}

export interface DecodedImages extends DecodeOptions {
  /** As in "decoding Tiny ImageNet". */
  title: string;
  /** Path without .bin and .json. */
  file: string;
  /** Changes with everything that changes the bytes: the files, their order, side and fit. */
  key: string;
  list: readonly ImageFile[];
}

/** Ordinals of images that are of no use, with the reason. */
export type Unreadable = ReadonlyMap<number, string>;

interface Index {
  key: string;
  count: number;
  /** Images, from the first on, that are in the file; unreadable ones are there as zeros. */
  done: number;
  /** Of those images. */
  crc: number;
  unreadable: [ordinal: number, reason: string][];
}

/** Images decoded between two writes. */
const perWrite = 256;
/** Writes between two commits: what a power cut costs at most is a few seconds. */
const perCommit = 8;
/** Images in the decoder at a time: enough to keep its threads busy. */
const inFlight = 16;

/**
 * Hands over every readable image, decoding the list first where that has not been done.
 * @param begin told once which images are of no use; returns what takes the others, in order. It is
 *   asked again where a file turns out to be damaged.
 * @throws DatasetError where more than one image in ten is of no use; AppError with CANCELLED, CONFLICT
 *   or DISK_FULL.
 */
export async function readDecoded(
  images: DecodedImages,
  begin: (unreadable: Unreadable) => (ordinal: number, planes: Uint8Array) => void,
  context: OpenContext,
): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) {
    let index = await readIndex(images);
    if (index?.done !== images.list.length) index = await decode(images, context);
    const unreadable = new Map(index.unreadable);
    refuseTooMany(images, unreadable);
    if (await hand(images, index, begin(unreadable), context)) {
      tellUnreadable(images, unreadable, context);
      return;
    }
    // what is on the disk is not what was written: once more from the start
    await rm(`${images.file}.json`, { force: true });
  }
  throw new DatasetError(
    `${images.file}.bin does not hold what was written to it.`,
    'Check the disk it lies on, or set HUGGINGGREEN_HOME to a folder on another.',
  );
}

const imageBytes = ({ side }: DecodedImages): number => 3 * side * side;

async function readIndex({ file, key, list }: DecodedImages): Promise<Index | null> {
  try {
    const index = JSON.parse(await readFile(`${file}.json`, 'utf8')) as Index;
    return index.key === key && index.count === list.length ? index : null;
  } catch {
    return null;
  }
}

async function decode(images: DecodedImages, context: OpenContext): Promise<Index> {
  const { file, key, list, title } = images;
  const index: Index = { key, count: list.length, done: 0, crc: 0, unreadable: [] };
  try {
    await mkdir(dirname(file), { recursive: true });
    await withLock(file, 'decoded', async () => {
      Object.assign(index, await readIndex(images));
      const data = await open(`${file}.bin`, index.done > 0 ? 'r+' : 'w');
      try {
        await decodeRest(images, index, data, context);
      } finally {
        await data.close();
      }
    });
  } catch (cause) {
    throwIfCancelled(context.signal, `Decoding ${title}`);
    throw explainDisk(cause, `${file}.bin`);
  }
  return index;
}

/** Goes on from `index.done`; also where it is cut off, `index` and the file agree. */
async function decodeRest(
  images: DecodedImages,
  index: Index,
  data: FileHandle,
  { onProgress, signal }: OpenContext,
): Promise<void> {
  const { list, title, file } = images;
  const bytes = imageBytes(images);
  const buffer = new Uint8Array(perWrite * bytes);
  const commit = async (): Promise<void> => {
    await data.datasync();
    await writeFile(`${file}.json.part`, JSON.stringify(index));
    await rename(`${file}.json.part`, `${file}.json`);
  };
  for (let writes = 1; index.done < list.length; writes++) {
    onProgress?.(`decoding ${title}`, index.done / list.length);
    if (signal?.aborted) {
      await commit();
      throw new AppError('CANCELLED', `Decoding ${title} was cancelled.`);
    }
    const first = index.done;
    const batch = list.slice(first, first + perWrite);
    const reasons = await decodeBatch(batch, buffer, images);
    const part = buffer.subarray(0, batch.length * bytes);
    await writeAll(data, part, first * bytes);
    index.crc = crc32(part, index.crc);
    for (const [i, reason] of reasons) index.unreadable.push([first + i, reason]);
    index.done += batch.length;
    if (writes % perCommit === 0 || index.done === list.length) await commit();
  }
}

/** Decodes into `buffer`; returns what could not be. */
async function decodeBatch(
  batch: readonly ImageFile[],
  buffer: Uint8Array,
  images: DecodedImages,
): Promise<[number, string][]> {
  const bytes = imageBytes(images);
  const reasons: [number, string][] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < batch.length; i = next++) {
      const place = buffer.subarray(i * bytes, (i + 1) * bytes);
      try {
        place.set(await decodeImage(await batch[i]!.read(), images));
      } catch (cause) {
        if (!(cause instanceof UnreadableImage)) throw cause;
        place.fill(0);
        reasons.push([i, cause.message]);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return reasons.sort(([a], [b]) => a - b);
}

/** Reads the file once; false where its checksum is another. */
async function hand(
  images: DecodedImages,
  index: Index,
  take: (ordinal: number, planes: Uint8Array) => void,
  { onProgress, signal }: OpenContext,
): Promise<boolean> {
  const { title, file, list } = images;
  const bytes = imageBytes(images);
  const unreadable = new Set(index.unreadable.map(([ordinal]) => ordinal));
  const buffer = new Uint8Array(perWrite * bytes);
  const data = await open(`${file}.bin`, 'r').catch(() => null);
  if (!data) return false;
  try {
    let crc = 0;
    for (let first = 0; first < list.length; first += perWrite) {
      throwIfCancelled(signal, `Reading ${title}`);
      onProgress?.(`reading ${title}`, first / list.length);
      const count = Math.min(perWrite, list.length - first);
      const { bytesRead } = await data.read(buffer, 0, count * bytes, first * bytes);
      if (bytesRead !== count * bytes) return false;
      crc = crc32(buffer.subarray(0, bytesRead), crc);
      for (let i = 0; i < count; i++)
        if (!unreadable.has(first + i))
          take(first + i, buffer.subarray(i * bytes, (i + 1) * bytes));
    }
    return crc === index.crc;
  } finally {
    await data.close();
  }
}

const examples = ({ list }: DecodedImages, unreadable: Unreadable): string =>
  [...unreadable]
    .slice(0, 3)
    .map(([ordinal, reason]) => `${list[ordinal]!.name} ${reason}`)
    .join('; ');

/** One bad file among many is left out; where many are, something else is wrong. */
function refuseTooMany(images: DecodedImages, unreadable: Unreadable): void {
  const count = images.list.length;
  if (unreadable.size > Math.max(1, count / 10))
    throw new DatasetError(
      `${unreadable.size} of the ${count} images of ${images.title} are of no use: ${examples(images, unreadable)}.`,
      'Check where the files come from; one in ten may be unreadable, no more.',
    );
}

function tellUnreadable(
  images: DecodedImages,
  unreadable: Unreadable,
  { onNote }: OpenContext,
): void {
  if (unreadable.size === 0) return;
  onNote?.(
    `${unreadable.size} of ${images.list.length} images of ${images.title} are left out: ${examples(images, unreadable)}${unreadable.size > 3 ? '; and so on' : ''}.`,
  );
}

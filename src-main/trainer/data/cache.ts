/**
 * Generated splits on disk, so that they are drawn once: one file per set of parameters.
 *
 * A line of JSON (what it is, its length and the SHA-256 of the rest), then per split images, labels and
 * boxes, little endian. The file appears under its name only when it is whole, and it is read only when
 * length and hash agree; anything else counts as not cached.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { explainDisk, type Split } from './dataset.ts';

export type CacheSplit = Split & { boxes: Int16Array };

interface Header {
  key: string;
  bytes: number;
  sha256: string;
}

const headerBytes = 512;
const chunkBytes = 16 << 20;

const cacheFolder = (dataDir: string) => join(dataDir, 'greensynth');
const cacheFile = (dataDir: string, key: string) => join(cacheFolder(dataDir), `${key}.bin`);

/** The parts of the file after its header, in order. */
const parts = (splits: readonly CacheSplit[]): Uint8Array[] =>
  splits.flatMap(({ images, labels, boxes }) =>
    [images, labels, boxes].map(
      (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
    ),
  );

const lengthOf = (list: readonly Uint8Array[]) =>
  list.reduce((sum, part) => sum + part.byteLength, 0);

/** Fills `splits` from the cache; false where there is none that is whole. */
export async function readCache(
  dataDir: string,
  key: string,
  splits: readonly CacheSplit[],
): Promise<boolean> {
  const handle = await open(cacheFile(dataDir, key), 'r').catch(() => null);
  if (!handle) return false;
  try {
    const list = parts(splits);
    const header = await readHeader(handle);
    const bytes = lengthOf(list);
    const { size } = await handle.stat();
    if (header?.key !== key || header.bytes !== bytes || size !== headerBytes + bytes) return false;

    const hash = createHash('sha256');
    let position = headerBytes;
    for (const part of list)
      for (const chunk of chunks(part)) {
        const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, position);
        if (bytesRead !== chunk.byteLength) return false;
        hash.update(chunk);
        position += bytesRead;
      }
    return hash.digest('hex') === header.sha256;
  } catch {
    return false;
  } finally {
    await handle.close();
  }
}

/**
 * Writes the cache; whoever reads it meanwhile sees the old file or none.
 * @throws AppError with DISK_FULL, or DatasetError where the folder cannot be written.
 */
export async function writeCache(
  dataDir: string,
  key: string,
  splits: readonly CacheSplit[],
): Promise<void> {
  const file = cacheFile(dataDir, key);
  const part = `${file}.${process.pid}.part`;
  try {
    await mkdir(cacheFolder(dataDir), { recursive: true });
    const list = parts(splits);
    const hash = createHash('sha256');
    for (const bytes of list) hash.update(bytes);
    const header: Header = { key, bytes: lengthOf(list), sha256: hash.digest('hex') };
    const handle = await open(part, 'w');
    try {
      await handle.writeFile(JSON.stringify(header).padEnd(headerBytes - 1) + '\n');
      for (const bytes of list) for (const chunk of chunks(bytes)) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {});
    throw explainDisk(cause, file);
  }
}

async function readHeader(handle: FileHandle): Promise<Header | null> {
  const bytes = Buffer.alloc(headerBytes);
  const { bytesRead } = await handle.read(bytes, 0, headerBytes, 0);
  if (bytesRead !== headerBytes) return null;
  return JSON.parse(bytes.toString('utf8')) as Header;
}

function* chunks(part: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < part.byteLength; start += chunkBytes)
    yield part.subarray(start, Math.min(start + chunkBytes, part.byteLength));
}

/**
 * Generated splits on disk, so that they are drawn once: one checked file per set of parameters, per split
 * images, labels and boxes, little endian.
 */
import { join } from 'node:path';
import { bytesOf, CheckedWriter, readChecked } from './checked-file.ts';
import type { Split } from './dataset.ts';

export type CacheSplit = Split & { boxes: Int16Array };

const cacheFile = (dataDir: string, key: string) => join(dataDir, 'greensynth', `${key}.bin`);

/** The parts of the file after its header, in order. */
const parts = (splits: readonly CacheSplit[]): Uint8Array[] =>
  splits.flatMap(({ images, labels, boxes }) => [images, labels, boxes].map(bytesOf));

/** Fills `splits` from the cache; false where there is none that is whole. */
export const readCache = (
  dataDir: string,
  key: string,
  splits: readonly CacheSplit[],
): Promise<boolean> => readChecked(cacheFile(dataDir, key), key, parts(splits));

/** @throws AppError with DISK_FULL, or DatasetError where the folder cannot be written. */
export async function writeCache(
  dataDir: string,
  key: string,
  splits: readonly CacheSplit[],
): Promise<void> {
  const writer = await CheckedWriter.create(cacheFile(dataDir, key), key);
  for (const part of parts(splits)) await writer.append(part);
  await writer.commit();
}

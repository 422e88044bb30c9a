/** Checksums of published files, so that what is trained on is what was published. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { throwIfCancelled } from './dataset.ts';

export interface Digest {
  algorithm: 'sha256' | 'md5';
  hex: string;
}

/** The digest of a file in hexadecimal; streams it. @throws AppError with CANCELLED, or what reading throws. */
export async function digestOf(
  path: string,
  algorithm: Digest['algorithm'],
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash(algorithm);
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal });
  } catch (cause) {
    throwIfCancelled(signal, `Checking ${basename(path)}`);
    throw cause;
  }
  return hash.digest('hex');
}

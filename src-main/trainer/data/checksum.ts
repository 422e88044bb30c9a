/** Checksums of published files, so that what is trained on is what was published. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

export interface Digest {
  algorithm: 'sha256' | 'md5';
  hex: string;
}

/** The digest of a file in hexadecimal; streams it. */
export async function digestOf(
  path: string,
  algorithm: Digest['algorithm'],
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal });
  return hash.digest('hex');
}

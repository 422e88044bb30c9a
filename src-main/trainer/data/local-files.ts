/** Files that people name or put into the data folder: where they are, and why they cannot be read. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { AppError } from '../../contract.ts';
import { digestOf, type Digest } from './checksum.ts';
import { DatasetError } from './dataset.ts';

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** What a config names as `dataset.path`, absolute; null where it names nothing. */
export const givenPath = (path: string | null): string | null =>
  path === null || path.trim() === '' ? null : resolve(path.replace(/^~(?=$|[\\/])/, homedir()));

/** @param again what to do about a file that is missing. */
export function cannotRead(path: string, cause: unknown, again: string): DatasetError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  if (code === 'ENOENT') return new DatasetError(`${path} is missing.`, again);
  if (code === 'EACCES' || code === 'EPERM')
    return new DatasetError(
      `There is no permission to read ${path}.`,
      'Change the permissions of the file, or copy it to where you may read it.',
    );
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DatasetError(`${path} cannot be read: ${reason}.`, 'Check the disk it lies on.');
}

export const nothingAt = (path: string): DatasetError =>
  new DatasetError(
    `There is no folder or archive ${path}.`,
    'Correct dataset.path, or leave it empty to use the data folder of the program.',
  );

/** Refuses an archive that is not the published one. @param again where to get that one. */
export async function requirePublished(
  archive: string,
  published: { bytes: number; digest: Digest },
  again: string,
  signal?: AbortSignal,
): Promise<void> {
  const { algorithm, hex } = published.digest;
  const found = await digestOf(archive, algorithm, signal).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw cannotRead(archive, cause, again);
  });
  if (found === hex) return;
  const { size } = await stat(archive);
  throw new DatasetError(
    `${archive} is not the published archive: ${size} bytes, ${algorithm} ${found}; expected ${published.bytes} bytes, ${hex}.`,
    `${again} To use an archive of your own making, unpack it and give the folder.`,
  );
}

export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** Files that are never half-written. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../contract.ts';

/**
 * Writes beside the file, then renames: whoever looks sees the old file or the whole new one.
 * @param what the file as a sentence calls it.
 * @param after said of a failure: what it did not spoil.
 * @throws AppError DISK_FULL or STORE
 */
export async function writeAtomically(
  path: string,
  pieces: readonly Uint8Array[],
  what: string,
  after = '',
): Promise<void> {
  const temporary = `${path}.partial`;
  try {
    const file = await open(temporary, 'w');
    try {
      for (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new AppError(
        'DISK_FULL',
        `The disk is full: ${lowerFirst(what)} could not be written. ${after}`.trim(),
        'Free some space and try again.',
      );
    throw new AppError(
      'STORE',
      `${what} could not be written (${code}). ${after}`.trim(),
      'Check that the folder exists and can be written.',
    );
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** A rename is only safe once its folder is on the disk. Windows cannot open folders and needs not. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

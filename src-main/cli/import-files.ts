/** The CSV files and bundles that a person means by some paths, folders searched through. */
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { AppError, decodeText, importLimit } from '../contract.ts';

/** What is looked for in folders: CSV files, and bundles of this program. */
const importable = /\.(csv|hgb\.zip)$/i;
/** A path that means a bundle. */
export const isBundle = (path: string): boolean => /\.zip$/i.test(path);

export interface FoundFile {
  path: string;
  /** What names its runs: with the folders from the one that was given. */
  name: string;
}

export interface FoundFiles {
  files: FoundFile[];
  /** Folders and links that could not be followed, and why. */
  unreadable: { path: string; reason: string }[];
  /** Files of folders that are neither by their name. */
  others: number;
}

/**
 * Folders are searched to the bottom, in order of their names, following links. A file or folder that was
 * met before under another name (a link that leads upwards) is not entered again.
 */
export async function findFiles(paths: readonly string[], cwd = '.'): Promise<FoundFiles> {
  const found: FoundFiles = { files: [], unreadable: [], others: 0 };
  const met = new Set<string>();
  const given = paths.map((path) => resolve(cwd, path));
  const above = commonFolder(given.filter((path) => !isInside(path, resolve(cwd))));

  const visit = async (path: string, name: string, named: boolean): Promise<void> => {
    try {
      const real = await realpath(path);
      if (met.has(real)) return;
      met.add(real);
      const kind = await stat(real);
      if (kind.isDirectory()) {
        const entries = await readdir(path);
        // 2 before 10
        entries.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
        for (const entry of entries) await visit(join(path, entry), join(name, entry), false);
      } else if (!named && !importable.test(path)) found.others++;
      else if (!kind.isFile()) found.unreadable.push({ path, reason: 'it is no ordinary file' });
      else found.files.push({ path, name });
    } catch (cause) {
      found.unreadable.push({ path, reason: reasonOf(cause) });
    }
  };
  for (const path of given) {
    const start = isInside(path, resolve(cwd)) ? resolve(cwd) : (above ?? dirname(path));
    await visit(path, relative(start, path) || '.', true);
  }
  return found;
}

const isInside = (path: string, folder: string): boolean => {
  const way = relative(folder, path);
  return !way.startsWith('..') && !isAbsolute(way);
};

/** The folder in which all of the paths lie; null where there are none, or on several drives. */
function commonFolder(paths: readonly string[]): string | null {
  let folder = paths[0] === undefined ? null : dirname(paths[0]);
  while (folder !== null && !paths.every((path) => isInside(path, folder!)))
    folder = dirname(folder) === folder ? null : dirname(folder);
  return folder;
}

/** @throws AppError BAD_INPUT, with the reason, for what cannot be read or is too long */
export async function readCsvFile(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    // bytes of the widest encoding of the longest text
    if (size > 2 * importLimit) throw tooLong(path, size);
    bytes = await file.readFile();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('BAD_INPUT', `${basename(path)} cannot be read: ${reasonOf(cause)}.`);
  }
  const text = decodeText(bytes);
  if (text.length > importLimit) throw tooLong(path, bytes.length);
  return text;
}

const tooLong = (path: string, bytes: number): AppError =>
  new AppError(
    'BAD_INPUT',
    `${basename(path)} is too large: ${Math.round(bytes / 1e6)} MB of at most ${importLimit / 1e6} MB.`,
    'Split it into smaller files.',
  );

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOENT: 'there is no such file or folder',
    EACCES: 'you may not read it',
    EPERM: 'you may not read it',
    ELOOP: 'its links lead in a circle',
    EISDIR: 'it is a folder',
  };
  return words[code ?? ''] ?? message;
}

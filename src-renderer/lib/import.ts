/** CSV files and bundles of a person, chosen or dropped, folders included, taken in as runs. */
import {
  AppError,
  decodeText,
  importLimit,
  uploadPiece,
  type CallOutput,
} from '../../src-main/contract.ts';
import { bytes } from './format/number.ts';
import type { Session } from './session.svelte.ts';

export interface PickedFile {
  /** With its folders as far as they are known: they name the runs. */
  path: string;
  read(): Promise<File>;
}

export interface ImportedFile extends CallOutput<'runs.import'> {
  path: string;
  /** Why nothing of the file was taken; null where its rows were looked at. */
  error: string | null;
}

export interface ImportResult {
  files: ImportedFile[];
  /** Files among them that are neither CSV nor bundle by their name. */
  others: number;
}

/** Of a file chooser; of one for folders with the way below the folder. */
export const pickedFiles = (list: FileList | null): PickedFile[] =>
  [...(list ?? [])]
    .map((file) => ({
      path: file.webkitRelativePath || file.name,
      read: () => Promise.resolve(file),
    }))
    .sort((a, b) => inOrder(a.path, b.path));

/** Run 2 before run 10. */
const inOrder = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

/**
 * What was dropped, folders searched to the bottom. The entries have to be asked for before the first
 * wait: the browser forgets them when the event is over.
 */
export async function droppedFiles(transfer: DataTransfer): Promise<PickedFile[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const files: PickedFile[] = [];
  for (const entry of entries) await collect(entry, files);
  return files;
}

async function collect(entry: FileSystemEntry, into: PickedFile[]): Promise<void> {
  if (entry.isFile) {
    into.push({
      path: entry.fullPath.replace(/^\//, ''),
      read: () =>
        new Promise((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)),
    });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const inside: FileSystemEntry[] = [];
  // a reader hands out a hundred at a time
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) break;
    inside.push(...some);
  }
  inside.sort((a, b) => inOrder(a.name, b.name));
  for (const one of inside) await collect(one, into);
}

/** One file after the other; a file that cannot be taken does not keep the others out. */
export async function importFiles(
  session: Session,
  picked: readonly PickedFile[],
  signal?: AbortSignal,
): Promise<ImportResult> {
  const usable = picked.filter(({ path }) => isBundle(path) || /\.csv$/i.test(path));
  const files: ImportedFile[] = [];
  for (const { path, read } of usable) {
    if (signal?.aborted) break;
    try {
      files.push({ path, error: null, ...(await importFile(session, path, await read(), signal)) });
    } catch (cause) {
      const hint = cause instanceof AppError && cause.hint ? ` ${cause.hint}` : '';
      const message = cause instanceof Error ? cause.message : String(cause);
      const nothing = { ids: [], taken: 0, known: [], refused: [], beside: null };
      files.push({ path, error: message + hint, ...nothing });
    }
  }
  return { files, others: picked.length - usable.length };
}

async function importFile(
  session: Session,
  path: string,
  file: File,
  signal: AbortSignal | undefined,
) {
  if (isBundle(path)) return importBundle(session, file, signal);
  if (file.size > 2 * importLimit)
    throw new Error(`It is too large: ${bytes(file.size)} of at most ${bytes(importLimit)}.`);
  const text = decodeText(new Uint8Array(await file.arrayBuffer()));
  return session.api.call('runs.import', { name: path, csv: text });
}

/** A bundle counts in runs, a CSV file in rows. */
export const isBundle = (path: string): boolean => /\.zip$/i.test(path);

/** Piece by piece: it may be larger than any message, and than the memory of the page. */
async function importBundle({ api }: Session, file: File, signal: AbortSignal | undefined) {
  if (file.size === 0) throw new Error('It is empty.');
  const { upload } = await api.call('uploads.begin', { bytes: file.size });
  const step = (uploadPiece / 4) * 3;
  for (let at = 0; at < file.size; at += step) {
    if (signal?.aborted) throw new Error('It was cancelled; nothing of it was taken.');
    const base64 = await base64Of(file.slice(at, at + step));
    await api.call('uploads.add', { upload, base64 });
  }
  return api.call('runs.importBundle', { upload });
}

const base64Of = (blob: Blob): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(reader.error ?? new Error('It cannot be read.'));
    reader.readAsDataURL(blob);
  });

export interface ImportTotal {
  taken: number;
  known: number;
  refused: number;
  /** Files of which nothing could be read. */
  refusedFiles: number;
  /** Files with samples, metrics, phases or predictions, as exported here. */
  beside: number;
  ids: number[];
}

export function totalOf({ files }: ImportResult): ImportTotal {
  const sum = (of: (file: ImportedFile) => number): number =>
    files.reduce((total, file) => total + of(file), 0);
  return {
    taken: sum(({ taken }) => taken),
    known: sum(({ known }) => known.length),
    refused: sum(({ refused }) => refused.length),
    refusedFiles: sum(({ error }) => (error === null ? 0 : 1)),
    beside: sum(({ beside }) => (beside === null ? 0 : 1)),
    ids: files.flatMap(({ ids }) => ids),
  };
}

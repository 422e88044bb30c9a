/** Results as files in a folder of the person's choice. */
import { access, constants, copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError, type CallInput, type ExportFormat } from '../contract.ts';
import { csvAbout } from '../core/report/csv-columns.ts';
import { isCsvFormat } from '../core/report/csv.ts';
import { ensureBuilt } from './build.ts';
import { appVersion, type Session } from './session.ts';

/** What the built page of the report is needed for. */
export const withReport: readonly ExportFormat[] = [
  'report',
  'pdf',
  'markdown',
  'charts',
  'bundle',
];

/** Writes exports of some runs into `folder`, which is made, each CSV with a JSON file that explains it; returns the paths. */
export async function exportTo(
  session: Session,
  folder: string,
  ids: number[],
  formats: readonly ExportFormat[],
  more: Omit<CallInput<'runs.export'>, 'ids' | 'format'> = {},
): Promise<string[]> {
  if (formats.some((format) => withReport.includes(format))) await ensureBuilt('report');
  const paths: string[] = [];
  for (const format of formats) {
    const file = await session.call('runs.export', { ids, format, ...more });
    const name = basename(file.name);
    paths.push(await saveCopy(folder, name, file.path));
    if (!isCsvFormat(format)) continue;
    const about = csvAbout(name, format, {
      appVersion: appVersion(),
      runs: ids,
      writtenAt: new Date(),
    });
    const beside = `${name.replace(/\.csv$/, '')}.json`;
    paths.push(await save(folder, beside, `${JSON.stringify(about, null, 1)}\n`));
  }
  return paths;
}

/** @throws AppError UNAVAILABLE when files could not be written there. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new AppError(
      'UNAVAILABLE',
      `Results cannot be written to ${folder}: ${(cause as Error).message}.`,
      'Choose another folder with --out.',
    );
  }
}

export const save = (folder: string, name: string, content: Buffer | string): Promise<string> =>
  put(folder, name, (path) => writeFile(path, content));

/** A file of another folder; what is there already stays until the copy is whole. */
export const saveCopy = (folder: string, name: string, source: string): Promise<string> =>
  put(folder, name, async (path) => {
    const partial = `${path}.partial`;
    try {
      await copyFile(source, partial);
      await rename(partial, path);
    } catch (cause) {
      await rm(partial, { force: true });
      throw cause;
    }
  });

async function put(
  folder: string,
  name: string,
  write: (path: string) => Promise<void>,
): Promise<string> {
  const path = join(folder, name);
  try {
    await mkdir(folder, { recursive: true });
    await write(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw code === 'ENOSPC'
      ? new AppError('DISK_FULL', `The disk is full: ${path} could not be written.`, 'Free space.')
      : new AppError('UNAVAILABLE', `${path} could not be written: ${message}.`);
  }
  return path;
}

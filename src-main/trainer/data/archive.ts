/**
 * Takes the expected members, and nothing else, out of a .tar.gz.
 *
 * The archive is a stream from the outside: a member may claim any name, type and size. Names that lead
 * out of the folder refuse the whole archive; unexpected members are skipped; expected ones must be
 * plain files of exactly the known size. The folder appears under its name only when it is complete.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Extract } from 'tar-stream';
import { AppError } from '../../contract.ts';
import { DatasetError, explainDisk, throwIfCancelled } from './dataset.ts';

export interface Member {
  /** Path inside the archive, with forward slashes. */
  path: string;
  /** Exact length; null where any length below 1 MB will do. */
  bytes: number | null;
  optional?: boolean;
}

const smallFile = 1_000_000;

/**
 * Extracts `members` into `folder`, flat, by their base names. An older `folder` is replaced.
 * @throws DatasetError when the archive is damaged, lacks a member or holds one of another size;
 *   AppError with CANCELLED or DISK_FULL.
 */
export async function extractMembers(
  archive: string,
  folder: string,
  members: readonly Member[],
  signal?: AbortSignal,
): Promise<void> {
  const expected = new Map(members.map((member) => [member.path, member]));
  const part = `${folder}.${process.pid}.part`;
  const tar = extract();
  try {
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    const [fed, taken] = await Promise.allSettled([
      pipeline(createReadStream(archive), createGunzip(), tar, { signal }),
      takeEntries(tar, archive, expected, part),
    ]);
    // either failing ends both; a refused member is the cause, a closed stream its consequence
    if (taken.status === 'rejected' && taken.reason instanceof AppError) throw taken.reason;
    if (fed.status === 'rejected') throw fed.reason;
    if (taken.status === 'rejected') throw taken.reason;
    const missing = [...expected.values()].find((member) => !member.optional);
    if (missing) throw damaged(archive, `it has no ${missing.path}`);
    await mkdir(dirname(folder), { recursive: true });
    await rm(folder, { recursive: true, force: true });
    await rename(part, folder);
  } catch (cause) {
    tar.destroy();
    await rm(part, { recursive: true, force: true }).catch(() => {});
    throwIfCancelled(signal, `Extracting ${basename(archive)}`);
    throw explain(cause, archive, folder);
  }
}

/** Takes what is expected out of `expected`, so that what is left is missing. */
async function takeEntries(
  tar: Extract,
  archive: string,
  expected: Map<string, Member>,
  folder: string,
): Promise<void> {
  for await (const entry of tar) {
    const { name, type, size = 0 } = entry.header;
    const path = safePath(name);
    if (path === null)
      throw damaged(archive, `the member "${name}" would be written outside the folder`);
    const member = expected.get(path);
    if (!member) {
      entry.resume();
      continue;
    }
    if (type !== 'file') throw damaged(archive, `${path} is a ${type ?? 'member'}, not a file`);
    if (member.bytes === null ? size > smallFile : size !== member.bytes)
      throw damaged(
        archive,
        `${path} has ${size} bytes instead of ${member.bytes ?? `at most ${smallFile}`}`,
      );
    expected.delete(path);
    await pipeline(entry, createWriteStream(join(folder, basename(path))));
  }
}

/** The path without `./`, or null where it leads out of the archive's own tree. */
function safePath(name: string): string | null {
  if (name.startsWith('/') || name.includes('\\') || /^[a-z]:/i.test(name)) return null;
  const steps = name.split('/').filter((step) => step !== '' && step !== '.');
  return steps.includes('..') ? null : steps.join('/');
}

const damaged = (archive: string, what: string): DatasetError =>
  new DatasetError(
    `${archive} is not the archive it should be: ${what}.`,
    'Delete the file and download it again.',
  );

function explain(cause: unknown, archive: string, folder: string): unknown {
  if (cause instanceof AppError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOENT')
    return new DatasetError(`There is no file ${archive}.`, 'Check the path in the config.');
  // a truncated, bit-flipped or non-gzip stream
  if (code.startsWith('Z_') || (cause instanceof Error && code === ''))
    return damaged(archive, (cause as Error).message);
  return explainDisk(cause, folder);
}

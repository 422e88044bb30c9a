/**
 * A bundle (manifest.ts) into the store. It may come from anybody: every member is looked at before the first
 * is used, and only the database, the logs and the checkpoints are ever written to the disk, under names of our own.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { fromFd, type Entry, type ZipFile } from 'yauzl';
import { AppError, type ImportedRows } from '../../contract.ts';
import { schemaVersion } from '../store/migrations/index.ts';
import { logName } from '../runs/run-log.ts';
import { checkpointName } from '../store/slice-write.ts';
import type { Store } from '../store/store.ts';
import {
  bundleFormat,
  databaseName,
  logMember,
  manifestName,
  manifestSchema,
  mostLogBytes,
  type Manifest,
} from './manifest.ts';

export interface BundleTarget {
  store: Pick<Store, 'joinSlice' | 'deleteRuns'>;
  runDir(id: number): string;
}

const manifestBytes = 64e6;
/** Samples of steady power pack well; a hundredfold is beyond what ours come to. */
const unpackedFactor = 250;
const unpackedFree = 64e6;

const refused = (why: string): AppError =>
  new AppError(
    'BAD_INPUT',
    `This is no bundle that can be taken in: ${why}.`,
    'Nothing of it was taken. Ask for the file once more, or export it anew.',
  );

/**
 * Takes in all runs of a bundle that are not here yet, or none.
 * @param folder for what is unpacked meanwhile; the caller removes it
 * @throws AppError BAD_INPUT for anything that is not a whole bundle of ours; then nothing is left behind
 */
export async function readBundle(
  { store, runDir }: BundleTarget,
  path: string,
  folder: string,
): Promise<ImportedRows> {
  const members = await openMembers(path);
  try {
    const manifest = await checkedManifest(members);
    const database = join(folder, databaseName);
    for (const { name, bytes, sha256 } of manifest.members) {
      const entry = members.entries.get(name)!;
      const target = name === databaseName ? createWriteStream(database) : nowhere();
      await unpack(members, entry, target, { name, bytes, sha256 });
    }
    const { ids, from, known } = await store.joinSlice(database);
    try {
      for (const [i, id] of ids.entries())
        await unpackFiles(members, manifest, from[i]!, runDir(id));
    } catch (cause) {
      await store.deleteRuns(ids);
      for (const id of ids) await rm(runDir(id), { recursive: true, force: true });
      throw cause;
    }
    return { ids, taken: ids.length, known, refused: [], beside: null };
  } finally {
    members.close();
  }
}

interface Members {
  zip: ZipFile;
  entries: ReadonlyMap<string, Entry>;
  close(): void;
}

/** Reads the directory; yauzl refuses damaged ones, and names that lead out of a folder. */
async function openMembers(path: string): Promise<Members> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  const zip = await new Promise<ZipFile>((resolve, reject) =>
    fromFd(
      file.fd,
      { lazyEntries: true, autoClose: false, strictFileNames: true },
      (cause, opened) => (cause ? reject(cause) : resolve(opened)),
    ),
  ).catch(async (cause: Error) => {
    await file.close();
    throw refused(`it is not a zip file, or a damaged one (${cause.message})`);
  });
  const close = (): void => void file.close().catch(() => {});
  try {
    const entries = new Map<string, Entry>();
    let [packed, unpacked] = [0, 0];
    for await (const entry of zip.eachEntry()) {
      const { fileName, compressedSize, uncompressedSize } = entry;
      if (entries.has(fileName)) throw refused(`it has ${JSON.stringify(fileName)} twice`);
      if (entry.isEncrypted()) throw refused(`${JSON.stringify(fileName)} in it is encrypted`);
      entries.set(fileName, entry);
      packed += compressedSize;
      unpacked += uncompressedSize;
      // members that share their bytes, or that are nearly nothing but repetition, are a trap
      if (packed > size || unpacked > unpackedFree + unpackedFactor * size)
        throw refused('it claims to unpack to far more than such a file can hold');
    }
    return { zip, entries, close };
  } catch (cause) {
    close();
    throw cause instanceof AppError ? cause : refused((cause as Error).message);
  }
}

async function checkedManifest(members: Members): Promise<Manifest> {
  const { entries } = members;
  const entry = entries.get(manifestName);
  if (!entry) throw refused(`it has no ${manifestName}`);
  if (entry.uncompressedSize > manifestBytes) throw refused(`its ${manifestName} is too long`);
  let value: unknown;
  try {
    value = JSON.parse((await buffer(await members.zip.openReadStreamPromise(entry))).toString());
  } catch (cause) {
    throw refused(`its ${manifestName} cannot be read (${(cause as Error).message})`);
  }
  const { kind, format, schema } = (value ?? {}) as Partial<Manifest>;
  if (
    kind === 'hugginggreen-bundle' &&
    (Number(format) > bundleFormat || Number(schema) > schemaVersion)
  )
    throw new AppError(
      'BAD_INPUT',
      `This bundle was written by a newer HuggingGreen (format ${format}, schema ${schema}; this one knows ${bundleFormat} and ${schemaVersion}).`,
      'Update this program, then import it again.',
    );
  const parsed = v.safeParse(manifestSchema, value);
  if (!parsed.success)
    throw refused(`its ${manifestName} is not what it should be (${parsed.issues[0].message})`);
  const named = new Set(parsed.output.members.map(({ name }) => name));
  if (!named.has(databaseName)) throw refused(`it has no ${databaseName}`);
  for (const name of named)
    if (name.startsWith('checkpoints/') && !memberOfCheckpoint.test(name))
      throw refused(`${name} in it is no file of a checkpoint`);
  for (const name of named) if (!entries.has(name)) throw refused(`${name} is missing in it`);
  for (const name of entries.keys())
    if (name !== manifestName && !named.has(name))
      throw refused(`it has ${JSON.stringify(name)}, which its ${manifestName} does not name`);
  if (named.size !== parsed.output.members.length || named.has(manifestName))
    throw refused(`its ${manifestName} names a member twice`);
  return parsed.output;
}

const memberOfCheckpoint = new RegExp(
  `^checkpoints/\\d{1,15}/${checkpointName.source.replace(/^\^/, '')}`,
);

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/** @throws AppError where length or sum are not those of the manifest */
async function unpack(
  { zip }: Members,
  entry: Entry,
  target: Writable,
  { name, bytes, sha256 }: Manifest['members'][number],
): Promise<void> {
  const hash = createHash('sha256');
  let length = 0;
  try {
    await pipeline(
      await zip.openReadStreamPromise(entry),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          length += chunk.length;
          hash.update(chunk);
          yield chunk;
        }
      },
      target,
    );
  } catch (cause) {
    // a full disk is no fault of the file
    if ((cause as NodeJS.ErrnoException).syscall) throw cause;
    throw refused(`${name} in it is damaged (${(cause as Error).message})`);
  }
  if (length !== bytes || hash.digest('hex') !== sha256)
    throw refused(`${name} in it is not what its ${manifestName} says`);
}

/** Checkpoints and log of one run, into its folder. */
async function unpackFiles(
  members: Members,
  manifest: Manifest,
  from: number,
  dir: string,
): Promise<void> {
  const prefix = `checkpoints/${from}/`;
  for (const member of manifest.members) {
    const isLog = member.name === logMember(from) && member.bytes <= mostLogBytes;
    if (!isLog && !member.name.startsWith(prefix)) continue;
    const name = isLog ? logName : member.name.slice(prefix.length);
    await mkdir(dir, { recursive: true });
    const path = join(dir, name);
    await unpack(members, members.entries.get(member.name)!, createWriteStream(path), member);
  }
}

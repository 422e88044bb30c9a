/** The files that a script writes its metrics to, followed while it runs. */
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { monotonicMicros } from '../../../port.ts';
import { clockPair } from '../../clock.ts';
import { CorruptRecord, eventReader, type ScalarEvent } from './event-file.ts';
import { growingFile, stateOf, type GrowingFile } from './growing-file.ts';
import type { Intake } from './intake.ts';
import { readJsonRecord } from './json-record.ts';
import { lineSplitter } from './lines.ts';
import { splitOf } from './report-line.ts';
import { countOf, longestName } from './said.ts';

export interface WatchedFile {
  /** Takes in what has been written since the last time; never rejects. */
  poll(): Promise<void>;
}

export interface Watcher {
  intake: Pick<Intake, 'record'>;
  note(level: 'info' | 'warning', message: string): void;
  /** Monotonic microseconds: nothing was written for this run before. */
  from: number;
}

/** A moment by the wall clock of this computer on the run's clock; never before its start or after now. */
function microsOf(utc: number, from: number): number {
  const pair = clockPair();
  const micros = pair.micros + (utc - pair.utc) * 1000;
  return Math.min(Math.max(micros, from), monotonicMicros());
}

/** Longest line of a JSON-lines file in bytes. */
const longestRecord = 1 << 20;

/** What stands in the file already is of an earlier run. */
export async function watchJsonLines(
  path: string,
  { intake, note, from }: Watcher,
): Promise<WatchedFile> {
  let malformed = 0;
  let failed = false;
  const take = (line: string, cut: boolean): void => {
    if (line.trim() === '') return;
    const record = cut ? null : readJsonRecord(line);
    if (record) {
      const at = record.utc === null ? monotonicMicros() : microsOf(record.utc, from);
      return intake.record(record, at, path);
    }
    if (++malformed === 1)
      note(
        'warning',
        `${path}: a line is no JSON object with a number in it and is left out, as all others like it: ${line.slice(0, 80)}`,
      );
  };
  let splitter = lineSplitter(longestRecord, take);
  const file = growingFile(
    path,
    await stateOf(path),
    (bytes) => splitter.push(bytes),
    // the beginning of a line of the old file is no line of the new one
    () => (splitter = lineSplitter(longestRecord, take)),
  );
  return {
    poll: async () => {
      if (failed) return;
      await file.read().catch((cause: unknown) => {
        failed = true;
        note('warning', `${path} cannot be read any more: ${(cause as Error).message}`);
      });
    },
  };
}

const mostEventFiles = 200;
const deepest = 5;

/** Follows every event file in the folder and below it; what stands in them already is of earlier runs. */
export async function watchTensorboard(
  folder: string,
  { intake, note, from }: Watcher,
): Promise<WatchedFile> {
  const files = new Map<string, GrowingFile | null>();
  const told = new Set<string>();
  const noteOnce = (message: string): void => {
    if (!told.has(message)) note('warning', message);
    told.add(message);
  };

  const add = async (path: string, old: boolean): Promise<void> => {
    if (files.size >= mostEventFiles)
      return noteOnce(
        `${folder} has more than ${mostEventFiles} event files; the rest is left out.`,
      );
    const name = path.slice(folder.length).split(sep).filter(Boolean).slice(0, -1);
    const prefix = prefixOf(name);
    let read = eventReader();
    const stop = (why: string): void => {
      files.set(path, null);
      noteOnce(`${path} is damaged (${why}): what follows in it is left out.`);
    };
    const file = growingFile(
      path,
      old ? await stateOf(path) : null,
      (bytes) => {
        if (files.get(path) === null) return;
        try {
          for (const event of read(bytes)) take(event, prefix, path);
        } catch (cause) {
          if (!(cause instanceof CorruptRecord)) throw cause;
          stop(cause.message);
        }
      },
      () => (read = eventReader()),
    );
    files.set(path, file);
  };

  const take = ({ utc, step, tag, value }: ScalarEvent, prefix: string, source: string): void => {
    if (countOf(step) === null || tag.startsWith('_hparams_') || tag.length > longestName) return;
    intake.record(
      { step, epoch: null, values: new Map([[prefix + tag, value]]) },
      microsOf(utc, from),
      source,
    );
  };

  for (const path of await eventFiles(folder)) await add(path, true);
  return {
    poll: async () => {
      for (const path of await eventFiles(folder)) if (!files.has(path)) await add(path, false);
      for (const [path, file] of files)
        await file?.read().catch((cause: unknown) => {
          files.set(path, null);
          noteOnce(`${path} cannot be read any more: ${(cause as Error).message}`);
        });
    },
  };
}

/** Paths of all event files in a folder and below; none where it is not there (yet). */
async function eventFiles(folder: string, depth = 0): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isFile() && entry.name.includes('tfevents')) found.push(path);
    else if (entry.isDirectory() && depth < deepest)
      found.push(...(await eventFiles(path, depth + 1)));
    if (found.length > mostEventFiles) break;
  }
  return found;
}

/**
 * Of the folders between: `train/` and `validation/` tell whose values they are, others tell writers
 * apart. What differs from run to run (`version_3`, `Nov23_04-00-01_host`) would only keep the same values
 * of two runs from being compared.
 */
function prefixOf(folders: readonly string[]): string {
  const lasting = folders.filter((name) => {
    if (splitOf(name) || name === 'train') return true;
    const digits = name.replace(/\D/g, '').length;
    return digits < 6 && !/^(version|run|exp)[_-]?\d*$/i.test(name);
  });
  return lasting.map((name) => `${name}/`).join('');
}

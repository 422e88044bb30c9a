import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { AppError, uploadPiece, type CallOutput } from '../../contract.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import {
  findFiles,
  isBundle,
  readCsvFile,
  type FoundFile,
  type FoundFiles,
} from '../import-files.ts';
import { withSession, type Session } from '../session.ts';

type Rows = CallOutput<'runs.import'>;

interface FileResult extends Rows {
  file: string;
  /** Why nothing of the file could be read; null where its rows were looked at. */
  error: string | null;
}

export const importRuns: Command = {
  name: 'import',
  usage: 'FILE|FOLDER...',
  summary:
    'Takes in runs from bundles of this program, and from CSV files of it or of CodeCarbon 2.x or 3.x.',
  details: `Folders are searched for *.csv and *.hgb.zip. A bundle (export --format bundle) brings runs with all samples and
curves from another computer. RQ2/variance/emissions.csv becomes a run "RQ2/variance"; files of one
folder that differ in a run, repeat or seed number only (emissions-1.csv, or run2/emissions.csv) are
repeats of each other. Rows that are here already are not taken twice. A file is taken at once or not at all.
Samples, metrics, phases and predictions exported beside a runs CSV are not taken (a bundle brings them).
Exit code: 0 when every row of every file is here now; 1 when a row or a file was refused or nothing was found;
2 when a path does not exist, and then nothing is taken.`,
  options: {},
  run: async ({ positionals, json }) => {
    if (positionals.length === 0) throw new UsageError('Which file or folder?');
    // a slip of the pen shall not leave half of what was meant
    for (const path of positionals)
      if (!existsSync(path)) throw new AppError('BAD_INPUT', `There is no file or folder ${path}.`);
    const found = await findFiles(positionals);
    const files =
      found.files.length === 0
        ? []
        : await withSession('import', (session) => takeAll(session, found.files));
    const total = totalOf(files, found);
    if (json) printJson({ files, unreadable: found.unreadable, total });
    else console.log(describe(files, found, total));
    return total.complete ? exitCode.ok : exitCode.failed;
  },
};

async function takeAll(session: Session, files: readonly FoundFile[]): Promise<FileResult[]> {
  const results: FileResult[] = [];
  for (const { path, name } of files) {
    try {
      const rows = isBundle(path)
        ? await takeBundle(session, path)
        : await session.call('runs.import', { name, csv: await readCsvFile(path) });
      results.push({ file: name, error: null, ...rows });
    } catch (cause) {
      // a full disk or a program that ended concerns every file that follows
      if (!(cause instanceof AppError) || cause.code !== 'BAD_INPUT') throw cause;
      results.push({
        file: name,
        error: [cause.message, cause.hint].filter(Boolean).join(' '),
        ids: [],
        taken: 0,
        known: [],
        refused: [],
        beside: null,
      });
    }
  }
  return results;
}

/** Piece by piece, as a page would: the program that has the data may be another one. */
async function takeBundle(session: Session, path: string): Promise<Rows> {
  await using file = await open(path);
  const { size: bytes } = await file.stat();
  if (bytes === 0) throw new AppError('BAD_INPUT', 'It is empty.');
  const { upload } = await session.call('uploads.begin', { bytes });
  const piece = Buffer.alloc((uploadPiece / 4) * 3);
  for (let at = 0; at < bytes;) {
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) break;
    const base64 = piece.toString('base64', 0, bytesRead);
    await session.call('uploads.add', { upload, base64 });
    at += bytesRead;
  }
  return session.call('runs.importBundle', { upload });
}

interface Total {
  /** Those of `beside` not among them. */
  files: number;
  taken: number;
  known: number;
  refused: number;
  /** Files of which nothing could be read. */
  refusedFiles: number;
  unreadable: number;
  /** Files with samples, metrics, phases or predictions, as exported here. */
  beside: number;
  /** Files of the folders that are no CSV; left alone. */
  others: number;
  complete: boolean;
}

function totalOf(files: readonly FileResult[], { unreadable, others }: FoundFiles): Total {
  const sum = (of: (file: FileResult) => number): number =>
    files.reduce((total, file) => total + of(file), 0);
  const beside = sum((file) => (file.beside === null ? 0 : 1));
  const total = {
    files: files.length - beside,
    taken: sum(({ taken }) => taken),
    known: sum(({ known }) => known.length),
    refused: sum(({ refused }) => refused.length),
    refusedFiles: sum(({ error }) => (error === null ? 0 : 1)),
    unreadable: unreadable.length,
    beside,
    others,
  };
  const lost = total.refused + total.refusedFiles + total.unreadable;
  return { ...total, complete: lost === 0 && total.taken + total.known > 0 };
}

const rowsOf = (count: number, one = 'row'): string => `${count} ${count === 1 ? one : `${one}s`}`;

function describe(files: readonly FileResult[], found: FoundFiles, total: Total): string {
  const lines = files.flatMap(({ file, error, ids, taken, known, refused, beside }) => {
    if (beside !== null) return [];
    if (error !== null) return [`${file}: not taken. ${error}`];
    const one = isBundle(file) ? 'run' : 'row';
    const parts = [
      ...(taken > 0 ? [`${rowsOf(taken, one)} taken (${runsOf(ids)})`] : []),
      ...(known.length > 0
        ? [`${rowsOf(known.length, one)} already here as ${runsOf(known.map(({ run }) => run))}`]
        : []),
      ...(refused.length > 0 ? [`${rowsOf(refused.length)} refused`] : []),
    ];
    return [
      `${file}: ${parts.join(', ') || 'it has no rows'}`,
      ...refused.map(({ row, reason }) => `  row ${row}: ${reason}`),
    ];
  });
  for (const { path, reason } of found.unreadable) lines.push(`${path}: not read, ${reason}`);
  if (files.length === 0 && found.unreadable.length === 0)
    lines.push('There is no CSV file or bundle there.');
  if (total.beside > 0)
    lines.push(
      `${rowsOf(total.beside, 'file')} of samples, metrics, phases or predictions not needed: imported runs have totals only.` +
        (total.files === 0 ? ' Those are in the file whose name ends in -runs.csv.' : ''),
    );
  if (found.others > 0)
    lines.push(
      `${found.others} other ${found.others === 1 ? 'file was' : 'files were'} left alone.`,
    );
  if (total.files > 1)
    lines.push(
      `In all: ${rowsOf(total.taken)} of ${total.files} files taken, ${total.known} already here, ${total.refused} refused; files that could not be used: ${total.refusedFiles + total.unreadable}.`,
    );
  return lines.join('\n');
}

/** `run 3`, `runs 3, 5`, `runs 3 to 98`. */
function runsOf(ids: readonly number[]): string {
  const unique = [...new Set(ids)].sort((a, b) => a - b);
  const [first] = unique;
  if (unique.length === 1) return `run ${first}`;
  const last = unique.at(-1)!;
  return last - first! === unique.length - 1 && unique.length > 2
    ? `runs ${first} to ${last}`
    : `runs ${unique.join(', ')}`;
}

/** Runs out of the store as files, and files into the store as runs. */
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, type CallOutput, type ReportLook, type RunDetail } from '../../contract.ts';
import type { SampleColumns, SampleCursor, SamplePage, Store } from '../store/store.ts';
import { uuidOf } from '../store/identity.ts';
import {
  metricsCsv,
  phasesCsv,
  predictionsCsv,
  runsCsv,
  samplesCsv,
  type CsvFormat,
} from './csv.ts';
import { reportHtml, type ReportBundle } from './html.ts';
import { besideOf, importCsvText } from './import-csv.ts';
import { reportData } from './report-data.ts';

export interface TextFile {
  /** With its extension. */
  name: string;
  mime: string;
  /** Piece by piece: the samples of a long run are more text than a string can hold. */
  pieces: InTurn<string>;
}
type InTurn<Item> = Iterable<Item> | AsyncIterable<Item>;

export type TextFormat = CsvFormat | 'report' | 'json';

export interface ExportOptions {
  appVersion: string;
  /** Folder with `report.js` and `report.css`. */
  reportDir: string;
  /** Of the report. */
  look?: ReportLook;
  /** Of CSV: begins with the mark by which Excel knows UTF-8. */
  bom?: boolean;
}

/** @throws AppError NOT_FOUND for an unknown run, UNAVAILABLE when the report page is not built */
export async function exportRuns(
  store: Store,
  ids: readonly number[],
  format: TextFormat,
  { appVersion, reportDir, look = {}, bom = false }: ExportOptions,
): Promise<TextFile> {
  if (format === 'report' || format === 'json') {
    const bundle = format === 'report' ? await reportBundle(reportDir) : null;
    const data = await reportData(store, ids, appVersion, look);
    const name = `${fileName(data.runs.map(({ detail }) => detail))}-report`;
    return bundle
      ? {
          name: `${name}.html`,
          mime: 'text/html;charset=utf-8',
          pieces: [reportHtml(data, bundle)],
        }
      : {
          name: `${name}.json`,
          mime: 'application/json',
          pieces: [`${JSON.stringify(data, null, 1)}\n`],
        };
  }
  const runs: RunDetail[] = [];
  for (const id of ids) runs.push(await store.getRun(id));
  if (format === 'predictions') await requirePredictions(store, ids);
  return {
    name: `${fileName(runs)}-${format}.csv`,
    mime: 'text/csv;charset=utf-8',
    pieces: bom ? marked(csv(store, runs, format)) : csv(store, runs, format),
  };
}

async function* marked(pieces: InTurn<string>): AsyncIterable<string> {
  yield '\uFEFF';
  yield* pieces;
}

/** @throws AppError UNAVAILABLE where none of the runs kept any */
async function requirePredictions(store: Store, ids: readonly number[]): Promise<void> {
  for (const id of ids) if ((await store.keptPredictions(id)).length > 0) return;
  throw new AppError(
    'UNAVAILABLE',
    `${ids.length > 1 ? 'None of these runs kept' : `Run ${ids[0]} kept no`} predictions of single images.`,
    'Imports, commands and runs of earlier versions have none: train its config again.',
  );
}

/** Writes the pieces to a file, as fast as it takes them. */
export const writePieces = (
  path: string,
  { pieces }: TextFile,
  signal?: AbortSignal,
): Promise<void> =>
  pipeline(Readable.from(pieces), createWriteStream(path), { ...(signal && { signal }) });

function csv(store: Store, runs: RunDetail[], format: CsvFormat): InTurn<string> {
  switch (format) {
    case 'runs':
      return [runsCsv(runs)];
    case 'samples':
      return samplesCsv(
        inTurn(runs, async (run) => ({
          run,
          components: await store.sampledComponents(run.summary.id),
          pages: samplePages(store, run.summary.id),
        })),
      );
    case 'metrics':
      return metricsCsv(
        inTurn(runs, async (run) => ({ run, metrics: await store.metrics(run.summary.id) })),
      );
    case 'phases':
      return phasesCsv(runs);
    case 'predictions':
      return predictionsCsv(
        inTurn(runs, async (run) => ({
          run,
          evaluations: await Promise.all(
            (await store.keptPredictions(run.summary.id)).map(async (of) => ({
              of,
              predictions: await store.predictionsOf(run.summary.id, of),
            })),
          ),
        })),
      );
  }
}

/** Samples of a page: what the store's thread hands over in a few milliseconds. */
const samplesPerPage = 10_000;

export async function* samplePages(
  store: Pick<Store, 'samplePage'>,
  id: number,
  limit = samplesPerPage,
): AsyncIterable<SampleColumns> {
  let cursor: SampleCursor | null = null;
  do {
    const page: SamplePage = await store.samplePage(id, cursor, limit);
    if (page.columns) yield page.columns;
    cursor = page.next;
  } while (cursor);
}

/** One after the other: a long run is large, and the store has other callers. */
async function* inTurn<A, B>(items: readonly A[], ask: (item: A) => Promise<B>): AsyncIterable<B> {
  for (const item of items) yield await ask(item);
}

async function reportBundle(dir: string): Promise<ReportBundle> {
  try {
    const [js, css] = await Promise.all(
      ['report.js', 'report.css'].map((file) => readFile(join(dir, file), 'utf8')),
    );
    return { js: js!, css: css! };
  } catch {
    throw new AppError(
      'UNAVAILABLE',
      `The page of the report is missing in ${dir}.`,
      'Run npm run build once, then export again.',
    );
  }
}

/** Safe on every file system: letters, digits and dashes. */
export function fileName(runs: readonly RunDetail[]): string {
  const [first] = runs;
  const plain =
    first?.summary.name
      .normalize('NFKD')
      .replace(/[^\w]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 60)
      .toLowerCase() || 'run';
  return runs.length > 1 ? `${plain}-and-${runs.length - 1}-more` : plain;
}

/**
 * Rows that cannot be believed are refused one by one, with the reason; rows that are here already, from an
 * earlier import or from this program, are named and not doubled. The others become runs, all of a file or
 * none of it. The samples, metrics, phases and predictions of our own exports are known by their header and left.
 */
export async function importCsv(
  store: Store,
  path: string,
  text: string,
): Promise<CallOutput<'runs.import'>> {
  const beside = besideOf(text);
  if (beside !== null) return { ids: [], taken: 0, known: [], refused: [], beside };
  const { runs, rows, refused } = importCsvText(path, text);
  const here = new Map<string, number>();
  for (const run of await store.runIdentities()) {
    const uuid = uuidOf(run);
    here.set(
      run.importedRunId === null && run.importedDigest === null
        ? uuid
        : rowIdentity(uuid, run.endedAt, run.importedTask),
      run.id,
    );
    if (run.importedDigest !== null) here.set(run.importedDigest, run.id);
  }
  const known: CallOutput<'runs.import'>['known'] = [];
  const inFile = new Map<string, number>();
  const fresh = runs.filter((run, i) => {
    const row = rows[i]!;
    const { run_id: uuid, task_name: task = null } = run.columns;
    const identities = uuid
      ? [uuid, rowIdentity(uuid, run.endedAt, task), run.digest!]
      : [run.digest!];
    for (const identity of identities) {
      const id = here.get(identity);
      if (id !== undefined) {
        known.push({ row, run: id });
        return false;
      }
      // the id of a run alone does not: several rows of one file may tell how it went on
      const twin = identity === uuid ? undefined : inFile.get(identity);
      if (twin !== undefined) {
        refused.push({ row, reason: `the same as row ${twin}` });
        return false;
      }
    }
    for (const identity of identities) inFile.set(identity, row);
    return true;
  });
  const ids = fresh.length > 0 ? await store.addImported(fresh) : [];
  refused.sort((a, b) => a.row - b.row);
  return { ids, taken: ids.length, known, refused, beside: null };
}

/** CodeCarbon writes several rows of one run, each with its own end or task; ours have one row each. */
const rowIdentity = (uuid: string, endedAt: number | null, task: string | null): string =>
  JSON.stringify([uuid, endedAt, task]);

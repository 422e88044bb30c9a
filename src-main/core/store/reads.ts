/** Everything that is asked about runs, but for the curves (`series.ts`). */
import {
  AppError,
  parseExperimentConfig,
  showCommand,
  type ComparedRun,
  type ComponentKind,
  type Energy,
  type ExperimentConfig,
  type Forecast,
  type Inventory,
  type PhaseEnergy,
  type ReportedResult,
  type RunCommand,
  type RunDetail,
  type RunPlace,
  type RunStatus,
  type RunSummary,
} from '../../contract.ts';
import type { PastRun } from '../experiments/run-cost.ts';
import { skippedMacs } from '../experiments/skipped-macs.ts';
import { checkpointsOf } from './checkpoints.ts';
import type { ReadableDb } from './database.ts';
import { importedEnergy } from './imported.ts';
import { markersOf } from './markers.ts';
import { segmentsOf, utcOf } from './readings.ts';
import { energyOf, phasesOf } from './run-energy.ts';
import { sampleFacts, type SampleFacts } from './sample-facts.ts';
import { byKind } from './totals.ts';
import type { ImportedRun, MetricRow, RunIdentity } from './types.ts';

// --- summaries -----------------------------------------------------------------------------------

interface SummaryRow {
  id: number;
  name: string;
  status: RunStatus;
  created_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
  group: string;
  dataset: string;
  model: string;
  selection: string;
  method: string;
  matrix: number | null;
  matrix_key: string | null;
  matrix_title: string | null;
  arm: string | null;
  arm_title: string | null;
  arm_baseline: string | null;
  repeat: number | null;
  warm_up: number;
  rung: number | null;
  dropped: number;
  copy_of: number | null;
  example: number;
  queue_place: number | null;
  origin: string | null;
  command: string | null;
  engine: string | null;
  seed: number | null;
  epoch: number | null;
  epochs: number | null;
  step: number | null;
  steps: number | null;
  parameters: number | null;
  loss: number | null;
  micro_f1: number | null;
  macro_f1: number | null;
  f1_split: 'test' | 'validation' | null;
  images_seen: number | null;
  images_per_second: number | null;
  seconds: number | null;
  wh: number | null;
  uncertainty_wh: number | null;
  g_co2e: number | null;
  wh_by_kind: string | null;
  error: string | null;
  wall_wh: number | null;
  process_wh: number | null;
  star: number;
  note: string | null;
  archived_ms: number | null;
  active: number;
}

const summaryColumns = `
  r.id, r.name, r.status, r.created_ms, r.started_ms, r.ended_ms, e.key as "group", r.dataset,
  r.model, r.selection, r.method, r.matrix, x.key as matrix_key, x.title as matrix_title,
  r.arm, r.arm_title, r.arm_baseline, r.repeat, r.warm_up, r.rung, r.dropped, r.copy_of, r.example, r.origin, r.queue_place, r.command, r.engine, r.seed, r.epoch, r.epochs, r.step, r.steps, r.parameters, r.loss,
  r.micro_f1, r.macro_f1, r.f1_split, r.images_seen,
  r.images_per_second, r.seconds, r.wh, r.uncertainty_wh, r.g_co2e,
  r.wh_by_kind, r.error, r.wall_wh, r.process_wh, r.star, r.note, r.archived_ms,
  exists (select 1 from segment s where s.run = r.id and s.to_t is null) as active
  from run r join experiment e on e.id = r.experiment left join matrix x on x.id = r.matrix`;

/** All runs but those whose deletion can still be undone, the newest first. */
export function listRuns(db: ReadableDb): RunSummary[] {
  const tags = Map.groupBy(
    db.rows<[number, string]>('select run, name from tag order by name collate nocase'),
    ([run]) => run,
  );
  const tagsOf = (id: number): string[] => tags.get(id)?.map(([, name]) => name) ?? [];
  return db
    .all<SummaryRow>(`select ${summaryColumns} where r.removed_ms is null order by r.id desc`)
    .map((row) => summary(db, row, tagsOf(row.id)));
}

/** Of these runs, in the order of their ids; one that is not there is left out. */
export const summariesOf = (db: ReadableDb, ids: readonly number[]): RunSummary[] =>
  db
    .all<SummaryRow>(
      `select ${summaryColumns} where r.id in (select value from json_each(?)) order by r.id`,
      JSON.stringify(ids),
    )
    .map((row) => summary(db, row));

export const runIdentities = (db: ReadableDb): RunIdentity[] =>
  db.all<RunIdentity>(
    `select r.id, r.created_ms as createdAt, e.key as "group", r.ended_ms as endedAt,
       json_extract(m.inventory, '$.hostname') as hostname,
       json_extract(r.imported, '$.columns.run_id') as importedRunId,
       json_extract(r.imported, '$.columns.task_name') as importedTask,
       json_extract(r.imported, '$.digest') as importedDigest,
       json_extract(r.origin, '$.uuid') as originUuid
     from run r join experiment e on e.id = r.experiment left join machine m on m.id = r.machine
     where r.removed_ms is null`,
  );

/** @throws AppError NOT_FOUND */
export const getSummary = (db: ReadableDb, id: number): RunSummary =>
  summary(db, summaryRow(db, id));

function summaryRow(db: ReadableDb, id: number): SummaryRow {
  const row = db.get<SummaryRow>(`select ${summaryColumns} where r.id = ?`, id);
  if (!row) throw new AppError('NOT_FOUND', `There is no run ${id}.`);
  return row;
}

/** A run that is active has its figures of this moment, any other those of its end. */
function summary(db: ReadableDb, row: SummaryRow, tags = tagsOfRun(db, row.id)): RunSummary {
  const live = row.active ? energyOf(db, row.id) : null;
  const wh = live ? live.wh : row.wh;
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    createdAt: row.created_ms,
    startedAt: row.started_ms,
    endedAt: row.ended_ms,
    group: row.group,
    dataset: row.dataset,
    model: row.model,
    selection: row.selection,
    method: row.method,
    matrix: placeOf(row),
    copyOf: row.copy_of,
    example: row.example !== 0,
    paused: row.status === 'stopped' && row.queue_place === -1,
    origin: parsed<RunSummary['origin']>(row.origin),
    command: row.command === null ? null : shownCommand(row.command),
    engine: row.engine,
    seed: row.seed,
    epoch: row.epoch,
    epochs: row.epochs,
    step: row.step,
    steps: row.steps,
    parameters: row.parameters,
    loss: row.loss,
    microF1: row.micro_f1,
    macroF1: row.macro_f1,
    f1Split: row.f1_split,
    imagesSeen: row.images_seen,
    imagesPerSecond: row.images_per_second,
    seconds: live ? live.seconds : row.seconds,
    wh,
    uncertaintyWh: live ? live.uncertaintyWh : row.uncertainty_wh,
    gCO2e: live ? live.emissions.gCO2e : row.g_co2e,
    whByKind: live
      ? byKind(live)
      : ((row.wh_by_kind ? JSON.parse(row.wh_by_kind) : {}) as Partial<
          Record<ComponentKind, number | null>
        >),
    f1PerWh: row.macro_f1 !== null && wh ? (row.macro_f1 * 100) / wh : null,
    wallWh: live ? (live.wall?.wh ?? null) : row.wall_wh,
    processWh: live ? live.processWh : row.process_wh,
    error: row.error ? (JSON.parse(row.error) as RunSummary['error']) : null,
    star: row.star !== 0,
    note: row.note,
    tags,
    archivedAt: row.archived_ms,
  };
}

const tagsOfRun = (db: ReadableDb, id: number): string[] =>
  db
    .rows<[string]>('select name from tag where run = ? order by name collate nocase', id)
    .map(([name]) => name);

/** Longer ones are arguments that no table has room for; the run's own page shows them. */
const shownLength = 500;

function shownCommand(json: string): string {
  const text = showCommand((JSON.parse(json) as RunCommand).argv);
  return text.length > shownLength ? `${text.slice(0, shownLength - 1)}…` : text;
}

function placeOf(row: SummaryRow): RunPlace | null {
  const { matrix, matrix_key: id, matrix_title: title, arm, arm_title: armTitle, repeat } = row;
  if (matrix === null || id === null || title === null) return null;
  if (arm === null || armTitle === null || repeat === null) return null;
  const warmUp = row.warm_up !== 0;
  const dropped = row.dropped !== 0;
  const rung = row.rung !== null || dropped ? { rung: { epochs: row.rung, dropped } } : {};
  const baseline = row.arm_baseline;
  return { group: matrix, id, title, arm, armTitle, baseline, repeat, warmUp, ...rung };
}

// --- one run -------------------------------------------------------------------------------------

/** @throws AppError NOT_FOUND */
export function getRun(db: ReadableDb, id: number): RunDetail {
  const run = comparedRun(db, id);
  const phases = phasesOf(db, id);
  // the host knows the folder of the log
  return { ...run, log: null, phases, phaseTotals: phaseTotals(phases) };
}

/** @throws AppError NOT_FOUND */
export function comparedRun(db: ReadableDb, id: number): ComparedRun {
  const row = summaryRow(db, id);
  const own = db.get<{
    config: string | null;
    forecast: string | null;
    inventory: string | null;
    engine_why: string | null;
    app_version: string;
    node: string;
    hz: number | null;
    classes: string | null;
    graph_nodes: number | null;
    sample_facts: string | null;
    imported: string | null;
  }>(
    `select r.config, r.forecast, m.inventory, r.engine_why, r.app_version, r.node, r.hz, r.classes,
       r.graph_nodes, r.sample_facts, r.imported
     from run r left join machine m on m.id = r.machine where r.id = ?`,
    id,
  )!;
  const imported = parsed<ImportedRun>(own.imported);
  const { samples, gaps, load }: SampleFacts =
    imported ?? parsed<SampleFacts>(own.sample_facts) ?? sampleFacts(db, id);
  const config = completed(parsed<ExperimentConfig>(own.config));
  const evaluated = evaluations(db, id);
  const classes = parsed<string[]>(own.classes) ?? [];
  const zeros = evaluated.at(-1)?.result.deltaSparsity ?? null;
  return {
    summary: summary(db, row),
    config,
    command: parsed<RunCommand>(row.command),
    scalars: db
      .all<{ name: string }>('select distinct name from scalar where run = ? order by name', id)
      .map(({ name }) => name),
    energy: imported ? importedEnergy(imported) : energyOf(db, id),
    evaluations: evaluated,
    skippedMacs: config && skippedMacs(config, classes.length, zeros),
    cost: parsed<Forecast>(own.forecast),
    notes: db.all<RunDetail['notes'][number]>(
      'select utc_ms as at, level, message from event where run = ? order by utc_ms, id',
      id,
    ),
    markers: markersOf(db, id),
    checkpoints: checkpointsOf(db, id).map(({ epoch, step, path, bytes }) => ({
      epoch,
      step,
      path,
      bytes,
    })),
    circumstances: {
      machine: parsed<Inventory>(own.inventory),
      engine: row.engine,
      engineWhy: own.engine_why,
      appVersion: own.app_version,
      node: own.node,
      hz: own.hz,
      samples,
      gaps,
      classes,
      graphNodes: own.graph_nodes,
      ...(load && { load }),
      imported: imported?.columns ?? null,
    },
  };
}

/** A config that was stored before an option existed had that option's default. */
function completed(config: ExperimentConfig | null): ExperimentConfig | null {
  const result = parseExperimentConfig(config);
  return result.ok ? result.config : config;
}

/** What the latest runs of this computer's own took, for the forecast of others; the newest first. */
export const pastRuns = (db: ReadableDb, most = 60): PastRun[] =>
  db
    .all<{
      id: number;
      config: string;
      forecast: string;
      engine: string;
      cpu: string | null;
      seconds: number;
      wh: number | null;
    }>(
      `select r.id, r.config, r.forecast, r.engine, json_extract(m.inventory, '$.cpu.brand') as cpu,
         r.seconds, r.wh
       from run r left join machine m on m.id = r.machine
       where r.status = 'done' and r.copy_of is null and r.origin is null and r.command is null
         and r.imported is null and r.config is not null and r.forecast is not null
         and r.engine is not null and r.seconds > 0
       order by r.id desc limit ?`,
      most,
    )
    .flatMap(({ config, forecast, ...run }) => {
      const complete = parseExperimentConfig(JSON.parse(config));
      if (!complete.ok) return [];
      const phases = db.rows<[string, number]>(
        `select name, sum(to_t - from_t) / 1e6 from phase
         where run = ? and to_t is not null and name <> 'baseline' group by name`,
        run.id,
      );
      return {
        ...run,
        config: complete.config,
        forecast: JSON.parse(forecast) as Forecast,
        phases: Object.fromEntries(phases),
      };
    });

const parsed = <T>(text: string | null): T | null =>
  text === null ? null : (JSON.parse(text) as T);

/** By name, in the order of their first start; a phase that is open has no length yet. */
function phaseTotals(phases: PhaseEnergy[]): RunDetail['phaseTotals'] {
  const totals = new Map<PhaseEnergy['name'], RunDetail['phaseTotals'][number]>();
  for (const { name, from, to, wh } of phases) {
    const total = totals.get(name) ?? { name, seconds: 0, wh: null };
    if (to !== null) total.seconds += to - from;
    if (wh !== null) total.wh = (total.wh ?? 0) + wh;
    totals.set(name, total);
  }
  return [...totals.values()];
}

function evaluations(db: ReadableDb, id: number): RunDetail['evaluations'] {
  const segments = new Map(segmentsOf(db, id).map((segment) => [segment.id, segment]));
  return db
    .all<{ epoch: number; step: number; t: number; segment: number; result: string }>(
      `select epoch, step, t, segment, result from evaluation where run = ?
       order by step, split = 'test'`,
      id,
    )
    .map(({ epoch, step, t, segment, result }) => ({
      epoch,
      step,
      at: utcOf({ segment: segments.get(segment)!, t }),
      // what earlier versions did not measure is missing
      result: {
        top5: null,
        detection: null,
        patchRecall: null,
        attentionSupport: null,
        attentionIdle: null,
        deltaSparsity: null,
        ...(JSON.parse(result) as Partial<ReportedResult>),
      } as ReportedResult,
    }));
}

/**
 * Energy of a run so far or in the end; null before its first start.
 * @param now monotonic µs up to which a running run counts; its last reading where not given.
 */
export function energy(db: ReadableDb, id: number, now?: number): Energy | null {
  summaryRow(db, id);
  const imported = db.get<{ imported: string | null }>('select imported from run where id = ?', id);
  return imported?.imported
    ? importedEnergy(JSON.parse(imported.imported) as ImportedRun)
    : energyOf(db, id, now);
}

/** What was remembered under these names; names without a value are left out. */
export function recall(db: ReadableDb, keys: string[]): Record<string, unknown> {
  const rows = db.rows<[string, string]>(
    'select key, value from setting where key in (select value from json_each(?))',
    JSON.stringify(keys),
  );
  return Object.fromEntries(rows.map(([key, value]) => [key, JSON.parse(value) as unknown]));
}

// --- rows for CSV --------------------------------------------------------------------------------

/** Every step and evaluation of a run, in order. */
export function metrics(db: ReadableDb, id: number): MetricRow[] {
  summaryRow(db, id);
  return db.all<MetricRow>(
    `select * from (
       select m.run, m.step, m.epoch, (s.before_us + m.t - s.from_t) / 1e6 as seconds,
         'step' as kind, m.loss, m.lr, m.tokens, m.step_ms as stepMs, m.wait_ms as waitMs,
         null as accuracy, null as microF1, null as macroF1, null as top5, null as meanIou,
         null as locAcc50, null as clsLoc50, null as ap, null as ap50, null as ap75,
         null as patchRecall, null as zeroDeltas, null as zeroDeltas8Bit
       from metric m join segment s on s.id = m.segment where m.run = @id
       union all
       select v.run, v.step, v.epoch, (s.before_us + v.t - s.from_t) / 1e6, v.split,
         v.loss, null, null, null, null, v.accuracy, v.micro_f1, v.macro_f1,
         v.result ->> '$.top5', v.result ->> '$.detection.meanIou',
         v.result ->> '$.detection.locAcc50', v.result ->> '$.detection.clsLoc50',
         v.result ->> '$.detection.ap', v.result ->> '$.detection.ap50',
         v.result ->> '$.detection.ap75', v.result ->> '$.patchRecall',
         v.result ->> '$.deltaSparsity.thresholded', v.result ->> '$.deltaSparsity.in8Bits'
       from evaluation v join segment s on s.id = v.segment where v.run = @id)
     order by step, kind = 'test', kind = 'validation'`,
    { id },
  );
}

/**
 * Everything that changes the store. Each function is one savepoint: it is done whole or not at all.
 *
 * Moments (`at`, `t`) are monotonic microseconds of this launch, as the processes stamped them.
 */
import {
  AppError,
  type BudgetConfig,
  type PhaseLabel,
  type Region,
  type ReportedResult,
  type ReportedSteps,
  type RunStatus,
} from '../../contract.ts';
import { SampleFlag, type ComponentInfo, type SampleBatch } from '../../meter/messages.ts';
import { seedOf } from '../../contract/command-line.ts';
import type { Predictions } from '../../predictions.ts';
import { describeCommand, describeConfig, groupOf, groupOfCommand } from './describe.ts';
import type { Value, WritableDb } from './database.ts';
import { importedEnergy } from './imported.ts';
import { enterSpent } from './spent.ts';
import { storeTotals } from './totals.ts';
import type {
  Checkpoint,
  ClockPair,
  ImportedRun,
  NewCommand,
  NewMatrix,
  NewRun,
  RunEnd,
  RunPatch,
  Scalars,
} from './types.ts';

// --- runs ----------------------------------------------------------------------------------------

/** Returns the id of the new run, which is queued unless it says otherwise. */
export function createRun(db: WritableDb, run: NewRun): number {
  const { dataset, model, selection, method } = describeConfig(run.config);
  const { place } = run;
  const values = {
    experiment: experiment(db, groupOf(run.config), run.name),
    machine: run.machine && machine(db, run.machine),
    intensity: intensity(db, run.intensity),
    name: run.name,
    status: run.status ?? 'queued',
    config: JSON.stringify(run.config),
    dataset,
    model,
    selection,
    method,
    matrix: place?.group ?? null,
    arm: place?.arm ?? null,
    arm_title: place?.armTitle ?? null,
    arm_baseline: place?.baseline ?? null,
    repeat: place?.repeat ?? null,
    warm_up: place?.warmUp ? 1 : 0,
    example: run.example ? 1 : 0,
    // a run that stands in for one that was dropped comes to its end
    rung: place?.rung?.dropped ? null : (place?.rung?.epochs ?? null),
    seed: run.config.train.seed,
    epochs: run.config.train.epochs,
    pue: run.pue,
    pricing: run.pricing ? JSON.stringify(run.pricing) : null,
    app_version: run.appVersion,
    node: run.node,
    hz: run.hz,
    forecast: run.forecast && JSON.stringify(run.forecast),
    parameters: run.forecast?.parameters ?? null,
    steps: run.forecast?.steps ?? null,
    steps_per_epoch: run.forecast?.stepsPerEpoch ?? null,
    created_ms: Date.now(),
  };
  return insert(db, 'run', values);
}

/** Returns the id of the new run of a command of the person's own, which is queued. */
export function createCommandRun(db: WritableDb, run: NewCommand): number {
  const { command, seed, totals } = run;
  const { argv } = command;
  const { steps = null, epochs = null } = totals;
  return insert(db, 'run', {
    experiment: experiment(db, groupOfCommand(command), run.name),
    machine: run.machine && machine(db, run.machine),
    intensity: intensity(db, run.intensity),
    name: run.name,
    status: 'queued',
    config: null,
    command: JSON.stringify(command),
    dataset: run.dataset,
    model: run.model || describeCommand(argv),
    selection: '',
    method: '',
    seed: seed ?? seedOf(argv),
    steps,
    epochs,
    steps_per_epoch: steps !== null && epochs && steps % epochs === 0 ? steps / epochs : null,
    pue: run.pue,
    pricing: run.pricing ? JSON.stringify(run.pricing) : null,
    app_version: run.appVersion,
    node: run.node,
    hz: run.hz,
    created_ms: Date.now(),
  });
}

/** Returns the number that the runs of this start share, their `place.group`. */
export function createMatrix(db: WritableDb, { id, title, order }: NewMatrix): number {
  return insert(db, 'matrix', {
    key: id,
    title,
    ordered: JSON.stringify(order),
    created_ms: Date.now(),
  });
}

/** Keys that are left out stay as they are. */
export function updateRun(db: WritableDb, id: number, patch: RunPatch): void {
  exists(db, id);
  const columns: Record<string, Value> = {};
  const set = (column: string, value: Value | undefined) => {
    if (value !== undefined) columns[column] = value;
  };
  set('name', patch.name);
  set('status', patch.status);
  set('machine', patch.machine && machine(db, patch.machine));
  set('intensity', patch.intensity && intensity(db, patch.intensity));
  set('pue', patch.pue);
  set('command', patch.command && JSON.stringify(patch.command));
  set('counted', patch.counted && JSON.stringify(patch.counted));
  set('pricing', patch.pricing && JSON.stringify(patch.pricing));
  set('wall', patch.wall && JSON.stringify(patch.wall));
  set('hz', patch.hz);
  set('engine', patch.engine);
  set('engine_why', patch.engineWhy);
  set('parameters', patch.parameters);
  set('train_images', patch.trainImages);
  set('steps_per_epoch', patch.stepsPerEpoch);
  set('steps', patch.steps);
  set('epochs', patch.epochs);
  set('classes', patch.classes && JSON.stringify(patch.classes));
  set('graph_nodes', patch.graphNodes);
  set('forecast', patch.forecast && JSON.stringify(patch.forecast));
  set('error', patch.error && JSON.stringify(patch.error));
  set('epoch', patch.epoch);
  set('step', patch.step);
  set('images_seen', patch.imagesSeen);
  update(db, id, columns);
  // another price or region: the joules stay, the figures made of them are made again
  if (patch.intensity || patch.pue !== undefined || patch.pricing) storeTotals(db, id);
}

/** Another budget of a run; it makes no other experiment of it. */
export function setBudget(db: WritableDb, id: number, budget: BudgetConfig): void {
  exists(db, id);
  db.run(
    `update run set config = json_set(config, '$.budget', json(?)) where id = ?`,
    JSON.stringify(budget),
    id,
  );
}

export function renameRun(db: WritableDb, id: number, name: string): void {
  updateRun(db, id, { name });
}

/** Mean power while nothing ran, by component key; null where a component could not be read. */
export function setIdle(db: WritableDb, id: number, watts: Record<string, number | null>): void {
  exists(db, id);
  update(db, id, { idle: JSON.stringify(watts) });
}

/**
 * The run becomes active: energy and time count from `clock.micros` on. For the first start and for
 * every resume. A phase that is open (the baseline) is not ended by it.
 * @returns the run's active seconds before this moment: 0 at the first start. Its time at moment `t`
 * is this plus (t - micros) / 1e6.
 */
export function startSegment(db: WritableDb, id: number, clock: ClockPair): number {
  exists(db, id);
  if (openSegment(db, id) !== undefined)
    throw new AppError('CONFLICT', `Run ${id} is active already.`);
  const { before } = db.get<{ before: number }>(
    'select coalesce(sum(to_t - from_t), 0) as before from segment where run = ?',
    id,
  )!;
  const segment = db.run(
    `insert into segment (run, launch, from_t, utc_ms, before_us)
     values (?, this_launch(), ?, ?, ?)`,
    id,
    clock.micros,
    clock.utc,
    before,
  );
  db.run('update phase set segment = ? where run = ? and segment is null', segment.id, id);
  db.run(
    `update run set started_ms = coalesce(started_ms, ?), ended_ms = null, error = null,
       sample_facts = null where id = ?`,
    clock.utc,
    id,
  );
  return before / 1e6;
}

/** Ends the present stretch of activity with the phases that are open, and fixes the run's totals. */
export function endRun(db: WritableDb, id: number, end: RunEnd): void {
  exists(db, id);
  const segment = openSegment(db, id);
  let ended: number | null = null;
  db.run('update phase set to_t = max(?, from_t) where run = ? and to_t is null', end.at, id);
  if (segment) {
    const to = Math.max(end.at, segment.from_t);
    db.run('update segment set to_t = ? where id = ?', to, segment.id);
    ended = segment.utc_ms + (to - segment.from_t) / 1000;
    update(db, id, { ended_ms: ended });
  } else {
    // it ended in its baseline, which belongs to no activity then
    db.run('delete from phase where run = ? and segment is null', id);
    update(db, id, { ended_ms: Date.now() });
  }
  updateRun(db, id, {
    status: end.status,
    error: end.error,
    step: end.step,
    imagesSeen: end.imagesSeen,
  });
  storeTotals(db, id);
  if (segment && ended !== null)
    enterSpent(db, id, { segment: segment.id, from: segment.utc_ms, to: ended });
}

/**
 * After a crash: runs that were active in an earlier launch end where their last record is and become
 * `interrupted`. Call once at start, before any run starts.
 * @returns their ids.
 */
export function markInterrupted(db: WritableDb): number[] {
  const runs = db.all<{ id: number }>(
    `select id from run where status in ('baseline', 'running', 'stopping') order by id`,
  );
  for (const { id } of runs) {
    const segment = openSegment(db, id);
    const at = segment ? lastRecord(db, segment) : 0;
    endRun(db, id, { at, status: 'interrupted' });
  }
  return runs.map(({ id }) => id);
}

function lastRecord(db: WritableDb, segment: SegmentRow): number {
  const { at } = db.get<{ at: number }>(
    `select max(
       ifnull((select max(t) from metric where segment = @id), 0),
       ifnull((select max(t) from evaluation where segment = @id), 0),
       ifnull((select max(t) from scalar where segment = @id), 0),
       ifnull((select max(max(from_t, ifnull(to_t, 0))) from phase where segment = @id), 0),
       ifnull((select max((select max(t) from power_sample p where p.component = c.id))
               from component c join session s on s.id = c.session
               where s.launch = @launch), 0)
     ) as at`,
    { id: segment.id, launch: segment.launch },
  )!;
  return at;
}

/** Runs, all that belongs to them, and power samples that no other run needs. */
export function deleteRuns(db: WritableDb, ids: number[]): void {
  const list = JSON.stringify(ids);
  const busy = db.get<{ id: number }>(
    `select run as id from segment
     where to_t is null and run in (select value from json_each(?))`,
    list,
  );
  if (busy)
    throw new AppError(
      'CONFLICT',
      `Run ${busy.id} is active and cannot be deleted.`,
      'Stop it first.',
    );
  const launches = db.all<{ launch: number }>(
    `select distinct launch from segment where run in (select value from json_each(?))`,
    list,
  );
  // of several copies of a run that goes, the first stands for it from now on
  db.run(
    `with heir (original, id) as (
       select copy_of, min(id) from run where copy_of in (select value from json_each(@list))
         and id not in (select value from json_each(@list)) group by copy_of)
     update run set copy_of = nullif((select heir.id from heir where original = copy_of), run.id)
     where copy_of in (select original from heir)`,
    { list },
  );
  db.run('delete from run where id in (select value from json_each(?))', list);
  db.run(
    'delete from experiment where not exists (select 1 from run where experiment = experiment.id)',
  );
  db.run('delete from matrix where not exists (select 1 from run where run.matrix = matrix.id)');
  for (const { launch } of launches) dropUnusedSamples(db, launch);
}

/** Samples of a launch that lie in no run's time (its baseline included). */
function dropUnusedSamples(db: WritableDb, launch: number): void {
  // a run that measures its baseline has no segment yet; it can only be of this launch
  const used = db.rows<[number, number | null]>(
    `select min(s.from_t, ifnull(min(p.from_t), s.from_t)) as start, s.to_t
     from segment s left join phase p on p.segment = s.id
     where s.launch = @launch group by s.id
     union all
     select from_t, null from phase where segment is null and @launch = this_launch()
     order by start`,
    { launch },
  );
  // a reading on either side is kept: energy is interpolated at the edges
  const margin = 5e6;
  let from = -1;
  for (const [start, end] of [...used, [Number.MAX_VALUE, null] as const]) {
    db.run(
      `delete from power_sample where t > ? and t < ? and component in
         (select c.id from component c join session s on s.id = c.session where s.launch = ?)`,
      from,
      start - margin,
      launch,
    );
    from = Math.max(from, (end ?? Number.MAX_VALUE) + margin);
  }
}

// --- what the trainer says -----------------------------------------------------------------------

/** Steps of the running segment; a step that is there already is replaced. */
export function addSteps(db: WritableDb, id: number, steps: ReportedSteps): void {
  const segment = activeSegment(db, id);
  const { t, step, epoch, loss, lr, tokens, stepMs, waitMs } = steps;
  for (let i = 0; i < t.length; i++)
    db.run(
      `insert or replace into metric
         (run, step, segment, epoch, t, loss, lr, tokens, step_ms, wait_ms)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      step[i]!,
      segment.id,
      epoch[i]!,
      t[i]!,
      finite(loss[i]),
      finite(lr[i]),
      finite(tokens[i]),
      finite(stepMs[i]),
      finite(waitMs[i]),
    );
  if (t.length > 0) progress(db, id);
}

/**
 * A resumed run begins again at `firstStep`: what was recorded from there on after its checkpoint is
 * removed, since it will be done anew. The energy it took stays counted.
 */
export function rewind(db: WritableDb, id: number, firstStep: number): void {
  db.run('delete from metric where run = ? and step >= ?', id, firstStep);
  db.run('delete from evaluation where run = ? and step >= ?', id, firstStep);
  db.run('delete from snapshot where run = ? and step >= ?', id, firstStep);
  db.run('delete from prediction where run = ? and step >= ?', id, firstStep);
  progress(db, id);
  latestScores(db, id);
}

/** Epoch, step, loss and images in the run's row follow its steps. */
function progress(db: WritableDb, id: number): void {
  db.run(
    `update run set (epoch, step) =
       (select epoch, step from metric where run = @id order by step desc limit 1)
     where id = @id`,
    { id },
  );
  // a command tells its images itself; where it tells no epochs, its loss is that of its last step
  if (db.get('select 1 from run where id = ? and config is null', id)) {
    db.run(
      `update run set loss = (select iif(run.epoch > 0, avg(loss),
           (select loss from metric where run = @id and loss is not null order by step desc limit 1))
         from metric where metric.run = run.id and metric.epoch = run.epoch)
       where id = @id`,
      { id },
    );
    return;
  }
  db.run(
    `update run set
       (loss, images_per_second) = (select avg(loss), batch * 1000.0 / avg(step_ms) from metric
         where metric.run = run.id and metric.epoch = run.epoch
           and metric.step > ifnull((run.epoch - 1) * run.steps_per_epoch, 0)),
       images_seen = case when step is null then 0 else
         (step / steps_per_epoch) * min(train_images, steps_per_epoch * batch)
         + min((step % steps_per_epoch) * batch, train_images) end
     from (select ifnull(json_extract(config, '$.train.batch'), 0) as batch from run where id = @id)
     where id = @id`,
    { id },
  );
}

/** Values that a command reported, by name; one that is there already at its step is replaced. */
export function addScalars(db: WritableDb, id: number, { t, step, name, value }: Scalars): void {
  const segment = activeSegment(db, id);
  for (let i = 0; i < t.length; i++)
    db.run(
      'insert or replace into scalar (run, name, step, segment, t, value) values (?, ?, ?, ?, ?, ?)',
      id,
      name[i]!,
      step[i]!,
      segment.id,
      t[i]!,
      finite(value[i]),
    );
  const last = step.reduce((most, one) => Math.max(most, one), 0);
  db.run('update run set step = max(ifnull(step, 0), ?) where id = ?', last, id);
}

export function addEvaluation(
  db: WritableDb,
  id: number,
  evaluation: {
    at: number;
    epoch: number;
    step: number;
    result: ReportedResult;
    /** Left out: not told. */
    predictions?: Predictions;
  },
): void {
  const { at, epoch, step, result, predictions } = evaluation;
  const segment = activeSegment(db, id);
  db.run(
    `insert or replace into evaluation
       (run, split, step, epoch, segment, t, loss, accuracy, micro_f1, macro_f1, result)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    result.split,
    step,
    epoch,
    segment.id,
    at,
    finite(result.loss),
    finite(result.accuracy),
    finite(result.microF1),
    finite(result.macroF1),
    JSON.stringify(result),
  );
  if (predictions) keepPredictions(db, id, result.split, epoch, step, predictions);
  latestScores(db, id);
}

/** Of the validations the best, by macro F1, and the last keep theirs. */
function keepPredictions(
  db: WritableDb,
  id: number,
  split: string,
  epoch: number,
  step: number,
  { images, boxes, side, fingerprint, cells }: Predictions,
): void {
  db.run(
    `insert or replace into prediction (run, split, step, epoch, images, boxes, side, fingerprint, cells)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    split,
    step,
    epoch,
    images,
    Number(boxes),
    side,
    fingerprint,
    cells,
  );
  db.run(
    `delete from prediction where run = @id and split = @split
       and step <> (select max(step) from prediction where run = @id and split = @split)
       and step <> (select p.step from prediction p join evaluation e using (run, split, step)
                    where p.run = @id and p.split = @split order by e.macro_f1 desc, p.step limit 1)`,
    { id, split },
  );
}

/** Of the test split when there is one, else of the last validation. */
function latestScores(db: WritableDb, id: number): void {
  db.run(
    `update run set (micro_f1, macro_f1, f1_split) =
       (select micro_f1, macro_f1, split from evaluation where run = @id
        order by split = 'test' desc, step desc limit 1)
     where id = @id`,
    { id },
  );
}

/** The baseline may start before the run is active; it belongs to the segment that starts next. */
export function startPhase(
  db: WritableDb,
  id: number,
  name: PhaseLabel,
  epoch: number | null,
  at: number,
): void {
  exists(db, id);
  db.run(
    'insert into phase (run, segment, name, epoch, from_t) values (?, ?, ?, ?, ?)',
    id,
    openSegment(db, id)?.id ?? null,
    name,
    epoch,
    at,
  );
}

/** Ends the latest open phase of that name and epoch. */
export function endPhase(
  db: WritableDb,
  id: number,
  name: PhaseLabel,
  epoch: number | null,
  at: number,
): void {
  const { changes } = db.run(
    `update phase set to_t = max(?, from_t) where id =
       (select max(id) from phase where run = ? and name = ? and epoch is ? and to_t is null)`,
    at,
    id,
    name,
    epoch,
  );
  if (changes === 0)
    throw new AppError('STORE', `Run ${id} has no open phase "${name}" to end (epoch ${epoch}).`);
}

export function addNote(
  db: WritableDb,
  id: number,
  { at, level, message }: { at: number; level: 'info' | 'warning'; message: string },
): void {
  exists(db, id);
  const segment = openSegment(db, id);
  const utc = segment ? segment.utc_ms + (at - segment.from_t) / 1000 : Date.now();
  db.run(
    'insert into event (run, utc_ms, level, message) values (?, ?, ?, ?)',
    id,
    utc,
    level,
    message,
  );
}

export function addCheckpoint(db: WritableDb, id: number, checkpoint: Checkpoint): void {
  exists(db, id);
  const { at, epoch, step, paths, file, sha256, bytes } = checkpoint;
  for (const path of paths)
    db.run(
      `insert into artifact (run, kind, epoch, step, path, bytes, file, sha256, written_ms)
       values (?, 'checkpoint', ?, ?, ?, ?, ?, ?, ?)
       on conflict do update set epoch = excluded.epoch, step = excluded.step, bytes = excluded.bytes,
         file = excluded.file, sha256 = excluded.sha256, written_ms = excluded.written_ms`,
      id,
      epoch,
      step,
      path,
      bytes,
      file,
      sha256,
      at,
    );
}

/** Their files are gone. */
export function removeCheckpoints(db: WritableDb, id: number, paths: string[]): void {
  for (const path of paths)
    db.run(`delete from artifact where run = ? and kind = 'checkpoint' and path = ?`, id, path);
}

// --- what the meter says -------------------------------------------------------------------------

/** A life of the meter begins; `clock` is one moment on both clocks. Saying it again is no error. */
export function addSession(db: WritableDb, session: string, clock: ClockPair): void {
  db.run(
    `insert into session (launch, name, micros, utc_ms) values (this_launch(), ?, ?, ?)
     on conflict do nothing`,
    session,
    clock.micros,
    clock.utc,
  );
}

/** Components of a session; what is known already is brought up to date. */
export function addComponents(db: WritableDb, session: string, components: ComponentInfo[]): void {
  const id = sessionId(db, session);
  for (const c of components)
    db.run(
      `insert into component (session, key, kind, name, source, provenance,
         uncertainty_percent, uncertainty_watts, method) values (?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (session, key) do update set name = excluded.name, source = excluded.source,
         provenance = excluded.provenance, uncertainty_percent = excluded.uncertainty_percent,
         uncertainty_watts = excluded.uncertainty_watts, method = excluded.method`,
      id,
      c.key,
      c.kind,
      c.name,
      c.source,
      c.provenance,
      c.uncertaintyPercent,
      c.uncertaintyWatts,
      c.method,
    );
}

/**
 * A sample that is there already stays: raw joules are never rewritten. Of a stretch in which nothing
 * could be read the first sample marks the place; the rest would say nothing and are left out.
 */
export function addSamples(db: WritableDb, batch: SampleBatch): void {
  const session = sessionId(db, batch.session);
  for (const series of batch.series) {
    const component = db.get<{ id: number }>(
      'select id from component where session = ? and key = ?',
      session,
      series.key,
    );
    if (!component)
      throw new AppError(
        'STORE',
        `Session ${batch.session} has no component "${series.key}": it must be added before its samples.`,
      );
    let silent = lastIsSilent(db, component.id);
    batch.t.forEach((t, i) => {
      const values = [
        finite(series.joules[i]),
        finite(series.watts[i]),
        series.flags[i] ?? 0,
        finite(series.utilPercent[i]),
        finite(series.memoryMb[i]),
        finite(series.tempC[i]),
        finite(series.clockMhz?.[i]),
        finite(series.runJoules?.[i]),
        finite(series.programJoules?.[i]),
      ] as const;
      const [joules, watts, flags] = values;
      const nothing = joules === null && watts === null && (flags & SampleFlag.gap) === 0;
      if (!nothing || !silent)
        db.run(
          `insert or ignore into power_sample
             (component, t, joules, watts, flags, util_percent, memory_mb, temp_c, clock_mhz,
              run_joules, program_joules)
           values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          component.id,
          t,
          ...values,
        );
      silent = nothing;
    });
  }
}

const lastIsSilent = (db: WritableDb, component: number): boolean =>
  db.get<{ silent: number }>(
    `select joules is null and watts is null as silent from power_sample
     where component = ? order by t desc limit 1`,
    component,
  )?.silent === 1;

function sessionId(db: WritableDb, name: string): number {
  const session = db.get<{ id: number }>(
    'select id from session where launch = this_launch() and name = ?',
    name,
  );
  if (!session)
    throw new AppError('STORE', `There is no meter session "${name}": it must be added first.`);
  return session.id;
}

// --- imports and settings ------------------------------------------------------------------------

/** Runs taken from a CSV file. They have no samples; their figures are those of the file. */
export function addImported(db: WritableDb, runs: ImportedRun[]): number[] {
  return runs.map((run) => {
    const { wh, uncertaintyWh } = importedEnergy(run);
    return insert(db, 'run', {
      experiment: experiment(db, run.group, run.name),
      machine: null,
      intensity: intensity(db, run.intensity),
      name: run.name,
      status: 'imported',
      config: null,
      dataset: run.dataset,
      model: run.model,
      selection: run.selection,
      method: run.method,
      seed: run.seed,
      epochs: run.epochs,
      pue: run.pue,
      app_version: run.appVersion,
      node: '',
      hz: run.hz,
      created_ms: Date.now(),
      started_ms: run.startedAt,
      ended_ms: run.endedAt,
      engine: run.engine,
      parameters: run.parameters,
      images_seen: run.imagesSeen,
      loss: run.loss,
      macro_f1: run.macroF1,
      seconds: run.seconds,
      wh,
      uncertainty_wh: uncertaintyWh,
      g_co2e: run.gCO2e,
      wh_by_kind: JSON.stringify(run.wh),
      imported: JSON.stringify(run),
    });
  });
}

/** Remembers values under their names: settings, the last idle power. */
export function remember(db: WritableDb, values: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(values))
    if (value !== undefined)
      db.run(
        'insert into setting (key, value) values (?, ?) on conflict do update set value = excluded.value',
        key,
        JSON.stringify(value),
      );
}

// --- rows shared by several runs -----------------------------------------------------------------

function experiment(db: WritableDb, key: string, name: string): number {
  const there = db.get<{ id: number }>('select id from experiment where key = ?', key);
  return there?.id ?? insert(db, 'experiment', { key, name, created_ms: Date.now() });
}

function machine(db: WritableDb, inventory: NonNullable<NewRun['machine']>): number {
  const text = JSON.stringify(inventory);
  const there = db.get<{ id: number }>('select id from machine where inventory = ?', text);
  return there?.id ?? insert(db, 'machine', { inventory: text, seen_ms: Date.now() });
}

function intensity(db: WritableDb, region: Region): number {
  const { code, name, kind, gPerKwh, year, source, basis } = region;
  const values = { code, name, kind, g_per_kwh: gPerKwh, year, source, basis };
  const there = db.get<{ id: number }>(
    `select id from intensity where code = @code and name = @name and kind = @kind
       and g_per_kwh = @g_per_kwh and year = @year and source = @source and basis = @basis`,
    values,
  );
  return there?.id ?? insert(db, 'intensity', values);
}

// --- small things --------------------------------------------------------------------------------

interface SegmentRow {
  id: number;
  launch: number;
  from_t: number;
  utc_ms: number;
}

const openSegment = (db: WritableDb, run: number): SegmentRow | undefined =>
  db.get<SegmentRow>(
    'select id, launch, from_t, utc_ms from segment where run = ? and to_t is null',
    run,
  );

function activeSegment(db: WritableDb, run: number): SegmentRow {
  exists(db, run);
  const segment = openSegment(db, run);
  if (!segment) throw new AppError('CONFLICT', `Run ${run} is not active.`);
  return segment;
}

function exists(db: WritableDb, run: number): { status: RunStatus } {
  const row = db.get<{ status: RunStatus }>('select status from run where id = ?', run);
  if (!row) throw new AppError('NOT_FOUND', `There is no run ${run}.`);
  return row;
}

/** SQLite would store NaN as null anyway and infinity as a value that JSON cannot carry. */
const finite = (value: number | null | undefined): number | null =>
  value != null && Number.isFinite(value) ? value : null;

/** Table and column names come from this file, never from outside. */
function insert(db: WritableDb, table: string, values: Record<string, Value>): number {
  const names = Object.keys(values);
  return db.run(
    `insert into ${table} (${names.join(', ')}) values (${names.map((name) => `@${name}`).join(', ')})`,
    values,
  ).id;
}

function update(db: WritableDb, run: number, values: Record<string, Value>): void {
  const names = Object.keys(values);
  if (names.length === 0) return;
  db.run(`update run set ${names.map((name) => `${name} = @${name}`).join(', ')} where id = @id`, {
    ...values,
    id: run,
  });
}

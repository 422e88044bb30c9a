/** A started matrix or sweep as it stands: its arms, the best of them, and what it took so far. */
import {
  labelWords,
  type ComponentKind,
  type MatrixEnergy,
  type MatrixState,
  type Provenance,
  type RunSummary,
  type SweepPlan,
  type SweepTrial,
  type TrialRow,
  type TrialState,
} from '../../contract.ts';
import type { StartedMatrix } from '../store/store.ts';
import { compareTrials, scoreOf } from './halving.ts';

type Placed = RunSummary & { matrix: NonNullable<RunSummary['matrix']> };

/** A run with what it is judged by. */
export interface TrialRun {
  run: Placed;
  /** Of the last validation; null before the first. */
  validation: { epoch: number; macroF1: number | null } | null;
}

export interface Trial extends SweepTrial {
  /** From 0. */
  order: number;
  /** One per repeat: of those that stand in for each other, the latest. */
  runs: TrialRun[];
  /** Those that they stand in for too. */
  all: Placed[];
}

const active: readonly RunSummary['status'][] = ['baseline', 'running', 'stopping'];

/** Whether the order is that of a sweep. */
export const planOf = ({ order }: Pick<StartedMatrix, 'order'>): SweepPlan | null =>
  'trials' in order ? order : null;

/** The arms in the order of the plan, without the warm-up. */
export function trialsOf(started: StartedMatrix): Trial[] {
  const validations = new Map(started.validations.map((one) => [one.run, one]));
  const placed = started.runs.filter((run): run is Placed => run.matrix !== null);
  const byArm = Map.groupBy(
    placed.filter(({ matrix }) => !matrix.warmUp),
    ({ matrix }) => matrix.arm,
  );
  const named =
    planOf(started)?.trials ??
    [...byArm].map(([arm, [first]]) => ({ arm, title: first!.matrix.armTitle, values: {} }));
  return named.flatMap(({ arm, title, values }, order) => {
    const all = byArm.get(arm) ?? [];
    if (all.length === 0) return [];
    const latest = new Map(all.map((run) => [run.matrix.repeat, run]));
    const runs = [...latest.values()].map((run) => {
      const { epoch, macroF1 } = validations.get(run.id) ?? { epoch: 0, macroF1: null };
      return { run, validation: epoch > 0 ? { epoch, macroF1 } : null };
    });
    return [{ arm, title, values, order, runs, all }];
  });
}

/** Whether a run has come to the rung at which it stops, its validation there included. */
export const reached = ({ run, validation }: TrialRun): boolean =>
  run.status === 'stopped' && validation !== null && validation.epoch === run.matrix.rung?.epochs;

/**
 * What a trial is worth: the mean over its repeats. A repeat without a value leaves the trial without one.
 * @param projected Wh to full length by run, where that is not what it took
 */
export function judge(
  { runs, order }: Pick<Trial, 'runs' | 'order'>,
  { objective, limitWh }: Pick<SweepPlan, 'objective' | 'limitWh'>,
  projected: ReadonlyMap<number, number | null>,
) {
  const each = runs.map(({ run, validation }) =>
    scoreOf(objective, limitWh, {
      validationF1: run.status === 'failed' ? null : (validation?.macroF1 ?? null),
      wh: run.wh,
      projectedWh: projected.has(run.id) ? projected.get(run.id)! : run.wh,
    }),
  );
  return {
    order,
    score: strictMean(each.map(({ score }) => score)),
    overLimit: each.some(({ overLimit }) => overLimit),
    wh: sumOf(runs.map(({ run }) => run.wh)),
  };
}

/** How much of its own training a trial has done: epochs may be what is varied. */
function shareDone({ epochs, values }: TrialRow, plan: SweepPlan | null): number {
  const own = values['train.epochs'] ?? plan?.epochs;
  return (epochs ?? 0) / (typeof own === 'number' ? own : 1);
}

export function matrixState(
  started: StartedMatrix,
  projected: ReadonlyMap<number, number | null> = new Map(),
): MatrixState {
  const plan = planOf(started);
  const trials = trialsOf(started);
  const rows = trials.map((trial) => rowOf(trial, plan, projected));
  const ranked = rows
    .filter(({ row }) => row.score !== null)
    // what came further is known better, whatever one that was dropped earlier promised
    .toSorted((a, b) => shareDone(b.row, plan) - shareDone(a.row, plan) || compareTrials(a.judged, b.judged)); // prettier-ignore
  if (plan) ranked.forEach(({ row }, i) => (row.rank = i + 1));
  const warmUps = started.runs.filter(({ matrix }) => matrix?.warmUp);
  const busy = [...warmUps, ...trials.flatMap(({ all }) => all)].some(
    ({ status }) => status === 'queued' || active.includes(status),
  );
  const undecided = rows.some(({ row }) => row.state === 'waits');
  // one that had come to its end before, such as in a bundle, was not stopped
  const cut =
    started.stoppedAt !== null && (undecided || rows.some(({ row }) => row.state === 'stopped'));
  return {
    group: started.group,
    id: started.id,
    title: started.title,
    createdAt: started.createdAt,
    plan,
    state: busy || (undecided && !cut) ? 'running' : cut ? 'stopped' : 'over',
    trials: rows.map(({ row }) => row),
    warmUps: warmUps.map(({ id }) => id),
    decided: started.decided,
    best: (plan && ranked[0]?.row.arm) ?? null,
    energy: energyOf(started, trials, warmUps),
  };
}

function rowOf(
  trial: Trial,
  plan: SweepPlan | null,
  projected: ReadonlyMap<number, number | null>,
) {
  const { arm, title, values, runs, all } = trial;
  const judged = plan
    ? judge(trial, plan, projected)
    : { order: trial.order, score: null, overLimit: false, wh: null };
  const epochs = runs.map(({ validation }) => validation?.epoch ?? null);
  const row: TrialRow = {
    arm,
    title,
    values,
    ids: all.map(({ id }) => id),
    state: stateOf(runs),
    epochs: epochs.some((epoch) => epoch === null) ? null : Math.min(...(epochs as number[])),
    score: judged.score,
    overLimit: judged.overLimit,
    rank: null,
    validationF1: strictMean(runs.map(({ validation }) => validation?.macroF1 ?? null)),
    testF1: strictMean(runs.map(({ run }) => (run.f1Split === 'test' ? run.macroF1 : null))),
    wh: sumOf(all.map(({ wh }) => wh)),
    uncertaintyWh: sumOf(all.map(({ uncertaintyWh }) => uncertaintyWh)),
    gCO2e: sumOf(all.map(({ gCO2e }) => gCO2e)),
    seconds: sumOf(all.map(({ seconds }) => seconds)),
  };
  return { row, judged };
}

function stateOf(runs: readonly TrialRun[]): TrialState {
  const some = (holds: (one: TrialRun) => boolean): boolean => runs.some(holds);
  if (some(({ run }) => active.includes(run.status))) return 'running';
  if (some(({ run }) => run.status === 'queued'))
    return some(({ run }) => run.startedAt !== null) ? 'queued' : 'planned';
  if (some(({ run }) => run.status === 'failed')) return 'failed';
  if (some(({ run }) => run.matrix.rung?.dropped ?? false)) return 'dropped';
  if (runs.every(({ run }) => run.status === 'done')) return 'done';
  return runs.every((one) => one.run.status === 'done' || reached(one)) ? 'waits' : 'stopped';
}

function energyOf(
  { provenances, runs }: StartedMatrix,
  trials: readonly Trial[],
  warmUps: readonly RunSummary[],
): MatrixEnergy {
  const all = trials.flatMap((trial) => trial.all);
  const failed = all.filter(({ status }) => status === 'failed');
  const dropped = all.filter(
    ({ status, matrix }) => status !== 'failed' && (matrix.rung?.dropped ?? false),
  );
  const wh = (of: readonly RunSummary[]): number | null => sumOf(of.map((run) => run.wh));
  const half = (of: readonly RunSummary[]): number | null =>
    sumOf(of.map(({ uncertaintyWh }) => uncertaintyWh));
  const none = (of: readonly RunSummary[]): number | null => (of.length === 0 ? 0 : wh(of));
  return {
    wh: wh(runs),
    uncertaintyWh: half(runs),
    gCO2e: sumOf(runs.map(({ gCO2e }) => gCO2e)),
    droppedWh: none(dropped),
    droppedUncertaintyWh: half(dropped),
    failedWh: none(failed),
    warmUpWh: none(warmUps),
    unread: runs.filter(({ startedAt, wh }) => startedAt !== null && wh === null).length,
    labels: labelsOf(runs, provenances),
  };
}

/** Of a kind that was read in several ways the least certain one counts. */
const certainty: readonly Provenance[] = [
  'metered',
  'counted',
  'integrated',
  'modelled',
  'constant',
];

function labelsOf(runs: readonly RunSummary[], provenances: StartedMatrix['provenances']): string {
  const kinds = [...new Set(provenances.map(({ kind }) => kind))] as ComponentKind[];
  return labelWords(
    kinds.map((own) => {
      const ways = provenances.filter(({ kind }) => kind === own);
      const worst = Math.max(...ways.map(({ provenance }) => certainty.indexOf(provenance)));
      const wh = sumOf(runs.map(({ whByKind }) => whByKind[own] ?? null));
      return { provenance: certainty[worst]!, wh, counted: true };
    }),
  );
}

/** Of what is known; null where nothing is. */
function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}

/** Null where one of them is not known. */
function strictMean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0 || known.length < values.length) return null;
  return known.reduce((a, b) => a + b, 0) / known.length;
}

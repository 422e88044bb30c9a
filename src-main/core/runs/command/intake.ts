/**
 * What a command says, put where the same things of a training of ours go: losses and learning rates
 * beside steps, scores beside evaluations, phases beside energy; all other values under their own names.
 */
import type { ReportedResult } from '../../../contract.ts';
import type { Course } from '../driver.ts';
import { meaningOf, scoreOf, type ScoreName } from './metric-names.ts';
import type { Said, Values } from './said.ts';

/** A logger that invents a name a step would fill the disk. */
const mostNames = 500;
/** Values of one step may come in several pieces; steps further back are closed. */
const openSteps = 1000;

interface StepRow {
  t: number;
  step: number;
  epoch: number;
  loss: number | null;
  lr: number | null;
}
interface Evaluation {
  at: number;
  step: number;
  epoch: number;
  split: 'validation' | 'test';
  scores: Partial<Record<ScoreName, number>>;
}

export interface Intake {
  /** @param at monotonic microseconds */
  take(said: Said, at: number): void;
  /** Values from a file, by whatever names its writer chose. */
  record(values: Values, at: number, source: string): void;
  /** Hands on what has gathered since the last time. */
  flush(): void;
}

export function intake(course: Course, timeOf: (at: number) => number): Intake {
  const { id, context, recorder, note } = course;
  const { store, events, metering } = context;

  /** Last step of each source, for values without one. */
  const lastSteps = new Map<string, number>();
  let lastStep = 0;
  /** 0: not told. */
  let lastEpoch = 0;
  let images = 0;
  let phase: { name: string; epoch: number | null } | null = null;
  /** Which name fills a place that several could. */
  const claims = new Map<string, string>();
  const names = new Set<string>();
  const noted = new Set<string>();

  const steps = new Map<number, StepRow>();
  const changedSteps = new Set<number>();
  const evaluations = new Map<string, Evaluation>();
  const changedEvaluations = new Set<string>();
  let scalars = new Map<string, { name: string; step: number; t: number; value: number | null }>();

  const noteOnce = (key: string, message: string): void => {
    if (noted.has(key)) return;
    noted.add(key);
    note('warning', message);
  };

  const claimed = (place: string, name: string): boolean => {
    const owner = claims.get(place) ?? name;
    claims.set(place, owner);
    return owner === name;
  };

  const addScalar = (name: string, step: number, t: number, value: number | null): void => {
    if (!names.has(name) && names.size >= mostNames)
      return noteOnce(
        'names',
        `The command told more than ${mostNames} different values; those from "${name}" on are left out.`,
      );
    names.add(name);
    scalars.set(`${step} ${name}`, { name, step, t, value });
  };

  const addScore = (
    { split, step, epoch, at }: Omit<Evaluation, 'scores'>,
    score: ScoreName,
    value: number,
  ): void => {
    const key = `${split} ${step}`;
    const known = evaluations.get(key) ?? { at, step, epoch, split, scores: {} };
    evaluations.set(key, { ...known, scores: { ...known.scores, [score]: value } });
    changedEvaluations.add(key);
  };

  /** Whether a value is what its name promises; a share above 1 is told once. */
  const believable = (name: string, score: ScoreName, value: number | null): value is number => {
    if (value === null) return false;
    if (score === 'loss' || (value >= 0 && value <= 1)) return true;
    noteOnce(
      `share ${name}`,
      `${name} = ${value} is no share between 0 and 1: it is shown under its name and not taken as a score of the run.`,
    );
    return false;
  };

  const addStep = (
    quantity: 'loss' | 'lr',
    value: number | null,
    row: Omit<StepRow, 'loss' | 'lr'>,
  ) => {
    const known = steps.get(row.step) ?? { ...row, loss: null, lr: null };
    steps.set(row.step, { ...known, epoch: row.epoch || known.epoch, [quantity]: value });
    changedSteps.add(row.step);
  };

  const record = ({ step: told, epoch: toldEpoch, values }: Values, t: number, source: string) => {
    const step = told ?? (lastSteps.get(source) ?? 0) + 1;
    lastSteps.set(source, step);
    lastStep = Math.max(lastStep, step);
    const epoch = toldEpoch ?? lastEpoch;
    lastEpoch = epoch;
    for (const [name, value] of values) {
      const meaning = meaningOf(name);
      if (meaning?.of === 'training' && claimed(meaning.quantity, name))
        addStep(meaning.quantity, value, { t, step, epoch });
      else if (
        meaning &&
        meaning.of !== 'training' &&
        believable(name, meaning.quantity, value) &&
        claimed(`${meaning.of} ${meaning.quantity}`, name)
      )
        addScore({ split: meaning.of, step, epoch, at: t }, meaning.quantity, value);
      else addScalar(name, step, t, value);
    }
  };

  const evaluate = (
    { split, step: told, epoch: toldEpoch, values }: Said & { type: 'eval' },
    at: number,
  ) => {
    const step = told ?? lastStep;
    const epoch = toldEpoch ?? lastEpoch;
    lastEpoch = Math.max(lastEpoch, epoch);
    for (const [name, value] of values) {
      const score = scoreOf(name);
      if (score && believable(name, score, value))
        addScore({ split, step, epoch, at }, score, value);
      else addScalar(`${split}/${name}`, step, at, value);
    }
  };

  const endPhase = (at: number): void => {
    if (!phase) return;
    const { name, epoch } = phase;
    phase = null;
    recorder.write(store.endPhase(id, name, epoch, at));
    events.emit('run.phase', { id, name, epoch, edge: 'end', time: timeOf(at) });
  };

  const flushSteps = (): void => {
    const rows = [...changedSteps].flatMap((step) => steps.get(step) ?? []);
    changedSteps.clear();
    forgetOldest(steps);
    if (rows.length === 0) return;
    const nothing = rows.map(() => null);
    const columns = {
      t: rows.map(({ t }) => t),
      step: rows.map(({ step }) => step),
      epoch: rows.map(({ epoch }) => epoch),
      loss: rows.map(({ loss }) => loss),
      lr: rows.map(({ lr }) => lr),
      tokens: nothing,
      stepMs: nothing,
      waitMs: nothing,
    };
    recorder.write(store.addSteps(id, columns));
    events.emit('run.steps', { id, steps: columns, time: columns.t.map(timeOf) });
  };

  const flushEvaluations = (): void => {
    const changed = [...changedEvaluations].flatMap((key) => evaluations.get(key) ?? []);
    changedEvaluations.clear();
    forgetOldest(evaluations);
    for (const { at, epoch, step, split, scores } of changed) {
      const result: ReportedResult = {
        split,
        images: null,
        loss: scores.loss ?? null,
        accuracy: scores.accuracy ?? null,
        microF1: scores.microF1 ?? null,
        macroF1: scores.macroF1 ?? null,
        weightedF1: scores.weightedF1 ?? null,
        top5: null,
        detection: null,
        patchRecall: null,
        attentionSupport: null,
        attentionIdle: null,
        deltaSparsity: null,
        perClass: [],
        confusion: [],
      };
      recorder.write(store.addEvaluation(id, { at, epoch, step, result }));
      events.emit('run.evaluation', { id, epoch, step, time: timeOf(at), result });
    }
    if (changed.length > 0) void course.announce();
  };

  const flushScalars = (): void => {
    const rows = [...scalars.values()];
    scalars = new Map();
    if (rows.length === 0) return;
    recorder.write(
      store.addScalars(id, {
        t: rows.map(({ t }) => t),
        step: rows.map(({ step }) => step),
        name: rows.map(({ name }) => name),
        value: rows.map(({ value }) => value),
      }),
    );
  };

  let toldImages = 0;
  let toldStep = 0;
  return {
    take: (said, at) => {
      switch (said.type) {
        case 'phase': {
          const { name, epoch } = said;
          // a reading near the edge: what lies between is interpolated
          void metering.mark();
          endPhase(at);
          phase = { name, epoch };
          if (epoch !== null) lastEpoch = epoch;
          recorder.write(store.startPhase(id, name, epoch, at));
          events.emit('run.phase', { id, name, epoch, edge: 'start', time: timeOf(at) });
          break;
        }
        case 'phase end':
          void metering.mark();
          endPhase(at);
          break;
        case 'metric':
          record(said, at, 'output');
          break;
        case 'eval':
          evaluate(said, at);
          break;
        case 'images':
          images += said.count;
          break;
        case 'total': {
          const { steps: all, epochs } = said;
          const whole = all !== null && epochs ? all / epochs : null;
          recorder.write(
            store.updateRun(id, {
              ...(all !== null && { steps: all }),
              ...(epochs !== null && { epochs }),
              ...(whole !== null && Number.isInteger(whole) && { stepsPerEpoch: whole }),
            }),
          );
          void course.announce();
        }
      }
    },
    record,
    flush: () => {
      flushSteps();
      flushEvaluations();
      flushScalars();
      if (images !== toldImages) recorder.write(store.updateRun(id, { imagesSeen: images }));
      if (images === toldImages && lastStep === toldStep) return;
      toldImages = images;
      toldStep = lastStep;
      course.announceProgress({
        ...(lastStep > 0 && { step: lastStep }),
        ...(lastEpoch > 0 && { epoch: lastEpoch }),
        ...(images > 0 && { imagesSeen: images }),
      });
    },
  };
}

/** The first in are the first to go; only what has been handed on may be forgotten. */
function forgetOldest(map: Map<unknown, unknown>): void {
  let many = map.size - openSteps;
  for (const key of map.keys()) {
    if (many-- <= 0) return;
    map.delete(key);
  }
}

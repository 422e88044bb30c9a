/**
 * How long a run still takes and what it will have used at its end: intervals that hold the truth, narrow
 * as the run goes on, and never jump.
 *
 * What is to come is counted by kind (steps of this and of later stages, validations, checkpoints, the
 * test), each at the time that it took so far, or, before it was seen once, at the time that a rehearsal or
 * the operations of the model let expect. Steps stay an interval of at least ± 25 % until two epochs of
 * their stage are done. Before the first steps the forecast stands in. What is shown glides to what is
 * reckoned, by a twentieth of the time to go each second at most.
 */
import type { Estimate, Events } from '../../contract.ts';
import type { Range } from '../../contract/figures.ts';
import { stepsOf, type RunPlan, type StagePlan } from './run-plan.ts';

/** Active seconds of the run, as `time` of the events. */
type Seconds = number;

/** Half widths of the pace of steps, as shares: of the first few, until it is settled, and in the end. */
const ofOne = 0.6;
const unsettled = 0.25;
const settled = 0.05;
/** Epochs of a stage after which its pace is known. */
const settledEpochs = 2;
const recentSeconds = 30;
/** So long steps are timed until they alone count, and no less than three. */
const provenSeconds = 3;
const provenSteps = 3;
/** Most that an end may move in a second: a share of the time to go, or so many seconds. */
const glide = { share: 1 / 20, least: 0.5 };

/** Factors on a guess, low and high. */
const guessed = {
  /** A step of a later stage by its operations. */
  stage: [0.5, 2],
  /** The same from the rehearsal of both. */
  rehearsed: [0.7, 1.4],
  /** An image of a validation beside one of training: forward only, no updates, other batches. */
  validation: [0.1, 1.2],
  rehearsedValidation: [0.6, 1.7],
  /** What was seen once may be quicker or slower the next time. */
  seen: [0.8, 1.25],
  /** Compiling of a later stage beside that of the first. */
  compile: [0, 1.5],
} as const;
/** A checkpoint that was not seen yet. */
const checkpointSeconds: Range = [0, 0.3];
const nothing: Range = [0, 0];

/** Steps in order, as they ended; without the first of a stage, in which engines still warm up. */
interface Pace {
  begun: boolean;
  /** Cost units done and the seconds they took. */
  units: number;
  seconds: number;
  steps: number;
  recent: RecentSteps;
}

const freshPace = (): Pace => ({
  begun: false,
  units: 0,
  seconds: 0,
  steps: 0,
  recent: new RecentSteps(),
});

export class Eta {
  readonly #plan: RunPlan | null;
  readonly #prior: Estimate | null;
  /** Of the steps that the plan counts: the data may have more or fewer images than was expected. */
  #scale = 1;
  #steps: number | null;
  #firstStep: number | null = null;
  #step: number;
  #time: Seconds;
  #epoch = 0;
  #stage = -1;
  #pace = freshPace();
  #stageEpochs = new Set<number>();
  readonly #open = new Map<string, Seconds>();
  readonly #took = new Map<string, number[]>();
  /** Seconds behind the first step that steps and other phases account for. */
  #accounted = 0;
  #firstEpoch = 0;
  #evaluated = 0;
  #saved = 0;
  /** Of a run without a plan: when which step was done. */
  readonly #track: { step: number; time: Seconds }[] = [];
  readonly #end = new Gliding(glide.least);

  /**
   * @param plan as far as it goes; what is told is the time until there
   * @param prior time of the whole run as it was expected; null: nothing is known
   * @param from where it begins or goes on
   */
  constructor(
    plan: RunPlan | null,
    prior: Estimate | null,
    from: { time: Seconds; step: number; steps: number | null },
  ) {
    this.#plan = plan;
    this.#prior = prior;
    this.#time = from.time;
    this.#step = from.step;
    this.#steps = null;
    this.total(from.steps);
  }

  /** How many steps there are in all, as soon as that is known. */
  total(steps: number | null): void {
    if (steps === null || steps === this.#steps) return;
    this.#steps = steps;
    if (this.#plan && this.#plan.steps > 0) this.#scale = steps / this.#plan.steps;
  }

  phase({ name, epoch, edge, time }: Omit<Events['run.phase'], 'id'>): void {
    if (edge === 'start') this.#open.set(name, time);
    else {
      const began = this.#open.get(name);
      this.#open.delete(name);
      if (began === undefined) return;
      this.#took.set(name, [...(this.#took.get(name) ?? []), time - began]);
      if (!this.#trains(name)) this.#accounted += this.#behindFirst(began, time);
      if (name === 'evaluate') this.#evaluated = Math.max(this.#evaluated, epoch ?? 0);
      if (name === 'checkpoint') this.#saved = Math.max(this.#saved, epoch ?? 0);
    }
  }

  steps({ steps, time }: Omit<Events['run.steps'], 'id'>): void {
    steps.step.forEach((step, i) => {
      const [epoch, at] = [steps.epoch[i]!, time[i]!];
      // between two steps of an epoch there is nothing else
      const seconds =
        epoch === this.#epoch && step === this.#step + 1
          ? at - this.#time
          : (steps.stepMs[i] ?? 0) / 1000;
      this.#add(step, epoch, seconds, at);
    });
  }

  #add(step: number, epoch: number, seconds: number, time: Seconds): void {
    if (this.#firstStep === null) [this.#firstStep, this.#firstEpoch] = [step, epoch];
    else this.#accounted += seconds;
    [this.#step, this.#epoch, this.#time] = [step, epoch, time];
    this.#track.push({ step, time });
    // the first anchors the pace of the whole
    if (this.#track.length > 400) this.#track.splice(1, 200);
    const stage = this.#plan?.stages.findIndex(({ last }) => epoch <= last) ?? -1;
    if (stage < 0) return;
    if (stage !== this.#stage) {
      this.#stage = stage;
      this.#pace = freshPace();
      this.#stageEpochs.clear();
    }
    this.#stageEpochs.add(epoch);
    const units = unitsOf(this.#plan!.stages[stage]!, epoch);
    const pace = this.#pace;
    if (!pace.begun) return void (pace.begun = true);
    pace.units += units;
    pace.seconds += seconds;
    pace.steps++;
    pace.recent.add(units, seconds);
  }

  /** Two epochs of the present stage are done. */
  get settled(): boolean {
    return this.#stageEpochs.size > settledEpochs;
  }

  /** Reckoned from what is known at a moment, in seconds to go; null where nothing is. */
  reckon(now: Seconds): Range | null {
    const before = this.#expected(now);
    const seen = this.#plan ? this.#counted(now) : this.#tracked(now);
    // a stage that has just begun was reckoned from the one before it, not from the forecast
    if (this.#stage > 0) return seen;
    if (!before || !seen) return seen ?? before;
    if (!this.#plan) return seen;
    const { seconds, steps } = this.#pace;
    return mix(before, seen, Math.min(1, seconds / provenSeconds, steps / provenSteps));
  }

  /** Seconds to go, as shown: as reckoned, without a jump. Called about once a second. */
  remaining(now: Seconds): Range | null {
    const reckoned = this.reckon(now);
    return reckoned ? this.#end.toward(reckoned, now) : this.#end.hold(now);
  }

  /** By the forecast, before there are steps. */
  #expected(now: Seconds): Range | null {
    const prior = this.#prior;
    if (!prior) return null;
    const done = this.#steps && this.#firstStep === null ? this.#step / this.#steps : 0;
    // one that pauses takes so much of the whole
    const due = this.#plan?.share ?? 1;
    const left = (whole: number): number =>
      done > 0 ? whole * Math.max(0, due - done) : Math.max(due * whole - now, (due * whole) / 2);
    return [left(prior.low), left(prior.high)];
  }

  /** Of a command: its pauses are in the pace, as nobody knows when they come. */
  #tracked(now: Seconds): Range | null {
    const [first, last] = [this.#track[0], this.#track.at(-1)];
    if (!first || !last || this.#steps === null) return null;
    const since = this.#track.find(({ time }) => time >= last.time - recentSeconds) ?? first;
    const rates = [first, since]
      .filter(({ step, time }) => last.step > step && last.time - time > 1)
      .map(({ step, time }) => (last.time - time) / (last.step - step));
    if (rates.length === 0) return null;
    const left = Math.max(0, this.#steps - last.step);
    const half = this.#epoch > settledEpochs ? settled : unsettled;
    // while no step comes, as in a pause, the clock alone takes nothing away
    const idle = Math.max(0, now - last.time);
    const most = Math.max(...rates) * left * (1 + half);
    return [
      Math.max(0, Math.min(...rates) * left * (1 - half) - idle),
      Math.max(0, most - Math.min(idle, most / 20)),
    ];
  }

  #counted(now: Seconds): Range | null {
    const plan = this.#plan!;
    const pace = this.#perUnit();
    if (!pace) return null;
    const stage = plan.stages[this.#stage]!;
    let sum: Range = nothing;
    const add = (range: Range): void => {
      sum = [sum[0] + range[0], sum[1] + range[1]];
    };

    // the steps of this stage; what has passed since the last one belongs to the next
    const left = this.#unitsLeft(stage);
    const idle = this.#open.has(stage.phase) ? Math.max(0, now - this.#time) : 0;
    add([Math.max(0, left * pace[0] - idle), Math.max(0, left * pace[1] - idle)]);
    plan.stages.slice(this.#stage + 1).forEach((later) => {
      const factor = stage.stepSeconds && later.stepSeconds ? guessed.rehearsed : guessed.stage;
      const unit =
        stage.stepSeconds && later.stepSeconds
          ? later.stepSeconds /
            unitsOf(later, later.first) /
            (stage.stepSeconds / unitsOf(stage, stage.first))
          : 1;
      const units = this.#scale * (epochUnits(later, later.first) + later.onceUnits);
      add([units * pace[0] * unit * factor[0], units * pace[1] * unit * factor[1]]);
      add(scaled([this.#total('compile'), this.#total('compile')], guessed.compile));
    });

    // what is not steps
    const validation = this.#validation(pace);
    const final = plan.stages.at(-1)!;
    const due = plan.validations.filter((epoch) => epoch > this.#evaluated && epoch >= this.#epoch);
    add(scaled(validation, [due.length, due.length]));
    add(scaled(this.#test(validation), [1, 1]));
    const saves = plan.checkpoints.filter((epoch) => epoch > this.#saved && epoch >= this.#epoch);
    const saving = this.#seen('checkpoint') ?? checkpointSeconds;
    // an evaluation that is better than all before saves as well
    const more = due.filter((epoch) => !saves.includes(epoch)).length;
    add([saving[0] * saves.length, saving[1] * (saves.length + more)]);
    const epochs = final.last - this.#epoch;
    const other = this.#unaccounted(now);
    add([0.5 * other * epochs, 1.5 * other * epochs]);

    // what of it is on its way already
    for (const [name, began] of this.#open) {
      if (!['evaluate', 'test', 'checkpoint'].includes(name)) continue;
      const most =
        name === 'evaluate' ? validation : name === 'test' ? this.#test(validation) : saving;
      const passed = Math.max(0, now - began);
      sum = [sum[0] - Math.min(passed, most[0]), sum[1] - Math.min(passed, most[1])];
    }
    return [Math.max(0, sum[0]), Math.max(0, sum[1])];
  }

  /** Seconds of a cost unit in this stage: of all its steps and of the latest, and around both. */
  #perUnit(): Range | null {
    const { units, seconds, steps, recent } = this.#pace;
    if (steps === 0 || units <= 0 || seconds <= 0) return null;
    const rates = [seconds / units, recent.seconds / recent.units];
    const half = this.settled
      ? settled + (unsettled - settled) / (this.#stageEpochs.size - settledEpochs + 1)
      : Math.max(unsettled, ofOne / Math.sqrt(steps));
    return [Math.min(...rates) * (1 - half), Math.max(...rates) * (1 + half)];
  }

  /** Cost units of the stage behind the last step. */
  #unitsLeft(stage: StagePlan): number {
    const plan = this.#plan!;
    const earlier = plan.stages.slice(0, this.#stage).reduce((sum, one) => sum + stepsOf(one), 0);
    const perEpoch = stage.stepsPerEpoch * this.#scale;
    const inStage = this.#step - earlier * this.#scale;
    const within = Math.max(0, perEpoch * (this.#epoch - stage.first + 1) - inStage);
    return within * unitsOf(stage, this.#epoch) + this.#scale * epochUnits(stage, this.#epoch + 1);
  }

  /** Of one validation. */
  #validation(pace: Range): Range {
    const seen = this.#seen('evaluate');
    if (seen) return seen;
    const { validationSeconds, validationImages, batch, stages } = this.#plan!;
    if (validationSeconds !== null)
      return scaled([validationSeconds, validationSeconds], guessed.rehearsedValidation);
    const final = stages.at(-1)!;
    const batches = (validationImages / batch) * unitsOf(final, final.last);
    return scaled([batches * pace[0], batches * pace[1]], guessed.validation);
  }

  /** Of the test, by that of a validation. */
  #test(validation: Range): Range {
    const { testImages, validationImages } = this.#plan!;
    if (this.#took.has('test') || validationImages === 0) return nothing;
    return scaled(validation, [testImages / validationImages, testImages / validationImages]);
  }

  #total(name: string): number {
    return (this.#took.get(name) ?? []).reduce((sum, seconds) => sum + seconds, 0);
  }

  /** How long a phase took so far, and a little around it; null where there was none. */
  #seen(name: string): Range | null {
    const all = this.#took.get(name)?.slice(-10);
    if (!all || all.length === 0) return null;
    const [least, most] = [Math.min(...all), Math.max(...all)];
    return scaled([least, most], all.length < 3 ? guessed.seen : [0.9, 1.1]);
  }

  /** Seconds of an epoch that are in neither steps nor other phases; 0 before one is done. */
  #unaccounted(now: Seconds): number {
    const first = this.#track[0];
    const epochs = this.#epoch - this.#firstEpoch;
    if (!first || epochs < 1) return 0;
    const open = [...this.#open].reduce(
      (sum, [name, began]) =>
        sum + this.#behindFirst(this.#trains(name) ? Math.max(began, this.#time) : began, now),
      0,
    );
    return Math.max(0, (now - first.time - this.#accounted - open) / epochs);
  }

  #trains(name: string): boolean {
    return this.#plan?.stages.some(({ phase }) => phase === name) ?? false;
  }

  /** How much of a stretch lies behind the first step. */
  #behindFirst(from: Seconds, to: Seconds): number {
    const first = this.#track[0];
    return first ? Math.max(0, to - Math.max(from, first.time)) : 0;
  }
}

/**
 * The steps of the last half minute, and what they come to. A step of a small model takes a millisecond: what is
 * done for each must not grow with their number.
 */
class RecentSteps {
  units = 0;
  seconds = 0;
  readonly #steps: { units: number; seconds: number }[] = [];
  /** Those before are over. */
  #first = 0;

  add(units: number, seconds: number): void {
    this.#steps.push({ units, seconds });
    this.units += units;
    this.seconds += seconds;
    while (
      this.#steps.length - this.#first > provenSteps &&
      this.seconds - this.#steps[this.#first]!.seconds > recentSeconds
    ) {
      const over = this.#steps[this.#first++]!;
      this.units -= over.units;
      this.seconds -= over.seconds;
    }
    if (this.#first > 1000) this.#tidy();
  }

  /** Lets go of what is over, and of what differences have lost in digits. */
  #tidy(): void {
    this.#steps.splice(0, this.#first);
    this.#first = 0;
    [this.units, this.seconds] = [0, 0];
    for (const { units, seconds } of this.#steps) {
      this.units += units;
      this.seconds += seconds;
    }
  }
}

/** Share of the expected time that is over; never falls. */
export class Progressed {
  #share = 0;
  at(now: Seconds, remaining: Range | null): number | null {
    if (!remaining) return this.#share > 0 ? this.#share : null;
    const whole = now + (remaining[0] + remaining[1]) / 2;
    if (whole > 0) this.#share = Math.max(this.#share, Math.min(1, now / whole));
    return this.#share;
  }
}

/**
 * An interval for an end on an axis that is passed along (time, energy): it moves to what is reckoned, and
 * by no more at a time than a share of what is to go, for each second.
 */
export class Gliding {
  #end: [low: number, high: number] | null = null;
  #at = 0;
  readonly #least: number;

  /** @param least what it may always move in a second, on the axis */
  constructor(least = 0) {
    this.#least = least;
  }

  /**
   * @param left reckoned, from `now` on
   * @param now on the axis
   * @param clock seconds, where the axis is another
   * @returns as shown, from `now` on
   */
  toward(left: Range, now: number, clock = now): Range {
    const target: [number, number] = [now + left[0], now + left[1]];
    if (this.#end) {
      const toGo = Math.max(left[1], this.#end[1] - now);
      const most = Math.max(0, clock - this.#at) * Math.max(glide.share * toGo, this.#least);
      this.#end = target.map((to, i) => {
        const from = this.#end![i]!;
        return from + Math.min(most, Math.max(-most, to - from));
      }) as [number, number];
    } else this.#end = target;
    return this.hold(now, clock)!;
  }

  /** As it was shown last, seen from here; null before it was. */
  hold(now: number, clock = now): Range | null {
    this.#at = clock;
    return this.#end && [Math.max(0, this.#end[0] - now), Math.max(0, this.#end[1] - now)];
  }
}

/** Cost of one step of an epoch (from 1, over the run). */
const unitsOf = ({ units, first }: StagePlan, epoch: number): number =>
  units[Math.min(units.length - 1, Math.max(0, epoch - first))]!;

/** Cost of all steps from an epoch to the end of its stage. */
function epochUnits(stage: StagePlan, from: number): number {
  let sum = 0;
  for (let epoch = from; epoch <= stage.last; epoch++)
    sum += stage.stepsPerEpoch * unitsOf(stage, epoch);
  return sum;
}

const scaled = ([low, high]: Range, [less, more]: Range): Range => [low * less, high * more];

const mix = (a: Range, b: Range, share: number): Range => [
  a[0] + share * (b[0] - a[0]),
  a[1] + share * (b[1] - a[1]),
];

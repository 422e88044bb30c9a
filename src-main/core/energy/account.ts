/**
 * Energy of any interval as a difference of cumulative joules.
 *
 * The meter sends cumulative readings; energy between two moments is the difference of the counter at
 * those moments, interpolated in a line between the readings around each. It is never a sum of
 * whatever samples happened to fall inside, so neighbouring intervals add up exactly and an interval
 * shorter than the sample period still has its energy.
 *
 * What was not read is not invented: time before the first reading, after the last, across a gap or
 * between two meter sessions carries no energy and lowers the coverage.
 */
import type {
  ComponentEnergy,
  Emissions,
  Energy,
  PowerComponent,
  Pricing,
  Region,
  WallEnergy,
} from '../../contract.ts';
import { SampleFlag } from '../../meter/messages.ts';

/** Readings of one component, as columns of equal length. Arrays and typed arrays alike. */
export interface Readings {
  /** Monotonic microseconds, ascending. */
  t: ArrayLike<number>;
  /** Cumulative joules of the session; null (or NaN in a typed array) where nothing was read. */
  joules: ArrayLike<number | null>;
  /** Bits of `SampleFlag`. */
  flags: ArrayLike<number>;
}

export interface IntervalEnergy {
  /** Energy of the covered part; null where no part is covered. */
  joules: number | null;
  /** Share of the interval that readings cover, 0..1. */
  coverage: number;
  /** Uncovered stretches between readings that touch the interval. */
  gaps: number;
}

const nothingRead: IntervalEnergy = { joules: null, coverage: 0, gaps: 0 };

/**
 * The account of one component over one boot of the machine. Appending is amortised O(1) per reading,
 * asking is O(log n); a run of a day at 10 Hz (10^6 readings) takes 32 MB.
 *
 * It keeps running totals at each reading: energy and time covered up to it, and the gaps before it.
 * Both totals stand still across a gap, so one rule answers every question.
 */
export class EnergyAccount {
  #length = 0;
  #t = new Float64Array(1024);
  #energy = new Float64Array(1024);
  #covered = new Float64Array(1024);
  #gaps = new Float64Array(1024);

  #session: string | null = null;
  /** Counter and account at the start of the present stretch without gaps. */
  #stretch = { counter: 0, energy: 0 };
  #lastCounter = 0;
  /** A gap was flagged on a sample without a reading: it belongs to the next reading. */
  #pendingGap = false;

  /** Of readings that are all there already; the sessions in order of time. */
  static of(sessions: readonly Readings[]): EnergyAccount {
    const account = new EnergyAccount();
    sessions.forEach((readings, index) => account.append(String(index), readings));
    return account;
  }

  /** Number of readings taken; samples without a value are not readings. */
  get readings(): number {
    return this.#length;
  }

  /** Gaps among all readings. */
  get gaps(): number {
    return this.#length === 0 ? 0 : this.#gaps[this.#length - 1]!;
  }

  /**
   * Takes readings that follow those before. Another `session` starts its counter anew, and the time
   * in between is a gap; so is a counter that falls without a flag.
   * @throws RangeError when time runs backwards.
   */
  append(session: string, { t, joules, flags }: Readings): void {
    const anew = session !== this.#session;
    this.#session = session;
    if (anew) this.#pendingGap = true;
    for (let i = 0; i < t.length; i++) {
      const counter = joules[i];
      if ((flags[i]! & SampleFlag.gap) !== 0) this.#pendingGap = true;
      if (counter == null || Number.isNaN(counter)) continue;
      this.#take(t[i]!, counter);
    }
  }

  #take(t: number, counter: number): void {
    const last = this.#length - 1;
    if (last < 0) {
      this.#push(t, 0, 0, 0);
    } else {
      const before = this.#t[last]!;
      if (t < before)
        throw new RangeError(`readings must be in order of time: ${t} µs follows ${before} µs`);
      // the counter as it was first read at this moment stands
      if (t === before) return;
      const energy = this.#energy[last]!;
      if (!this.#pendingGap && counter >= this.#lastCounter) {
        // from the start of the stretch, not step by step: no rounding adds up over a long run
        const grown = this.#stretch.energy + (counter - this.#stretch.counter);
        this.#push(t, grown, this.#covered[last]! + (t - before), this.#gaps[last]!);
        this.#lastCounter = counter;
        return;
      }
      this.#push(t, energy, this.#covered[last]!, this.#gaps[last]! + 1);
    }
    this.#stretch = { counter, energy: this.#energy[this.#length - 1]! };
    this.#lastCounter = counter;
    this.#pendingGap = false;
  }

  #push(t: number, energy: number, covered: number, gaps: number): void {
    const at = this.#length;
    if (at === this.#t.length) {
      this.#t = doubled(this.#t);
      this.#energy = doubled(this.#energy);
      this.#covered = doubled(this.#covered);
      this.#gaps = doubled(this.#gaps);
    }
    this.#t[at] = t;
    this.#energy[at] = energy;
    this.#covered[at] = covered;
    this.#gaps[at] = gaps;
    this.#length = at + 1;
  }

  /**
   * Energy from `from` to `to`, both in monotonic microseconds. An empty interval has 0 J where there
   * are readings around it.
   * @throws RangeError when `to` lies before `from`.
   */
  between(from: number, to: number): IntervalEnergy {
    if (!(to >= from))
      throw new RangeError(`an interval cannot end (${to} µs) before it starts (${from} µs)`);
    const count = this.#length;
    if (count === 0 || to < this.#t[0]! || from > this.#t[count - 1]!) return nothingRead;

    const start = this.#at(from);
    const end = this.#at(to);
    const first = Math.max(0, start.index);
    // the last reading that bounds the interval: the one after `to`, unless `to` falls on one
    const bound = end.index < count - 1 && this.#t[end.index]! < to ? end.index + 1 : end.index;
    const gaps = this.#gaps[bound]! - this.#gaps[first]!;

    if (from === to) {
      const inside = from >= this.#t[0]! && gaps === 0;
      return inside ? { joules: 0, coverage: 1, gaps: 0 } : { ...nothingRead, gaps };
    }
    const covered = end.covered - start.covered;
    if (covered <= 0) return { ...nothingRead, gaps };
    return {
      joules: end.energy - start.energy,
      coverage: Math.min(1, covered / (to - from)),
      gaps,
    };
  }

  /** The totals at a moment, and the last reading at or before it (-1: before the first). */
  #at(time: number): { index: number; energy: number; covered: number } {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#t[middle]! <= time) low = middle + 1;
      else high = middle;
    }
    const index = low - 1;
    if (index < 0) return { index, energy: 0, covered: 0 };
    const energy = this.#energy[index]!;
    const covered = this.#covered[index]!;
    if (index === this.#length - 1) return { index, energy, covered };
    const start = this.#t[index]!;
    const share = (time - start) / (this.#t[index + 1]! - start);
    return {
      index,
      energy: energy + share * (this.#energy[index + 1]! - energy),
      covered: covered + share * (this.#covered[index + 1]! - covered),
    };
  }
}

function doubled(from: Float64Array): Float64Array<ArrayBuffer> {
  const to = new Float64Array(from.length * 2);
  to.set(from);
  return to;
}

// --- the energy of a run -------------------------------------------------------------------------

/** Joules in a watt-hour. */
export const joulesPerWh = 3600;

/** What was read of one component over a run. */
export interface ComponentReading {
  info: PowerComponent;
  energy: IntervalEnergy;
  /** Mean power of the idle baseline; null without one. */
  idleWatts: number | null;
  /** False: read, but not the run's. Counted where left out. */
  counted?: boolean;
  /** Parts of the energy by share of use; not known where left out. */
  processJoules?: number | null;
  programJoules?: number | null;
}

/**
 * Puts the energy of a run together for the page, the report and the CSV.
 *
 * - Net energy is gross minus idle power times the covered time; it may be negative, and it is null
 *   as soon as a component that was read has no idle power.
 * - The band of a component is its sensor's gain or its model's error: the same for every sample, so
 *   it grows with the energy (or the time) and does not average out. Across components errors are
 *   taken as independent: the band of the total is their root sum of squares. A component without a
 *   band (a constant) adds none.
 * - A component that is not the run's (`counted` false) is listed and adds to no total.
 * - The coverage of the total is that of its worst component.
 * - The parts of the run's processes and of this program are null as soon as one component's is.
 * - Emissions: gCO2e = kWh x PUE x g/kWh (method H.6), water likewise. No other figure contains PUE.
 * - The wall figure is another estimate of the same time; it contains what no sensor counts.
 */
export function runEnergy(run: {
  seconds: number;
  components: readonly ComponentReading[];
  pricing: Pricing;
  /** Of `pricing.hourly`, over the hours of the run; the region's figure where left out. */
  hourly?: { gPerKwh: number; coverage: number } | null;
  wall?: WallCalibration | null;
}): Energy {
  const { seconds, pricing, wall = null } = run;
  const components = run.components.map((reading) => componentEnergy(reading, seconds));
  const own = components.filter(({ counted }) => counted);
  const read = own.filter(({ wh }) => wh !== null);
  const over = (part: (component: ComponentEnergy) => number | null): number | null =>
    read.length === 0 ? null : sum(read.map(part));
  const wh = over((component) => component.wh);
  return {
    seconds,
    wh,
    uncertaintyWh: rootSumOfSquares(read.map((component) => component.uncertaintyWh)),
    netWh: over((component) => component.netWh),
    processWh: over((component) => component.processWh),
    programWh: over((component) => component.programWh),
    meanWatts: over((component) => component.meanWatts),
    coverage: own.length === 0 ? 0 : Math.min(...own.map(({ coverage }) => coverage ?? 0)),
    components,
    emissions: priced(wh, seconds, pricing, run.hourly ?? null),
    wall: wall && wallEnergy(wall, seconds, components),
  };
}

/** What an energy without PUE costs; whatever is missing stays null. */
export function priced(
  wh: number | null,
  seconds: number,
  pricing: Pricing,
  hourly: { gPerKwh: number; coverage: number } | null = null,
): Emissions {
  const { region, pue, waterLPerKwh, embodied } = pricing;
  const gPerKwh = hourly?.gPerKwh ?? region.gPerKwh;
  const kwh = wh === null ? null : (wh / 1000) * pue;
  return {
    gCO2e: kwh === null ? null : kwh * gPerKwh,
    gPerKwh,
    regionCode: region.code,
    regionName: region.name,
    year: region.year,
    source: region.source,
    basis: basisOf(pricing, hourly?.coverage ?? 0),
    pue,
    hourly:
      hourly && pricing.hourly
        ? { name: pricing.hourly.name, source: pricing.hourly.source, coverage: hourly.coverage }
        : null,
    waterL: kwh === null || waterLPerKwh === null ? null : kwh * waterLPerKwh,
    embodiedG:
      embodied === null
        ? null
        : (embodied.kgCO2e * 1000 * seconds) / (embodied.years * yearSeconds),
  };
}

/** Hours and the year's figure may count different things; where both were taken, both are told. */
function basisOf({ region, hourly }: Pricing, coverage: number): string {
  if (!hourly || coverage === 0 || hourly.basis === region.basis) return region.basis;
  return coverage >= 1 ? hourly.basis : `${hourly.basis}; where no hour was known: ${region.basis}`;
}

const yearSeconds = 365.25 * 86_400;

/** What the store keeps of a price beside region and PUE, which have columns of their own. */
export const besideRegion = ({
  hourly,
  waterLPerKwh,
  embodied,
}: Pricing): Omit<Pricing, 'region' | 'pue'> => ({ hourly, waterLPerKwh, embodied });

/** A pricing of nothing but a yearly figure. */
export const plainPricing = (region: Region, pue: number): Pricing => ({
  region,
  pue,
  hourly: null,
  waterLPerKwh: null,
  embodied: null,
});

/** Watts at the socket = baseWatts + factor x watts of all components that are read. */
export type WallCalibration = Omit<WallEnergy, 'wh' | 'uncertaintyWh'>;

/** Half width of what two calibration points leave (accuracy table, sections 3 and 5). */
const wallPercent = 4;

/** Energy at the socket, Wh, of a time and of what was counted in it (Wh, all components that are read). */
export const socketWh = (
  { baseWatts, factor }: Pick<WallCalibration, 'baseWatts' | 'factor'>,
  seconds: number,
  countedWh: number,
): number => (baseWatts * seconds) / joulesPerWh + factor * countedWh;

function wallEnergy(
  calibration: WallCalibration,
  seconds: number,
  components: readonly ComponentEnergy[],
): WallEnergy {
  // the sockets feed every card, the run's or not
  const read = sum(components.map(({ wh }) => wh));
  const wh = read === null || components.length === 0 ? null : socketWh(calibration, seconds, read);
  return { ...calibration, wh, uncertaintyWh: wh === null ? null : (wh * wallPercent) / 100 };
}

function componentEnergy(
  {
    info,
    energy,
    idleWatts,
    counted = true,
    processJoules = null,
    programJoules = null,
  }: ComponentReading,
  seconds: number,
): ComponentEnergy {
  const { joules, coverage, gaps } = energy;
  const covered = seconds * coverage;
  const inWh = (value: number | null): number | null =>
    value === null ? null : value / joulesPerWh;
  const wh = inWh(joules);
  return {
    key: info.key,
    kind: info.kind,
    name: info.name,
    source: info.source,
    provenance: info.provenance,
    wh,
    meanWatts: joules === null || covered <= 0 ? null : joules / covered,
    uncertaintyWh: wh === null ? null : band(info, wh, covered),
    coverage,
    gaps,
    idleWatts,
    netWh:
      wh === null || idleWatts === null ? null : above(wh, (idleWatts * covered) / joulesPerWh),
    counted,
    processWh: inWh(processJoules),
    programWh: inWh(programJoules),
  };
}

/** A difference that is nothing but rounding is none. */
const above = (wh: number, idleWh: number): number =>
  Math.abs(wh - idleWh) < 1e-9 * wh ? 0 : wh - idleWh;

/** Half width of what a component took, Wh. @param covered seconds with readings @returns null where none is known */
export function band(
  info: Pick<PowerComponent, 'uncertaintyPercent' | 'uncertaintyWatts'>,
  wh: number,
  covered: number,
): number | null {
  if (info.uncertaintyPercent !== null) return (wh * info.uncertaintyPercent) / 100;
  if (info.uncertaintyWatts !== null) return (info.uncertaintyWatts * covered) / joulesPerWh;
  return null;
}

/** Null as soon as a part is missing. */
function sum(parts: readonly (number | null)[]): number | null {
  let total = 0;
  for (const part of parts) {
    if (part === null) return null;
    total += part;
  }
  return total;
}

/** Of the bands that are known; null where none is. */
export function rootSumOfSquares(bands: readonly (number | null)[]): number | null {
  const known = bands.filter((value) => value !== null);
  return known.length === 0 ? null : Math.hypot(...known);
}

/**
 * How joules add up: the one place where a raw reading becomes cumulative energy.
 *
 * Three rules, from which everything else follows. A counter gives energy by difference, and a
 * difference that cannot be trusted is a gap, never a guess. A power reading gives energy by the
 * trapezoid rule, but only across intervals short enough to believe. Cumulative joules never fall.
 */
import type { SourceName } from './messages.ts';

const micros = 1e6;

/** What every way of adding up has in common. */
abstract class Energy {
  /** Cumulative since the session began; never falls. */
  protected total: number;
  /** The interval that ends at the next reading is not covered. */
  protected broken: boolean;
  #gap = false;

  constructor(before: Energy | null) {
    this.total = before?.total ?? 0;
    this.broken = before !== null;
  }

  /** Energy across the interval in progress cannot be known: suspend, driver reload. */
  breakOff(): void {
    this.broken = true;
  }

  protected markGap(): void {
    this.#gap = true;
  }

  /** True once after each gap, for the sample that ends it. */
  takeGap(): boolean {
    const gap = this.#gap;
    this.#gap = false;
    return gap;
  }
}

/** The smallest range of a counter seen in the wild (AMD, 32 bits of 15.3 µJ), in joules. */
const smallestRangeJoules = 65_532;

/** Joules from a hardware counter: differences, with wraps and resets told apart. */
export class CounterEnergy extends Energy {
  readonly #joulesPerUnit: number;
  #raw: number | null = null;
  #at = 0;
  #watts: number | null = null;
  /** The counter and the time when `watts` was last computed. */
  #wattsFrom: { total: number; at: number } | null = null;

  constructor(joulesPerUnit: number, before: Energy | null = null) {
    super(before);
    this.#joulesPerUnit = joulesPerUnit;
  }

  get joules(): number | null {
    return this.#raw === null ? null : this.total;
  }

  /**
   * Mean power since the reading at least `overMicros` ago; null until there is one. Shorter
   * intervals would show the counter's own steps.
   */
  watts(now: number, overMicros: number): number | null {
    const from = this.#wattsFrom;
    if (from === null || now - from.at >= overMicros) {
      if (from !== null) this.#watts = ((this.total - from.total) * micros) / (now - from.at);
      this.#wattsFrom = { total: this.total, at: now };
    }
    return this.#watts;
  }

  /**
   * Takes a reading.
   *
   * @param raw the counter, in its own units
   * @param now monotonic microseconds
   * @param range units after which it starts again at 0 (`max_energy_range_uj`); null: it wraps, but
   *   nobody may say where, so a decrease is a gap; Infinity: it never wraps, a decrease is a reset
   * @param maxWatts more than this is not believed
   *
   * The interval is a gap when the implied power is not plausible, or when it lasted so long that
   * the counter may have gone round unseen. A second of slack is left for counters that advance in
   * steps.
   */
  add(raw: number, now: number, range: number | null, maxWatts: number): void {
    const before = this.#raw;
    const seconds = (now - this.#at) / micros;
    this.#raw = raw;
    this.#at = now;
    if (before === null || this.broken) {
      if (this.broken) this.#restart();
      return;
    }
    const wrapped = raw < before;
    const units = !wrapped ? raw - before : range === null ? Infinity : raw + range - before;
    const joules = units * this.#joulesPerUnit;
    const roundTrip = range === null ? smallestRangeJoules : range * this.#joulesPerUnit;
    if (joules <= maxWatts * (seconds + 1) && maxWatts * seconds < roundTrip) this.total += joules;
    else this.#restart();
  }

  #restart(): void {
    this.broken = false;
    this.#watts = null;
    this.#wattsFrom = null;
    this.markGap();
  }
}

/** Nothing but sleep (where the monotonic clock runs on in it) keeps the meter this long. */
const longestChargeMicros = 60e6;

/** Joules from power: the trapezoid between readings, held between them, or a mean times its time. */
export class PowerEnergy extends Energy {
  /** Energy up to the last reading; `total` may run ahead of it while a reading is held. */
  #settled: number;
  #watts = 0;
  #at: number | null = null;

  constructor(before: Energy | null = null) {
    super(before);
    this.#settled = this.total;
  }

  /** An instantaneous reading. A distance of more than `limit` microseconds to the last is a gap. */
  measure(watts: number, now: number, limit: number): void {
    if (this.#continues(now, limit))
      this.#settled += (((this.#watts + watts) / 2) * (now - this.#at!)) / micros;
    this.#watts = watts;
    this.#at = now;
  }

  /** Mean power of the whole time since the last reading: a gap only where that is absurdly long. */
  charge(watts: number, now: number): void {
    if (this.#continues(now, longestChargeMicros))
      this.#settled += (watts * (now - this.#at!)) / micros;
    this.#watts = watts;
    this.#at = now;
  }

  #continues(now: number, limit: number): boolean {
    if (this.#at !== null && !this.broken && now - this.#at <= limit) return true;
    // what was reported while the last reading was held stays reported
    this.#settled = Math.max(this.#settled, this.total);
    if (this.#at !== null || this.broken) this.markGap();
    this.broken = false;
    return false;
  }

  /** Joules at `now`, the last reading held for at most `limit` microseconds; null after that. */
  joules(now: number, limit: number): number | null {
    if (this.#at === null || this.broken || now - this.#at > limit) return null;
    this.total = Math.max(this.total, this.#settled + (this.#watts * (now - this.#at)) / micros);
    return this.total;
  }
}

/**
 * The joules of every component of a session. It outlives the sources: when they are opened anew,
 * a counter goes on where it was, and a component that another source takes over keeps its total.
 */
export class Ledger {
  readonly #entries = new Map<
    string,
    { source: SourceName; energy: CounterEnergy | PowerEnergy }
  >();

  counter(key: string, source: SourceName, joulesPerUnit: number): CounterEnergy {
    return this.#entry(key, source, CounterEnergy, (before) => {
      return new CounterEnergy(joulesPerUnit, before);
    });
  }

  power(key: string, source: SourceName): PowerEnergy {
    return this.#entry(key, source, PowerEnergy, (before) => new PowerEnergy(before));
  }

  /** No interval in progress can be trusted, whatever the source. */
  breakOff(): void {
    for (const { energy } of this.#entries.values()) energy.breakOff();
  }

  #entry<T extends CounterEnergy | PowerEnergy>(
    key: string,
    source: SourceName,
    kind: new (...args: never[]) => T,
    create: (before: CounterEnergy | PowerEnergy | null) => T,
  ): T {
    const known = this.#entries.get(key);
    if (known?.source === source && known.energy instanceof kind) return known.energy;
    const energy = create(known?.energy ?? null);
    this.#entries.set(key, { source, energy });
    return energy;
  }
}

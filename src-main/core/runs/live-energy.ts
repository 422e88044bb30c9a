/**
 * Energy of the run that is going on, from the samples as they come: the page's counter and the idle
 * baseline. The lasting figures are the store's; both are differences of the same cumulative joules.
 */
import type { ComponentKind, Pricing, RunSummary } from '../../contract.ts';
import type { ComponentInfo, SampleBatch } from '../../meter/messages.ts';
import { utcOf } from '../clock.ts';
import { band, EnergyAccount, joulesPerWh, priced, rootSumOfSquares } from '../energy/account.ts';
import { weightedIntensity } from '../energy/intensity/steps.ts';

export interface LiveFigures {
  wh: number | null;
  /** Half width of `wh`; null where no component's is known. */
  uncertaintyWh: number | null;
  /** Of all components that are read, the run's or not. */
  readWh: number | null;
  gCO2e: number | null;
  /** Present power of all components that are read. */
  watts: number | null;
  /** Wh by component kind. */
  byKind: Partial<Record<ComponentKind, number | null>>;
}

type Before = Pick<RunSummary, 'wh' | 'uncertaintyWh' | 'gCO2e' | 'whByKind'>;

export class LiveEnergy {
  readonly #isCounted: (key: string, kind: ComponentKind) => boolean;
  #accounts = new Map<string, { info: ComponentInfo; account: EnergyAccount }>();
  #watts: number | null = null;
  #lastAt = -Infinity;
  /** When each component of the run was last read, monotonic microseconds. */
  readonly #readAt = new Map<string, number>();

  /** @param isCounted whether a component is the run's; what is not is in no sum */
  constructor(isCounted: (key: string, kind: ComponentKind) => boolean = () => true) {
    this.#isCounted = isCounted;
  }

  append(batch: SampleBatch, components: readonly ComponentInfo[]): void {
    let watts: number | null = null;
    for (const { key, joules, flags, watts: power } of batch.series) {
      const info = components.find((component) => component.key === key);
      if (!info) continue;
      const own = this.#accounts.get(key) ?? { info, account: new EnergyAccount() };
      this.#accounts.set(key, own);
      own.account.append(batch.session, { t: batch.t, joules, flags });
      if (!this.#isCounted(key, info.kind)) continue;
      watts = add(watts, power.at(-1) ?? null);
      const last = joules.findLastIndex((value) => value !== null);
      if (last >= 0) this.#readAt.set(key, batch.t[last]!);
    }
    this.#watts = watts;
    this.#lastAt = batch.t.at(-1) ?? this.#lastAt;
  }

  /** Seconds since each component of the run was last read, of those that ever were. */
  ages(now: number): { key: string; age: number }[] {
    return [...this.#readAt].map(([key, at]) => ({ key, age: (now - at) / 1e6 }));
  }

  /** Mean power of every component between two moments; null where nothing was read. */
  meanWatts(from: number, to: number): Record<string, number | null> {
    const seconds = (to - from) / 1e6;
    const means = [...this.#accounts].map(([key, { account }]) => {
      const { joules, coverage } = account.between(from, to);
      return [key, joules === null || seconds <= 0 ? null : joules / (seconds * coverage)] as const;
    });
    return Object.fromEntries(means);
  }

  /** Energy from a moment to the last sample, on top of what the run took `before` (a resume). */
  since(from: number, before: Before, pricing: Pricing): LiveFigures {
    const byKind: LiveFigures['byKind'] = { ...before.whByKind };
    let readWh = before.wh;
    let own: number | null = null;
    const bands: (number | null)[] = [];
    if (this.#lastAt > from)
      for (const [key, { info, account }] of this.#accounts) {
        const { joules, coverage } = account.between(from, this.#lastAt);
        if (joules === null) continue;
        const wh = joules / joulesPerWh;
        readWh = add(readWh, wh);
        if (!this.#isCounted(key, info.kind)) continue;
        byKind[info.kind] = (byKind[info.kind] ?? 0) + wh;
        own = add(own, wh);
        bands.push(band(info, wh, (coverage * (this.#lastAt - from)) / 1e6));
      }
    const { gCO2e } = priced(own, 0, pricing, this.#intensity(from, pricing));
    return {
      wh: add(before.wh, own),
      // the same sensors err in the same way
      uncertaintyWh: add(before.uncertaintyWh, rootSumOfSquares(bands)),
      readWh,
      gCO2e: add(before.gCO2e, gCO2e),
      watts: this.#watts,
      byKind,
    };
  }

  /** Mean over the hours since a moment, by their energy; null where the run is not priced by the hour. */
  #intensity(
    from: number,
    { hourly, region }: Pricing,
  ): { gPerKwh: number; coverage: number } | null {
    if (!hourly) return null;
    const utc = utcOf(from);
    const micros = (at: number): number => from + (at - utc) * 1000;
    const since = [{ from: utc, to: utcOf(Math.max(from, this.#lastAt)) }];
    return weightedIntensity(hourly, since, region.gPerKwh, (_, start, end) => {
      let wh: number | null = null;
      for (const [key, { info, account }] of this.#accounts) {
        if (!this.#isCounted(key, info.kind)) continue;
        const { joules } = account.between(micros(start), Math.max(micros(start), micros(end)));
        wh = add(wh, joules === null ? null : joules / joulesPerWh);
      }
      return wh;
    });
  }
}

/** Null is missing: it adds nothing, and two of them stay missing. */
const add = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : a + b;

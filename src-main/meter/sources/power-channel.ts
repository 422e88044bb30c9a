/** A component whose power arrives from elsewhere, now and then, and is integrated. */
import type { PowerEnergy } from '../energy.ts';
import { SampleFlag } from '../messages.ts';
import type { ComponentInfo, ComponentKind } from '../messages.ts';
import { clearReading, emptyReading, gapLimit, maxGpuWatts } from './source.ts';
import type { Component, SourceContext } from './source.ts';

/** What one report says of a component. */
export interface PowerValue {
  key: string;
  watts: number | null;
  utilPercent?: number | null;
  tempC?: number | null;
}

/**
 * The power itself, or null where it cannot be true. A processor or a memory that is running draws
 * something: 0 is what tools print when they have no value.
 */
export function plausibleWatts(kind: ComponentKind, watts: number | null): number | null {
  if (watts === null || !Number.isFinite(watts) || watts > maxGpuWatts) return null;
  return watts > 0 || (watts === 0 && kind === 'gpu') ? watts : null;
}

export class PowerChannel implements Component {
  readonly info: ComponentInfo;
  readonly reading = emptyReading();
  readonly alive = true;
  readonly #energy: PowerEnergy;
  readonly #limit: number;
  #value: PowerValue | null = null;
  #seenAt = -Infinity;

  /** @param periodMicros the usual time between two reports */
  constructor(context: SourceContext, info: ComponentInfo, periodMicros: number) {
    this.info = info;
    this.#energy = context.ledger.power(info.key, info.source);
    this.#limit = gapLimit(periodMicros);
  }

  /** A report arrived. @param now monotonic microseconds */
  take(value: PowerValue, now: number): void {
    const watts = plausibleWatts(this.info.kind, value.watts);
    this.#value = watts === null ? null : { ...value, watts };
    if (watts === null) return;
    this.#energy.measure(watts, now, this.#limit);
    this.#seenAt = now;
  }

  read(now: number): void {
    const { reading } = this;
    clearReading(reading);
    if (this.#value === null || now - this.#seenAt > this.#limit) return;
    reading.joules = this.#energy.joules(now, this.#limit);
    reading.watts = reading.joules === null ? null : this.#value.watts;
    reading.utilPercent = this.#value.utilPercent ?? null;
    reading.tempC = this.#value.tempC ?? null;
    if (this.#energy.takeGap()) reading.flags |= SampleFlag.gap;
  }
}

/** Figures that are expected, with the interval they are expected in. */
import type { Estimate, RunCost } from '../../../src-main/contract.ts';
import { missing, significant, siScale } from './number.ts';
import { duration, durationRange } from './time.ts';

/** `0.31–0.42 kWh`; one number where both ends look alike. */
export function quantityRange({ low, high }: Pick<Estimate, 'low' | 'high'>, unit: string): string {
  const scale = siScale([high], unit);
  const [from, to] = [low, high].map((end) => significant(end * scale.factor, 2));
  return `${from === to ? from : `${from}–${to}`} ${scale.unit}`;
}

/** `12 Wh`, to two digits: more would be a promise. */
export function roughly({ value }: Pick<Estimate, 'value'>, unit: string): string {
  const scale = siScale([value], unit);
  return `${significant(value * scale.factor, 2)} ${scale.unit}`;
}

/** A term, its figure and what belongs to it in small. */
export interface CostRow {
  term: string;
  value: string;
  note?: string;
  /** Why there is no figure. */
  missing?: string;
}

/** Time, energy and emissions of what has not run yet. */
export function costRows({
  seconds,
  wh,
  gCO2e,
}: Pick<RunCost, 'seconds' | 'wh' | 'gCO2e'>): CostRow[] {
  const unmeasured = 'nothing was measured here yet that it could be told from';
  return [
    {
      term: 'Time',
      missing: unmeasured,
      value: seconds ? duration(seconds.value) : missing,
      ...(seconds && { note: durationRange(seconds.low, seconds.high) }),
    },
    {
      term: 'Energy',
      missing: unmeasured,
      value: wh ? roughly(wh, 'Wh') : missing,
      ...(wh && { note: quantityRange(wh, 'Wh') }),
    },
    {
      term: 'Emissions',
      missing: unmeasured,
      value: gCO2e ? roughly(gCO2e, 'gCO2e') : missing,
      ...(gCO2e && { note: quantityRange(gCO2e, 'gCO2e') }),
    },
  ];
}

/** For a button: `, about 1 h 50 min, 0.3–0.4 kWh`; empty where nothing is known. */
export function costWords({ seconds, wh }: Pick<RunCost, 'seconds' | 'wh'>): string {
  return [seconds && `about ${duration(seconds.value)}`, wh && quantityRange(wh, 'Wh')]
    .filter((part) => part !== null)
    .map((part) => `, ${part}`)
    .join('');
}

/** So many times the same. */
export const repeated = (of: Estimate | null, count: number): Estimate | null =>
  of && { low: of.low * count, value: of.value * count, high: of.high * count };

/** How the three numbers of a run came to be what they are: points over its active time. */
import type { PowerSeries, RunDetail, XAxis } from '../../../src-main/contract.ts';
import { gramsPerWhOf, placeOf } from './place.ts';
import { interpolate } from './range.ts';
import { totalLine, type SeriesByName } from './run-lines.ts';

/** Null below two points: one is no trend. */
export interface Trends {
  f1: Trend | null;
  wh: Trend | null;
  /** Points of F1 per Wh, at the evaluations. */
  perWh: Trend | null;
}
export interface Trend {
  /** ms of active time. */
  at: number[];
  /** Null: not read. */
  values: (number | null)[];
}

/** Points of the line of energy, which is smooth; and of the same where it is looked up. */
const [drawn, exact] = [60, 600];

/** What is known of a run (`RunWatch`), over whichever axis. */
interface Curves {
  x: XAxis;
  series: SeriesByName;
  power: PowerSeries;
  detail: RunDetail | null;
}

export function trendsOf({ x, series, power, detail }: Curves): Trends {
  const total = (columns: number) => {
    const { x, y } = totalLine(power, 'wh', { id: 1, name: '' }, columns);
    return x.map((time, i) => ({ time, value: y[i] ?? null }));
  };
  const read = total(exact).filter(({ value }) => value !== null);
  const [times, sums] = [read.map(({ time }) => time), read.map(({ value }) => value!)];
  const place = placeOf(x, series, power, gramsPerWhOf(detail));
  const scores = series['validation.macroF1'];
  const f1 = (scores?.x ?? []).flatMap((at, i) => {
    const [time, value] = [place?.toTime(at) ?? null, scores!.y[i] ?? null];
    return time === null || value === null ? [] : [{ time, value }];
  });
  const perWh = f1.flatMap(({ time, value }) => {
    const used = interpolate(times, sums, time);
    return used ? [{ time, value: (100 * value) / used }] : [];
  });
  return { f1: trendOf(f1), wh: trendOf(total(drawn)), perWh: trendOf(perWh) };
}

const trendOf = (points: { time: number; value: number | null }[]): Trend | null =>
  points.filter(({ value }) => value !== null).length < 2
    ? null
    : {
        at: points.map(({ time }) => 1000 * time),
        values: points.map(({ value }) => value),
      };

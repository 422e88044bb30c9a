/** Where a moment of a run lies on the chosen x axis, so that every chart of the run has the same one. */
import type { PowerSeries, RunDetail, XAxis } from '../../../src-main/contract.ts';
import type { Line } from './plot.ts';
import { interpolate } from './range.ts';
import { totalLine, type SeriesByName } from './run-lines.ts';

export interface Place {
  /** Of seconds of active time; null where the axis has no place for them (before the first step). */
  toAxis(time: number): number | null;
  /** Back to seconds. */
  toTime(x: number): number | null;
}

const identity: Place = { toAxis: (time) => time, toTime: (x) => x };
/** Points by which time is turned into energy. */
const columns = 600;

/** PUE included; null where the run has no price. */
export function gramsPerWhOf(detail: RunDetail | null): number | null {
  const emissions = detail?.energy?.emissions;
  return emissions ? (emissions.gPerKwh * emissions.pue) / 1000 : null;
}

/** Null where nothing is known that would join time and axis: then time stays the axis. */
export function placeOf(
  x: XAxis,
  series: SeriesByName,
  power: PowerSeries,
  gramsPerWh: number | null,
): Place | null {
  if (x === 'time') return identity;
  if (x === 'step' || x === 'epoch' || x === 'macs') {
    const { seconds } = series;
    return seconds ? between(known(seconds.y), [...seconds.x]) : null;
  }
  if (x === 'co2' && gramsPerWh === null) return null;
  const factor = x === 'co2' ? gramsPerWh! : 1;
  const total = totalLine(power, 'wh', { id: 1, name: '' }, columns);
  const there = total.x.flatMap((at, i) => {
    const wh = total.y[i] ?? null;
    return wh === null ? [] : [{ at, wh: wh * factor }];
  });
  return between(
    there.map(({ at }) => at),
    there.map(({ wh }) => wh),
  );
}

const known = (y: readonly (number | null)[]): number[] => y.map((value) => value ?? 0);

function between(times: number[], places: number[]): Place | null {
  if (times.length < 2) return null;
  return {
    toAxis: (time) => interpolate(times, places, time),
    toTime: (x) => interpolate(places, times, x),
  };
}

/** A line over time as a line over the axis; points that have no place there are left out. */
export function placed(line: Line, place: Place): Line {
  if (place === identity) return line;
  const x: number[] = [];
  const y: (number | null)[] = [];
  line.x.forEach((time, i) => {
    const at = place.toAxis(time);
    if (at === null) return;
    x.push(at);
    y.push(line.y[i] ?? null);
  });
  return { ...line, x, y };
}

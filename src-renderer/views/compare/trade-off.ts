/** Where things are in the chart of energy against F1: axes, lines of equal F1 per Wh, labels. */
import type { TradeOff } from '../../../src-main/contract.ts';
import { linearTicks, logTicks, niceStep } from '../../lib/chart/ticks.ts';

export type TradeOffPoint = TradeOff['points'][number];

export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface Axes {
  x: { min: number; max: number; ticks: number[] };
  y: { min: number; max: number; ticks: number[] };
  placeX: (wh: number) => number;
  placeY: (f1: number) => number;
}

/** Around all points and their intervals; energy is logarithmic, F1 from 0 to 1 at the most. */
export function axesOf(points: readonly TradeOffPoint[], frame: Frame): Axes {
  const energies = points.flatMap(({ wh, whInterval }) => [
    wh,
    // an interval of few runs may reach below zero, which has no place on this axis
    ...(whInterval ? [Math.max(whInterval.low, wh / 3), whInterval.high] : []),
  ]);
  const scores = points.flatMap(({ f1, f1Interval }) => [
    f1,
    ...(f1Interval ? [f1Interval.low, f1Interval.high] : []),
  ]);
  const [low, high] = [Math.min(...energies), Math.max(...energies)];
  const room = Math.max(1.25, (high / low) ** 0.12);
  const [min, max] = [low / room, high * room];
  const [worst, best] = [Math.min(...scores), Math.max(...scores)];
  const air = Math.max(0.01, (best - worst) * 0.15);
  const [bottom, top] = [Math.max(0, worst - air), Math.min(1, best + air)];
  const inner = {
    width: frame.width - frame.left - frame.right,
    height: frame.height - frame.top - frame.bottom,
  };
  return {
    x: { min, max, ticks: energyTicks(min, max) },
    y: { min: bottom, max: top, ticks: linearTicks(bottom, top, niceStep(top - bottom, 5)).values },
    placeX: (wh) => frame.left + (Math.log(wh / min) / Math.log(max / min)) * inner.width,
    placeY: (f1) => frame.top + ((top - f1) / (top - bottom)) * inner.height,
  };
}

/** Round numbers; where the range is too short for those of a logarithm, those of a plain axis. */
function energyTicks(min: number, max: number): number[] {
  const ticks = logTicks(min, max).values;
  return ticks.length >= 3 ? ticks : linearTicks(min, max, niceStep(max - min, 5)).values;
}

export interface IsoLine {
  /** F1 points per Wh. */
  value: number;
  /** In pixels. */
  points: [number, number][];
}

/** Lines of equal F1 per Wh that cross the chart: round numbers, about half a dozen. */
export function isoLines({ x, y, placeX, placeY }: Axes): IsoLine[] {
  const ratio = (f1: number, wh: number) => (100 * f1) / wh;
  const [least, most] = [ratio(Math.max(y.min, 1e-3), x.max), ratio(y.max, x.min)];
  const round = logTicks(least, most).values;
  const values =
    round.length >= 4 ? round : linearTicks(least, most, niceStep(most - least, 6)).values;
  const stride = Math.max(1, Math.ceil(values.length / 7));
  const steps = 48;
  return values
    .filter((_, i) => i % stride === 0)
    .map((value) => ({
      value,
      points: Array.from({ length: steps + 1 }, (_, i): [number, number] => {
        const f1 = y.min + ((y.max - y.min) * i) / steps;
        return [Math.max(f1 * 100, 1e-9) / value, f1];
      })
        .filter(([wh]) => wh >= x.min && wh <= x.max)
        .map(([wh, f1]): [number, number] => [placeX(wh), placeY(f1)]),
    }))
    .filter(({ points }) => points.length > 1);
}

/** The stairs of the front, from the cheapest to the best. */
export function stairs(points: readonly TradeOffPoint[], { placeX, placeY }: Axes): string {
  const front = points
    .filter(({ standing }) => standing === 'front')
    .sort((a, b) => a.wh - b.wh || b.f1 - a.f1);
  return front
    .map(({ wh, f1 }, i) =>
      i === 0 ? `M${placeX(wh)} ${placeY(f1)}` : `H${placeX(wh)}V${placeY(f1)}`,
    )
    .join('');
}

export interface Label {
  x: number;
  y: number;
  anchor: 'start' | 'end';
  text: string;
}

const letter = 6;
const lineHeight = 13;

/** Beside its point, where it covers no other point and no other label; null where there is no room. */
export function labelsOf(
  points: readonly TradeOffPoint[],
  { placeX, placeY }: Axes,
  frame: Frame,
): (Label | null)[] {
  interface Box {
    x0: number;
    x1: number;
    y0: number;
    y1: number;
  }
  const taken: Box[] = points.map(({ wh, f1 }) => {
    const [x, y] = [placeX(wh), placeY(f1)];
    return { x0: x - 5, x1: x + 5, y0: y - 5, y1: y + 5 };
  });
  const free = (box: Box, own: Box) =>
    box.x0 >= frame.left &&
    box.x1 <= frame.width - 2 &&
    box.y0 >= 0 &&
    box.y1 <= frame.height - frame.bottom &&
    taken.every(
      (other) =>
        other === own ||
        box.x1 <= other.x0 ||
        box.x0 >= other.x1 ||
        box.y1 <= other.y0 ||
        box.y0 >= other.y1,
    );
  return points.map(({ wh, f1, name }, i) => {
    const [x, y] = [placeX(wh), placeY(f1)];
    const text = name.length > 34 ? `${name.slice(0, 33)}…` : name;
    const width = text.length * letter;
    // at its own height the stairs of the front run through it
    for (const down of [-11, 12, 0, -24, 25])
      for (const anchor of ['start', 'end'] as const) {
        const from = anchor === 'start' ? x + 9 : x - 9 - width;
        const middle = y + down;
        const box = {
          x0: from,
          x1: from + width,
          y0: middle - lineHeight / 2,
          y1: middle + lineHeight / 2,
        };
        if (!free(box, taken[i]!)) continue;
        taken.push(box);
        return { x: anchor === 'start' ? x + 9 : x - 9, y: middle + 4, anchor, text };
      }
    return null;
  });
}

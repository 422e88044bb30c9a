/** Parallel coordinates: which axes there are, and where a value lies on one. */
import type { ComparisonRow } from '../../../src-main/contract.ts';
import { linearTicks, logTicks, niceStep } from '../../lib/chart/ticks.ts';

type Cell = ComparisonRow['values'][number];

export interface Axis {
  key: string;
  label: string;
  unit: string | null;
  values: readonly Cell[];
  /** Why some lines have no value, in a word; null where all have one. */
  absent: 'off' | 'none' | 'not known' | null;
  /** Choices in the order of their first appearance; null for an axis of numbers. */
  choices: string[] | null;
  /** All numbers are above zero: it can be logarithmic. */
  positive: boolean;
  min: number;
  max: number;
}

export interface AxisChoice {
  flipped: boolean;
  log: boolean;
}

/** Results beside the settings, in this order; energy is the last axis. */
const results = ['seconds', 'trainMacs', 'macroF1', 'wh'];
/** Beyond this nothing can be read any more. */
const mostSettings = 8;

/** Settings that differ, seeds left out, then results, energy last. */
export function axesOf(rows: readonly ComparisonRow[]): Axis[] {
  const settings = rows
    .filter(({ group, key, differs }) => group === 'config' && differs && !key.endsWith('seed'))
    .slice(0, mostSettings);
  const measured = results.flatMap((key) => rows.find((row) => row.key === key) ?? []);
  return [...settings, ...measured].flatMap((row) => axisOf(row) ?? []);
}

/** An option of what is off; a setting that another dataset or a command has not; a figure that nobody told. */
const absence = (key: string, group: ComparisonRow['group']): Axis['absent'] =>
  group !== 'config'
    ? 'not known'
    : key.startsWith('selection.') && key !== 'selection.mode'
      ? 'off'
      : 'none';

function axisOf({ key, label, unit, group, values }: ComparisonRow): Axis | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  const numbers = known.filter((value) => typeof value === 'number');
  const numeric = numbers.length === known.length;
  const [min, max] = numeric ? [Math.min(...numbers), Math.max(...numbers)] : [0, 1];
  return {
    key,
    label: label.split(': ').at(-1) ?? label,
    unit,
    values,
    absent: known.length === values.length ? null : absence(key, group),
    choices: numeric ? null : [...new Set(known.map(String))],
    positive: numeric && min > 0,
    // an axis of one value has it in the middle
    min: min === max ? min - (Math.abs(min) || 1) / 2 : min,
    max: min === max ? max + (Math.abs(max) || 1) / 2 : max,
  };
}

/** 0 at the bottom to 1 at the top; null for a value that is not known. */
export function placeOn(axis: Axis, value: Cell, { flipped, log }: AxisChoice): number | null {
  if (value === null) return null;
  const at = axis.choices
    ? axis.choices.length < 2
      ? 0.5
      : axis.choices.indexOf(String(value)) / (axis.choices.length - 1)
    : numberAt(axis, Number(value), log);
  return flipped ? 1 - at : at;
}

const numberAt = ({ min, max, positive }: Axis, value: number, log: boolean): number =>
  log && positive && min > 0
    ? Math.log(value / min) / Math.log(max / min)
    : (value - min) / (max - min);

export function ticksOf(axis: Axis, { log }: AxisChoice): Cell[] {
  if (axis.choices) return axis.choices;
  const plain = linearTicks(axis.min, axis.max, niceStep(axis.max - axis.min, 5)).values;
  if (!log || !axis.positive || axis.min <= 0) return plain;
  const ticks = logTicks(axis.min, axis.max).values;
  return ticks.length > 1 ? ticks : plain;
}

/** Places on an axis, 0 to 1, between which lines are kept. */
export type Brush = [low: number, high: number];

/** Whether a line lies within every brush; one without a value on a brushed axis does not. */
export const isKept = (
  axes: readonly Axis[],
  choices: Readonly<Record<string, AxisChoice | undefined>>,
  brushes: Readonly<Record<string, Brush | undefined>>,
  line: number,
): boolean =>
  axes.every((axis) => {
    const brush = brushes[axis.key];
    if (!brush) return true;
    const at = placeOn(axis, axis.values[line] ?? null, choices[axis.key] ?? plainAxis);
    return at !== null && at >= brush[0] - 1e-9 && at <= brush[1] + 1e-9;
  });

export const plainAxis: AxisChoice = { flipped: false, log: false };

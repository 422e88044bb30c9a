/**
 * Numbers for people: always with a unit, with as many digits as their uncertainty allows, and an en
 * dash where nothing is known. SI prefixes are chosen once for everything that is read together.
 */
import type { EnergyUnit, FigureStyle, NumberFormat } from '../../../src-main/contract.ts';

export const missing = '–';

/** Between groups of digits, and before decimals. */
const marks: Record<NumberFormat, [group: string, decimal: string]> = {
  '1,234.5': [',', '.'],
  '1 234.5': ['\u202f', '.'],
  '1.234,5': ['.', ','],
  '1 234,5': ['\u202f', ','],
};
const style: { number: NumberFormat; energy: EnergyUnit } = { number: '1,234.5', energy: 'Wh' };

/** From the settings of the person, for all numbers that are written from now on. */
export function setNumberStyle(number: NumberFormat, energy: EnergyUnit): void {
  Object.assign(style, { number, energy });
}
/**
 * What a person typed, as the program reads it. Marks between groups go where they stand between groups of three, and
 * the person's decimal mark becomes a point; a single point that can be none of the former is one already.
 */
export function fromStyle(typed: string): string {
  const [group, decimal] = marks[style.number];
  const between = group === '\u202f' ? '[\\s\u202f]' : `\\${group}`;
  // no number of a thousand begins with 0: 0.002 is a fraction, whatever the point means elsewhere
  const grouped = new RegExp(
    `^([+-]?[1-9]\\d{0,2})((?:${between}\\d{3})+)(?:\\${decimal}(\\d*))?$`,
  );
  const [, head, groups, fraction] = grouped.exec(typed) ?? [];
  if (head !== undefined && groups !== undefined)
    return `${head}${groups.replace(/\D/g, '')}${fraction === undefined ? '' : `.${fraction}`}`;
  return decimal === ',' ? typed.replace(/^([^.,]*),([^.,]*)$/, '$1.$2') : typed;
}

/** A number as a person would type it: with her decimal mark, and nothing between groups. */
export const asTyped = (value: number): string =>
  marks[style.number][1] === ',' ? String(value).replace('.', ',') : String(value);

/** In which unit energy is shown; 1 Wh is so many of it. */
export const energyUnit = (): { unit: EnergyUnit; perWh: number } => ({
  unit: style.energy,
  perWh: style.energy === 'J' ? 3600 : 1,
});

/** A number in British writing with the marks that the person chose. */
export function inStyle(british: string): string {
  if (style.number === '1,234.5') return british;
  const [group, decimal] = marks[style.number];
  return british.replace(/[,.]/g, (mark) => (mark === ',' ? group : decimal));
}

/** The same for the few words of one line, which the window shares with the terminal. */
export const figureStyle = (): FigureStyle => ({ energy: style.energy, write: inStyle });

export type Maybe = number | null | undefined;
const known = (value: Maybe): value is number => value != null && Number.isFinite(value);

/** Beyond this, on a scale that suits its column, a number is rounding dust. */
const mostDecimals = 6;

/** Made once: a table that scrolls writes thousands of numbers, and making one takes longer than ten uses. */
const byDecimals = new Map<number, Intl.NumberFormat>();
function withDecimals(digits: number): Intl.NumberFormat {
  let format = byDecimals.get(digits);
  if (!format) {
    format = new Intl.NumberFormat('en-GB', {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    byDecimals.set(digits, format);
  }
  return format;
}

function group(value: number, decimals: number): string {
  const zero = Math.abs(value) < 1 && Number(value.toFixed(decimals)) === 0;
  const digits = zero && decimals === mostDecimals ? 0 : decimals;
  // a rounded -0.04 is no negative number
  return inStyle(withDecimals(digits).format(zero ? 0 : value));
}

/** Decimals that show `digits` significant digits of `value`. */
export function decimalsFor(value: number, digits = 3): number {
  if (value === 0) return 0;
  return Math.min(mostDecimals, Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
}

/** A bare number with `digits` significant digits: `12.4`, `0.0120`, `1,234`. */
export const significant = (value: Maybe, digits = 3): string =>
  known(value) ? group(value, decimalsFor(value, digits)) : missing;

/** A whole number with separators: `1,234,567`. */
export const count = (value: Maybe): string => (known(value) ? group(value, 0) : missing);

export const fixed = (value: Maybe, decimals: number): string =>
  known(value) ? group(value, decimals) : missing;

export interface Scale {
  /** Value times factor is the number shown. */
  factor: number;
  unit: string;
}

const prefixes: [from: number, factor: number, prefix: string][] = [
  [1e9, 1e-9, 'G'],
  [1e6, 1e-6, 'M'],
  [1e3, 1e-3, 'k'],
  [0.1, 1, ''],
  [1e-4, 1e3, 'm'],
  [0, 1e6, 'µ'],
];

/** Units that take an SI prefix; others (`gCO2e/kWh`, `%`) stay as they are. */
const prefixed = new Set(['Wh', 'W', 'J', 'gCO2e', 'MAC']);

/** One prefix for all `values`, for the largest of them; tenths of a unit still go without. */
export function siScale(values: Iterable<Maybe>, unit: string): Scale {
  if (!prefixed.has(unit)) return { factor: 1, unit };
  // energy comes in Wh, whatever it is shown in
  const shown = unit === 'Wh' ? energyUnit() : { unit, perWh: 1 };
  let largest = 0;
  for (const value of values) if (known(value)) largest = Math.max(largest, Math.abs(value));
  if (largest === 0) return { factor: shown.perWh, unit: shown.unit };
  largest *= shown.perWh;
  const [, factor, prefix] = prefixes.find(([from]) => largest >= from) ?? [0, 1, ''];
  return { factor: factor * shown.perWh, unit: prefix + shown.unit };
}

/**
 * The number without its unit, on a given scale; digits by the uncertainty where there is one, but two of the value at
 * least: a band that all runs of a sensor share is no reason to round away what tells them apart.
 */
export function scaled(value: Maybe, scale: Scale, half: Maybe = null): string {
  if (!known(value)) return missing;
  const shown = value * scale.factor;
  if (!known(half) || half <= 0) return significant(shown);
  const shownHalf = half * scale.factor;
  // a band that begins with 1 would lose half of itself in one digit
  const first = Number(shownHalf.toExponential()[0]);
  const byBand = decimalsFor(shownHalf, first === 1 ? 2 : 1);
  // less than a hundredth of its band is nothing
  const decimals =
    Math.abs(shown) < shownHalf / 100 ? byBand : Math.max(byBand, decimalsFor(shown, 2));
  return `${group(shown, decimals)} ± ${group(shownHalf, decimals)}`;
}

/** `12.4 ± 0.6 Wh`, `41 mWh`, `–`. */
export function quantity(value: Maybe, unit: string, half: Maybe = null): string {
  if (!known(value)) return missing;
  const scale = siScale([value], unit);
  return `${scaled(value, scale, half)} ${scale.unit}`;
}

/** 0..1 as percent: `83.4 %`. */
export const percent = (fraction: Maybe, decimals = 1): string =>
  known(fraction) ? `${group(fraction * 100, decimals)} %` : missing;

const large: [from: number, suffix: string][] = [
  [1e18, 'E'],
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
];

/** `1.23 M`, `45.1 k`: large counts such as parameters. */
export function compact(value: Maybe): string {
  if (!known(value)) return missing;
  const size = Math.abs(value);
  if (size < 1e4) return group(value, Number.isInteger(value) ? 0 : 1);
  const [from, suffix] = large.find(([from]) => size >= from) ?? [1e3, 'k'];
  return `${significant(value / from)} ${suffix}`;
}

/** Memory, which comes in powers of two: `24 GiB`. */
export const memory = (value: Maybe): string =>
  sized(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);

/** Files and downloads, as disks and networks count them: `170 MB`. */
export const bytes = (value: Maybe): string => sized(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);

function sized(value: Maybe, base: number, units: readonly string[]): string {
  if (!known(value)) return missing;
  const most = units.length - 1;
  const power = value < 1 ? 0 : Math.min(most, Math.floor(Math.log(value) / Math.log(base) + 1e-9));
  const shown = value / base ** power;
  const text = shown.toLocaleString('en-GB', { maximumSignificantDigits: 3, useGrouping: false });
  return `${inStyle(text)} ${units[power]}`;
}

/** A p-value with three decimals; smaller ones are only said to be that. */
export const pValue = (value: Maybe): string =>
  known(value) && value < 0.001 ? `< ${fixed(0.001, 3)}` : fixed(value, 3);

/** A difference to a baseline, signed by a word. */
export interface Difference {
  /** `3 mWh`, `1.4 points`; `the same`. */
  amount: string;
  /** `less`, `more`; empty where there is no difference. */
  word: string;
  /** `20 %`, `3.4 times as much`; null where it would say nothing. */
  share: string | null;
  /** All of it: `3 mWh less (20 %)`. */
  text: string;
  verdict: 'better' | 'worse' | 'same' | null;
}

interface DifferenceStyle {
  better: 'lower' | 'higher' | null;
  /** The size of the difference as a text with its unit. */
  amount: (size: number) => string;
  /** Half width of the baseline's band: within it the baseline may as well be nothing, and no percents of it are told. */
  band?: Maybe;
  /** For what is a share itself, of which percents would be read as points. */
  points?: boolean;
}

/** Compares `value` with `base`: how much it differs, and how much of the baseline that is. */
export function difference(
  base: Maybe,
  value: Maybe,
  { better, amount, band = null, points = false }: DifferenceStyle,
): Difference | null {
  if (!known(base) || !known(value)) return null;
  const delta = value - base;
  if (delta === 0)
    return { amount: 'the same', word: '', share: null, text: 'the same', verdict: 'same' };
  const told = {
    amount: amount(Math.abs(delta)),
    word: delta < 0 ? 'less' : 'more',
    share: points || Math.abs(base) <= (band ?? 0) ? null : shareOf(base, value),
  };
  const share = told.share === null ? '' : ` (${told.share})`;
  return {
    ...told,
    text: `${told.amount} ${told.word}${share}`,
    verdict: better === null ? null : (better === 'lower') === delta < 0 ? 'better' : 'worse',
  };
}

function shareOf(base: number, value: number): string {
  // beyond a factor of three percents stop meaning anything
  if (value / base >= 3) return `${significant(value / base, 2)} times as much`;
  const share = Math.abs((value - base) / base) * 100;
  return share < 0.1 ? `< ${fixed(0.1, 1)} %` : `${significant(share, 2)} %`;
}

/** How the size of a difference reads on a scale: `3.0 mWh`. */
export const amountOn =
  ({ factor, unit }: Scale) =>
  (size: number): string =>
    `${significant(size * factor, 2)} ${unit}`.trim();

/** Of scores: `1.4 points`, of 0..100 or, with a factor, of 0..1. */
export const pointsOf =
  (factor = 1) =>
  (size: number): string =>
    `${significant(size * factor, 2)} points`;

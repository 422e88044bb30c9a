/** Figures in the few words of one line, alike in the window, on a terminal and in a notification. */

/** How figures are written where a person has a say: energy in J, a comma before decimals. */
export interface FigureStyle {
  energy: 'Wh' | 'J';
  /** Puts the person's marks into a number that has a point before its decimals. */
  write: (number: string) => string;
}
/** On a terminal and in notifications. */
export const plainStyle: FigureStyle = { energy: 'Wh', write: (number) => number };

/** In which unit a figure in `unit` is shown; one of `unit` is `per` of it. */
export const shownIn = (unit: string, { energy }: FigureStyle): [unit: string, per: number] =>
  unit === 'Wh' && energy === 'J' ? ['J', 3600] : [unit, 1];

/** Low and high end. */
export type Range = readonly [low: number, high: number];

/** From which size on; `0.84 Wh` reads better than `840 mWh`. */
const prefixes = [
  { from: 1e6, factor: 1e6, prefix: 'M' },
  { from: 1e3, factor: 1e3, prefix: 'k' },
  { from: 1e-2, factor: 1, prefix: '' },
  { from: 1e-5, factor: 1e-3, prefix: 'm' },
  { from: 0, factor: 1e-6, prefix: 'µ' },
] as const;
const none = prefixes[2];
/** `kimg/s` is no unit. */
const prefixed = ['W', 'Wh', 'J', 'gCO2e'];

/** Emissions have none below a gram: milligrams of an estimate would promise too much. */
const prefixOf = (size: number, unit: string) => {
  const found = prefixes.find(({ from }) => size >= from)!;
  const plain = size === 0 || !prefixed.includes(unit);
  return plain || (unit === 'gCO2e' && found.factor < 1) ? none : found;
};

/** `41 W`, `0.84 Wh`, `1.2 kWh`, `212 W`: so many digits, and all before the point. */
export function figure(value: number, unit: string, digits = 2, style = plainStyle): string {
  const [shown, per] = shownIn(unit, style);
  const size = Math.abs(value * per);
  // what rounds up to the next prefix is told with it
  const { factor, prefix } = prefixOf(Number(size.toPrecision(digits)), shown);
  return `${style.write(rounded((value * per) / factor, digits))} ${prefix}${shown}`;
}

function rounded(value: number, digits: number): string {
  if (value === 0) return '0';
  const size = Math.abs(Number(value.toPrecision(digits)));
  const decimals = digits - 1 - Math.floor(Math.log10(size));
  return value.toFixed(Math.max(0, decimals));
}

/** `0.5 of 2 kWh`: both in the unit of the second. */
export function share(
  used: number | null,
  limit: number,
  unit: string,
  style = plainStyle,
): string {
  if (unit === 's') return `${used === null ? '–' : span(used)} of ${span(limit)}`;
  const [shown, per] = shownIn(unit, style);
  const { factor, prefix } = prefixOf(limit * per, shown);
  // `2`, not `2.0`: a limit is exact
  const of = Number(((limit * per) / factor).toPrecision(6));
  const part = used === null ? '–' : style.write(rounded((used * per) / factor, 2));
  return `${part} of ${style.write(String(of))} ${prefix}${shown}`;
}

/** `8 s`, `4 min`, `1 h 10 min`, `3 d 4 h`. */
export function span(seconds: number): string {
  if (seconds < 90)
    return `${seconds < 10 ? Number(seconds.toPrecision(2)) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const rest = hours % 24;
  return `${Math.floor(hours / 24)} d${rest === 0 ? '' : ` ${rest} h`}`;
}

/** `4-5 min`, `50-70 s`, `1 h 50 min - 2 h 10 min`; one figure where both ends read alike. */
export function spanRange([low, high]: Range): string {
  const [from, to] = [Math.max(0, low), Math.max(0, high)];
  for (const [size, unit, most] of [
    [1, 's', 90],
    [60, 'min', 90 * 60],
  ] as const) {
    if (to >= most) continue;
    const [a, b] = [Math.floor(from / size), Math.ceil(to / size)];
    // `0-2 min` would tell nothing of an end that is known in seconds
    if (a === 0 && from >= 1 && size > 1) break;
    // a minute that both ends round to is one figure
    const near = Math.round((from + to) / 2 / size);
    return to - from <= size / 2 ? `${near} ${unit}` : `${a}-${b} ${unit}`;
  }
  const [a, b] = [span(from), span(to)];
  return a === b ? a : `${a} - ${b}`;
}

/** `0.84-0.97 Wh`; one figure where both ends read alike. */
export function figureRange([low, high]: Range, unit: string, style = plainStyle): string {
  if (unit === 's') return spanRange([low, high]);
  const [shown, per] = shownIn(unit, style);
  const { factor, prefix } = prefixOf(high * per, shown);
  const [a, b] = [low, high].map((end) => style.write(rounded((end * per) / factor, 2)));
  return `${a === b ? a : `${a}-${b}`} ${prefix}${shown}`;
}

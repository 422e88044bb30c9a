/** Figures in the few words of one line, alike in the window, on a terminal and in a notification. */

/** Low and high end. */
export type Range = readonly [low: number, high: number];

const prefixes = [
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
  [1e-3, 'm'],
  [1e-6, 'µ'],
] as const;

/** Emissions are told in grams: `kgCO2e` above, no `mgCO2e` below. */
const prefixOf = (size: number, unit: string) =>
  prefixes.find(([factor]) => size >= factor && !(unit === 'gCO2e' && factor < 1)) ??
  prefixes.at(unit === 'gCO2e' ? 2 : -1)!;

/** `41 W`, `0.84 Wh`, `1.2 kWh`, `212 W`: so many digits, and all before the point. */
export function figure(value: number, unit: string, digits = 2): string {
  const size = Math.abs(value);
  // what rounds up to the next prefix is told with it
  const [factor, prefix] = size === 0 ? [1, ''] : prefixOf(Number(size.toPrecision(digits)), unit);
  return `${rounded(value / factor, digits)} ${prefix}${unit}`;
}

function rounded(value: number, digits: number): string {
  if (value === 0) return '0';
  const decimals = digits - 1 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.max(0, decimals));
}

/** `0.5 of 2 kWh`: both in the unit of the second. */
export function share(used: number | null, limit: number, unit: string): string {
  if (unit === 's') return `${used === null ? '–' : span(used)} of ${span(limit)}`;
  const [factor, prefix] = prefixOf(limit, unit);
  // `2`, not `2.0`: a limit is exact
  const of = Number((limit / factor).toPrecision(6));
  return `${used === null ? '–' : rounded(used / factor, 2)} of ${of} ${prefix}${unit}`;
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
    // a minute that both ends round to is one figure
    const near = Math.round((from + to) / 2 / size);
    return to - from <= size ? `${near} ${unit}` : `${a}-${b} ${unit}`;
  }
  const [a, b] = [span(from), span(to)];
  return a === b ? a : `${a} - ${b}`;
}

/** `0.84-0.97 Wh`; one figure where both ends read alike. */
export function figureRange([low, high]: Range, unit: string): string {
  if (unit === 's') return spanRange([low, high]);
  const [factor, prefix] = prefixOf(high, unit);
  const [a, b] = [rounded(low / factor, 2), rounded(high / factor, 2)];
  return `${a === b ? a : `${a}-${b}`} ${prefix}${unit}`;
}

/** Numbers and lists as a sentence wants them: digits by uncertainty, unit always, no bare 0 for unknown. */

/** `12.4 ± 0.6 Wh`; without a band three significant digits. */
export function quantity(value: number | null, unit: string, band: number | null = null): string {
  if (value === null) return 'not known';
  if (band === null || band <= 0) return `${significant(value, 3)} ${unit}`;
  // one digit of the band, two where it begins with 1, and two of the value unless it is next to nothing in its band
  const exponent = Math.floor(Math.log10(band));
  const byBand = (band / 10 ** exponent < 2 ? 1 : 0) - exponent;
  const size = Math.abs(value);
  const byValue = size < band / 100 ? byBand : 1 - Math.floor(Math.log10(size));
  const digits = Math.max(0, Math.min(12, Math.max(byBand, byValue)));
  return `${value.toFixed(digits)} ± ${band.toFixed(digits)} ${unit}`;
}

/** Plain notation, at most so many significant digits. */
export function significant(value: number, digits: number): string {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) >= 1e-6
    ? rounded.toLocaleString('en-GB', { maximumSignificantDigits: digits })
    : rounded.toExponential();
}

/** `a`, `a and b`, `a, b and c`; `a, x; b, x; c` where parts have commas of their own. */
export const list = (parts: readonly string[]): string =>
  parts.length < 2
    ? (parts[0] ?? '')
    : parts.length > 2 && parts.some((part) => part.includes(','))
      ? parts.join('; ')
      : `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;

/** `1 run`, `2 runs`. */
export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`;

/** Equal parts once, in the order of their first appearance. */
export const distinct = (parts: readonly string[]): string[] => [...new Set(parts)];

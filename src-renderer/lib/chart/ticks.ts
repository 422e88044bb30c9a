/** Where an axis has its ticks. */
export interface Ticks {
  values: number[];
  /** Distance between them; null on a logarithmic axis. */
  step: number | null;
}

/** Round steps of 1, 2 or 5 times a power of ten, at most `most` of them. */
export function niceStep(span: number, most: number): number {
  const rough = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].find((one) => one * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

export function linearTicks(min: number, max: number, step: number): Ticks {
  const values: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i++)
    values.push(Number((i * step).toPrecision(12)));
  return { values, step };
}

/** Powers of ten; with 2 and 5 between them where the axis is short. */
export function logTicks(min: number, max: number): Ticks {
  const decades = Math.log10(max / min);
  const every = Math.max(1, Math.ceil(decades / 8));
  const values: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++)
    for (const factor of decades <= 3 ? [1, 2, 5] : [1]) {
      const value = factor * 10 ** power;
      if (power % every === 0 && value >= min * (1 - 1e-9) && value <= max * (1 + 1e-9))
        values.push(Number(value.toPrecision(12)));
    }
  return { values, step: null };
}

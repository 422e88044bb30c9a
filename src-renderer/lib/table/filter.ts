/**
 * The filter box of the runs: words that must occur, and tokens such as `status:done`, `f1>=0.9`,
 * `wh<2`, `dataset:cifar10`; all must hold. What is not understood is named, not ignored.
 */
import type { RunSummary } from '../../../src-main/contract.ts';

const texts: Record<string, (run: RunSummary) => string> = {
  status: ({ status }) => status,
  dataset: ({ dataset }) => dataset,
  model: ({ model }) => model,
  selection: ({ selection }) => selection,
  method: ({ method }) => method,
  matrix: ({ matrix }) => (matrix ? `${matrix.id} ${matrix.title}` : ''),
  arm: ({ matrix }) => (matrix ? `${matrix.arm} ${matrix.armTitle}` : ''),
  warmup: ({ matrix }) => (matrix?.warmUp ? 'yes' : 'no'),
  engine: ({ engine }) => engine ?? '',
  name: ({ name }) => name,
};
const numbers: Record<string, (run: RunSummary) => number | null> = {
  id: ({ id }) => id,
  seed: ({ seed }) => seed,
  f1: ({ macroF1 }) => macroF1,
  microf1: ({ microF1 }) => microF1,
  loss: ({ loss }) => loss,
  wh: ({ wh }) => wh,
  kwh: ({ wh }) => (wh === null ? null : wh / 1000),
  co2: ({ gCO2e }) => gCO2e,
  minutes: ({ seconds }) => (seconds === null ? null : seconds / 60),
  epochs: ({ epochs }) => epochs,
  group: ({ matrix }) => matrix?.group ?? null,
  repeat: ({ matrix }) => matrix?.repeat ?? null,
};
export const filterKeys = [...Object.keys(texts), ...Object.keys(numbers)];

const compare: Record<string, (a: number, b: number) => boolean> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b,
};

export interface Filter {
  matches: (run: RunSummary) => boolean;
  /** Tokens that name no column. */
  unknown: string[];
}

export function parseFilter(text: string): Filter {
  const unknown: string[] = [];
  const tests = text
    .split(/\s+/)
    .filter(Boolean)
    .map((token): ((run: RunSummary) => boolean) => {
      const [, key, operator, value] = /^([a-z0-9]+)(:|<=|>=|<|>|=)(.*)$/i.exec(token) ?? [];
      if (key === undefined || operator === undefined || value === undefined)
        return ({ id, name, dataset, model, method, selection, status }) =>
          `${id} ${name} ${dataset} ${model} ${method} ${selection} ${status}`
            .toLowerCase()
            .includes(token.toLowerCase());
      const textOf = texts[key.toLowerCase()];
      if (textOf && (operator === ':' || operator === '='))
        return (run) => textOf(run).toLowerCase().includes(value.toLowerCase());
      const numberOf = numbers[key.toLowerCase()];
      const holds = compare[operator === ':' ? '=' : operator];
      const limit = Number(value);
      if (numberOf && holds && value !== '' && Number.isFinite(limit))
        return (run) => {
          const own = numberOf(run);
          return own !== null && holds(own, limit);
        };
      unknown.push(token);
      return () => true;
    });
  return { matches: (run) => tests.every((test) => test(run)), unknown };
}

/** What a command line and a sweep file ask of a sweep. */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import {
  AppError,
  sweepObjectives,
  sweepOrderSchema,
  type SweepField,
  type SweepOrder,
  type SweepValue,
} from '../contract.ts';
import { presets } from '../core/experiments/index.ts';
import { UsageError, type Line } from './command.ts';
import { configOf, readConfig, readJson } from './config-file.ts';

/**
 * @param path of a config, a sweep file, or the name of a preset.
 * @throws AppError BAD_INPUT, UsageError
 */
export async function sweepOrder(line: Line, path: string): Promise<SweepOrder> {
  const { fields, ...given } = await fromFile(path);
  const own = Object.fromEntries(line.texts('set').map(readSet));
  const number = (option: string): number | undefined => {
    const text = line.text(option);
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text)) throw new UsageError(`--${option} is a whole number, not "${text}".`);
    return Number(text);
  };
  const order = {
    ...given,
    fields: { ...fields, ...own },
    ...defined({
      name: line.text('name'),
      trials: number('trials'),
      seed: number('seed'),
      repeats: number('repeats'),
      objective: objectiveOf(line),
      limitWh: wattHours(line),
      warmUp: line.flag('no-warm-up') ? false : undefined,
      halving: halvingOf(line, given.halving, number('halving')),
    }),
  };
  return checked(order, 'This sweep');
}

/** A config is a sweep file without fields. */
async function fromFile(path: string): Promise<SweepOrder> {
  const preset = presets().some(({ id }) => id === path) && !existsSync(path);
  const value = preset ? null : await readJson(path);
  const isSweep = typeof value === 'object' && value !== null && 'fields' in value;
  if (!isSweep)
    return { config: preset ? await readConfig(path) : configOf(value, path), fields: {} };
  const order = checked(value, path);
  const { config } = order;
  if (typeof config !== 'string') return { ...order, config: configOf(config, path) };
  const known = presets().some(({ id }) => id === config);
  const beside = path === '-' ? config : resolve(dirname(path), config);
  return { ...order, config: await readConfig(known && !existsSync(beside) ? config : beside) };
}

function checked(value: unknown, where: string): SweepOrder {
  const parsed = v.safeParse(sweepOrderSchema, value);
  if (parsed.success) return value as SweepOrder;
  const lines = parsed.issues.map((issue) => {
    const key = v.getDotPath(issue);
    const message =
      issue.type === 'strict_object' && issue.expected === 'never'
        ? 'is no key of a sweep'
        : issue.message;
    return `  ${key ? `${key}: ` : ''}${message}`;
  });
  throw new AppError(
    'BAD_INPUT',
    `${where} cannot be run:\n${lines.join('\n')}`,
    'What a sweep file holds: hugginggreen sweep --help',
  );
}

// --- options --------------------------------------------------------------------------------------

const numeral = String.raw`[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?`;
const range = new RegExp(`^(?:(log|linear):)?(${numeral})\\.\\.(${numeral})(?::(\\d+))?$`);

/** `train.lr=log:1e-4..1e-2:5`, `selection.keepRatio=0.5,0.7`. @throws UsageError */
export function readSet(text: string): [key: string, field: SweepField] {
  const [, key, values] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (key === undefined || values === undefined)
    throw new UsageError(`--set is KEY=VALUES, such as train.lr=log:1e-4..1e-2; not "${text}".`);
  const [, scale, from, to, steps] = range.exec(values) ?? [];
  if (from === undefined) {
    if (/^(log|linear):|\.\./.test(values))
      throw new UsageError(
        `"${values}" is no range: write log:1e-4..1e-2, or 0..1:5 for five values of it.`,
      );
    return [key.trim(), values.split(',').map(readValue)];
  }
  return [
    key.trim(),
    {
      from: Number(from),
      to: Number(to),
      ...(steps !== undefined && { steps: Number(steps) }),
      ...(scale === 'log' && { scale }),
    },
  ];
}

function readValue(text: string): SweepValue {
  const word = text.trim();
  if (['null', 'true', 'false'].includes(word) || new RegExp(`^${numeral}$`).test(word))
    return word === 'null'
      ? null
      : word === 'true'
        ? true
        : word === 'false'
          ? false
          : Number(word);
  return word;
}

function objectiveOf(line: Line): SweepOrder['objective'] {
  const text = line.text('objective');
  if (text === undefined) return undefined;
  const found = sweepObjectives.find((one) => one === text);
  if (!found)
    throw new UsageError(`--objective is one of: ${sweepObjectives.join(', ')}; not "${text}".`);
  return found;
}

function wattHours(line: Line): number | undefined {
  const text = line.text('limit');
  if (text === undefined) return undefined;
  if (!(Number(text) > 0)) throw new UsageError(`--limit is an energy in Wh, not "${text}".`);
  return Number(text);
}

function halvingOf(
  line: Line,
  given: SweepOrder['halving'],
  eta: number | undefined,
): SweepOrder['halving'] {
  const rungs = line
    .text('rungs')
    ?.split(',')
    .map((text) => {
      if (!/^\d+$/.test(text.trim()))
        throw new UsageError(
          `--rungs is a list of epochs, such as 1,3,9; not "${line.text('rungs')}".`,
        );
      return Number(text);
    });
  if (eta === undefined && rungs === undefined) return undefined;
  return { ...given, ...defined({ eta, rungs }) };
}

/** What was given; the rest is left to the file, or to the host. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

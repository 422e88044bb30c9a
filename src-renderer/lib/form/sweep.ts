/** What stands in the form of a sweep, as typed, and the order that it comes to. */
import type {
  ExperimentConfig,
  SweepField,
  SweepObjective,
  SweepOrder,
  SweepValue,
} from '../../../src-main/contract.ts';
import { asTyped } from '../format/number.ts';
import { choiceLabel } from '../format/words.ts';
import { counts, readForm, readNumber, valueAt, type Field } from './fields.ts';

/** One key that is varied. */
export interface FieldDraft {
  key: string;
  /** Of numbers: listed, or from a range. */
  as: 'list' | 'range';
  list: string;
  from: string;
  to: string;
  /** Empty in a random search: any value of the range. */
  steps: string;
  log: boolean;
  /** Of choices and switches. */
  chosen: SweepValue[];
}

export interface SweepDraft {
  fields: FieldDraft[];
  random: boolean;
  trials: string;
  seed: string;
  objective: SweepObjective;
  limitWh: string;
  repeats: string;
  warmUp: boolean;
  halving: boolean;
  eta: string;
  /** Empty: made from the epochs. */
  rungs: string;
}

export const emptySweep: SweepDraft = {
  fields: [],
  random: false,
  trials: '16',
  seed: '42',
  objective: 'f1',
  limitWh: '',
  repeats: '1',
  warmUp: true,
  halving: false,
  eta: '3',
  rungs: '',
};

/** A field that can be varied, with the section that it stands in. */
export interface Sweepable {
  key: string;
  section: string;
  field: Field;
}

/** Numbers, switches and choices that count in this config; seeds are the business of repeats. */
export function sweepable(config: unknown): Sweepable[] {
  return readForm().sections.flatMap((section): Sweepable[] => {
    if (section.key === 'energy' || !counts(config, section)) return [];
    const { key, title, variants } = section;
    const kind = String(valueAt(config, [key, 'kind']) ?? '');
    const fields = variants ? (variants.fields[kind] ?? []) : section.fields;
    const own = fields
      .filter((field) => field.kind !== 'text' && field.path.join('.') !== 'train.seed')
      .map((field) => ({ key: field.path.join('.'), section: title, field }));
    if (!variants) return own;
    const choice: Field = {
      kind: 'choice',
      path: [key, 'kind'],
      title,
      description: null,
      unit: null,
      advanced: false,
      nullable: false,
      empty: 'automatic',
      choices: variants.choices,
    };
    return [{ key: `${key}.kind`, section: title, field: choice }, ...own];
  });
}

/** Those whose words have all of what is typed: titles before descriptions. */
export function findFields(all: readonly Sweepable[], text: string): Sweepable[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ({ key, section, field }: Sweepable): number | null => {
    const title = field.title.toLowerCase();
    const help = field.kind === 'choice' ? field.choices.map(({ help }) => help).join(' ') : '';
    const whole = `${title} ${key} ${section} ${field.description ?? ''} ${help}`.toLowerCase();
    if (!words.every((word) => whole.includes(word))) return null;
    return title.startsWith(words[0] ?? '')
      ? 0
      : words.every((word) => title.includes(word))
        ? 1
        : 2;
  };
  return all
    .map((one) => ({ one, rank: rank(one) }))
    .filter(({ rank }) => rank !== null)
    .toSorted((a, b) => a.rank! - b.rank!)
    .map(({ one }) => one);
}

/** Of a range in a grid. */
export const usualSteps = '3';

/** A first suggestion around what the base has. */
export function beginField({ key, field }: Sweepable, base: unknown, random: boolean): FieldDraft {
  const value = valueAt(base, field.path) as SweepValue | undefined;
  const around = typeof value === 'number' ? near(value, field) : [];
  const small = typeof value === 'number' && value > 0 && value < 0.02;
  const written = (of: number): string => asTyped(Number(of.toPrecision(3)));
  return {
    key,
    as: small ? 'range' : 'list',
    list: (around.length > 0 ? around : value === null ? ['automatic'] : []).join(', '),
    from: small ? written(value / 10) : around.length > 0 ? asTyped(around[0]!) : '',
    to: small ? written(value * 10) : around.length > 0 ? asTyped(around.at(-1)!) : '',
    steps: random ? '' : usualSteps,
    log: small,
    chosen: field.kind === 'switch' ? [false, true] : value === undefined ? [] : [value],
  };
}

/** Half of it, itself and twice it, as far as its bounds allow. */
function near(value: number, field: Field): number[] {
  if (field.kind !== 'number') return [];
  const { min, max, whole } = field;
  const fit = (of: number): number =>
    Math.min(max ?? Infinity, Math.max(min ?? -Infinity, whole ? Math.round(of) : of));
  const all = (value === 0 ? [0] : [value / 2, value, value * 2]).map(fit);
  return [...new Set(all.map((one) => Number(one.toPrecision(3))))];
}

/** Errors by place: `fields.train.lr`, `trials`, `limitWh`, `halving` and so on, as the host has them. */
export type SweepErrors = Record<string, string>;

/** The order, or what in it is not possible. */
export function readSweep(
  draft: SweepDraft,
  config: ExperimentConfig,
): { ok: true; order: SweepOrder } | { ok: false; errors: SweepErrors } {
  const known = new Map(sweepable(config).map((one) => [one.key, one.field]));
  const errors: SweepErrors = {};
  const whole = (place: string, text: string, min: number, max: number): number => {
    const value = readNumber(text, false);
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
      return value;
    errors[place] = `a whole number from ${min} to ${max.toLocaleString('en-GB')}`;
    return min;
  };

  const fields: Record<string, SweepField> = {};
  for (const own of draft.fields) {
    const field = known.get(own.key);
    const read = field ? readField(own, field, draft.random) : 'the base config has no such field';
    if (typeof read === 'string') errors[`fields.${own.key}`] = read;
    else fields[own.key] = read;
  }
  const limit = readNumber(draft.limitWh, false);
  const withLimit = draft.objective === 'f1WithinWh';
  if (withLimit && !(typeof limit === 'number' && limit > 0))
    errors['limitWh'] = 'an energy above 0, in Wh';
  const rungs = draft.rungs.trim() === '' ? [] : draft.rungs.split(',').map((text) => Number(text));
  if (draft.halving && !rungs.every((rung) => Number.isInteger(rung) && rung > 0))
    errors['halving'] = 'epochs, such as 1, 3, 9; or leave it empty';
  const order: SweepOrder = {
    config,
    fields,
    objective: draft.objective,
    repeats: whole('repeats', draft.repeats, 1, 100),
    warmUp: draft.warmUp,
    ...(draft.random && {
      trials: whole('trials', draft.trials, 1, 1000),
      seed: whole('seed', draft.seed, 0, 2 ** 31 - 1),
    }),
    ...(withLimit && { limitWh: limit as number }),
    ...(draft.halving && {
      halving: { eta: whole('eta', draft.eta, 2, 20), ...(rungs.length > 0 && { rungs }) },
    }),
  };
  return Object.keys(errors).length > 0 ? { ok: false, errors } : { ok: true, order };
}

/** What is tried of a field, or why that cannot be. */
function readField(own: FieldDraft, field: Field, random: boolean): SweepField | string {
  if (field.kind !== 'number')
    return own.chosen.length > 0 ? own.chosen : 'choose one value at least';
  if (own.as === 'range') {
    const [from, to] = [own.from, own.to].map((text) => readNumber(text, false));
    if (typeof from !== 'number' || typeof to !== 'number') return 'both ends are numbers';
    const wrong = outOf(field, from) ?? outOf(field, to);
    if (wrong) return wrong;
    if (from >= to) return 'a range begins below its end';
    if (own.log && from <= 0) return 'a logarithmic range begins above 0';
    const steps = own.steps.trim() === '' ? null : Number(own.steps);
    if (steps === null && !random) return 'a grid needs a number of steps';
    if (steps !== null && !(Number.isInteger(steps) && steps >= 2 && steps <= 1000))
      return 'steps: a whole number from 2 to 1,000';
    return { from, to, ...(steps !== null && { steps }), scale: own.log ? 'log' : 'linear' };
  }
  // between commas a decimal mark is a point; who writes a comma for it puts semicolons between values
  const mark = own.list.includes(';') || (!field.whole && isOneWithComma(own.list)) ? ';' : ',';
  const texts = own.list.split(mark).map((text) => text.trim());
  if (texts.length === 1 && texts[0] === '') return 'values, separated by commas';
  const values = texts.map((text): SweepValue | undefined => {
    if (field.nullable && (text === 'automatic' || text === 'null')) return null;
    const value = mark === ';' ? readNumber(text, false) : text === '' ? '' : Number(text);
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  });
  const unread = values.indexOf(undefined);
  if (unread >= 0)
    return texts[unread] === ''
      ? 'a value is missing between commas'
      : `“${texts[unread]}” is no number`;
  const wrong = values.map((value) => (typeof value === 'number' ? outOf(field, value) : null));
  const first = wrong.find((one) => one !== null);
  if (first) return first;
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  return twice === undefined ? (values as SweepValue[]) : `${String(twice)} stands there twice`;
}

/** `0,5` of a person whose decimal mark is the comma is a half, and not the values 0 and 5. */
function isOneWithComma(list: string): boolean {
  const text = list.trim();
  const isAlone = asTyped(0.5) === '0,5' && /^[^\s,]*,[^\s,]+$/.test(text);
  return isAlone && typeof readNumber(text, false) === 'number';
}

function outOf(field: Extract<Field, { kind: 'number' }>, value: number): string | null {
  const { min, max, whole } = field;
  if (whole && !Number.isInteger(value)) return `${value} is no whole number`;
  if (min !== null && value < min) return `${value} is below ${min}`;
  if (max !== null && value > max) return `${value} is above ${max}`;
  return null;
}

/** A value as the form says it. */
export const valueWords = (value: SweepValue | undefined): string =>
  value === undefined
    ? '–'
    : value === null
      ? 'automatic'
      : typeof value === 'boolean'
        ? value
          ? 'on'
          : 'off'
        : typeof value === 'number'
          ? String(value)
          : choiceLabel(value);

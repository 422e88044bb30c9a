/**
 * The form is not written, it is read off the config's schema: titles, descriptions, units, choices and
 * bounds are there already, and a new option appears here by itself.
 */
import * as v from 'valibot';
import { experimentConfigSchema, type FieldHints } from '../../../src-main/contract.ts';
import { fromStyle } from '../format/number.ts';

export type Path = readonly string[];

interface Common {
  path: Path;
  title: string;
  description: string | null;
  unit: string | null;
  advanced: boolean;
  /** May be left empty, which means null. */
  nullable: boolean;
  /** What that means, in a word. */
  empty: string;
}
export interface Choice {
  value: string | number;
  help: string | null;
}
export type Field = Common &
  (
    | {
        kind: 'number';
        whole: boolean;
        min: number | null;
        max: number | null;
        step: number | null;
      }
    | { kind: 'text' }
    | { kind: 'switch' }
    | { kind: 'choice'; choices: Choice[] }
  );

export interface Section {
  key: string;
  title: string;
  fields: Field[];
  /** Alternatives by the value of `kind`, each with fields of its own. */
  variants: { choices: Choice[]; fields: Record<string, Field[]> } | null;
  /** Counts, and is shown, only while another field has one of these values. */
  onlyWith: FieldHints['onlyWith'] | null;
}

type Schema = v.GenericSchema;
type Entries = Record<string, Schema>;

/** The schema and what it wraps: optional and nullable give way to the type inside. */
function chain(schema: Schema): Schema[] {
  return 'wrapped' in schema ? [schema, ...chain(schema.wrapped as Schema)] : [schema];
}

function hintsOf(schemas: Schema[]): FieldHints {
  for (const schema of schemas) {
    const { hints } = v.getMetadata(schema) as { hints?: FieldHints };
    if (hints) return hints;
  }
  return {};
}
const firstOf = <T>(schemas: Schema[], read: (schema: Schema) => T | undefined): T | undefined => {
  for (const schema of schemas) {
    const found = read(schema);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** Bounds and wholeness out of the pipe of a number. */
function numberRules(schema: Schema) {
  const pipe = 'pipe' in schema ? (schema.pipe as { type: string; requirement?: unknown }[]) : [];
  const bound = (type: string) => {
    const found = pipe.find((item) => item.type === type)?.requirement;
    return typeof found === 'number' ? found : null;
  };
  return {
    whole: pipe.some(({ type }) => type === 'integer'),
    min: bound('min_value'),
    max: bound('max_value'),
  };
}

function fieldOf(path: Path, schema: Schema): Field {
  const schemas = chain(schema);
  const core = schemas.at(-1) ?? schema;
  const hints = hintsOf(schemas);
  const common: Common = {
    path,
    title: firstOf(schemas, v.getTitle) ?? path.at(-1) ?? '',
    description: firstOf(schemas, v.getDescription) ?? null,
    unit: hints.unit ?? null,
    advanced: hints.advanced ?? false,
    nullable: schemas.some(({ type }) => type === 'nullable'),
    empty: hints.empty ?? 'automatic',
  };
  switch (core.type) {
    case 'number':
      return { ...common, kind: 'number', ...numberRules(core), step: hints.step ?? null };
    case 'boolean':
      return { ...common, kind: 'switch' };
    case 'picklist': {
      const values = (core as unknown as { options: (string | number)[] }).options;
      const choices = values.map((value) => ({ value, help: hints.choices?.[value] ?? null }));
      return { ...common, kind: 'choice', choices };
    }
    case 'string':
      return { ...common, kind: 'text' };
    default:
      throw new Error(`The form cannot show ${path.join('.')}: a ${core.type}.`);
  }
}

const entriesOf = (schema: Schema) => (schema as unknown as { entries: Entries }).entries;

/** The kind an alternative stands for; it may be the one that is meant where none is named. */
const literalOf = (schema: Schema): string =>
  (chain(schema).at(-1) as unknown as { literal: string }).literal;

function fieldsOf(key: string, schema: Schema, without: string[] = []): Field[] {
  return Object.entries(entriesOf(schema))
    .filter(([name]) => !without.includes(name))
    .map(([name, entry]) => fieldOf([key, name], entry))
    .filter((field) => field.kind !== 'choice' || field.choices.length > 1);
}

/** Top-level fields (the name), then one section per part of the config. */
export function readForm(): { top: Field[]; sections: Section[] } {
  const top: Field[] = [];
  const sections: Section[] = [];
  for (const [key, schema] of Object.entries(entriesOf(experimentConfigSchema))) {
    const schemas = chain(schema);
    const core = schemas.at(-1) ?? schema;
    const title = firstOf(schemas, v.getTitle) ?? key;
    const onlyWith = hintsOf(schemas).onlyWith ?? null;
    if (core.type === 'strict_object') {
      const fields = fieldsOf(key, core);
      if (fields.length > 0) sections.push({ key, title, fields, variants: null, onlyWith });
    } else if (core.type === 'variant') {
      const hints = hintsOf(schemas);
      const options = (core as unknown as { options: Schema[] }).options;
      const kinds = options.map((option) => ({
        value: literalOf(entriesOf(option).kind!),
        fields: fieldsOf(key, option, ['kind']),
      }));
      sections.push({
        key,
        title,
        fields: [],
        onlyWith,
        variants: {
          choices: kinds.map(({ value }) => ({ value, help: hints.choices?.[value] ?? null })),
          fields: Object.fromEntries(kinds.map(({ value, fields }) => [value, fields])),
        },
      });
    } else top.push(fieldOf([key], schema));
  }
  return { top, sections };
}

/** A draft of a config: what stands in the form, right or wrong. */
export type Draft = { [key: string]: unknown };

const isDraft = (value: unknown): value is Draft =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function valueAt(draft: unknown, path: Path): unknown {
  return path.reduce<unknown>((part, key) => (isDraft(part) ? part[key] : undefined), draft);
}

/** Whether a section counts in this draft. */
export const counts = (draft: unknown, { onlyWith }: Pick<Section, 'onlyWith'>): boolean =>
  !onlyWith || onlyWith.values.includes(String(valueAt(draft, onlyWith.field)));

/** A copy with one value changed. */
export function withValue(draft: unknown, path: Path, value: unknown): Draft {
  const copy = isDraft(draft) ? { ...draft } : {};
  const [key, ...rest] = path;
  if (key !== undefined) copy[key] = rest.length > 0 ? withValue(copy[key], rest, value) : value;
  return copy;
}

/** What was typed into a number field: a number, null for empty, else the text as it is, to be refused. */
export function readNumber(text: string, nullable: boolean): number | string | null {
  const trimmed = fromStyle(text.trim()).replace(/^([+-]?)\.(\d)/, '$10.$2');
  if (trimmed === '') return nullable ? null : '';
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : text;
}

import * as v from 'valibot';
import { experimentConfigSchema, type FieldHints } from '../../experiment-config.ts';
import { matrices, presets } from '../../core/experiments/index.ts';
import { exitCode, printJson, type Command } from '../command.ts';

/** One key of a config, as its schema describes it. */
export interface ConfigOption {
  key: string;
  title: string;
  description: string | null;
  unit: string | null;
  type: string;
  default: unknown;
  choices: Record<string, string | null> | null;
}

export const options: Command = {
  name: 'options',
  usage: '',
  summary: 'Lists every key of an experiment config, the presets and the matrices, a line each.',
  options: {},
  run: async ({ json }) => {
    const all = [...configOptions(), ...readyMade()];
    if (json) printJson(all);
    else console.log(all.map(describe).join('\n'));
    return exitCode.ok;
  },
};

/** What can be run as it is; no keys of a config. */
const readyMade = (): ConfigOption[] => {
  const entry = (key: string, title: string, of: { id: string; description: string }[]) => ({
    key,
    title,
    description: `hugginggreen ${key === 'preset' ? 'run' : 'matrix run'} NAME`,
    unit: null,
    type: 'choice',
    default: null,
    choices: Object.fromEntries(of.map(({ id, description }) => [id, description])),
  });
  return [entry('preset', 'Presets', presets()), entry('matrix', 'Matrices', matrices())];
};

type Schema = v.GenericSchema & {
  entries?: Record<string, Schema>;
  options?: (Schema | string | number)[];
  wrapped?: Schema;
  pipe?: (Schema | v.GenericPipeAction)[];
  default?: unknown;
  literal?: unknown;
};

/** Every key, in the order of the schema; of a dataset, the keys of each kind. */
export const configOptions = (): ConfigOption[] =>
  walk(experimentConfigSchema as unknown as Schema, '');

function walk(schema: Schema, key: string): ConfigOption[] {
  const inner = unwrap(schema);
  if (inner.type === 'strict_object')
    return Object.entries(inner.entries ?? {}).flatMap(([name, entry]) =>
      walk(entry, key ? `${key}.${name}` : name),
    );
  if (inner.type === 'variant') {
    const kinds = (inner.options ?? []) as Schema[];
    const found = new Map<string, ConfigOption>();
    for (const kind of kinds)
      for (const option of walk(kind, key)) {
        if (!found.has(option.key)) found.set(option.key, option);
      }
    const tag: ConfigOption = {
      ...option(schema, `${key}.kind`),
      type: 'choice',
      default: kinds[0] ? unwrap(kinds[0].entries!['kind']!).literal : null,
    };
    return [tag, ...[...found.values()].filter((entry) => entry.key !== tag.key)];
  }
  return [option(schema, key)];
}

function option(schema: Schema, key: string): ConfigOption {
  const inner = unwrap(schema);
  const hints = described(schema, (level) => v.getMetadata(level)['hints']) as
    FieldHints | undefined;
  const picks = inner.type === 'picklist' ? (inner.options as (string | number)[]) : [];
  const choices = picks.length
    ? Object.fromEntries(picks.map((pick) => [String(pick), hints?.choices?.[pick] ?? null]))
    : (hints?.choices ?? null);
  return {
    key,
    title: described(schema, v.getTitle) ?? key,
    description: described(schema, v.getDescription) ?? null,
    unit: hints?.unit ?? null,
    type: picks.length ? 'choice' : inner.type,
    default: defaultOf(schema),
    choices,
  };
}

/** The schema one pipe or wrapper further in; null at the core. */
function inward(schema: Schema): Schema | null {
  const [first] = schema.pipe ?? [];
  if (first && first !== schema && first.kind === 'schema') return first as Schema;
  return schema.wrapped ?? null;
}

function unwrap(schema: Schema): Schema {
  const next = inward(schema);
  return next ? unwrap(next) : schema;
}

/** A word about a schema may stand at any level. */
function described<T>(schema: Schema, read: (level: Schema) => T | undefined): T | undefined {
  const next = inward(schema);
  return read(schema) ?? (next ? described(next, read) : undefined);
}

function defaultOf(schema: Schema): unknown {
  if (schema.type === 'optional') return schema.default;
  const next = inward(schema);
  return next ? defaultOf(next) : null;
}

function describe({
  key,
  title,
  description,
  unit,
  default: standard,
  choices,
}: ConfigOption): string {
  const about = [title, description].filter(Boolean).join('. ');
  const first = `${key} = ${JSON.stringify(standard)}${unit ? ` ${unit}` : ''}\n    ${about}`;
  const lines = Object.entries(choices ?? {}).map(
    ([choice, text]) => `      ${choice}${text ? `: ${text}` : ''}`,
  );
  return [first, ...lines].join('\n');
}

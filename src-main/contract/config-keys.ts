/** Every key of an experiment config as `train.lr`, read off its schema: for searches and columns. */
import type * as v from 'valibot';
import { experimentConfigSchema } from '../experiment-config.ts';

interface Schema extends v.GenericSchema {
  entries?: Record<string, Schema>;
  options?: (Schema | string | number)[];
  wrapped?: Schema;
  pipe?: { type: string }[];
}

const leaves = leavesOf(experimentConfigSchema as unknown as Schema, '').filter(({ key }) =>
  key.includes('.'),
);

/** In the order of the schema, sections before their alternatives' own keys. */
export const configKeys: readonly string[] = [...new Set(leaves.map(({ key }) => key))];

/** Those that hold whole numbers. */
export const wholeKeys: ReadonlySet<string> = new Set(
  leaves
    .filter(({ schema }) => schema.pipe?.some(({ type }) => type === 'integer'))
    .map(({ key }) => key),
);

function leavesOf(schema: Schema, key: string): { key: string; schema: Schema }[] {
  if (schema.wrapped) return leavesOf(schema.wrapped, key);
  const within = Object.entries(schema.entries ?? {}).flatMap(([name, entry]) =>
    leavesOf(entry, key ? `${key}.${name}` : name),
  );
  if (schema.entries) return within;
  const alternatives = (schema.options ?? []).filter((option) => typeof option === 'object');
  return alternatives.length > 0
    ? alternatives.flatMap((option) => leavesOf(option, key))
    : [{ key, schema }];
}

/** Every key of an experiment config as `train.lr`, read off its schema: for searches and columns. */
import type * as v from 'valibot';
import { experimentConfigSchema } from './experiment-config.ts';

interface Schema extends v.GenericSchema {
  entries?: Record<string, Schema>;
  options?: (Schema | string | number)[];
  wrapped?: Schema;
}

/** In the order of the schema, sections before their alternatives' own keys. */
export const configKeys: readonly string[] = [
  ...new Set(keysOf(experimentConfigSchema as unknown as Schema, '')),
].filter((key) => key.includes('.'));

function keysOf(schema: Schema, path: string): string[] {
  if (schema.wrapped) return keysOf(schema.wrapped, path);
  const within = Object.entries(schema.entries ?? {}).flatMap(([key, entry]) =>
    keysOf(entry, path ? `${path}.${key}` : key),
  );
  if (schema.entries) return within;
  const alternatives = (schema.options ?? []).filter((option) => typeof option === 'object');
  return alternatives.length > 0 ? alternatives.flatMap((option) => keysOf(option, path)) : [path];
}

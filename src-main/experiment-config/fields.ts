/** The vocabulary of the schema's sections: numbers with bounds, and what the form needs beside a title. */
import * as v from 'valibot';

/** What the form needs beyond a title: where a field is folded away, its unit, and sensible bounds. */
export interface FieldHints {
  unit?: string;
  /** Shown only when the group's advanced fields are unfolded. */
  advanced?: boolean;
  step?: number;
  /** What an empty field means, where that is not `automatic`. */
  empty?: string;
  /** A section that counts only while another field has one of these values; hidden otherwise. */
  onlyWith?: { field: readonly [section: string, key: string]; values: readonly string[] };
  /** One line per choice of a picklist. */
  choices?: Record<string, string>;
}

export const hints = <Input>(value: FieldHints) =>
  v.metadata<Input, { hints: FieldHints }>({ hints: value });

/** A bound as people read it: 1,000,000. */
const told = (bound: number): string => bound.toLocaleString('en-GB', { maximumFractionDigits: 9 });

export const integer = (min: number, max: number) =>
  v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number'),
    v.minValue(min, `must be at least ${told(min)}`),
    v.maxValue(max, `must be at most ${told(max)}`),
  );
export const real = (min: number, max: number) =>
  v.pipe(
    v.number('must be a number'),
    v.finite('must be finite'),
    v.minValue(min, `must be at least ${told(min)}`),
    v.maxValue(max, `must be at most ${told(max)}`),
  );

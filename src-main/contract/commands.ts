/** A command of the person’s own that is measured like a training of ours. */
import * as v from 'valibot';
import {
  type BudgetConfig,
  budgetSchema,
  energySchema,
  type ExperimentConfig,
} from '../experiment-config.ts';
import { label, path, seed, total, word } from './fields.ts';

/** A command of the person's own that was measured like a training of ours. */
export interface RunCommand {
  argv: string[];
  /** Absolute. */
  cwd: string;
  /** Names of the variables that were set for it; their values are kept nowhere. */
  env: string[];
  /** Where it writes its metrics, besides its standard output; relative to `cwd`. */
  watch: { jsonl: string | null; tensorboard: string | null };
  energy: ExperimentConfig['energy'];
  /** Commands of earlier versions have none. */
  budget?: BudgetConfig;
  /** Null while it has not ended. */
  exit: { code: number | null; signal: string | null } | null;
}

/** Who says a line of a run's log: a process of the run on either output, or this program. */
export const logKinds = ['stdout', 'stderr', 'info', 'warning', 'error'] as const;

/** A line of a run's log. */
export interface LogLine {
  /** Milliseconds since 1970. */
  at: number;
  kind: (typeof logKinds)[number];
  /** Without control characters. */
  text: string;
}
/** Of one answer. */
export const mostLogLines = 2000;
/** A command of the person's own, to be measured like a training of ours. No shell reads it. */
export const commandOrderSchema = v.strictObject({
  command: v.pipe(v.array(word), v.minLength(1), v.maxLength(10_000)),
  /** Absolute. */
  cwd: path,
  /** Variables besides those of the program that runs it; they are kept in memory only. */
  env: v.optional(v.record(v.pipe(v.string(), v.regex(/^[^=\0]+$/)), word), {}),
  /** `env` is the whole environment, that of the terminal which the command was typed into. */
  wholeEnv: v.optional(v.boolean(), false),
  name: v.optional(label),
  dataset: v.optional(label),
  model: v.optional(label),
  seed: v.optional(seed),
  /** Where it writes its metrics besides its output; relative to `cwd`. */
  watch: v.optional(v.strictObject({ jsonl: v.optional(path), tensorboard: v.optional(path) }), {}),
  energy: v.optional(energySchema, {}),
  budget: v.optional(budgetSchema, {}),
  /** How much is to come, where it is known and the command does not tell. */
  totals: v.optional(v.strictObject({ steps: v.optional(total), epochs: v.optional(total) }), {}),
});
export type CommandOrder = v.InferInput<typeof commandOrderSchema>;

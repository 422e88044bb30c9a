/**
 * A bundle: one zip file with some runs, for people and for another installation.
 *
 * - `manifest.json`: what is in it, with the SHA-256 of every other member
 * - `runs.sqlite`: the slice of the database (store/slice-write.ts); all that an import needs
 * - `report.html`, `runs.csv`, `metrics.csv`, `samples.csv`, `configs/ID.json`: the same for people
 * - `logs/ID.log`: of runs whose log is small
 * - `checkpoints/ID/...`: only where they were asked for
 */
import * as v from 'valibot';

export const bundleExtension = '.hgb.zip';
export const manifestName = 'manifest.json';
export const databaseName = 'runs.sqlite';
export const logMember = (id: number): string => `logs/${id}.log`;
export const mostLogBytes = 4 * 2 ** 20;
/** Raised with every change that an older program would not understand. */
export const bundleFormat = 1;

const bytes = v.pipe(v.number(), v.integer(), v.minValue(0));
const text = v.pipe(v.string(), v.maxLength(500));

/** Read with tolerance for what a later version of the same format adds. */
export const manifestSchema = v.object({
  kind: v.literal('hugginggreen-bundle'),
  format: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Of the database. */
  schema: v.pipe(v.number(), v.integer(), v.minValue(1)),
  appVersion: text,
  /** ISO 8601. */
  createdAt: text,
  /** The computer that wrote it. */
  host: text,
  runs: v.pipe(v.array(v.object({ id: bytes, name: text })), v.minLength(1)),
  members: v.pipe(
    v.array(
      v.object({
        name: v.pipe(v.string(), v.minLength(1), v.maxLength(300)),
        bytes,
        sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      }),
    ),
    v.maxLength(100_000),
  ),
});
export type Manifest = v.InferOutput<typeof manifestSchema>;

/** Single values of all runs: leaves of their configs, and metrics made one value by a rule. */
import { AppError, configKeys, type RunValues } from '../../contract.ts';
import {
  evaluationMetrics,
  parseMetricKey,
  type EvaluationMetric,
  type MetricRule,
} from '../../contract/metric-keys.ts';
import type { ReadableDb, Value } from './database.ts';

const evaluated: Record<EvaluationMetric, string> = {
  'validation.macroF1': 'macro_f1',
  'validation.microF1': 'micro_f1',
  'validation.accuracy': 'accuracy',
  'validation.loss': 'loss',
};

const isEvaluated = (name: string): name is EvaluationMetric =>
  evaluationMetrics.some((one) => one === name);

/** @throws AppError BAD_INPUT where a key is neither of a config nor a metric */
export function runValues(db: ReadableDb, keys: readonly string[]): RunValues {
  const ids = db
    .rows<[number]>('select id from run where removed_ms is null order by id')
    .map(([id]) => id);
  const values = Object.fromEntries(keys.map((key) => [key, column(db, key)]));
  return { ids, values };
}

function column(db: ReadableDb, key: string): RunValues['values'][string] {
  const metric = parseMetricKey(key);
  if (metric) return metricColumn(db, metric.name, metric.rule);
  if (!configKeys.includes(key))
    throw new AppError('BAD_INPUT', `No config has a key "${key}".`, 'See: hugginggreen options');
  return db
    .rows<[Value, string | null]>(
      `select json_extract(config, @path), json_type(config, @path)
       from run where removed_ms is null order by id`,
      { path: `$.${key}` },
    )
    .map(([value, type]) =>
      // SQLite has 1 and 0 for true and false
      type === 'true' || type === 'false' ? type === 'true' : value,
    );
}

function metricColumn(db: ReadableDb, name: string, rule: MetricRule): (number | null)[] {
  const [column, table] = isEvaluated(name)
    ? [evaluated[name], `evaluation where run = run.id and split = 'validation' and @name <> ''`]
    : ['value', 'scalar where run = run.id and name = @name'];
  const { what, end } = {
    last: { what: column, end: 'order by step desc limit 1' },
    max: { what: `max(${column})`, end: '' },
    min: { what: `min(${column})`, end: '' },
    mean: { what: `avg(${column})`, end: '' },
  }[rule];
  return db
    .rows<[number | null]>(
      `select (select ${what} from ${table} ${end}) from run where removed_ms is null order by id`,
      { name },
    )
    .map(([value]) => value);
}

/** Walks the primary key from run to name to name: no row of the values themselves is read. */
export const metricNames = (db: ReadableDb): string[] => [
  ...new Set(
    db
      .rows<[string]>(
        `with recursive each_name (run, name) as (
           select id, (select min(name) from scalar where run = run.id) from run
             where command is not null
           union all
           select run, (select min(s.name) from scalar s
             where s.run = each_name.run and s.name > each_name.name)
           from each_name where name is not null)
         select distinct name from each_name where name is not null order by name`,
      )
      .map(([name]) => name),
  ),
];

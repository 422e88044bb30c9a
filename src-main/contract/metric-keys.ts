/**
 * Keys of metrics as columns and in searches: `metric.val_acc` is the last value of a run, `metric.val_acc~max` its
 * largest one. Besides what commands report by names of their own, `validation.macroF1` and its like are the
 * evaluations on validation of any run.
 */
export const metricRules = ['last', 'max', 'min', 'mean'] as const;
/** How many values of a metric become one. */
export type MetricRule = (typeof metricRules)[number];

/** What every training is evaluated by, once an epoch or less often. */
export const evaluationMetrics = [
  'validation.macroF1',
  'validation.microF1',
  'validation.accuracy',
  'validation.loss',
] as const;
export type EvaluationMetric = (typeof evaluationMetrics)[number];

const prefix = 'metric.';

export const isMetricKey = (key: string): boolean => key.startsWith(prefix);

export const metricKey = (name: string, rule: MetricRule = 'last'): string =>
  `${prefix}${name}${rule === 'last' ? '' : `~${rule}`}`;

/** Null for keys that are none of a metric. */
export function parseMetricKey(key: string): { name: string; rule: MetricRule } | null {
  if (!isMetricKey(key)) return null;
  const rule = metricRules.find((one) => one !== 'last' && key.endsWith(`~${one}`));
  return rule
    ? { name: key.slice(prefix.length, -rule.length - 1), rule }
    : { name: key.slice(prefix.length), rule: 'last' };
}

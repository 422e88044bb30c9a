/** What the runs of a matrix cost together, and what in them will surprise. */
import type { ExperimentConfig, Forecast, MatrixPreview, Refusal } from '../../contract.ts';
import { forecast } from './forecast.ts';
import type { Expansion } from './matrix.ts';

interface Judges {
  warnings: (config: ExperimentConfig, cost: Forecast) => string[];
  refusal: (config: ExperimentConfig, cost: Forecast) => Refusal | null;
  /** Mean seconds of earlier runs of the config here; null where there is none. */
  seconds: (config: ExperimentConfig) => number | null;
}

export function previewOf({ order, arms, runs }: Expansion, judges: Judges): MatrixPreview {
  const priced = arms.map((arm) => ({ ...arm, forecast: forecast(arm.config) }));
  const byId = new Map(priced.map((arm) => [arm.id, arm]));
  const over = (of: (arm: (typeof priced)[number]) => number): number =>
    runs.reduce((sum, run) => sum + of(byId.get(run.arm)!), 0);

  const warnings = new Map<string, string[]>();
  for (const { title, config, forecast } of priced)
    for (const message of judges.warnings(config, forecast))
      warnings.set(message, [...(warnings.get(message) ?? []), title]);

  // the greediest stands for all that are refused
  const greedy = priced.toSorted((a, b) => b.forecast.memoryBytes - a.forecast.memoryBytes)[0]!;
  const refusal = judges.refusal(greedy.config, greedy.forecast);
  const times = new Map(priced.map(({ id, config }) => [id, judges.seconds(config)]));
  const seconds = [...times.values()].includes(null) ? null : over(({ id }) => times.get(id) ?? 0);

  return {
    order,
    arms: priced,
    runs: runs.map(({ arm, repeat, seed, warmUp, name }) => ({ arm, repeat, seed, warmUp, name })),
    total: {
      runs: runs.length,
      steps: over(({ forecast }) => forecast.steps),
      trainMacs: over(({ forecast }) => forecast.trainMacs),
      memoryBytes: greedy.forecast.memoryBytes,
      seconds,
    },
    warnings: [...warnings].map(([message, titles]) => ({
      message,
      arms: titles.length === arms.length ? [] : titles,
    })),
    refusal: refusal && {
      ...refusal,
      message: refusal.message.replace(/^This run/, `The arm “${greedy.title}”`),
    },
  };
}

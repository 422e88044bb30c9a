/** What the runs of a matrix cost together, and what in them will surprise. */
import type {
  Estimate,
  ExperimentConfig,
  Forecast,
  MatrixPreview,
  Refusal,
  RunCost,
} from '../../contract.ts';
import { forecast } from './forecast.ts';
import type { Expansion } from './matrix.ts';
import { total } from './run-cost.ts';

export interface Judges {
  warnings: (config: ExperimentConfig, cost: Forecast) => string[];
  refusal: (config: ExperimentConfig, cost: Forecast) => Refusal | null;
  /** What one run of it takes here. */
  cost: (config: ExperimentConfig, cost: Forecast) => RunCost;
}

/** @param noun what an arm is called */
export function previewOf<Order>(
  { order, arms, runs }: Expansion<Order>,
  judges: Judges,
  noun: 'arm' | 'trial' = 'arm',
): Omit<MatrixPreview, 'order'> & { order: Order } {
  const priced = arms.map((arm) => {
    const own = forecast(arm.config);
    return { ...arm, forecast: own, cost: judges.cost(arm.config, own) };
  });
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
  const sumOf = (of: (cost: RunCost) => Estimate | null): Estimate | null =>
    total(runs.map(({ arm }) => of(byId.get(arm)!.cost)));
  const baselines = over(({ cost }) => cost.baselineSeconds);
  const active = sumOf(({ seconds }) => seconds);

  return {
    order,
    arms: priced,
    runs: runs.map(({ arm, repeat, seed, warmUp, name }) => ({ arm, repeat, seed, warmUp, name })),
    total: {
      runs: runs.length,
      steps: over(({ forecast }) => forecast.steps),
      trainMacs: over(({ forecast }) => forecast.trainMacs),
      memoryBytes: greedy.forecast.memoryBytes,
      seconds: total([active, { low: baselines, value: baselines, high: baselines }]),
      wh: sumOf(({ wh }) => wh),
      gCO2e: sumOf(({ gCO2e }) => gCO2e),
      how: howKnown(
        priced.map(({ cost }) => cost),
        noun,
      ),
    },
    warnings: [...warnings].map(([message, titles]) => ({
      message,
      arms: titles.length === arms.length ? [] : titles,
    })),
    refusal: refusal && {
      ...refusal,
      message: refusal.message.replace(/^This run/, `The ${noun} “${greedy.title}”`),
    },
  };
}

/** In the words of the arms together. */
function howKnown(costs: readonly RunCost[], noun: string): string {
  const count = (basis: RunCost['basis']): number =>
    costs.filter((cost) => cost.basis === basis).length;
  const parts = (
    [
      ['runs', 'from earlier runs of them here'],
      ['measured', 'from steps timed here'],
      ['throughput', 'guessed from the speed of other work here, within a factor of about 3'],
      ['none', 'not known: nothing has run here yet'],
    ] as const
  )
    .map(([basis, words]) => [count(basis), words] as const)
    .filter(([arms]) => arms > 0);
  const said = parts.map(([arms, words]) =>
    parts.length === 1 ? words : `${arms} ${arms === 1 ? noun : `${noun}s`} ${words}`,
  );
  const text = said.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

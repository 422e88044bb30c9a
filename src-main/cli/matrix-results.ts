/** The arms of a matrix against their baselines: means over repeats, and tests of the paired runs. */
import type { RunSummary } from '../contract.ts';
import {
  compareAll,
  verdictsOf,
  type Family,
  type GroupComparison,
} from '../core/statistics/index.ts';
import { number, score, table } from './text.ts';

export interface MatrixResults {
  arms: ArmResult[];
  /**
   * Of energy and of F1, each arm against its baseline, over the seeds that both have; one correction over all
   * tests.
   */
  comparisons: GroupComparison[];
  /** Arms that have no seed in common with their baseline, as sentences. */
  notCompared: string[];
  /** Runs that are left out: not done, without figures, or a warm-up. */
  leftOut: { id: number; why: string }[];
}

interface ArmResult {
  arm: string;
  title: string;
  baseline: string | null;
  runs: number;
  /** Means; null without a value. */
  wh: number | null;
  macroF1: number | null;
  seconds: number | null;
}

type Placed = RunSummary & { matrix: NonNullable<RunSummary['matrix']> };

/** @param runs of one start of a matrix, in order */
export function matrixResults(runs: readonly RunSummary[]): MatrixResults {
  const placed = runs.filter((run): run is Placed => run.matrix !== null);
  const why = ({ status, matrix }: Placed): string | null =>
    matrix.warmUp ? 'warm-up' : status === 'done' ? null : status;
  const arms = [...Map.groupBy(placed, ({ matrix }) => matrix.arm)].map(([arm, all]) => {
    const counted = all.filter((run) => why(run) === null);
    const { armTitle: title, baseline } = all[0]!.matrix;
    return { arm, title, baseline, counted };
  });
  const pairs = quantities.flatMap((quantity) => pairsOf(arms, quantity));
  return {
    arms: arms.map(({ counted, ...arm }) => ({
      ...arm,
      runs: counted.length,
      wh: meanOf(counted.map(({ wh }) => wh)),
      macroF1: meanOf(counted.map(({ macroF1 }) => macroF1)),
      seconds: meanOf(counted.map(({ seconds }) => seconds)),
    })),
    comparisons: compareAll(pairs.filter((pair) => typeof pair !== 'string')),
    notCompared: pairs.filter((pair) => typeof pair === 'string'),
    leftOut: placed.flatMap((run) => {
      const reason = why(run);
      return reason === null ? [] : [{ id: run.id, why: reason }];
    }),
  };
}

interface CountedArm {
  arm: string;
  title: string;
  baseline: string | null;
  counted: Placed[];
}

interface Measured {
  of: (run: RunSummary) => number | null;
  what: string;
  unit: string;
}

/**
 * Every arm with its baseline, each pair over its own seeds: a run that failed takes its partner with it, and
 * leaves the other arms alone. A sentence where no seed is left.
 */
function pairsOf(arms: readonly CountedArm[], { of, what, unit }: Measured): (Family | string)[] {
  const bySeed = ({ counted }: CountedArm) =>
    new Map(
      counted.flatMap((run) => {
        const value = of(run);
        return run.seed === null || value === null ? [] : [[run.seed, value] as const];
      }),
    );
  return arms.flatMap((variant): (Family | string)[] => {
    if (variant.baseline === null) return [];
    const base = arms.find(({ arm }) => arm === variant.baseline);
    if (!base) return [`${variant.title}: ${what} not compared, its baseline was not run.`];
    const [before, after] = [bySeed(base), bySeed(variant)];
    const seeds = [...before.keys()].filter((seed) => after.has(seed));
    if (seeds.length === 0)
      return [
        `${variant.title} against ${base.title}: ${what} not compared, no seed has a figure in both.`,
      ];
    const group = ({ title }: CountedArm, values: ReadonlyMap<number, number>) => ({
      name: title,
      values: seeds.map((seed) => values.get(seed)!),
    });
    return [
      {
        baseline: group(base, before),
        variants: [group(variant, after)],
        options: { what, unit, paired: true },
      },
    ];
  });
}

const quantities: Measured[] = [
  { of: ({ wh }) => wh, what: 'energy', unit: 'Wh' },
  {
    of: ({ macroF1 }) => (macroF1 === null ? null : macroF1 * 100),
    what: 'macro F1',
    unit: 'points',
  },
];

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b) / known.length;
}

export function resultsText({ arms, comparisons, notCompared, leftOut }: MatrixResults): string {
  return [
    table(
      ['arm', 'runs', 'Wh', 'macro F1', 's'],
      arms.map(({ title, runs, wh, macroF1, seconds }) => [
        title,
        String(runs),
        number(wh),
        score(macroF1),
        number(seconds),
      ]),
    ),
    ...verdictsOf(comparisons).map(({ sentence }) => sentence),
    ...notCompared,
    ...(leftOut.length > 0
      ? [`Left out: ${leftOut.map(({ id, why }) => `${id} (${why})`).join(', ')}.`]
      : []),
  ].join('\n');
}

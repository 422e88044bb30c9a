/** Runs that repeat each other, as groups: what each measured, and whether the groups differ (method H.3, H.4). */
import { splitOf, type RepeatedRuns, type RunSummary } from '../../contract.ts';
import {
  compareAll,
  summariseGroup,
  verdictsOf,
  type Family,
  type Quantity,
  type Split,
} from '../statistics/index.ts';
import { repeatKey, uniqueNames } from './groups.ts';
import { isWarmUp } from './warm-ups.ts';

interface Measured extends Quantity {
  of: (run: RunSummary) => number | null;
  /** A score is compared with scores of its own split. */
  score?: true;
}

const quantities: Measured[] = [
  { what: 'energy', unit: 'Wh', of: ({ wh }) => wh },
  {
    what: 'macro F1',
    unit: 'points',
    of: ({ macroF1 }) => (macroF1 === null ? null : macroF1 * 100),
    score: true,
  },
];

/** Repeats from which statistics begin to say something. */
const enough = 3;

/**
 * Groups by everything in the config but name and seed. The group of the first run is the baseline. Only runs of one
 * start of a matrix took place in turn on one machine: only they are compared in pairs of a seed.
 * Copies at another price are left out. @returns null where there is neither a group of three runs that ended as they
 * should nor another one to compare it with.
 */
export function repeatsOf(runs: readonly RunSummary[]): RepeatedRuns | null {
  const counted = runs.filter(
    (run) =>
      (run.status === 'done' || run.status === 'imported') &&
      !isWarmUp(run) &&
      // the same joules once more are no repeat
      run.copyOf === null,
  );
  const repeated = [...Map.groupBy(counted, repeatKey).values()];
  const names = uniqueNames(repeated);
  const groups = repeated.map((members, i) => ({
    name: names[i]!,
    ids: members.map(({ id }) => id),
    members,
  }));
  if (groups.length < 2 && !groups.some(({ ids }) => ids.length >= enough)) return null;

  const [baseline, ...variants] = groups;
  const comparisons = compareAll(
    quantities.flatMap((quantity) => {
      const { of, what, unit } = quantity;
      const values = ({ name, members }: (typeof groups)[number]) => ({
        name,
        values: known(members, quantity),
      });
      return variants.flatMap((variant): Family[] => {
        if (quantity.score && apart(baseline!.members, variant.members)) return [];
        const both = [...baseline!.members, ...variant.members];
        const paired =
          inTurn(both) &&
          seedsOf(baseline!.members) === seedsOf(variant.members) &&
          both.every((run) => of(run) !== null);
        return [
          {
            baseline: values(baseline!),
            variants: [values(variant)],
            options: { what, unit, paired },
          },
        ];
      });
    }),
  );
  return {
    groups: groups.map(({ name, ids, members }) => ({
      name,
      ids,
      quantities: quantities.map((quantity) => {
        const { what, unit } = quantity;
        return { what, unit, ...summariseGroup(known(members, quantity), { what, unit }) };
      }),
    })),
    comparisons,
    verdicts: verdictsOf(comparisons),
  };
}

/** All of one start of a matrix, which runs its arms in turn. */
const inTurn = (runs: readonly RunSummary[]): boolean =>
  runs.every(({ matrix }) => matrix !== null && matrix.group === runs[0]!.matrix?.group);

const splitOfRuns = (runs: readonly RunSummary[]): Split | null =>
  splitOf(runs.map(({ f1Split }) => f1Split));

/** The scores of one are of validation, those of the other of the test. */
function apart(a: readonly RunSummary[], b: readonly RunSummary[]): boolean {
  const [one, other] = [splitOfRuns(a), splitOfRuns(b)];
  return one !== null && other !== null && one !== other;
}

/** In the order of their seeds, so that runs of one seed are at one place in every group. */
function known(members: readonly RunSummary[], { of, score }: Measured): number[] {
  const split = splitOfRuns(members);
  return members
    .filter(({ f1Split }) => !score || split === null || f1Split === split)
    .toSorted((a, b) => (a.seed ?? 0) - (b.seed ?? 0))
    .map(of)
    .filter((value) => value !== null);
}

/** The seeds of a group, or something of its own where they are not known or not different. */
function seedsOf(members: readonly RunSummary[]): string {
  const seeds = members.map(({ seed }) => seed);
  const distinct = new Set(seeds).size === seeds.length && !seeds.includes(null);
  return distinct ? seeds.toSorted((a, b) => a! - b!).join() : `runs ${members[0]!.id}`;
}

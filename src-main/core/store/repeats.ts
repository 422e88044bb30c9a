/** Runs that repeat each other, as groups: what each measured, and whether the groups differ (method H.3, H.4). */
import type { RepeatedRuns, RunSummary } from '../../contract.ts';
import { compareAll, summariseGroup, type Quantity } from '../statistics/index.ts';

interface Measured extends Quantity {
  of: (run: RunSummary) => number | null;
}

const quantities: Measured[] = [
  { what: 'energy', unit: 'Wh', of: ({ wh }) => wh },
  {
    what: 'macro F1',
    unit: 'points',
    of: ({ macroF1 }) => (macroF1 === null ? null : macroF1 * 100),
  },
];

/** Repeats from which statistics begin to say something. */
const enough = 3;

/**
 * Groups by everything in the config but name and seed. The group of the first run is the baseline.
 * @returns null where no group has three runs that ended as they should.
 */
export function repeatsOf(runs: readonly RunSummary[]): RepeatedRuns | null {
  const counted = runs.filter(
    ({ status, matrix }) => (status === 'done' || status === 'imported') && !matrix?.warmUp,
  );
  const groups = [...Map.groupBy(counted, ({ group }) => group).values()].map((members) => ({
    name: nameOf(members),
    ids: members.map(({ id }) => id),
    members,
  }));
  if (!groups.some(({ ids }) => ids.length >= enough)) return null;

  const [baseline, ...variants] = groups;
  const paired = groups.every(({ members }) => seedsOf(members) === seedsOf(groups[0]!.members));
  return {
    groups: groups.map(({ name, ids, members }) => ({
      name,
      ids,
      quantities: quantities.map(({ of, what, unit }) => ({
        what,
        unit,
        ...summariseGroup(known(members, of), { what, unit }),
      })),
    })),
    comparisons: compareAll(
      quantities.map(({ of, what, unit }) => {
        const values = ({ name, members }: (typeof groups)[number]) => ({
          name,
          values: known(members, of),
        });
        const complete = counted.every((run) => of(run) !== null);
        return {
          baseline: values(baseline!),
          variants: variants.map(values),
          options: { what, unit, paired: paired && complete },
        };
      }),
    ),
  };
}

/** In the order of their seeds, so that runs of one seed are at one place in every group. */
const known = (members: readonly RunSummary[], of: Measured['of']): number[] =>
  members
    .toSorted((a, b) => (a.seed ?? 0) - (b.seed ?? 0))
    .map(of)
    .filter((value) => value !== null);

/** The seeds of a group, or something of its own where they are not known or not different. */
function seedsOf(members: readonly RunSummary[]): string {
  const seeds = members.map(({ seed }) => seed);
  const distinct = new Set(seeds).size === seeds.length && !seeds.includes(null);
  return distinct ? seeds.toSorted((a, b) => a! - b!).join() : `runs ${members[0]!.id}`;
}

function nameOf(members: readonly RunSummary[]): string {
  const ids = members.map(({ id }) => id).join(', ');
  const [{ name }] = members as [RunSummary];
  const numbers = `${members.length === 1 ? 'run' : 'runs'} ${ids}`;
  return name ? `${name} (${numbers})` : numbers;
}

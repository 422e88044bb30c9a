/** From runs to the lines of the table: sorted by several columns, and grouped into repeats with their means. */
import { bandOfMean, splitOf, type RunSummary } from '../../../src-main/contract.ts';
import type { RunColumn } from './run-columns.ts';
import { sortKey } from './sort.ts';

export interface SortKey {
  key: string;
  descending: boolean;
}

/** `-f1,wh`: by F1 downwards, then by energy upwards. */
export const parseSort = (text: string): SortKey[] =>
  text
    .split(',')
    .filter((part) => part !== '' && part !== '-')
    .map((part) =>
      part.startsWith('-')
        ? { key: part.slice(1), descending: true }
        : { key: part, descending: false },
    );
export const writeSort = (sort: readonly SortKey[]): string =>
  sort.map(({ key, descending }) => (descending ? `-${key}` : key)).join(',');

/** By the first key, where that is equal by the next; missing values last in either direction. */
export function sortRuns(
  runs: readonly RunSummary[],
  sort: readonly SortKey[],
  columns: readonly RunColumn[],
): RunSummary[] {
  const by = sort.flatMap(({ key, descending }) => {
    const column = columns.find((one) => one.key === key);
    return column
      ? [{ sign: descending ? -1 : 1, keys: runs.map((run) => sortKey(column.value(run))) }]
      : [];
  });
  const order = runs.map((_, i) => i);
  order.sort((i, j) => {
    for (const { sign, keys } of by) {
      const [a, b] = [keys[i]!, keys[j]!];
      if (a === b) continue;
      if (a === null) return 1;
      if (b === null) return -1;
      return a < b ? -sign : sign;
    }
    return runs[j]!.id - runs[i]!.id;
  });
  return order.map((i) => runs[i]!);
}

export type Grouping = 'none' | 'repeats' | 'matrix';

export interface RunItem {
  kind: 'run';
  key: string;
  depth: number;
  run: RunSummary;
}
export interface GroupItem {
  kind: 'group';
  key: string;
  depth: number;
  title: string;
  runs: RunSummary[];
  /** Those of which the means are. */
  counted: RunSummary[];
  folded: boolean;
}
export type Item = RunItem | GroupItem;

/** A search that changes by a letter shows mostly the lines that were there before. */
const runItems = new WeakMap<RunSummary, RunItem>();
function lineOf(run: RunSummary, depth: number): RunItem {
  let item = runItems.get(run);
  if (item?.depth !== depth)
    runItems.set(run, (item = { kind: 'run', key: `run-${run.id}`, depth, run }));
  return item;
}

interface Node {
  key: string;
  title: string;
  runs: RunSummary[];
  children: Node[] | null;
}

/**
 * The lines of the table. A group of one run is that run; groups stand where their mean belongs.
 * @param toggled groups that are not as they come: folded or unfolded
 */
export function itemsOf(
  sorted: readonly RunSummary[],
  grouping: Grouping,
  toggled: ReadonlySet<string>,
  first: { column: RunColumn; descending: boolean } | null,
): Item[] {
  const items: Item[] = [];
  const line = (run: RunSummary, depth: number): void => void items.push(lineOf(run, depth));
  const lines = (nodes: Node[], depth: number): void => {
    for (const node of inOrder(nodes, first)) {
      const [only] = node.runs;
      if (node.runs.length === 1 && only && !node.children) {
        line(only, depth);
        continue;
      }
      const { key, title, runs, children } = node;
      // starts of a matrix show their arms, all other groups their mean
      const isFolded = (children === null) !== toggled.has(key);
      const counted = countedOf(runs);
      items.push({ kind: 'group', key, depth, title, runs, counted, folded: isFolded });
      if (isFolded) continue;
      if (children) lines(children, depth + 1);
      else for (const run of runs) line(run, depth + 1);
    }
  };
  if (grouping === 'none') for (const run of sorted) line(run, 0);
  else lines(grouping === 'repeats' ? repeats(sorted, '') : starts(sorted), 0);
  return items;
}

/** By everything in the config but name and seed; what a file says was not measured here. */
const repeats = (runs: readonly RunSummary[], within: string): Node[] =>
  [...Map.groupBy(runs, ({ status, group }) => `${status === 'imported' ? 'i' : ''}${group}`)].map(
    ([key, members]) => ({
      key: `${within}repeats-${key}`,
      title: members[0]!.name,
      runs: members,
      children: null,
    }),
  );

/** Starts of a matrix and their arms; runs of no matrix by their repeats. */
function starts(runs: readonly RunSummary[]): Node[] {
  const alone = runs.filter(({ matrix }) => matrix === null);
  const placed = runs.flatMap((run) => (run.matrix ? [{ run, place: run.matrix }] : []));
  const nodes = [...Map.groupBy(placed, ({ place }) => place.group)].map(([group, members]) => ({
    key: `matrix-${group}`,
    title: `${members[0]!.place.title}, start ${group}`,
    runs: members.map(({ run }) => run),
    children: [...Map.groupBy(members, ({ place }) => (place.warmUp ? 'warm-up' : place.arm))].map(
      ([arm, own]) => ({
        key: `matrix-${group}-${arm}`,
        title: own[0]!.place.warmUp ? 'Warm-up' : own[0]!.place.armTitle,
        runs: own.map(({ run }) => run),
        children: null,
      }),
    ),
  }));
  return [...nodes, ...repeats(alone, 'alone-')];
}

/** Runs that ended as they should; a warm-up is no result, a copy no repeat. */
const countedOf = (runs: readonly RunSummary[]): RunSummary[] =>
  runs.filter(
    ({ status, matrix, copyOf }) =>
      (status === 'done' || status === 'imported') && !matrix?.warmUp && copyOf === null,
  );

function inOrder(nodes: Node[], first: { column: RunColumn; descending: boolean } | null): Node[] {
  if (!first?.column.mean) return nodes;
  const { column, descending } = first;
  const means = new Map(
    nodes.map((node) => {
      const counted = countedOf(node.runs);
      return [node, meanOf(counted.length > 0 ? counted : node.runs, column)?.mean ?? null];
    }),
  );
  return nodes.toSorted((a, b) => {
    const [x, y] = [means.get(a) ?? null, means.get(b) ?? null];
    if (x === null || y === null) return x === null ? (y === null ? 0 : 1) : -1;
    return descending ? y - x : x - y;
  });
}

/**
 * Mean and half width of its band, as in a comparison (null where none is known); null where no run has a value.
 * Scores are of one split, as there: of the test where one of the runs was tested.
 */
export function meanOf(
  runs: readonly RunSummary[],
  column: Pick<RunColumn, 'value' | 'half' | 'score'>,
): { n: number; mean: number; half: number | null; split: RunSummary['f1Split'] } | null {
  const split = column.score ? splitOf(runs.map(({ f1Split }) => f1Split)) : null;
  const known = runs.flatMap((run) => {
    const value = column.value(run);
    const isCounted = split === null || run.f1Split === split;
    return isCounted && typeof value === 'number' && Number.isFinite(value) ? [{ run, value }] : [];
  });
  if (known.length === 0) return null;
  const values = known.map(({ value }) => value);
  const { half } = column;
  return {
    n: values.length,
    mean: values.reduce((sum, value) => sum + value) / values.length,
    half: bandOfMean(values, half ? known.map(({ run }) => half(run) ?? null) : null),
    split,
  };
}

/** Runs side by side: results, energy, and every setting by which they differ. */
import * as v from 'valibot';
import {
  experimentConfigSchema,
  type ComparedRun,
  type Comparison,
  type ComparisonRow,
  type ReportedResult,
  type SideBySide,
} from '../../contract.ts';
import { othersPercent } from '../../contract/other-programs.ts';
import type { ReadableDb } from './database.ts';
import { comparedRun } from './reads.ts';
import { groupRows, groupsOf, tradeOffOf, withinBands } from './groups.ts';
import { repeatsOf } from './repeats.ts';
import { withoutWarmUps } from './warm-ups.ts';

type Cell = ComparisonRow['values'][number];

/** The first run that is no warm-up is the baseline. */
export const compare = (db: ReadableDb, ids: number[]): Comparison =>
  compareRuns(ids.map((id) => comparedRun(db, id)));

/** Every run is read once, for both. */
export function sideBySide(db: ReadableDb, ids: number[]): SideBySide {
  const details = ids.map((id) => comparedRun(db, id));
  return { comparison: compareRuns(details), details };
}

function compareRuns(all: ComparedRun[]): Comparison {
  const { kept: runs, warmUps } = withoutWarmUps(all);
  const summaries = runs.map(({ summary }) => summary);
  const rows = [...withinBases(quantityRows(runs), runs), ...configRows(runs)];
  const groups = groupsOf(summaries);
  return {
    warmUps: warmUps.map(({ id, name }) => ({ id, name })),
    copies: runs.flatMap(({ summary: { id, name, copyOf } }) =>
      copyOf === null ? [] : [{ id, name, copyOf }],
    ),
    others: runs.flatMap(({ summary: { id }, notes }) => {
      const percent = othersPercent(notes);
      return percent === null ? [] : [{ id, percent }];
    }),
    runs: summaries,
    rows,
    groups,
    groupRows: groupRows(rows, summaries, groups),
    tradeOff: tradeOffOf(summaries, groups),
    repeats: repeatsOf(summaries),
  };
}

/** What only some kinds of runs measure is left out where none of these did. */
const quantityRows = (runs: ComparedRun[]): ComparisonRow[] =>
  quantities
    .filter(({ optional, of }) => !optional || runs.some((run) => of(run) !== null))
    .map((quantity) => quantityRow(quantity, runs));

/** Emissions of different bases count different things: none of them is better than another. */
function withinBases(rows: ComparisonRow[], runs: ComparedRun[]): ComparisonRow[] {
  const bases = new Set(runs.flatMap(({ energy }) => energy?.emissions.basis ?? []));
  if (bases.size < 2) return rows;
  return rows.map((row) => (row.key === 'gCO2e' ? { ...row, better: null } : row));
}

interface Quantity extends Pick<ComparisonRow, 'key' | 'label' | 'unit' | 'group' | 'better'> {
  of: (run: ComparedRun) => Cell;
  optional?: true;
  /** Half width of the band. */
  band?: (run: ComparedRun) => number | null;
  /** False where the figure of a run says nothing that could be better or worse. */
  ranks?: (run: ComparedRun) => boolean;
}

const relativeBand = ({ summary: { wh, uncertaintyWh } }: ComparedRun): number | null =>
  wh && uncertaintyWh !== null ? uncertaintyWh / wh : null;
const scaled = (value: number | null, share: number | null): number | null =>
  value === null || share === null ? null : Math.abs(value) * share;
const percent = (share: number | null): number | null => (share === null ? null : share * 100);
const lastTest = (run: ComparedRun) =>
  run.evaluations.findLast(({ result }) => result.split === 'test') ?? run.evaluations.at(-1);

function score(
  key: string,
  label: string,
  share: (result: ReportedResult) => number | null | undefined,
): Quantity {
  return {
    key,
    label,
    unit: '%',
    group: 'result',
    better: 'higher',
    optional: true,
    of: (run) => {
      const result = lastTest(run)?.result;
      return percent((result && share(result)) ?? null);
    },
  };
}

const ofKind = (kind: 'gpu' | 'cpu' | 'ram', label: string): Quantity => ({
  key: `wh.${kind}`,
  label,
  unit: 'Wh',
  group: 'energy',
  better: 'lower',
  of: ({ summary }) => summary.whByKind[kind] ?? null,
  band: ({ energy }) => {
    const bands = (energy?.components ?? [])
      .filter((component) => component.counted && component.kind === kind)
      .map(({ uncertaintyWh }) => uncertaintyWh)
      .filter((band) => band !== null);
    return bands.length === 0 ? null : Math.hypot(...bands);
  },
  // a constant times the time says how long a run took, which has a row of its own
  ranks: ({ energy }) =>
    !(energy?.components ?? []).some(
      (component) =>
        component.counted && component.kind === kind && component.provenance === 'constant',
    ),
});

const whPer1kImages = ({ summary: { wh, imagesSeen } }: ComparedRun): number | null =>
  wh === null || !imagesSeen ? null : (wh * 1000) / imagesSeen;

const quantities: Quantity[] = [
  {
    key: 'macroF1',
    label: 'Macro F1',
    unit: '%',
    group: 'result',
    better: 'higher',
    of: ({ summary }) => percent(summary.macroF1),
  },
  {
    key: 'microF1',
    label: 'Micro F1',
    unit: '%',
    group: 'result',
    better: 'higher',
    of: ({ summary }) => percent(summary.microF1),
  },
  {
    key: 'accuracy',
    label: 'Accuracy',
    unit: '%',
    group: 'result',
    better: 'higher',
    of: (run) => percent(lastTest(run)?.result.accuracy ?? null),
  },
  score('top5', 'Top-5 accuracy', ({ top5 }) => top5),
  score('meanIou', 'Mean IoU of the boxes', ({ detection }) => detection?.meanIou),
  score('locAcc50', 'Boxes found, IoU at least 0.5', ({ detection }) => detection?.locAcc50),
  score('clsLoc50', 'Boxes found and recognised', ({ detection }) => detection?.clsLoc50),
  score('ap', 'AP', ({ detection }) => detection?.ap),
  score('ap50', 'AP50', ({ detection }) => detection?.ap50),
  score('patchRecall', 'Object patches kept', ({ patchRecall }) => patchRecall),
  score('zeroDeltas', 'Zero differences', ({ deltaSparsity }) => deltaSparsity?.thresholded),
  {
    key: 'attentionSupport',
    label: 'Keys per query',
    unit: null,
    group: 'result',
    better: null,
    of: (run) => lastTest(run)?.result.attentionSupport ?? null,
  },
  {
    key: 'f1Split',
    label: 'Scores of',
    unit: null,
    group: 'result',
    better: null,
    of: ({ summary }) => summary.f1Split,
  },
  {
    key: 'loss',
    label: 'Training loss',
    unit: null,
    group: 'result',
    better: 'lower',
    of: ({ summary }) => summary.loss,
  },
  {
    key: 'parameters',
    label: 'Parameters',
    unit: null,
    group: 'result',
    better: null,
    of: ({ summary }) => summary.parameters,
  },
  {
    key: 'trainMacs',
    label: 'Multiply-accumulates of the training, computed',
    unit: null,
    group: 'result',
    better: 'lower',
    of: ({ cost }) => cost?.trainMacs ?? null,
  },
  {
    key: 'seconds',
    label: 'Duration',
    unit: 's',
    group: 'result',
    better: 'lower',
    of: ({ summary }) => summary.seconds,
  },
  {
    key: 'imagesPerSecond',
    label: 'Throughput in training',
    unit: 'img/s',
    group: 'result',
    better: 'higher',
    of: ({ summary }) => summary.imagesPerSecond,
  },
  {
    key: 'wh',
    label: 'Energy',
    unit: 'Wh',
    group: 'energy',
    better: 'lower',
    of: ({ summary }) => summary.wh,
    band: ({ summary }) => summary.uncertaintyWh,
  },
  ofKind('gpu', 'Energy of GPUs'),
  ofKind('cpu', 'Energy of CPUs'),
  ofKind('ram', 'Energy of RAM'),
  {
    key: 'netWh',
    label: 'Energy above idle',
    unit: 'Wh',
    group: 'energy',
    better: 'lower',
    of: ({ energy }) => energy?.netWh ?? null,
    band: ({ energy }) => (energy?.netWh == null ? null : energy.uncertaintyWh),
  },
  {
    key: 'processWh',
    label: 'Energy by share of the run’s processes',
    unit: 'Wh',
    group: 'energy',
    better: null,
    optional: true,
    of: ({ energy }) => energy?.processWh ?? null,
  },
  {
    key: 'programWh',
    label: 'Energy by share of this program',
    unit: 'Wh',
    group: 'energy',
    better: null,
    optional: true,
    of: ({ energy }) => energy?.programWh ?? null,
  },
  {
    key: 'watts',
    label: 'Mean power',
    unit: 'W',
    group: 'energy',
    better: 'lower',
    of: ({ energy }) => energy?.meanWatts ?? null,
    band: (run) => scaled(run.energy?.meanWatts ?? null, relativeBand(run)),
  },
  {
    key: 'wallWh',
    label: 'Estimated at the socket',
    unit: 'Wh',
    group: 'energy',
    better: 'lower',
    optional: true,
    of: ({ energy }) => energy?.wall?.wh ?? null,
    band: ({ energy }) => energy?.wall?.uncertaintyWh ?? null,
  },
  {
    key: 'gCO2e',
    label: 'Emissions',
    unit: 'gCO2e',
    group: 'energy',
    better: 'lower',
    of: ({ summary }) => summary.gCO2e,
    band: (run) => scaled(run.summary.gCO2e, relativeBand(run)),
  },
  {
    key: 'whPer1kImages',
    label: 'Energy per 1,000 images',
    unit: 'Wh',
    group: 'energy',
    better: 'lower',
    of: whPer1kImages,
    band: (run) => scaled(whPer1kImages(run), relativeBand(run)),
  },
  {
    key: 'f1PerWh',
    label: 'Macro F1 points per Wh',
    unit: '1/Wh',
    group: 'energy',
    better: 'higher',
    of: ({ summary }) => summary.f1PerWh,
    band: (run) => scaled(run.summary.f1PerWh, relativeBand(run)),
  },
  {
    key: 'coverage',
    label: 'Time with readings',
    unit: '%',
    group: 'energy',
    better: 'higher',
    of: ({ energy }) => percent(energy?.coverage ?? null),
  },
  {
    key: 'gPerKwh',
    label: 'Carbon intensity',
    unit: 'gCO2e/kWh',
    group: 'energy',
    better: null,
    of: ({ energy }) => energy?.emissions.gPerKwh ?? null,
  },
  {
    key: 'basis',
    label: 'Basis of the carbon intensity',
    unit: null,
    group: 'energy',
    better: null,
    of: ({ energy }) => energy?.emissions.basis ?? null,
  },
  {
    key: 'pue',
    label: 'PUE',
    unit: null,
    group: 'energy',
    better: null,
    of: ({ energy }) => energy?.emissions.pue ?? null,
  },
  {
    key: 'waterL',
    label: 'Water',
    unit: 'L',
    group: 'energy',
    better: 'lower',
    optional: true,
    of: ({ energy }) => energy?.emissions.waterL ?? null,
  },
  {
    key: 'embodiedG',
    label: 'Embodied carbon',
    unit: 'gCO2e',
    group: 'energy',
    better: 'lower',
    optional: true,
    of: ({ energy }) => energy?.emissions.embodiedG ?? null,
  },
];

function quantityRow(quantity: Quantity, runs: ComparedRun[]): ComparisonRow {
  const { of, band, ranks, key, label, unit, group, better } = quantity;
  const values = runs.map(of);
  const uncertainty = runs.map((run, i) => (values[i] === null ? null : (band?.(run) ?? null)));
  return {
    key,
    label,
    unit,
    group,
    better: !ranks || runs.every(ranks) ? better : null,
    values,
    uncertainty,
    tied: values.map((_, i) => i > 0 && withinBands(values, uncertainty, i)),
    differs: differ(values),
  };
}

/** One row per setting, in the order of the schema; where a run lacks it (another dataset), null. */
function configRows(runs: ComparedRun[]): ComparisonRow[] {
  const configs = runs.map(({ config }) => (config ? leaves(config) : new Map<string, Cell>()));
  const paths = new Set(configs.flatMap((config) => [...config.keys()]));
  paths.delete('name');
  return [...paths].map((path) => {
    const values = configs.map((config) => config.get(path) ?? null);
    return {
      key: path,
      label: labelOf(path),
      unit: null,
      group: 'config',
      values,
      uncertainty: values.map(() => null),
      tied: values.map(() => false),
      better: null,
      differs: differ(values),
    };
  });
}

const differ = (values: Cell[]): boolean => values.some((value) => value !== values[0]);

function leaves(value: object, prefix = ''): Map<string, Cell> {
  const found = new Map<string, Cell>();
  for (const [key, inner] of Object.entries(value) as [string, Cell | object][]) {
    if (inner !== null && typeof inner === 'object')
      for (const [path, leaf] of leaves(inner, `${prefix}${key}.`)) found.set(path, leaf);
    else found.set(prefix + key, inner);
  }
  return found;
}

interface SchemaNode {
  entries?: Record<string, SchemaNode>;
  options?: SchemaNode[];
  wrapped?: SchemaNode;
  pipe?: SchemaNode[];
}

/** The schema does not change: what was looked up once is known. */
const labels = new Map<string, string>();
function labelOf(path: string): string {
  const known = labels.get(path) ?? titlesOf(path);
  labels.set(path, known);
  return known;
}

/** The schema's own titles: "Training: Batch size"; what chooses a group is called like the group. */
function titlesOf(path: string): string {
  const titles: string[] = [];
  let nodes: SchemaNode[] = [experimentConfigSchema as unknown as SchemaNode];
  for (const key of path.split('.')) {
    nodes = nodes.flatMap(unfold).flatMap(({ entries }) => entries?.[key] ?? []);
    const title = nodes.flatMap(unfold).map(titleOf).find(Boolean) ?? key;
    if (title !== titles.at(-1) && title !== 'kind') titles.push(title);
  }
  return titles.join(': ');
}

/** A node with everything it wraps, itself first. */
const unfold = (node: SchemaNode): SchemaNode[] => [
  node,
  ...(node.wrapped ? unfold(node.wrapped) : []),
  ...(node.options ?? []).flatMap((option) => (typeof option === 'object' ? unfold(option) : [])),
  ...(node.pipe?.[0] && node.pipe[0] !== node ? unfold(node.pipe[0]) : []),
];

const titleOf = (node: SchemaNode): string | undefined =>
  node.pipe || node.wrapped ? v.getTitle(node as unknown as v.GenericSchema) : undefined;

/** Runs side by side: results, energy, and every setting by which they differ. */
import * as v from 'valibot';
import {
  experimentConfigSchema,
  type ComparedRun,
  type Comparison,
  type ComparisonRow,
  type ReportedResult,
  type RunSummary,
  type SideBySide,
} from '../../contract.ts';
import { othersPercent } from '../../contract/other-programs.ts';
import type { ReadableDb } from './database.ts';
import { comparedRun } from './reads.ts';
import { differ, doubtsOf, groupRows, groupsOf, tradeOffOf } from './groups.ts';
import { quotientHalfWidth, scoreHalfWidth, type Split } from '../statistics/index.ts';
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
  const withoutSettings = runs.flatMap(({ summary, config }) => (config ? [] : [summary.id]));
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
    groupRows: groupRows(rows, summaries, groups, withoutSettings),
    withoutSettings,
    tradeOff: tradeOffOf(
      summaries,
      groups,
      runs.map((run) => scoreBand(run, run.summary.macroF1)),
    ),
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
  /** Of which split it is, of a score. */
  split?: (run: ComparedRun) => Split | null;
  /** Half width of the band; left out where a value has none of its own. */
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

/** Of a share of so many images, 0..1. */
function scoreBand({ evaluations, summary }: ComparedRun, share: number | null): number | null {
  const own = evaluations.findLast(({ result }) => result.split === summary.f1Split);
  return scoreHalfWidth(share, own?.result.images ?? null);
}

/** The F1 that a run is known by. */
const f1Score = (
  key: string,
  label: string,
  of: (summary: RunSummary) => number | null,
): Quantity => ({
  key,
  label,
  unit: '%',
  group: 'result',
  better: 'higher',
  of: ({ summary }) => percent(of(summary)),
  split: ({ summary }) => summary.f1Split,
  band: (run) => percent(scoreBand(run, of(run.summary))),
});

/** @param counted a share of the images, and not a mean over them */
function score(
  key: string,
  label: string,
  share: (result: ReportedResult) => number | null | undefined,
  counted = true,
): Quantity {
  const of = (run: ComparedRun): number | null => {
    const result = lastTest(run)?.result;
    return (result && share(result)) ?? null;
  };
  return {
    key,
    label,
    unit: '%',
    group: 'result',
    better: 'higher',
    optional: true,
    of: (run) => percent(of(run)),
    split: (run) => lastTest(run)?.result.split ?? null,
    // of a mean nobody tells the spread over the images
    band: (run) =>
      counted ? percent(scoreHalfWidth(of(run), lastTest(run)?.result.images ?? null)) : null,
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
  f1Score('macroF1', 'Macro F1', ({ macroF1 }) => macroF1),
  f1Score('microF1', 'Micro F1', ({ microF1 }) => microF1),
  score('accuracy', 'Accuracy', ({ accuracy }) => accuracy),
  score('top5', 'Top-5 accuracy', ({ top5 }) => top5),
  score('meanIou', 'Mean IoU of the boxes', ({ detection }) => detection?.meanIou, false),
  score('locAcc50', 'Boxes found, IoU at least 0.5', ({ detection }) => detection?.locAcc50),
  score('clsLoc50', 'Boxes found and recognised', ({ detection }) => detection?.clsLoc50),
  score('ap', 'AP', ({ detection }) => detection?.ap, false),
  score('ap50', 'AP50', ({ detection }) => detection?.ap50, false),
  score('patchRecall', 'Object patches kept', ({ patchRecall }) => patchRecall, false),
  score('zeroDeltas', 'Zero differences', ({ deltaSparsity }) => deltaSparsity?.thresholded, false),
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
    // computed from the shapes, without a doubt
    band: () => 0,
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
    split: ({ summary }) => summary.f1Split,
    band: (run) => {
      const { macroF1, wh, uncertaintyWh } = run.summary;
      return macroF1 === null || wh === null
        ? null
        : percent(quotientHalfWidth([macroF1, scoreBand(run, macroF1)], [wh, uncertaintyWh]));
    },
  },
  {
    key: 'coverage',
    label: 'Time with readings',
    unit: '%',
    group: 'energy',
    // says how well a run was watched, not how well it did
    better: null,
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
    band: (run) => scaled(run.energy?.emissions.waterL ?? null, relativeBand(run)),
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
  const { of, band, split, ranks, key, label, unit, group, better } = quantity;
  const values = runs.map(of);
  const splits = split ? runs.map(split) : null;
  const uncertainty = runs.map((run, i) => (values[i] === null ? null : (band?.(run) ?? null)));
  return {
    key,
    label,
    unit,
    group,
    better: !ranks || runs.every(ranks) ? better : null,
    values,
    uncertainty,
    banded: band !== undefined,
    splits,
    doubts: doubtsOf(values, uncertainty, splits),
    differs: differ(values),
  };
}

/**
 * One row per setting, in the order of the schema; where a run lacks it (another dataset), null. A run without any
 * settings, a command or an import, differs from nothing in them.
 */
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
      banded: false,
      splits: null,
      doubts: values.map(() => null),
      better: null,
      differs: differ(values.filter((_, i) => runs[i]!.config !== null)),
    };
  });
}

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

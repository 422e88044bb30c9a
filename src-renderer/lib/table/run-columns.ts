/** The columns that the table of runs can have: what each holds, how it is shown, and as a mean of repeats. */
import {
  isMetricKey,
  parseMetricKey,
  statusOf,
  validationMark,
  validationMeaning,
  type MetricRule,
  type RunSummary,
  type RunValue,
} from '../../../src-main/contract.ts';
import {
  compact,
  count,
  decimalsFor,
  fixed,
  missing,
  percent,
  scaled,
  significant,
  siScale,
  type Maybe,
} from '../format/number.ts';
import { duration, shortMoment } from '../format/time.ts';
import { kindLabel, kinds } from '../format/words.ts';
import type { Cell } from './sort.ts';

export interface RunColumn {
  key: string;
  title: string;
  unit?: string;
  /** What it means and how it was obtained; shown on hover of the heading. */
  help?: string;
  /** Pixels, until a person draws it otherwise. */
  width: number;
  numeric: boolean;
  /** What is sorted by; null is missing. */
  value: (run: RunSummary) => Cell;
  text: (run: RunSummary) => string;
  /** Half width of the band of one value, which repeats do not average away; left out where it has none of its own. */
  half?: (run: RunSummary) => Maybe;
  /** It is a score, of the split that a run's scores are of. */
  score?: true;
  /** A mean of repeats with the half width of its interval; without it the column has no mean. */
  mean?: (mean: number, half: number | null) => string;
}

/** Leaves of configs and metrics. */
export type ValueOf = (run: RunSummary, key: string) => RunValue;

const ruleWords: Record<MetricRule, string> = {
  last: 'Last value',
  max: 'Largest value',
  min: 'Smallest value',
  mean: 'Mean of the values',
};

/** `val_acc, max`; other keys as they are. */
export function metricTitle(key: string): string {
  const metric = parseMetricKey(key);
  if (!metric) return key;
  return metric.rule === 'last' ? metric.name : `${metric.name}, ${metric.rule}`;
}
export const metricHelp = (key: string): string =>
  `${ruleWords[parseMetricKey(key)?.rule ?? 'last']} that the run reported`;

/** Those two are always there, at the left. */
export const pinned = ['id', 'name'];
/** Of the boxes before them, px. */
export const checkWidth = 32;

const words = (
  key: string,
  title: string,
  width: number,
  value: (run: RunSummary) => string | null | undefined,
  help?: string,
): RunColumn => ({
  key,
  title,
  width,
  numeric: false,
  value: (run) => value(run) || null,
  text: (run) => value(run) || missing,
  ...(help && { help }),
});

const plusMinus = (mean: string, half: string | null): string =>
  half === null ? mean : `${mean} ± ${half}`;

/** Digits by the interval, as many as it has a use for. */
function withInterval(mean: number, half: number | null): string {
  if (half === null || half <= 0) return significant(mean);
  const decimals = decimalsFor(half, 2);
  return plusMinus(fixed(mean, decimals), fixed(half, decimals));
}

/**
 * @param runs whose columns share their prefix: those that are shown
 * @param extra keys of configs and metrics that were chosen
 */
export function runColumns(
  runs: readonly RunSummary[],
  extra: readonly string[],
  valueOf: ValueOf,
): RunColumn[] {
  const number = (
    key: string,
    title: string,
    width: number,
    value: (run: RunSummary) => Maybe,
    show: (value: number, run: RunSummary) => string,
    more: Partial<RunColumn> = {},
  ): RunColumn => ({
    key,
    title,
    width,
    numeric: true,
    value: (run) => value(run) ?? null,
    text: (run) => {
      const own = value(run);
      return own == null ? missing : show(own, run);
    },
    mean: withInterval,
    ...more,
  });
  const prefixed = (
    key: string,
    title: string,
    unit: string,
    scale: ReturnType<typeof siScale>,
    value: (run: RunSummary) => Maybe,
    help: string,
    half?: (run: RunSummary) => Maybe,
  ): RunColumn =>
    number(
      key,
      title,
      unit === 'gCO2e' ? 136 : half ? 112 : 88,
      value,
      (own, run) => scaled(own, scale, half?.(run)),
      {
        unit: scale.unit || unit,
        help,
        ...(half && { half }),
        mean: (mean, width) => scaled(mean, scale, width),
      },
    );
  const wattHalf = ({ uncertaintyWh }: RunSummary): Maybe => uncertaintyWh;
  const wh = siScale(
    runs.map((run) => run.wh),
    'Wh',
  );
  const grams = siScale(
    runs.map(({ gCO2e }) => gCO2e),
    'gCO2e',
  );
  const share = ({ processWh, wh: all }: RunSummary): number | null =>
    processWh === null || !all ? null : processWh / all;
  const marked = (score: number, { f1Split }: RunSummary): string =>
    `${fixed(score, 3)}${f1Split === 'validation' ? ` ${validationMark}` : ''}`;
  const meanScore = (mean: number, half: number | null): string =>
    half === null ? fixed(mean, 3) : scaled(mean, { factor: 1, unit: '' }, half);
  const noMean = { mean: undefined } as Partial<RunColumn>;

  return [
    number('id', 'Run', 60, ({ id }) => id, String, noMean),
    words('name', 'Name', 180, ({ name }) => name),
    {
      ...words('status', 'State', 104, ({ status }) => status),
      text: (run) => statusOf(run).label,
    },
    words('tags', 'Tags', 112, ({ tags }) => tags.join(', ')),
    words('note', 'Note', 160, ({ note }) => note?.split('\n', 1)[0]),
    words('dataset', 'Dataset', 124, ({ dataset }) => dataset),
    words('model', 'Model', 170, ({ model }) => model),
    words('method', 'Method', 140, ({ method }) => method),
    words('selection', 'Selection', 140, ({ selection }) => selection),
    words('matrix', 'Matrix', 140, ({ matrix }) => matrix?.title),
    words('arm', 'Arm', 140, ({ matrix }) => matrix?.armTitle),
    words('engine', 'Engine', 90, ({ engine }) => engine),
    words('command', 'Command', 180, ({ command }) => command),
    number('seed', 'Seed', 64, ({ seed }) => seed, String, noMean),
    number(
      'epoch',
      'Epochs',
      72,
      ({ epoch }) => epoch,
      (epoch, { epochs }) => (epoch === epochs ? String(epoch) : `${epoch}/${epochs ?? missing}`),
      noMean,
    ),
    number(
      'loss',
      'Loss',
      80,
      ({ loss }) => loss,
      (value) => significant(value),
      {
        help: 'Training loss, mean of the last epoch',
      },
    ),
    number('f1', 'Macro F1', 96, ({ macroF1 }) => macroF1, marked, {
      help: `Of the test split where it was evaluated; ${validationMeaning}`,
      score: true,
      mean: meanScore,
    }),
    number('microf1', 'Micro F1', 84, ({ microF1 }) => microF1, marked, {
      score: true,
      mean: meanScore,
    }),
    prefixed(
      'wh',
      'Energy',
      'Wh',
      wh,
      (run) => run.wh,
      'Sum of the components that were read, without PUE; the half width is that of its sensors',
      wattHalf,
    ),
    ...kinds.map((kind) =>
      prefixed(
        kind,
        kindLabel[kind],
        'Wh',
        wh,
        ({ whByKind }) => whByKind[kind],
        `Energy of the ${kindLabel[kind]}; the run’s page says how it was obtained`,
      ),
    ),
    prefixed(
      'wall',
      'At the socket',
      'Wh',
      wh,
      ({ wallWh }) => wallWh,
      'Estimated by the calibration with a wall meter',
    ),
    prefixed(
      'process',
      'Own processes',
      'Wh',
      wh,
      ({ processWh }) => processWh,
      'What falls to the run’s own processes by their share of use',
    ),
    number('share', 'Own share', 84, share, (value) => percent(value, 0), {
      help: 'Of the energy, what falls to the run’s own processes',
      mean: (mean, half) => plusMinus(percent(mean, 0), half === null ? null : percent(half, 0)),
    }),
    prefixed(
      'co2',
      'Emissions',
      'gCO2e',
      grams,
      ({ gCO2e }) => gCO2e,
      'Energy times PUE times the carbon intensity that priced the run; the half width is that of the energy',
      ({ gCO2e, wh, uncertaintyWh }) =>
        gCO2e === null || !wh || uncertaintyWh === null ? null : (gCO2e * uncertaintyWh) / wh,
    ),
    number(
      'perwh',
      'F1 per Wh',
      88,
      ({ f1PerWh }) => f1PerWh,
      (value) => significant(value),
      {
        help: 'Macro F1 in points (0 to 100) per Wh',
      },
    ),
    number(
      'time',
      'Time',
      104,
      ({ seconds }) => seconds,
      (value) => duration(value),
      {
        help: 'Active time, pauses left out',
        mean: (mean) => duration(mean),
      },
    ),
    number(
      'speed',
      'Images/s',
      80,
      ({ imagesPerSecond }) => imagesPerSecond,
      (value) => significant(value),
      { help: 'Training images per second' },
    ),
    number('images', 'Images seen', 92, ({ imagesSeen }) => imagesSeen, compact, noMean),
    number('parameters', 'Parameters', 88, ({ parameters }) => parameters, compact, noMean),
    number(
      'started',
      'Started',
      108,
      ({ startedAt, createdAt }) => startedAt ?? createdAt,
      (at) => shortMoment(at),
      { ...noMean, help: 'First start; of a run that waits, its entry into the queue' },
    ),
    number(
      'ended',
      'Ended',
      108,
      ({ endedAt }) => endedAt,
      (at) => shortMoment(at),
      noMean,
    ),
    ...extra.map((key): RunColumn => {
      const own = (run: RunSummary): RunValue => valueOf(run, key);
      const numeric = runs.some((run) => typeof own(run) === 'number');
      const show = (value: RunValue): string =>
        value == null
          ? missing
          : typeof value === 'number'
            ? Number.isInteger(value)
              ? count(value)
              : significant(value, 4)
            : typeof value === 'boolean'
              ? value
                ? 'yes'
                : 'no'
              : value;
      return {
        key,
        title: metricTitle(key),
        help: isMetricKey(key) ? metricHelp(key) : `Config: ${key}`,
        width: 110,
        numeric,
        value: (run) => own(run) ?? null,
        text: (run) => show(own(run)),
        ...(isMetricKey(key) && { mean: withInterval }),
      };
    }),
  ];
}

/** Of the usual columns, what a narrow window goes without first. */
const dispensable = ['started', 'tags', 'co2', 'method', 'selection', 'dataset'];

/**
 * Shown until a person chooses: what tells these runs apart, and what they cost.
 * @param room pixels that they may take beside the pinned ones; what does not fit is left out
 */
export function usualColumns(
  runs: readonly RunSummary[],
  room: number,
  widthOf: (key: string) => number,
): string[] {
  const some = (holds: (run: RunSummary) => boolean): boolean => runs.some(holds);
  const differs = (of: (run: RunSummary) => string): boolean => new Set(runs.map(of)).size > 1;
  const onlyArms = runs.length > 0 && runs.every(({ matrix }) => matrix !== null);
  const keys = [
    'status',
    ...(some(({ tags }) => tags.length > 0) ? ['tags'] : []),
    ...(differs(({ dataset }) => dataset) ? ['dataset'] : []),
    ...(!onlyArms && differs(({ method }) => method) ? ['method'] : []),
    ...(onlyArms ? [] : ['selection']),
    'f1',
    'wh',
    'co2',
    'perwh',
    'time',
    'started',
  ];
  const total = (shown: readonly string[]): number =>
    shown.reduce((sum, key) => sum + widthOf(key), 0);
  let shown = keys;
  for (const least of dispensable) {
    if (total(shown) <= room) break;
    shown = shown.filter((key) => key !== least);
  }
  return shown;
}

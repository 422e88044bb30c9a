/** The columns that the table of runs can have: what each holds, how it is shown, and as a mean of repeats. */
import {
  isMetricKey,
  parseMetricKey,
  statusOf,
  type ComponentKind,
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
import { kindsRead } from '../format/provenance.ts';
import { isOver, kindLabel, kinds, provenanceWords } from '../format/words.ts';
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
  /** How a number came about; on hover of the cell. */
  about?: (run: RunSummary) => string;
  /** Why there is none. */
  missing?: (run: RunSummary) => string;
  /** Whose energy it is: its provenance is marked in the cell. */
  kind?: ComponentKind;
  /** Half width of the band of one value, which repeats do not average away; left out where it has none of its own. */
  half?: (run: RunSummary) => Maybe;
  /** It is a score, or made of one, of the split that a run's scores are of. */
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

/** Why a run has no number: it may not have come to it yet, or never comes to it. */
const reason =
  (before: string, never: string, ofCommand = never) =>
  (run: RunSummary): string => {
    if (run.status === 'queued') return 'not started yet';
    if (run.status === 'imported') return 'not in the imported file';
    if (!isOver(run)) return before;
    return run.command === null ? never : ofCommand;
  };
const unscored = reason('after the first evaluation', 'never evaluated', 'the command told none');
/** Of which split, so that nobody takes one for the other. */
const aboutScore = ({ f1Split }: RunSummary): string =>
  f1Split === 'validation' ? validationMeaning : 'Of the test split';
const noSteps = ['after the first steps', 'no step was done', 'the command told none'] as const;
const unshared = reason(
  'the share of its processes is not known of every component',
  'the share of its processes is not known of every component',
);
const unread = reason('no power was read yet', 'no power was read');

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
    more: Partial<RunColumn> = {},
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
        missing: unread,
        ...more,
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
  const splitMarked = (text: string, { f1Split }: RunSummary): string =>
    f1Split === 'validation' ? `${text} ${validationMark}` : text;
  const marked = (score: number, run: RunSummary): string => splitMarked(fixed(score, 3), run);
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
    number('seed', 'Seed', 64, ({ seed }) => seed, String, {
      ...noMean,
      missing: reason('has none', 'has none'),
    }),
    number(
      'epoch',
      'Epochs',
      72,
      ({ epoch }) => epoch,
      (epoch, { epochs }) => (epoch === epochs ? String(epoch) : `${epoch}/${epochs ?? missing}`),
      {
        ...noMean,
        missing: reason('before the first epoch', 'no epoch begun', 'the command told none'),
      },
    ),
    number(
      'loss',
      'Loss',
      80,
      ({ loss }) => loss,
      (value) => significant(value),
      {
        help: 'Training loss, mean of the last epoch',
        missing: reason(...noSteps),
      },
    ),
    // room for the half width of a group's mean
    number('f1', 'Macro F1', 112, ({ macroF1 }) => macroF1, marked, {
      help: `Of the test split where it was evaluated; ${validationMeaning}`,
      score: true,
      mean: meanScore,
      about: aboutScore,
      missing: unscored,
    }),
    number('microf1', 'Micro F1', 84, ({ microF1 }) => microF1, marked, {
      score: true,
      mean: meanScore,
      about: aboutScore,
      missing: unscored,
    }),
    prefixed(
      'wh',
      'Energy',
      'Wh',
      wh,
      (run) => run.wh,
      'Sum of the components that were read, without PUE; the half width is that of its sensors',
      wattHalf,
      { about: (run) => kindsRead(run) ?? 'The run’s page says how it was read' },
    ),
    ...kinds.map((kind) =>
      prefixed(
        kind,
        kindLabel[kind],
        'Wh',
        wh,
        ({ whByKind }) => whByKind[kind],
        `Energy of the ${kindLabel[kind]}; the mark says how it was obtained`,
        undefined,
        {
          kind,
          about: ({ provenanceByKind }) => {
            const provenance = provenanceByKind?.[kind];
            return provenance
              ? `${provenanceWords[provenance].label}: ${provenanceWords[provenance].meaning}`
              : 'The run’s page says how it was read';
          },
          missing: reason(
            `nothing was read of the ${kindLabel[kind]} yet`,
            `nothing was read of the ${kindLabel[kind]}`,
          ),
        },
      ),
    ),
    prefixed(
      'wall',
      'At the socket',
      'Wh',
      wh,
      ({ wallWh }) => wallWh,
      'Estimated by the calibration with a wall meter',
      undefined,
      {
        missing: reason(
          'this machine is not calibrated with a wall meter',
          'the machine was not calibrated with a wall meter before the run',
        ),
      },
    ),
    prefixed(
      'process',
      'Own processes',
      'Wh',
      wh,
      ({ processWh }) => processWh,
      'What falls to the run’s own processes by their share of use',
      undefined,
      { about: () => 'modelled: by share of use', missing: unshared },
    ),
    number('share', 'Own share', 84, share, (value) => percent(value, 0), {
      help: 'Of the energy, what falls to the run’s own processes',
      missing: unshared,
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
      104,
      ({ f1PerWh }) => f1PerWh,
      (value, run) => splitMarked(significant(value), run),
      {
        help: 'Macro F1 in points (0 to 100) per Wh',
        score: true,
        about: aboutScore,
        missing: (run) => (run.macroF1 === null ? unscored(run) : unread(run)),
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
        missing: reason('not started yet', 'ended before it was active'),
        mean: (mean) => duration(mean),
      },
    ),
    number(
      'speed',
      'Images/s',
      80,
      ({ imagesPerSecond }) => imagesPerSecond,
      (value) => significant(value),
      { help: 'Training images per second', missing: reason(...noSteps) },
    ),
    number('images', 'Images seen', 92, ({ imagesSeen }) => imagesSeen, compact, {
      ...noMean,
      missing: reason(...noSteps),
    }),
    number('parameters', 'Parameters', 88, ({ parameters }) => parameters, compact, {
      ...noMean,
      missing: reason(
        'once the model is built',
        'ended before the model was built',
        'the command told none',
      ),
    }),
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
      { ...noMean, missing: () => 'not over yet' },
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
        missing: () => (isMetricKey(key) ? 'the run reported none' : 'its config has none'),
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

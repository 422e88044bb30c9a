/**
 * Curves for charts, thinned beside the database: of all points that fall into one pixel column, the
 * lowest and the highest. No peak is lost, and a week of samples crosses the thread as two points per pixel.
 */
import type { PowerSeries, Series, XAxis } from '../../contract.ts';
import { joulesPerWh } from '../energy/account.ts';
import { SampleFlag } from '../../meter/messages.ts';
import { columnWidth } from './column-width.ts';
import type { ReadableDb } from './database.ts';
import {
  componentsOf,
  countedOf,
  powerComponent,
  readingsFor,
  runSeconds,
  segmentsOf,
  type ComponentRow,
  type Interval,
} from './readings.ts';
import { energyOf, whAt } from './run-energy.ts';

interface Point {
  x: number;
  y: number | null;
  segment: number;
  t: number;
}

const stepColumns: Record<string, string> = {
  loss: 'm.loss',
  lr: 'm.lr',
  tokens: 'm.tokens',
  stepMs: 'm.step_ms',
  waitMs: 'm.wait_ms',
  step: 'm.step',
  seconds: '(s.before_us + m.t - s.from_t) / 1e6',
};
const evaluationColumns: Record<string, string> = {
  loss: 'm.loss',
  accuracy: 'm.accuracy',
  microF1: 'm.micro_f1',
  macroF1: 'm.macro_f1',
  top5: "m.result ->> '$.top5'",
  meanIou: "m.result ->> '$.detection.meanIou'",
  ap: "m.result ->> '$.detection.ap'",
  ap50: "m.result ->> '$.detection.ap50'",
  patchRecall: "m.result ->> '$.patchRecall'",
  attentionSupport: "m.result ->> '$.attentionSupport'",
  attentionIdle: "m.result ->> '$.attentionIdle'",
  zeroDeltas: "m.result ->> '$.deltaSparsity.thresholded'",
};

/** The axes that stand in the database; MACs follow from the config (`experiments/compute-axis.ts`). */
export type StoredAxis = Exclude<XAxis, 'macs'>;

/** Energy rises with time: a curve over energy is thinned over time, then placed. */
const position: Record<StoredAxis, string> = {
  step: 'm.step',
  // a command that tells no epochs has 0, which is no place on this axis
  epoch: 'ifnull(cast(m.step as real) / r.steps_per_epoch, nullif(m.epoch, 0))',
  time: '(s.before_us + m.t - s.from_t) / 1e6',
  wh: '(s.before_us + m.t - s.from_t) / 1e6',
  co2: '(s.before_us + m.t - s.from_t) / 1e6',
};
/** What fluctuates from step to step: its extremes are no measure of its course, so means go with them. */
const withMeans = (name: string) =>
  ['loss', 'stepMs', 'waitMs'].includes(name) || name.startsWith(scalarPrefix);

/** Before the names of what commands report. */
const scalarPrefix = 'scalar.';
/** Such a value has no epoch of its own: it has that of the latest step with one. */
const scalarPosition: Record<StoredAxis, string> = {
  ...position,
  epoch: `ifnull(cast(m.step as real) / r.steps_per_epoch, (select nullif(e.epoch, 0) from metric e
    where e.run = m.run and e.step <= m.step order by e.step desc limit 1))`,
};

/**
 * `loss`, `lr`, `tokens`, `stepMs`, `waitMs`, `step`, `seconds` of the steps; `validation.` or `test.` with `loss`,
 * `accuracy`, `microF1`, `macroF1`, `top5`, `meanIou`, `ap`, `ap50`, `patchRecall`,
 * `attentionSupport`, `attentionIdle`, `zeroDeltas`; `scalar.` with any name of `RunDetail.scalars`. Any
 * other name gives an empty series.
 * @param x step, epoch (with fraction), s of active time, Wh or gCO2e since the start; the latter is the
 *   energy at the run's own mean intensity, so that an hour's price does not bend the axis
 */
export function series(
  db: ReadableDb,
  run: number,
  names: string[],
  x: StoredAxis,
  width: number,
): Series[] {
  const curves = names.map((name) => ({ name, ...curve(db, run, name, x, width) }));
  if (x === 'wh' || x === 'co2') {
    const all = curves.flatMap(({ points, means }) => [...points, ...(means ?? [])]);
    const wh = whAt(db, run, all);
    const factor = x === 'wh' ? 1 : gramsPerWh(db, run);
    all.forEach((point, i) => (point.x = (wh[i] ?? 0) * factor));
  }
  return curves.map(({ name, points, means }) => ({
    name,
    ...columnsOf(points),
    ...(means && { mean: columnsOf(means) }),
  }));
}

const columnsOf = (points: readonly Point[]) => ({
  x: points.map(({ x }) => x),
  y: points.map(({ y }) => y),
});

function gramsPerWh(db: ReadableDb, run: number): number {
  const emissions = energyOf(db, run)?.emissions;
  return emissions ? (emissions.gPerKwh * emissions.pue) / 1000 : 0;
}

interface Curve {
  points: Point[];
  /** Null where all points are there. */
  means: Point[] | null;
}

function curve(db: ReadableDb, run: number, name: string, x: StoredAxis, width: number): Curve {
  if (name.startsWith(scalarPrefix)) {
    const points = `select ${scalarPosition[x]} as x, m.value as y, m.segment, m.t, m.step
      from scalar m join segment s on s.id = m.segment join run r on r.id = m.run
      where m.run = @run and m.name = @name and m.value is not null`;
    return thinned(db, points, { run, name: name.slice(scalarPrefix.length) }, width, true);
  }
  const [split, metric] = name.split('.') as [string, string | undefined];
  const ofSteps = metric === undefined && Object.hasOwn(stepColumns, name);
  const ofEvaluations =
    metric !== undefined &&
    (split === 'validation' || split === 'test') &&
    Object.hasOwn(evaluationColumns, metric);
  if (!ofSteps && !ofEvaluations) return { points: [], means: null };
  const [table, column, where] = ofSteps
    ? ['metric', stepColumns[name]!, '']
    : ['evaluation', evaluationColumns[metric!]!, `and m.split = '${split}'`];
  const points = `select ${position[x]} as x, ${column} as y, m.segment, m.t, m.step
    from ${table} m join segment s on s.id = m.segment join run r on r.id = m.run
    where m.run = @run and ${column} is not null ${where}`;
  return thinned(db, points, { run }, width, withMeans(name));
}

function thinned(
  db: ReadableDb,
  all: string,
  values: { run: number; name?: string },
  width: number,
  wantsMeans: boolean,
): Curve {
  const rows = db.rows<[x: number, y: number, segment: number, t: number]>(
    `select x, y, segment, t from (${all}) where x is not null order by step`,
    values,
  );
  const pointOf = ([x, y, segment, t]: (typeof rows)[number]): Point => ({ x, y, segment, t });
  if (rows.length <= 2 * width) return { points: rows.map(pointOf), means: null };

  let [from, to] = [Infinity, -Infinity];
  for (const [x] of rows) [from, to] = [Math.min(from, x), Math.max(to, x)];
  const size = columnWidth(to - from, width);
  const columns = Math.floor((to - from) / size) + 1;
  /** Per column, the rows with the lowest and the highest value; -1: no row yet. */
  const low = new Int32Array(columns).fill(-1);
  const high = new Int32Array(columns).fill(-1);
  const means: { column: number; n: number; sum: Point & { y: number } }[] = [];
  rows.forEach(([x, y, segment, t], i) => {
    const column = Math.floor((x - from) / size);
    if (low[column]! < 0 || y < rows[low[column]!]![1]) low[column] = i;
    if (high[column]! < 0 || y > rows[high[column]!]![1]) high[column] = i;
    if (!wantsMeans) return;
    let mean = means.at(-1);
    // clocks of two segments cannot be averaged
    if (mean?.column !== column || mean.sum.segment !== segment)
      means.push((mean = { column, n: 0, sum: { x: 0, y: 0, segment, t: 0 } }));
    mean.n++;
    mean.sum.x += x;
    mean.sum.y += y;
    mean.sum.t += t;
  });
  const kept = [...new Set([...low, ...high])].filter((i) => i >= 0).sort((a, b) => a - b);
  return {
    points: kept.map((i) => pointOf(rows[i]!)),
    means: wantsMeans
      ? means.map(({ n, sum: { x, y, segment, t } }) => ({ x: x / n, y: y / n, segment, t: t / n }))
      : null,
  };
}

/**
 * Power and cumulative energy of each component over the active time of a run, baseline included
 * (negative seconds). A null breaks the line where nothing was read.
 */
export function power(db: ReadableDb, run: number, width: number): PowerSeries {
  const windows = powerWindows(db, run);
  const isCounted = countedOf(db, run);
  const components = new Map<string, PowerSeries['components'][number]>();
  if (windows.length === 0) return { components: [] };
  const start = runSeconds({ segment: windows[0]!.segment, t: windows[0]!.from });
  const last = windows.at(-1)!;
  const bucket = columnWidth(runSeconds({ segment: last.segment, t: last.to }) - start, width);

  /** Wh of earlier segments by component. */
  const before = new Map<string, number>();
  for (const window of windows) {
    const { segment } = window;
    const byKey = Map.groupBy(componentsOf(db, segment.launch), ({ key }) => key);
    for (const [key, rows] of byKey) {
      const points = rows.flatMap(({ id }) => powerPoints(db, id, window, bucket));
      points.sort((a, b) => a.t - b.t);
      const account = cumulative(db, window, key, points);
      const earlier = before.get(key) ?? 0;
      let into = components.get(key);
      if (!into) components.set(key, (into = emptySeries(rows.at(-1)!, isCounted)));
      let held = false;
      for (const { t, flags, ...values } of points) {
        into.x.push(runSeconds({ segment, t }));
        const holds = (flags & SampleFlag.throttled) !== 0;
        if (holds && !held) into.throttled.push(runSeconds({ segment, t }));
        held = holds;
        for (const name of readingNames) into[name].push(values[name]);
        const { watts } = values;
        const wh = t < segment.from ? null : account(t);
        into.wh.push(watts === null || wh === null ? null : earlier + wh);
      }
      before.set(key, earlier + (account(segment.to) ?? 0));
    }
  }
  return { components: [...components.values()].filter(({ x }) => x.length > 0) };
}

/** The active time, the first segment with its baseline. */
function powerWindows(db: ReadableDb, run: number): Interval[] {
  return segmentsOf(db, run).map((segment, i) => {
    const { from } =
      i > 0
        ? segment
        : db.get<{ from: number }>(
            `select min(?, ifnull(min(from_t), 9e18)) as "from" from phase where segment = ?`,
            segment.from,
            segment.id,
          )!;
    return { segment, from, to: segment.to };
  });
}

/** Cumulative Wh of one component since the start of the segment, at the times of some points. */
function cumulative(
  db: ReadableDb,
  { segment }: Interval,
  key: string,
  points: readonly { t: number }[],
): (t: number) => number | null {
  const upTo = (t: number): Interval => ({ segment, from: segment.from, to: t });
  const active = points.filter(({ t }) => t >= segment.from).map(({ t }) => upTo(t));
  const readings = readingsFor(db, [...active, upTo(segment.to)], key);
  return (t) => {
    const { joules } = readings.of(key, [upTo(t)]);
    return joules === null ? null : joules / joulesPerWh;
  };
}

/** What a sample holds beside its energy; a point of a curve has them all from one moment. */
const readingNames = ['watts', 'tempC', 'clockMhz', 'utilPercent', 'memoryMb'] as const;
type Readings<Value> = Record<(typeof readingNames)[number], Value>;

const emptySeries = (
  row: ComponentRow,
  isCounted: ReturnType<typeof countedOf>,
): PowerSeries['components'][number] => ({
  ...powerComponent(row),
  counted: isCounted(row),
  x: [],
  wh: [],
  watts: [],
  tempC: [],
  clockMhz: [],
  utilPercent: [],
  memoryMb: [],
  throttled: [],
});

type PowerPoint = { t: number; flags: number } & Readings<number | null>;

/** Columns that are read at a time: of the samples between, only the extremes stay in memory. */
const columnsAtOnce = 64;

/**
 * The samples with the lowest and the highest power of each column. SQLite would sort every column twice;
 * here each sample is looked at once, in the order in which it is stored.
 */
function extremes(
  db: ReadableDb,
  component: number,
  { from, to }: Interval,
  size: number,
): number[] {
  const picked = new Set<number>();
  for (let start = from; start <= to; start += columnsAtOnce * size) {
    const rows = db.rows<[t: number, watts: number | null]>(
      `select t, watts from power_sample
       where component = ? and t >= ? and t < ? and t <= ? order by t`,
      component,
      start,
      start + columnsAtOnce * size,
      to,
    );
    let column = -1;
    let low: (typeof rows)[number] | null = null;
    let high: (typeof rows)[number] | null = null;
    const keep = () => {
      if (low) picked.add(low[0]);
      if (high) picked.add(high[0]);
    };
    for (const row of rows) {
      const [t, watts] = row;
      const own = Math.floor((t - from) / size);
      if (own !== column) {
        keep();
        [column, low, high] = [own, row, row];
      } else if (watts !== null) {
        // what was read goes before what was not
        if (low![1] === null || watts < low![1]) low = row;
        if (high![1] === null || watts > high![1]) high = row;
      }
    }
    keep();
  }
  return [...picked];
}

function powerPoints(
  db: ReadableDb,
  component: number,
  interval: Interval,
  bucket: number,
): PowerPoint[] {
  const { from, to } = interval;
  const size = bucket * 1e6;
  const points = db.all<PowerPoint>(
    `select p.t, p.watts, p.temp_c as tempC, p.clock_mhz as clockMhz,
       p.util_percent as utilPercent, p.memory_mb as memoryMb, p.flags
     from json_each(@times) pick
     cross join power_sample p on p.component = @component and p.t = pick.value
     order by p.t`,
    { component, times: JSON.stringify(extremes(db, component, interval, size)) },
  );
  // the time before a flagged sample is not covered: a point without a value in its middle
  const gaps = db.all<PowerPoint>(
    `select (t + before) / 2 as t, null as watts, null as tempC, null as clockMhz,
       null as utilPercent, null as memoryMb, 0 as flags from (
       select g.t, (select max(p.t) from power_sample p
         where p.component = @component and p.t < g.t) as before
       from power_sample g indexed by power_gap
       where g.component = @component and g.flags & 1 and g.t > @from and g.t <= @to)
     where before >= @from and t - before > @size`,
    { component, from, to, size },
  );
  return [...points, ...gaps];
}

/**
 * Curves for charts, thinned beside the database: of all points that fall into one pixel column, the
 * lowest and the highest. No peak is lost, and a week of samples crosses the thread as two points per pixel.
 */
import type { PowerComponent, PowerSeries, RunTotals, Series, XAxis } from '../../contract.ts';
import { joulesPerWh } from '../energy/account.ts';
import { SampleFlag } from '../../meter/messages.ts';
import { totalOf } from '../../contract/stack.ts';
import { columnWidth } from './column-width.ts';
import type { ReadableDb } from './database.ts';
import { keptCurves } from './kept-curves.ts';
import {
  componentsOf,
  countedOf,
  powerComponent,
  readingsFor,
  runSeconds,
  segmentsOf,
  type Interval,
} from './readings.ts';
import { energyOf, whAt } from './run-energy.ts';
import { climbedLadder, dropLadder } from './sample-ladder.ts';

interface Point {
  x: number;
  y: number | null;
  segment: number;
  t: number;
}
/** Gram CO2e are watt-hours times the run's own mean intensity. */
export type Axis = Exclude<StoredAxis, 'co2'>;

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
const position: Record<Axis, string> = {
  step: 'm.step',
  // a command that tells no epochs has 0, which is no place on this axis
  epoch: 'ifnull(cast(m.step as real) / r.steps_per_epoch, nullif(m.epoch, 0))',
  time: '(s.before_us + m.t - s.from_t) / 1e6',
  wh: '(s.before_us + m.t - s.from_t) / 1e6',
};
/** What fluctuates from step to step: its extremes are no measure of its course, so means go with them. */
const withMeans = (name: string) =>
  ['loss', 'stepMs', 'waitMs'].includes(name) || name.startsWith(scalarPrefix);

/** Before the names of what commands report. */
const scalarPrefix = 'scalar.';
/** Such a value has no epoch of its own: it has that of the latest step with one. */
const scalarPosition: Record<Axis, string> = {
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
  const axis = x === 'co2' ? 'wh' : x;
  const kept = keptCurves<Columns>(db, run, axis, names, width);
  const others = names.filter((name) => !kept.has(name));
  for (const [i, one] of curvesOf(db, run, others, axis, width).entries())
    kept.set(others[i]!, one);
  const all = names.map((name) => ({ name, ...kept.get(name)! }));
  return x === 'co2' ? inGrams(all, gramsPerWh(db, run)) : all;
}

type Columns = Omit<Series, 'name'>;

/** Thins the curves of a run anew. */
export function curvesOf(
  db: ReadableDb,
  run: number,
  names: readonly string[],
  x: Axis,
  width: number,
): Columns[] {
  // the energy that places points is not read where there is no point to place
  if (names.length === 0) return [];
  const ofSteps = names.filter(isOfSteps);
  const steps = stepCurves(db, run, ofSteps, x, width);
  const curves = names.map(
    (name) => steps[ofSteps.indexOf(name)] ?? rowsCurve(db, run, name, x, width),
  );
  const placed = x === 'wh' ? overEnergy(db, run, curves) : curves;
  return placed.map(({ points, means }) => ({
    ...columnsOf(points),
    ...(means && { mean: columnsOf(means) }),
  }));
}

/** What came before anything was read has no place over energy: it is left out, and not at 0. */
function overEnergy(db: ReadableDb, run: number, curves: readonly Curve[]): Curve[] {
  const all = curves.flatMap(({ points, means }) => [...points, ...(means ?? [])]);
  const wh = whAt(db, run, all);
  let next = 0;
  const place = (points: readonly Point[]): Point[] =>
    points.flatMap((point) => {
      const own = wh[next++] ?? null;
      return own === null ? [] : [{ ...point, x: toNano(own) }];
    });
  return curves.map(({ points, means }) => ({
    points: place(points),
    means: means && place(means),
  }));
}

const columnsOf = (points: readonly Point[]) => ({
  x: points.map(({ x }) => x),
  y: points.map(({ y }) => y),
});

/** A billionth of a watt-hour is finer than any counter; what is finer would only make answers longer. */
export const toNano = (wh: number): number => Math.round(wh * 1e9) / 1e9;

const inGrams = (all: Series[], factor: number): Series[] =>
  all.map(({ x, mean, ...own }) => ({
    ...own,
    x: x.map((wh) => wh * factor),
    ...(mean && { mean: { ...mean, x: mean.x.map((wh) => wh * factor) } }),
  }));

function gramsPerWh(db: ReadableDb, run: number): number {
  const emissions = energyOf(db, run)?.emissions;
  return emissions ? (emissions.gPerKwh * emissions.pue) / 1000 : 0;
}

interface Curve {
  points: Point[];
  /** Null where all points are there. */
  means: Point[] | null;
}

const isOfSteps = (name: string): boolean => Object.hasOwn(stepColumns, name);

/** Each step is read once, for all curves that are of the steps. */
function stepCurves(
  db: ReadableDb,
  run: number,
  names: readonly string[],
  x: Axis,
  width: number,
): Curve[] {
  if (names.length === 0) return [];
  const rows = db.rows<Row>(
    `select ${position[x]} as x, m.segment, m.t, ${names.map((name) => stepColumns[name]).join(', ')}
     from metric m join segment s on s.id = m.segment join run r on r.id = m.run
     where m.run = ? order by m.step`,
    run,
  );
  return names.map((name, i) => thinned(rows, valuesFrom + i, width, withMeans(name)));
}

/** A curve that has rows of its own: of evaluations, or of what a command reports. */
function rowsCurve(db: ReadableDb, run: number, name: string, x: Axis, width: number): Curve {
  if (name.startsWith(scalarPrefix)) {
    const rows = db.rows<Row>(
      `select ${scalarPosition[x]} as x, m.segment, m.t, m.value
       from scalar m join segment s on s.id = m.segment join run r on r.id = m.run
       where m.run = ? and m.name = ? order by m.step`,
      run,
      name.slice(scalarPrefix.length),
    );
    return thinned(rows, valuesFrom, width, true);
  }
  const [split, metric] = name.split('.') as [string, string | undefined];
  const known =
    metric !== undefined &&
    (split === 'validation' || split === 'test') &&
    Object.hasOwn(evaluationColumns, metric);
  if (!known) return { points: [], means: null };
  const rows = db.rows<Row>(
    `select ${position[x]} as x, m.segment, m.t, ${evaluationColumns[metric]}
     from evaluation m join segment s on s.id = m.segment join run r on r.id = m.run
     where m.run = ? and m.split = ? order by m.step`,
    run,
    split,
  );
  return thinned(rows, valuesFrom, width, withMeans(name));
}

type Row = [x: number | null, segment: number, t: number, ...values: (number | null)[]];
/** Where in a row the values begin. */
const valuesFrom = 3;

/** Of one column of some rows; rows without a value or without a place on the axis are none of its points. */
function thinned(rows: readonly Row[], own: number, width: number, wantsMeans: boolean): Curve {
  let n = 0;
  let [from, to] = [Infinity, -Infinity];
  for (const row of rows) {
    const x = row[0];
    if (x === null || row[own] === null) continue;
    n++;
    if (x < from) from = x;
    if (x > to) to = x;
  }
  const pointOf = (row: Row): Point => ({ x: row[0]!, y: row[own]!, segment: row[1], t: row[2] });
  if (n <= 2 * width) {
    const all = rows.filter((row) => row[0] !== null && row[own] !== null);
    return { points: all.map(pointOf), means: null };
  }

  const size = columnWidth(to - from, width);
  const columns = Math.floor((to - from) / size) + 1;
  /** Per column, the rows with the lowest and the highest value; -1: no row yet. */
  const low = new Int32Array(columns).fill(-1);
  const high = new Int32Array(columns).fill(-1);
  const means: { column: number; n: number; sum: Point & { y: number } }[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const [x, segment, t] = row;
    const y = row[own]!;
    if (x === null || y === null) continue;
    const column = Math.floor((x - from) / size);
    if (low[column]! < 0 || y < rows[low[column]!]![own]!) low[column] = i;
    if (high[column]! < 0 || y > rows[high[column]!]![own]!) high[column] = i;
    if (!wantsMeans) continue;
    let mean = means.at(-1);
    // clocks of two segments cannot be averaged
    if (mean?.column !== column || mean.sum.segment !== segment)
      means.push((mean = { column, n: 0, sum: { x: 0, y: 0, segment, t: 0 } }));
    mean.n++;
    mean.sum.x += x;
    mean.sum.y += y;
    mean.sum.t += t;
  }
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
  const kept = keptCurves<Traces>(db, run, 'power', ['components'], width).get('components');
  return described(db, run, kept ?? tracesOf(db, powerWindows(db, run), width));
}

/** With what is known of each component. */
export function described(db: ReadableDb, run: number, traces: Traces): PowerSeries {
  const isCounted = countedOf(db, run);
  const components = new Map<string, PowerSeries['components'][number]>();
  for (const { launch } of segmentsOf(db, run))
    for (const [key, rows] of Map.groupBy(componentsOf(db, launch), ({ key }) => key)) {
      const own = traces[key];
      const row = rows.at(-1)!;
      if (own && !components.has(key))
        components.set(key, { ...powerComponent(row), counted: isCounted(row), ...own });
    }
  return { components: [...components.values()] };
}

/** Sums over the components that are the run's, over seconds of its active time. */
export function totals(db: ReadableDb, run: number, width: number): RunTotals {
  const kept = keptCurves<RunTotals['watts']>(db, run, 'power', ['watts', 'wh'], width);
  const [watts, wh] = [kept.get('watts'), kept.get('wh')];
  return watts && wh ? { watts, wh } : totalsOf(power(db, run, width), width);
}

export function totalsOf(all: PowerSeries, width: number): RunTotals {
  const columns = width / 2;
  const { x, y } = totalOf(all, 'wh', columns);
  return {
    watts: totalOf(all, 'watts', columns),
    wh: { x, y: y.map((wh) => (wh === null ? null : toNano(wh))) },
  };
}

/** The columns of a component's curve, by its key. */
export type Traces = Record<
  string,
  Omit<PowerSeries['components'][number], keyof PowerComponent | 'counted'>
>;

/** Thins the power of a run anew; components that were not read are left out. */
export function tracesOf(db: ReadableDb, windows: readonly Interval[], width: number): Traces {
  const traces: Traces = {};
  const [first, last] = [windows[0], windows.at(-1)];
  if (!first || !last) return traces;
  const start = runSeconds({ segment: first.segment, t: first.from });
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
      const into = (traces[key] ??= emptyTrace());
      let held = false;
      for (const { t, flags, ...values } of points) {
        into.x.push(runSeconds({ segment, t }));
        const holds = (flags & SampleFlag.throttled) !== 0;
        if (holds && !held) into.throttled.push(runSeconds({ segment, t }));
        held = holds;
        for (const name of readingNames) into[name].push(values[name]);
        const { watts } = values;
        const wh = t < segment.from ? null : account(t);
        into.wh.push(watts === null || wh === null ? null : toNano(earlier + wh));
      }
      before.set(key, earlier + (account(segment.to) ?? 0));
    }
  }
  return Object.fromEntries(Object.entries(traces).filter(([, { x }]) => x.length > 0));
}

/** The active time, the first segment with its baseline. */
export function powerWindows(db: ReadableDb, run: number): Interval[] {
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

const emptyTrace = (): Traces[string] => ({
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

function powerPoints(
  db: ReadableDb,
  component: number,
  interval: Interval,
  bucket: number,
): PowerPoint[] {
  const { segment, from, to } = interval;
  const size = bucket * 1e6;
  const { ladder } = climbedLadder(db, component, interval);
  if (!segment.open) dropLadder(component, interval);
  const points = db.all<PowerPoint>(
    `select p.t, p.watts, p.temp_c as tempC, p.clock_mhz as clockMhz,
       p.util_percent as utilPercent, p.memory_mb as memoryMb, p.flags
     from json_each(@times) pick
     cross join power_sample p on p.component = @component and p.t = pick.value
     order by p.t`,
    { component, times: JSON.stringify(ladder.extremes(db, size)) },
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

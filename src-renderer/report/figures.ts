/** The figures of a report as the numbers behind them: drawn on its sheets, and into files of their own. */
import type { Comparison, ReportData } from '../../src-main/contract.ts';
import { along, xAxes } from '../lib/chart/axes.ts';
import { bandLines, type Curve } from '../lib/chart/bands.ts';
import { runLooks, type RunLook } from '../lib/chart/markers.ts';
import type { Line } from '../lib/chart/plot.ts';
import {
  drawable,
  f1Lines,
  finding,
  lossLines,
  powerLines,
  totalLine,
} from '../lib/chart/run-lines.ts';
import { ofRun, ofRuns, toldIn, type Setup } from '../lib/chart/setups.ts';

/** What the chart of the window takes, without what is only for the window. */
export interface Figure {
  title: string;
  finding: string;
  lines: Line[];
  quantity: string;
  unit: string;
  fromZero: boolean;
  stacked: boolean;
  xTitle: string;
  formatX: (x: number) => string;
  stepX: ((span: number) => number) | null;
  empty: string;
}

type ReportRun = ReportData['runs'][number];

/** More lines than this cannot be told apart. */
export const mostDrawn = 12;
/** Points of a line of watts. */
const columns = 400;

/** Groups where runs repeat each other, else the runs. */
export function groupsOf({
  groups,
  runs,
}: Comparison): { id: number; name: string; ids: number[] }[] {
  return groups.length < runs.length
    ? groups.map(({ name, ids }) => ({ id: ids[0] ?? 0, name, ids }))
    : runs.map(({ id, name }) => ({ id, name, ids: [id] }));
}

/** Letters of a name that a narrow column has room for. */
const mostLetters = 42;

/**
 * Long names for narrow columns: without the words that all begin with, else without their middle. As they are
 * where two would read alike. In full they stand in the table of results and in legends.
 */
export function shortNames(names: readonly string[]): Map<string, string> {
  const long = (name: string) => name.length > mostLetters;
  const begin = names.some(long) ? commonWords(names) : 0;
  const rest = names.map((name) => (begin > 0 ? `… ${name.slice(begin)}` : name));
  const short = rest.map((name) =>
    long(name) ? `${name.slice(0, 20).trimEnd()} … ${name.slice(-20).trimStart()}` : name,
  );
  const apart = (found: readonly string[]) => new Set(found).size === new Set(names).size;
  const taken = [short, rest].find(apart) ?? names;
  return new Map(names.map((name, i) => [name, taken[i]!]));
}

/** How many letters all begin with, up to the end of a word. */
function commonWords(names: readonly string[]): number {
  const [first = '', ...others] = names;
  let at = 0;
  while (at < first.length && others.every((name) => name[at] === first[at])) at++;
  return others.length === 0 ? 0 : first.lastIndexOf(' ', at - 1) + 1;
}

/** What the runs did, over each other: means with a band where there are repeats. */
export function overlays(data: ReportData): { looks: RunLook[]; figures: Figure[]; left: number } {
  if (!data.comparison) return { looks: [], figures: [], left: 0 };
  const groups = groupsOf(data.comparison);
  const drawn = groups.slice(0, mostDrawn);
  const looks = runLooks(drawn);
  const byId = new Map(data.runs.map((run) => [run.detail.summary.id, run]));
  const linesOf = (of: (run: ReportRun) => Curve | null): Line[] =>
    drawn.flatMap(({ ids }, i): Line[] => {
      const look = looks[i]!;
      const curves = ids.flatMap((id) => {
        const run = byId.get(id);
        return (run && of(run)) ?? [];
      });
      const band = curves.length > 1 ? bandLines(look, curves, 'interval') : [];
      // curves that have no x in common have no mean
      return band.some(({ edge, x }) => !edge && x.length > 0)
        ? band
        : curves.map(({ x, y, mean }, k) => ({ ...look, key: `${look.key} ${k}`, x, y, mean }));
    });
  const epochs = data.runs.every(({ byEpoch }) => byEpoch.some(({ x }) => x.length > 0));
  const named = (name: string) =>
    linesOf(
      ({ series, byEpoch }) => (epochs ? byEpoch : series).find((one) => one.name === name) ?? null,
    );
  const curveAxis = along(epochs ? xAxes.epoch : xAxes.time);
  const f1 = named('validation.macroF1');
  const loss = named('loss');
  const watts = linesOf(({ detail: { summary }, power }) =>
    totalLine(power, 'watts', summary, columns),
  );
  return {
    looks,
    left: groups.length - drawn.length,
    figures: [
      figureOf(ofRuns.f1, f1, curveAxis),
      figureOf(ofRuns.loss, loss, curveAxis),
      figureOf(ofRuns.power, watts, along(xAxes.time)),
    ],
  };
}

/** The curves of one run over time, as far as there are any. */
export function runFigures({ series, power }: ReportRun): Figure[] {
  const byName = Object.fromEntries(series.map((one) => [one.name, one]));
  const over = along(xAxes.time);
  return [
    figureOf(ofRun.loss, lossLines(byName), over),
    figureOf(ofRun.f1, f1Lines(byName), over),
    figureOf(ofRun.power, powerLines(power, 'watts'), over),
    figureOf(ofRun.energy, powerLines(power, 'wh'), over),
  ].filter(({ lines }) => drawable(lines));
}

/** Not smoothed: a person of the window chooses that. */
function figureOf(
  setup: Setup & { empty?: string },
  lines: Line[],
  over: ReturnType<typeof along>,
): Figure {
  const { title, quantity, unit, fromZero = false, stacked = false, empty = '' } = setup;
  const told = finding(lines, toldIn(setup));
  return { title, quantity, unit, fromZero, stacked, empty, lines, finding: told, ...over };
}

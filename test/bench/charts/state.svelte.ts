/** Eight charts' data: half of them stacks of three, half of them a noisy line. */
import { rangeOf, type Line } from '../../../src-renderer/lib/chart/plot.ts';
import { ahead, type Range } from '../../../src-renderer/lib/chart/range.ts';
import { Thinner } from '../../../src-renderer/lib/chart/thin.ts';
import { columnWidth } from '../../../src-main/core/store/column-width.ts';

/**
 * How the lines of an update come: `grown` by a point at their end; `sent` by a host that thinned them, as
 * new arrays; `moved`, a point more and both axes of another length.
 */
export type Way = 'grown' | 'sent' | 'moved';

export interface EightChart {
  title: string;
  stacked: boolean;
  lines: Line[];
  xRange: Range;
}

const colours = ['var(--ram)', 'var(--cpu)', 'var(--gpu)'];
const wave = (i: number, k: number) =>
  100 + 20 * k + 10 * Math.sin(i / 300) + ((i * 7919) % 101) / 20;
/** What the host thins to: columns at most, two points each. */
const sentColumns = 900;
/** As `core/store/series.ts` does. */
function sent({ x, y }: Pick<Line, 'x' | 'y'>) {
  const width = columnWidth(x.length - 1, sentColumns);
  return new Thinner([0, width * sentColumns], sentColumns).extend(x, y, x.length);
}

export function createState(points: number, way: Way) {
  let updates = 0;
  const all = Array.from({ length: 8 }, (_, index) => {
    const stacked = index % 2 === 1;
    const lines = Array.from({ length: stacked ? 3 : 1 }, (_, k) => ({
      key: String(k),
      label: `Line ${k}`,
      colour: colours[k]!,
      provenance: stacked ? ('counted' as const) : null,
      x: Array.from({ length: points }, (_, i) => i),
      y: Array.from({ length: points }, (_, i) => wave(i, k)),
    }));
    return { title: `Chart ${index + 1}`, stacked, lines };
  });
  const view = (): EightChart[] =>
    all.map(({ lines, ...rest }) => {
      const [from, to] = rangeOf(lines)!;
      return {
        ...rest,
        lines: lines.map((line) => ({
          ...line,
          ...(way === 'sent' && sent(line)),
        })),
        xRange: way === 'moved' ? [from, to * (1 + updates / 100)] : ahead([from, to]),
      };
    });
  let charts = $state.raw(view());
  return {
    get charts() {
      return charts;
    },
    /** Makes the next lines, as host or measurement would. @returns to call when they arrive in the page */
    next(): () => void {
      updates++;
      for (const { lines } of all)
        lines.forEach(({ x, y }, k) => {
          const spike = way === 'moved' ? updates : 0;
          y.push(wave(x.length, k) + spike);
          x.push(x.length);
        });
      const after = view();
      return () => (charts = after);
    },
  };
}

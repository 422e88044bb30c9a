/** Eight charts' data: half of them stacks of three, half of them a noisy line. */
import type { Line } from '../../../src-renderer/lib/chart/plot.ts';

const colours = ['var(--ram)', 'var(--cpu)', 'var(--gpu)'];
const wave = (i: number, k: number) =>
  100 + 20 * k + 10 * Math.sin(i / 300) + ((i * 7919) % 101) / 20;

export function createState(points: number) {
  const chart = (index: number) => {
    const stacked = index % 2 === 1;
    const lines = Array.from(
      { length: stacked ? 3 : 1 },
      (_, k): Line & { x: number[]; y: number[] } => ({
        key: String(k),
        label: `Line ${k}`,
        colour: colours[k]!,
        provenance: stacked ? 'counted' : null,
        x: Array.from({ length: points }, (_, i) => i),
        y: Array.from({ length: points }, (_, i) => wave(i, k)),
      }),
    );
    return { title: `Chart ${index + 1}`, stacked, lines };
  };
  let charts = $state.raw(Array.from({ length: 8 }, (_, i) => chart(i)));
  return {
    get charts() {
      return charts;
    },
    grow() {
      // as when an answer of the host arrives: new lines, one point longer
      charts = charts.map(({ lines, ...rest }) => ({
        ...rest,
        lines: lines.map((line, k) => {
          const { x, y } = line;
          y.push(wave(x.length, k));
          x.push(x.length);
          return { ...line };
        }),
      }));
    },
  };
}

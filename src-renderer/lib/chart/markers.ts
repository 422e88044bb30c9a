/**
 * Shapes on the lines of runs, for paper: with the dashes they tell runs apart where there is no colour. A run
 * has its own pair of both, as it has its colour, unless another of the same chart has it already.
 */
import { runColour } from '../format/words.ts';

export const markers = ['circle', 'square', 'triangle', 'diamond', 'cross', 'ring', 'box'] as const;
export type Marker = (typeof markers)[number];

const dashes = [[], [7, 3], [2, 2], [8, 3, 2, 3]];
/** Four dashes and seven shapes have no common divisor: every pair once, and neighbours differ in both. */
const pairs = dashes.length * markers.length;

export interface RunLook {
  key: string;
  label: string;
  colour: string;
  dash: number[];
  marker: Marker;
}

/** No two of these look the same in grey, up to 28 of them. */
export function runLooks(runs: readonly { id: number; name: string }[]): RunLook[] {
  const taken = new Set<number>();
  return runs.map(({ id, name }) => {
    let pair = (id - 1) % pairs;
    while (taken.has(pair) && taken.size < pairs) pair = (pair + 1) % pairs;
    taken.add(pair);
    return {
      key: String(id),
      label: name,
      colour: runColour(id),
      dash: dashes[pair % dashes.length]!,
      marker: markers[pair % markers.length]!,
    };
  });
}

/** An SVG element of the shape around a place. */
export function markerSvg(marker: Marker, x: number, y: number, colour: string): string {
  const at = (value: number) => Math.round(value * 100) / 100;
  const r = 2.8;
  const path = (d: string, fill = colour) =>
    `<path d="${d}" fill="${fill}" stroke="${colour}" stroke-width="1.2"/>`;
  switch (marker) {
    case 'circle':
    case 'ring':
      return `<circle cx="${at(x)}" cy="${at(y)}" r="${r}" fill="${marker === 'ring' ? '#fff' : colour}" stroke="${colour}" stroke-width="1.2"/>`;
    case 'square':
    case 'box':
      return path(`M${at(x - r)} ${at(y - r)}h${2 * r}v${2 * r}h${-2 * r}z`, marker === 'box' ? '#fff' : colour); // prettier-ignore
    case 'triangle':
      return path(`M${at(x)} ${at(y - r - 0.6)}l${r + 0.4} ${2 * r}h${-2 * (r + 0.4)}z`);
    case 'diamond':
      return path(`M${at(x)} ${at(y - r - 1)}l${r + 0.6} ${r + 1}l${-r - 0.6} ${r + 1}l${-r - 0.6} ${-r - 1}z`); // prettier-ignore
    case 'cross':
      return path(`M${at(x - r)} ${at(y - r)}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`, 'none'); // prettier-ignore
  }
}

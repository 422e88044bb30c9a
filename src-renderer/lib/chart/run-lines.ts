/** Turning the series of runs into chart lines, and the sentence that tells what they show. */
import {
  totalOf,
  type PowerComponent,
  type PowerSeries,
  type Series,
} from '../../../src-main/contract.ts';
import { fixed, quantity, significant } from '../format/number.ts';
import { kindColour, kindLabel, runColour, runDash } from '../format/words.ts';
import type { Line } from './plot.ts';

export type SeriesByName = Record<string, Series>;

const line = (
  series: SeriesByName,
  name: string,
  look: Pick<Line, 'label' | 'colour'> & Partial<Line>,
): Line[] => {
  const found = series[name];
  return found && found.x.length > 0
    ? [{ key: name, x: found.x, y: found.y, mean: found.mean, ...look }]
    : [];
};

export const lossLines = (series: SeriesByName): Line[] => [
  ...line(series, 'loss', { label: 'Training', colour: 'var(--run-1)', faint: true }),
  ...line(series, 'validation.loss', {
    label: 'Validation',
    colour: 'var(--run-1)',
    // the smoothed line of training is as strong
    dash: [6, 3],
  }),
];

export const f1Lines = (series: SeriesByName): Line[] => [
  ...line(series, 'validation.macroF1', { label: 'Macro F1', colour: 'var(--run-3)' }),
  ...line(series, 'validation.microF1', {
    label: 'Micro F1',
    colour: 'var(--run-3)',
    dash: [5, 3],
    faint: true,
  }),
];

const scalarPrefix = 'scalar.';

/** What a command reported under names of its own, a chart each. */
export const scalarLines = (series: SeriesByName): { name: string; lines: Line[] }[] =>
  Object.keys(series).flatMap((key) => {
    const name = key.slice(scalarPrefix.length);
    const lines = key.startsWith(scalarPrefix)
      ? line(series, key, { label: name, colour: 'var(--run-2)' })
      : [];
    return lines.length > 0 ? [{ name, lines }] : [];
  });

/** RAM at the bottom, then CPU, then GPU: the steady ones carry the ones that move. */
const order = { ram: 0, cpu: 1, gpu: 2 };

/** Cards that are not the run's are left out, as they are of every sum. */
export function powerLines(power: PowerSeries, of: 'watts' | 'wh', factor = 1): Line[] {
  const components = power.components.filter(({ counted }) => counted);
  const name = (component: PowerComponent) =>
    components.filter(({ kind }) => kind === component.kind).length > 1
      ? component.name
      : kindLabel[component.kind];
  return [...components]
    .sort((a, b) => order[a.kind] - order[b.kind])
    .map((component) => ({
      key: component.key,
      label: name(component),
      x: component.x,
      y: component[of].map((value) => (value === null ? null : value * factor)),
      colour: kindColour(component.kind),
      provenance: component.provenance,
    }));
}

/** A line for each card of the run that says how warm it was, or how fast its cores ran. */
export function cardLines({ components }: PowerSeries, of: 'tempC' | 'clockMhz'): Line[] {
  const cards = components.filter(
    ({ counted, [of]: values }) => counted && values.some((value) => value !== null),
  );
  return cards.map((card, i) => ({
    key: card.key,
    label: cards.length > 1 ? `${card.name} ${i + 1}` : card.name,
    x: card.x,
    y: card[of],
    colour: cards.length > 1 ? runColour(i + 1) : kindColour(card.kind),
  }));
}

/** One line per run: the sum over all components that it ever read. */
export const totalLine = (
  power: PowerSeries,
  of: 'watts' | 'wh',
  run: { id: number; name: string },
  columns: number,
): Line => ({ ...runLook(run), ...totalOf(power, of, columns) });

export const runLook = ({ id, name }: { id: number; name: string }) => ({
  key: String(id),
  label: name,
  colour: runColour(id),
  dash: runDash(id),
});

/** Whether a chart of these lines would show anything. */
export const drawable = (lines: readonly Line[]): boolean =>
  lines.some(({ y }) => y.some((value) => value !== null));

/** Whether a run recorded any curve; an imported one brings totals only. */
export const hasCurves = (series: SeriesByName, power: PowerSeries): boolean =>
  drawable([...lossLines(series), ...f1Lines(series), ...powerLines(power, 'watts')]);

/** What the lines show, in a sentence; `F1` as a unit: from 0 to 1. Edges of bands are left out. */
export function finding(lines: readonly Line[], unit: string): string {
  const told = lines.filter(({ edge }) => !edge);
  if (told.length === 0) return 'Nothing to show yet.';
  const parts = told.map(({ label, y }) => {
    const known = y.filter((value) => value !== null);
    const [first, last] = [known[0], known.at(-1)];
    if (first === undefined || last === undefined) return `${label}: no readings`;
    const text = (value: number) =>
      unit === 'F1' ? fixed(value, 3) : unit ? quantity(value, unit) : significant(value);
    return known.length === 1
      ? `${label}: ${text(last)}`
      : `${label}: from ${text(first)} to ${text(last)}, at most ${text(Math.max(...known))}`;
  });
  return `${parts.join('. ')}.`;
}

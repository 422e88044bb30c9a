/** Curves that follow from others: throughput, energy per image, and the moments worth a mark. */
import type { PowerSeries, RunDetail, Series } from '../../../src-main/contract.ts';
import type { Line, Mark } from './plot.ts';
import { interpolate } from './range.ts';
import type { Place } from './place.ts';
import type { SeriesByName } from './run-lines.ts';

const joulesPerWh = 3600;

/** Images per second of training steps, evaluations left out: batch over the time of each step. */
export function throughputLines({ stepMs }: SeriesByName, batch: number | null): Line[] {
  if (!stepMs || batch === null || stepMs.x.length === 0) return [];
  const rate = (ms: number | null) => (ms === null || ms <= 0 ? null : (1000 * batch) / ms);
  return [
    {
      key: 'throughput',
      label: 'Images/s',
      x: stepMs.x,
      y: stepMs.y.map(rate),
      // a mean of times is not the mean of rates, but it is the rate over that stretch
      mean: stepMs.mean && { x: stepMs.mean.x, y: stepMs.mean.y.map(rate) },
      colour: 'var(--run-6)',
    },
  ];
}

/** Phases in which steps train the model. */
const training = new Set(['train', 'finetune', 'pretrain', 'contrastive', 'teacher']);

/**
 * Joules per image of each training phase that has ended: all counted components over the images of its
 * steps. A point stands at the phase's end.
 * @param steps series of the step over seconds of active time
 */
export function energyPerImageLine(
  phases: RunDetail['phases'],
  { step, seconds }: SeriesByName,
  batch: number | null,
): Line[] {
  if (batch === null || !step || !seconds) return [];
  const times = numbers(seconds);
  const steps = numbers(step);
  /** Steps that had ended by then. */
  const done = (time: number) =>
    time < (times[0] ?? Infinity)
      ? (steps[0] ?? 1) - 1
      : Math.floor((interpolate(times, steps, time) ?? steps.at(-1) ?? 0) + 1e-9);
  const points = phases.flatMap(({ name, from, to, wh }) => {
    if (!training.has(name) || to === null || wh === null) return [];
    const images = (done(to) - done(from)) * batch;
    return images >= batch ? [{ x: to, y: (wh * joulesPerWh) / images }] : [];
  });
  if (points.length === 0) return [];
  return [
    {
      key: 'joulesPerImage',
      label: 'Per image trained',
      x: points.map(({ x }) => x),
      y: points.map(({ y }) => y),
      colour: 'var(--run-4)',
    },
  ];
}

const numbers = ({ y }: Series): number[] => y.map((value) => value ?? 0);

export const rateLines = ({ lr }: SeriesByName): Line[] =>
  lr && lr.x.length > 0
    ? [{ key: 'lr', label: 'Learning rate', x: lr.x, y: lr.y, colour: 'var(--run-5)' }]
    : [];

/** By more than this from one step to the next, after standing still: a schedule's drop, not its slope. */
const drop = 0.8;

export function rateDrops({ lr }: SeriesByName): Mark[] {
  if (!lr) return [];
  return lr.x.flatMap((x, i) => {
    const [older, before, now] = [lr.y[i - 2], lr.y[i - 1], lr.y[i]];
    if (older == null || before == null || now == null || before <= 0) return [];
    const stood = Math.abs(older - before) <= 1e-9 * before;
    return stood && now < drop * before
      ? [{ x, text: `Learning rate ${show(before)} → ${show(now)}`, own: false }]
      : [];
  });
}
/** A rate with more peaks than this has no warm-up; it goes up and down. */
const mostPeaks = 8;

/** Where the rate has risen to its peak and rises no more: the end of the warm-up of each stage. */
export function warmUpEnds({ lr }: SeriesByName): Mark[] {
  if (!lr) return [];
  const peaks: Mark[] = [];
  let rising = false;
  for (let i = 1; i < lr.x.length; i++) {
    const [before, now] = [lr.y[i - 1], lr.y[i]];
    if (before == null || now == null) continue;
    const rises = now > before * (1 + 1e-9);
    if (rising && !rises)
      peaks.push({
        x: lr.x[i - 1]!,
        text: `Warm-up ends at learning rate ${show(before)}`,
        own: false,
      });
    rising = rises;
  }
  return peaks.length > mostPeaks ? [] : peaks;
}

const show = (rate: number) => String(Number(rate.toPrecision(3)));

/** Everything that is marked, where it lies on the axis. */
export function marksOf(
  detail: RunDetail | null,
  power: PowerSeries,
  series: SeriesByName,
  place: Place,
): Mark[] {
  const at = (time: number, text: string, own = false): Mark[] => {
    const x = place.toAxis(time);
    return x === null ? [] : [{ x, text, own }];
  };
  return [
    ...(detail?.markers ?? []).flatMap(({ time, text, kind }) => at(time, text, kind === 'own')),
    ...power.components.flatMap(({ counted, throttled, name }) =>
      counted ? throttled.flatMap((time) => at(time, `${name}: clock held down`)) : [],
    ),
    ...warmUpEnds(series),
    ...rateDrops(series),
  ];
}

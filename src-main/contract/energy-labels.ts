/** What an energy is made of: how much of it was counted, and how much is a model or a constant. */
import type { Provenance } from '../meter/messages.ts';

/** From the best to the least certain. */
export const provenances = [
  'metered',
  'counted',
  'integrated',
  'modelled',
  'constant',
] as const satisfies readonly Provenance[];

export const leastCertain = (a: Provenance | undefined, b: Provenance): Provenance =>
  a !== undefined && provenances.indexOf(a) > provenances.indexOf(b) ? a : b;

interface Part {
  provenance: Provenance;
  wh: number | null;
  counted: boolean;
}

/** Shares of the total by label, best label first; empty where there is no energy. They sum to 1. */
export function sharesByLabel(components: readonly Part[]): { label: Provenance; share: number }[] {
  const own = components.filter(({ counted, wh }) => counted && wh !== null && wh > 0);
  const total = own.reduce((sum, { wh }) => sum + wh!, 0);
  return provenances.flatMap((label) => {
    const wh = own
      .filter(({ provenance }) => provenance === label)
      .reduce((sum, part) => sum + part.wh!, 0);
    return wh > 0 ? [{ label, share: wh / total }] : [];
  });
}

/** `57 % counted, 39 % modelled, 4 % constant`; empty where there is no energy. */
export const labelWords = (components: readonly Part[]): string =>
  sharesByLabel(components)
    .map(({ label, share }) => `${percentWords(share)} ${label}`)
    .join(', ');

/** Whole per cents, but neither nothing nor all of it by rounding. */
function percentWords(share: number): string {
  if (share === 1) return 'all';
  const percent = Math.round(share * 100);
  return percent === 0 ? 'under 1 %' : percent === 100 ? 'over 99 %' : `${percent} %`;
}

/** What each figure of a run's energy means and how it is made, one sentence each. */
export const energyMeanings = {
  gross:
    'All that these components took from start to end of the run, whoever used it. This is the figure to report.',
  net: 'Gross minus idle power times time. Idle power was measured just before the run; the machine would have drawn it anyway.',
  process:
    'The part of gross that falls to the run’s own processes. Modelled by share of use: of the busy processor time, of the memory held, of the card’s compute time; idle power is shared out with it.',
  withoutProgram:
    'Gross minus the part of HuggingGreen itself, its overhead. That part is modelled by share of use, so this figure is too; its band is that of the sensors alone.',
  program:
    'The part of gross that falls to HuggingGreen itself (host, window, meter), modelled in the same way. It is no part of the training.',
} as const;

/** Null where either is not known. */
export const withoutProgramWh = (energy: {
  wh: number | null;
  programWh: number | null;
}): number | null =>
  energy.wh === null || energy.programWh === null ? null : energy.wh - energy.programWh;

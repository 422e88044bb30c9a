/** How the energy of a run came about, in words: for the hints of its figures. */
import type { Energy, RunSummary } from '../../../src-main/contract.ts';
import { count, significant } from './number.ts';
import { kindLabel, kinds, provenanceWords } from './words.ts';

const plain = (value: number): string =>
  Number.isInteger(value) ? count(value) : significant(value, 2);

/** `10 Hz`. */
export const rate = (hz: number): string => `${plain(hz)} Hz`;

/** `10 times a second`, `every 2 s`. */
const often = (hz: number): string =>
  hz === 1 ? 'every second' : hz > 1 ? `${plain(hz)} times a second` : `every ${plain(1 / hz)} s`;

const sentence = (text: string): string => `${text.replace(/[.\s]+$/, '')}.`;

/** Of every component that was read and is the run's, how; how often; and what the band is made of. */
export function howRead({ components, uncertaintyWh }: Energy, hz: number | null): string {
  const read = components.filter(({ counted, wh }) => counted && wh !== null);
  const ways = new Set(
    read.map(({ kind, provenance, method }) =>
      sentence(`${kindLabel[kind]} ${provenanceWords[provenance].label}: ${method}`),
    ),
  );
  const bands = read.filter((component) => component.uncertaintyWh !== null).length;
  return [
    ...ways,
    ...(hz !== null && read.some(({ provenance }) => provenance !== 'constant')
      ? [`Sensors and load are read ${often(hz)}.`]
      : []),
    ...(uncertaintyWh !== null && bands > 1
      ? ['±: root of the sum of the squares of their bands.']
      : []),
  ].join(' ');
}

/** `GPU counted, CPU modelled`; null where that was not kept. */
export function kindsRead({ provenanceByKind }: RunSummary): string | null {
  const told = kinds.flatMap((kind) => {
    const provenance = provenanceByKind?.[kind];
    return provenance ? [`${kindLabel[kind]} ${provenanceWords[provenance].label}`] : [];
  });
  return told.length > 0 ? told.join(', ') : null;
}

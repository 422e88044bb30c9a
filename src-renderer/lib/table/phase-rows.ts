/** What each epoch took, phase by phase. */
import type { PhaseEnergy, PhaseLabel } from '../../../src-main/contract.ts';

export interface PhaseRow {
  name: PhaseLabel;
  epoch: number | null;
  /** Null while the phase goes on. */
  seconds: number | null;
  wh: number | null;
  images: number | null;
}

const add = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : a + b;

/** A row per epoch and phase, in order of their first start; what came twice (a resume) is one row. */
export function byEpoch(phases: readonly PhaseEnergy[]): PhaseRow[] {
  const rows = new Map<string, PhaseRow>();
  for (const { name, epoch, from, to, wh, images } of phases) {
    const key = `${epoch} ${name}`;
    const seconds = to === null ? null : to - from;
    const row = rows.get(key);
    rows.set(
      key,
      row
        ? {
            ...row,
            seconds: add(row.seconds, seconds),
            wh: add(row.wh, wh),
            images: add(row.images, images),
          }
        : { name, epoch, seconds, wh, images },
    );
  }
  return [...rows.values()];
}

const joulesPerWh = 3600;
/** Null where either is not known, and while it goes on. */
export const joulesPerImage = ({ wh, images, seconds }: PhaseRow): number | null =>
  wh === null || !images || seconds === null ? null : (wh * joulesPerWh) / images;

/** Keeping hourly carbon intensity, and forgetting it. */
import type { Steps } from '../energy/intensity/steps.ts';
import type { WritableDb } from './database.ts';

/** A step that is there already takes the new figure: services correct theirs. */
export function addIntensitySteps(
  db: WritableDb,
  provider: string,
  zone: string,
  { at, gPerKwh }: Steps,
): void {
  at.forEach((start, i) =>
    db.run(
      'insert or replace into intensity_hour (provider, zone, at_ms, g_per_kwh) values (?, ?, ?, ?)',
      provider,
      zone,
      start,
      gPerKwh[i]!,
    ),
  );
}

export function removeIntensity(db: WritableDb, provider: string, zone: string): void {
  db.run('delete from intensity_hour where provider = ? and zone = ?', provider, zone);
}

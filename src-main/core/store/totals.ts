/**
 * The totals in a run's row: what a table of ten thousand runs shows without reading samples.
 *
 * Written when a run ends, from its raw joules, and again whenever its price changes; they can be made
 * anew at any time and nothing else is computed from them.
 */
import { leastCertain, type ComponentKind, type Energy, type RunSummary } from '../../contract.ts';
import type { WritableDb } from './database.ts';
import { plus } from './readings.ts';
import { energyOf } from './run-energy.ts';
import { sampleFacts } from './sample-facts.ts';

export function storeTotals(db: WritableDb, run: number): void {
  const energy = energyOf(db, run);
  if (!energy) return;
  db.run(
    `update run set seconds = @seconds, wh = @wh, uncertainty_wh = @uncertainty, g_co2e = @gCO2e,
       wh_by_kind = @byKind, provenance_by_kind = @provenance, wall_wh = @wall, process_wh = @process,
       sample_facts = @facts,
       images_per_second = iif(command is null,
         (select json_extract(run.config, '$.train.batch') * 1000.0 / avg(step_ms)
           from metric where metric.run = run.id),
         images_seen * 1e6 / (select nullif(ifnull(sum(to_t - from_t), @seconds * 1e6), 0)
           from phase where phase.run = run.id and phase.name = 'train' and to_t is not null))
     where id = @run`,
    {
      run,
      seconds: energy.seconds,
      wh: energy.wh,
      uncertainty: energy.uncertaintyWh,
      gCO2e: energy.emissions.gCO2e,
      byKind: JSON.stringify(byKind(energy)),
      provenance: JSON.stringify(provenanceByKind(energy)),
      wall: energy.wall?.wh ?? null,
      process: energy.processWh,
      facts: JSON.stringify(sampleFacts(db, run)),
    },
  );
}

export function byKind(energy: Energy): Partial<Record<ComponentKind, number | null>> {
  const sums: Partial<Record<ComponentKind, number | null>> = {};
  for (const { kind, wh, counted } of energy.components)
    if (counted) sums[kind] = plus(sums[kind] ?? null, wh);
  return sums;
}

/** Of what was read and is the run's; of several parts, the least certain. */
export function provenanceByKind(energy: Energy): NonNullable<RunSummary['provenanceByKind']> {
  const kinds: NonNullable<RunSummary['provenanceByKind']> = {};
  for (const { kind, wh, counted, provenance } of energy.components)
    if (counted && wh !== null) kinds[kind] = leastCertain(kinds[kind], provenance);
  return kinds;
}

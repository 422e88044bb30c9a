/** Energy of a run that came from a CSV file: the file's figures, in the shape of our own. */
import type { ComponentKind, Energy, Provenance } from '../../contract.ts';
import { joulesPerWh, plainPricing, runEnergy } from '../energy/account.ts';
import type { ImportedRun } from './types.ts';

const kinds: ComponentKind[] = ['gpu', 'cpu', 'ram'];

/**
 * What a source word of the file says about its numbers; a word we do not know is a model. CodeCarbon
 * writes no such word: it reads the GPU's counter (its `gpu.py`), and the rest may be a model.
 */
function provenance(kind: ComponentKind, source: string | null): Provenance {
  if (source === null) return kind === 'gpu' ? 'counted' : 'modelled';
  if (['counter', 'rapl', 'emi', 'ioreport'].includes(source)) return 'counted';
  if (
    ['integrated', 'typeperf', 'libre-hardware-monitor', 'macmon', 'powermetrics'].includes(source)
  )
    return 'integrated';
  if (source === 'constant' || source === 'dimm' || source === 'guess') return 'constant';
  return 'modelled';
}

export function importedEnergy(run: ImportedRun): Energy {
  const seconds = run.seconds ?? 0;
  const present = kinds.filter((kind) => run.wh[kind] !== null);
  const energy = runEnergy({
    seconds,
    components: present.map((kind) => ({
      info: {
        key: kind,
        kind,
        name: kind.toUpperCase(),
        source: run.sources[kind] ?? 'imported',
        provenance: provenance(kind, run.sources[kind]),
        uncertaintyPercent: null,
        uncertaintyWatts: null,
        method: run.sources[kind]
          ? `as the CSV file says: ${run.sources[kind]}`
          : 'as the CSV file says; how it was read is not in it',
      },
      energy: { joules: run.wh[kind]! * joulesPerWh, coverage: run.coverage ?? 1, gaps: 0 },
      idleWatts: kind === 'ram' ? null : run.idleWatts[kind],
    })),
    pricing: { ...plainPricing(run.intensity, run.pue), ...run.pricing, hourly: null },
  });
  // a file may tell the sum and not its parts
  const wh = energy.wh ?? run.totalWh ?? null;
  // the file's own emissions stand; its factor may have changed while it ran
  const { uncertaintyPercent: percent = null } = run;
  const uncertaintyWh = wh === null || percent === null ? null : (wh * percent) / 100;
  // a file that does not say how much was read does not say that all was
  const { coverage } = run;
  const components = energy.components.map((component) => ({ ...component, coverage, gaps: null }));
  return {
    ...energy,
    ...run.parts,
    wh,
    uncertaintyWh,
    coverage,
    components,
    emissions: { ...energy.emissions, gCO2e: run.gCO2e },
  };
}

/** What configs will take on this machine, by what has run and was rehearsed here until now. */
import type { EngineName, ExperimentConfig, Forecast, RunCost, Settings } from '../../contract.ts';
import { pricingOf } from '../settings.ts';
import type { Store } from '../store/store.ts';
import { rehearsedHere } from './rehearse.ts';
import { runCost, shapeOf, type MeasuredCost, type Place } from './run-cost.ts';

interface Here {
  store: Pick<Store, 'pastRuns' | 'recall'>;
  /** The engine that `auto` takes; null while that is not known. */
  autoEngine: () => EngineName | null;
  /** Brand of the processor; null while it is not known. */
  cpu: () => string | null;
  settings: () => Settings;
}

/** With what is known at one moment. */
export interface Known {
  cost(config: ExperimentConfig, of: Forecast): RunCost;
  /** Its own rehearsal; null where there was none. */
  measured(config: ExperimentConfig): MeasuredCost | null;
}

export interface Costs {
  place(config: Pick<ExperimentConfig, 'compute'>): Place;
  known(): Promise<Known>;
}

export function createCosts(here: Here): Costs {
  const place: Costs['place'] = ({ compute }) => ({
    engine: compute.engine === 'auto' ? here.autoEngine() : compute.engine,
    cpu: here.cpu(),
  });
  return {
    place,
    known: async () => {
      const [runs, rehearsed] = await Promise.all([
        here.store.pastRuns(),
        rehearsedHere(here.store),
      ]);
      // before the engines of this start are known, `auto` is what it was the last time
      const last = runs.find(({ config }) => config.compute.engine === 'auto')?.engine ?? null;
      const placeHere = (config: ExperimentConfig): Place => {
        const own = place(config);
        return { ...own, engine: own.engine ?? (last as EngineName | null) };
      };
      return {
        cost: (config, of) => {
          const own = placeHere(config);
          const { [shapeOf(config, own)]: measured = null, ...others } = rehearsed;
          const { region, pue } = pricingOf(config, here.settings()).pricing;
          const experience = { runs, measured, others: Object.values(others) };
          return runCost(config, of, experience, own, (region.gPerKwh * pue) / 1000);
        },
        measured: (config) => rehearsed[shapeOf(config, placeHere(config))] ?? null,
      };
    },
  };
}

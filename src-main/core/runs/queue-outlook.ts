/** What the runs that wait will take together, by what is known of each. */
import type { Estimate, QueueOutlook } from '../../contract.ts';
import type { Costs } from '../experiments/costs.ts';
import type { QueuedRun } from '../store/queue.ts';
import type { Store } from '../store/store.ts';
import type { ActiveRun } from './lifecycle.ts';

type Cost = QueueOutlook['waiting'];

export interface QueueOutlookWatch {
  /** @param cooling what may be left of the wait for idle power that goes on now, in seconds */
  of(
    waiting: readonly number[],
    active: Pick<ActiveRun, 'expected' | 'soFar'> | null,
    cooling?: number,
  ): QueueOutlook;
  /** Reckons anew: when other runs wait, or when one that ended tells more. Never rejects. */
  refresh(): Promise<void>;
}

const none: Estimate = { low: 0, value: 0, high: 0 };
const unknown: Cost = { seconds: null, wh: null, gCO2e: null };

export function queueOutlook({
  store,
  costs,
  coolDown,
  log,
}: {
  store: Pick<Store, 'queuedRuns'>;
  costs: Pick<Costs, 'known'>;
  /** What a wait for idle power takes, in seconds; null: there is none. */
  coolDown: () => Estimate | null;
  log: (line: string) => void;
}): QueueOutlookWatch {
  let known = new Map<number, Cost>();
  /** Those that measure idle power first, and so wait for it after another run. */
  let waitsForIdle = new Set<number>();

  const refresh = async (): Promise<void> => {
    try {
      const runs = await store.queuedRuns();
      waitsForIdle = new Set(
        runs.flatMap(({ id, config }) => (config.energy.baselineSeconds > 0 ? [id] : [])),
      );
      if (runs.length === 0) return void (known = new Map());
      const { cost } = await costs.known();
      // repeats of a matrix cost the same
      const alike = new Map<string, Cost>();
      known = new Map(
        runs.map((run) => {
          const key = JSON.stringify({
            ...run.config,
            name: '',
            train: { ...run.config.train, seed: 0 },
          });
          const whole = alike.get(key) ?? withBaseline(cost(run.config, run.forecast));
          alike.set(key, whole);
          return [run.id, part(whole, Math.max(0, dueOf(run) - doneOf(run)))];
        }),
      );
    } catch (cause) {
      log(`What the queue will take could not be reckoned: ${String(cause)}`);
    }
  };

  return {
    refresh,
    of: (waiting, active, cooling = 0) => {
      const parts = waiting.map((id) => known.get(id) ?? unknown);
      const after = active ? waiting : waiting.slice(1);
      const later = times(coolDown(), after.filter((id) => waitsForIdle.has(id)).length);
      const waits = cooling > 0 ? plus(later ?? none, { low: 0, value: cooling / 2, high: cooling }) : later; // prettier-ignore
      const sum = added(parts);
      // waits alone tell nothing of runs of which nothing is known
      if (waits && sum.seconds) sum.seconds = plus(sum.seconds, waits);
      const own = active && leftOf(active);
      return {
        waiting: sum,
        all: own ? added([own, sum]) : sum,
        unknown: parts.filter(({ seconds }) => seconds === null).length,
      };
    },
  };
}

const doneOf = ({ step, steps }: QueuedRun): number =>
  step === null || !steps ? 0 : Math.min(1, step / steps);

/** Share of the whole run at which it ends or pauses. */
const dueOf = ({ rung, config }: QueuedRun): number =>
  rung === null ? 1 : Math.min(1, rung / config.train.epochs);

function withBaseline({
  seconds,
  wh,
  gCO2e,
  baselineSeconds,
}: ReturnType<Awaited<ReturnType<Costs['known']>>['cost']>): Cost {
  return {
    seconds:
      seconds && plus(seconds, { low: baselineSeconds, value: baselineSeconds, high: baselineSeconds }), // prettier-ignore
    wh,
    gCO2e,
  };
}

const times = (of: Estimate | null, factor: number): Estimate | null =>
  of && { low: of.low * factor, value: of.value * factor, high: of.high * factor };

const part = ({ seconds, wh, gCO2e }: Cost, share: number): Cost => ({
  seconds: times(seconds, share),
  wh: times(wh, share),
  gCO2e: times(gCO2e, share),
});

const plus = (a: Estimate, b: Estimate): Estimate => ({
  low: a.low + b.low,
  value: a.value + b.value,
  high: a.high + b.high,
});

/** Of what is known; null where nothing is. */
function added(costs: readonly Cost[]): Cost {
  const sum = (of: (cost: Cost) => Estimate | null): Estimate | null =>
    costs.reduce<Estimate | null>((all, cost) => {
      const next = of(cost);
      return next && all ? plus(all, next) : (all ?? next);
    }, null);
  return {
    seconds: sum(({ seconds }) => seconds),
    wh: sum(({ wh }) => wh),
    gCO2e: sum(({ gCO2e }) => gCO2e),
  };
}

/** What the active run will take still. */
function leftOf(active: Pick<ActiveRun, 'expected' | 'soFar'>): Cost | null {
  const expected = active.expected();
  if (!expected) return null;
  const { wh, gCO2e } = active.soFar();
  const left = (range: readonly [number, number] | null, until: number | null): Estimate | null =>
    range && {
      low: Math.max(0, range[0] - (until ?? 0)),
      value: Math.max(0, (range[0] + range[1]) / 2 - (until ?? 0)),
      high: Math.max(0, range[1] - (until ?? 0)),
    };
  return {
    seconds: left(expected.seconds, 0),
    wh: left(expected.wh, wh),
    gCO2e: left(expected.gCO2e, gCO2e),
  };
}

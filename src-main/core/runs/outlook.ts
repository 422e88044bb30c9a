/** What is expected of a run that goes on: time to go, and energy and emissions at its end. */
import type { Events, RunCost } from '../../contract.ts';
import type { Range } from '../../contract/figures.ts';
import { Eta, Gliding, Progressed } from './eta.ts';
import type { RunPlan } from './run-plan.ts';

/** What the run has used until now. */
interface Now {
  /** Seconds of active time. */
  time: number;
  wh: number | null;
  gCO2e: number | null;
  watts: number | null;
}

export interface Foreknown {
  /** Null for a command. */
  plan: RunPlan | null;
  cost: Pick<RunCost, 'seconds' | 'wh'> | null;
}

/** Mean powers over less say little. */
const leastSeconds = 5;
/** Time constant of the recent power. */
const recentSeconds = 20;
/** What is left of power to be doubtful about, beside that of time. */
const powerShare = 0.03;

export class RunOutlook {
  readonly eta: Eta;
  readonly #cost: Foreknown['cost'];
  readonly #from: { time: number; wh: number | null };
  readonly #wh = new Gliding();
  readonly #share = new Progressed();
  #recent: number | null = null;
  #at: number;

  /** @param from where the run begins or goes on */
  constructor(
    { plan, cost }: Foreknown,
    from: { time: number; wh: number | null; step: number; steps: number | null },
  ) {
    this.eta = new Eta(plan, cost?.seconds ?? null, from);
    this.#cost = cost;
    this.#from = from;
    this.#at = from.time;
  }

  hear(name: string, data: unknown): void {
    if (name === 'run.phase') this.eta.phase(data as Events['run.phase']);
    if (name === 'run.steps') this.eta.steps(data as Events['run.steps']);
    if (name === 'run') this.eta.total((data as Events['run']).steps);
  }

  /** Once a second. @param gPerWh emissions of a Wh from here on, PUE included */
  at(now: Now, gPerWh: number): Omit<Events['run.outlook'], 'id'> {
    this.#feel(now);
    const seconds = this.eta.remaining(now.time);
    const left = seconds && this.#energy(now, seconds);
    const wh = left && this.#wh.toward(left, now.wh ?? 0, now.time);
    return {
      seconds,
      wh: wh && plus(wh, now.wh ?? 0),
      gCO2e: wh && plus([wh[0] * gPerWh, wh[1] * gPerWh], now.gCO2e ?? 0),
      share: this.#share.at(now.time, seconds),
    };
  }

  #feel({ time, watts }: Now): void {
    const passed = Math.max(0, time - this.#at);
    this.#at = time;
    if (watts === null) return;
    const weight = 1 - Math.exp(-passed / recentSeconds);
    this.#recent = this.#recent === null ? watts : this.#recent + weight * (watts - this.#recent);
  }

  /** Wh in so many seconds: at the power of the run so far, at the recent one, and around both. */
  #energy({ time, wh }: Now, [low, high]: Range): Range | null {
    const powers: number[] = [];
    const since = time - this.#from.time;
    if (wh !== null && since >= leastSeconds)
      powers.push(((wh - (this.#from.wh ?? 0)) * 3600) / since);
    else if (this.#cost?.wh && this.#cost.seconds)
      powers.push((this.#cost.wh.value * 3600) / this.#cost.seconds.value);
    // power that is read without energy is of a sensor that has just begun
    if (this.#recent !== null && wh !== null) powers.push(this.#recent);
    if (powers.length === 0) return null;
    return [
      (low * Math.min(...powers) * (1 - powerShare)) / 3600,
      (high * Math.max(...powers) * (1 + powerShare)) / 3600,
    ];
  }
}

const plus = ([low, high]: Range, more: number): Range => [low + more, high + more];

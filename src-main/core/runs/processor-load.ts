/**
 * How busy the processor was in a stretch of time, by the meter's readings: other programs' work takes
 * power too, and belongs neither into idle power nor, unsaid, into a run's energy.
 */
import { cpus } from 'node:os';
import type { ComponentInfo, SampleBatch } from '../../meter/messages.ts';
import { othersNoteText } from '../../contract/other-programs.ts';

/** An idle machine is less busy than this. */
const idlePercent = 20;
/** Other programs' share of the processor that a run does not notice. */
const othersPercent = 15;

/** Mean utilisation of the processor from a moment on. */
export class ProcessorLoad {
  readonly #from: number;
  #sum = 0;
  #readings = 0;

  /** @param from monotonic microseconds; readings up to it are of the time before */
  constructor(from: number) {
    this.#from = from;
  }

  append({ t, series }: SampleBatch, components: readonly ComponentInfo[]): void {
    for (const { key, utilPercent } of series) {
      if (components.find((component) => component.key === key)?.kind !== 'cpu') continue;
      utilPercent.forEach((percent, i) => {
        if (percent === null || t[i]! <= this.#from) return;
        this.#sum += percent;
        this.#readings++;
      });
    }
  }

  /** Null where nothing was read. */
  get meanPercent(): number | null {
    return this.#readings > 0 ? this.#sum / this.#readings : null;
  }
}

/** What is wrong with an idle baseline; null when it can be believed. */
export function baselineProblem(
  watts: Record<string, number | null>,
  utilPercent: number | null,
): string | null {
  if (Object.values(watts).every((value) => value === null))
    return 'No power was read during the idle baseline: energy above idle is missing.';
  if (utilPercent === null || utilPercent <= idlePercent) return null;
  return `The machine was busy during the idle baseline (processor ${Math.round(utilPercent)} %): idle power is too high, and energy above idle too low.`;
}

/**
 * Says so when others than this program used the processor.
 * @param utilPercent of all processors, by everyone
 * @param ownMicros processor time of trainer and host, summed over threads
 * @param micros length of the stretch
 */
export function othersNote(
  utilPercent: number | null,
  ownMicros: number,
  micros: number,
  processors = cpus().length,
): string | null {
  if (utilPercent === null || micros <= 0 || processors === 0) return null;
  const others = utilPercent - (100 * ownMicros) / (micros * processors);
  if (others <= othersPercent) return null;
  return othersNoteText(others);
}

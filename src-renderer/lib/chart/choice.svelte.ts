/** What a person chose for a chart, kept by its title: the same chart of another run has it too. */
import type { ChartChoice } from './plot.ts';
import { averages, smoothings } from './smooth.ts';

export class Choice {
  value = $state.raw<ChartChoice>({
    smoothing: 'off',
    average: 'ema',
    log: false,
    fromZero: false,
    clip: false,
  });
  readonly #key: string;

  constructor(title: string, usual: ChartChoice) {
    this.#key = `hugginggreen.chart.${title}`;
    this.value = { ...usual, ...remembered(this.#key) };
  }

  set(change: Partial<ChartChoice>) {
    this.value = { ...this.value, ...change };
    localStorage.setItem(this.#key, JSON.stringify(this.value));
  }
}

/** What was written by another version is taken as far as it is understood. */
function remembered(key: string): Partial<ChartChoice> {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '{}') as Record<string, unknown>;
    const flags = (['log', 'fromZero', 'clip'] as const).filter(
      (name) => typeof kept[name] === 'boolean',
    );
    return {
      ...Object.fromEntries(flags.map((name) => [name, kept[name]])),
      ...(Object.hasOwn(smoothings, String(kept.smoothing)) && {
        smoothing: kept.smoothing as ChartChoice['smoothing'],
      }),
      ...(Object.hasOwn(averages, String(kept.average)) && {
        average: kept.average as ChartChoice['average'],
      }),
    };
  } catch {
    return {};
  }
}

// eslint-disable-next-line svelte/prefer-svelte-reactivity -- written while a page is drawn, never watched
const choices = new Map<string, Choice>();

/** Shared by all charts of this title that are shown at once. */
export function choiceOf(title: string, usual: ChartChoice): Choice {
  let choice = choices.get(title);
  if (!choice) choices.set(title, (choice = new Choice(title, usual)));
  return choice;
}

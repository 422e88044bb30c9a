/**
 * The one sentence about a run that goes on, and the line that carries it: a bar on a terminal, plain
 * lines now and then in a log file.
 */
import type { Events, RunSummary } from '../contract.ts';
import { duration, number } from './text.ts';

/** What is known of a run while it trains. */
export class Progress {
  #label: string | null = 'Waiting in the queue';
  #step = 0;
  #steps: number | null = null;
  #epoch = 0;
  #rate: number | null = null;
  #energy: Events['run.energy'] | null = null;
  /** Step and time of the first and the last step of this session. */
  #first: { step: number; time: number } | null = null;
  #last: { step: number; time: number } | null = null;

  summary(run: RunSummary): void {
    this.#steps = run.steps;
    this.#rate = run.imagesPerSecond;
    if (run.status === 'stopping') this.#label = 'Stopping with a checkpoint';
  }

  working(label: string, fraction: number | null): void {
    this.#label = fraction === null ? label : `${label} ${Math.round(fraction * 100)} %`;
  }

  steps({ steps, time }: Events['run.steps']): void {
    const last = steps.step.length - 1;
    if (last < 0) return;
    this.#label = null;
    this.#first ??= { step: steps.step[0]!, time: time[0]! };
    this.#last = { step: steps.step[last]!, time: time[last]! };
    this.#step = steps.step[last]!;
    this.#epoch = steps.epoch[last]!;
  }

  energy(energy: Events['run.energy']): void {
    this.#energy = energy;
  }

  /** What the run is doing, without its figures: a log takes a line whenever it changes. */
  get topic(): string {
    return this.#label?.replace(/ \d+ %$/, '') ?? 'Training';
  }

  /** 0..1; null before the first step. */
  get fraction(): number | null {
    return this.#steps && this.#step ? this.#step / this.#steps : null;
  }

  sentence(): string {
    const parts: string[] = [];
    const { fraction } = this;
    if (this.#label) parts.push(this.#label);
    if (fraction !== null && this.#steps !== null) {
      parts.push(`step ${this.#step}/${this.#steps}`, `${Math.floor(fraction * 100)} %`);
      const left = this.#secondsLeft();
      if (left && !this.#label) parts.push(`ETA ${this.#epoch > 2 ? duration(left) : range(left)}`);
      if (this.#rate !== null) parts.push(`${number(this.#rate)} img/s`);
    }
    if (this.#energy) {
      const { watts, wh, gCO2e } = this.#energy;
      if (watts !== null) parts.push(`${number(watts, 2)} W`);
      if (wh !== null) parts.push(`${number(wh, 2)} Wh`);
      if (gCO2e !== null) parts.push(`${number(gCO2e, 2)} gCO2e`);
    }
    return parts.join(' · ');
  }

  #secondsLeft(): number | null {
    const first = this.#first;
    const last = this.#last;
    if (!first || !last || last.step === first.step || this.#steps === null) return null;
    const perStep = (last.time - first.time) / (last.step - first.step);
    return perStep * (this.#steps - last.step);
  }
}

/** Until two epochs are done an ETA is a guess, and says so by being an interval. */
function range(seconds: number): string {
  const [low, high] = [seconds * 0.85, seconds * 1.2];
  if (high < 90) return `${Math.floor(low)}-${Math.ceil(high)} s`;
  if (high < 7200) return `${Math.floor(low / 60)}-${Math.ceil(high / 60)} min`;
  return `${(low / 3600).toFixed(1)}-${(high / 3600).toFixed(1)} h`;
}

export interface ProgressLine {
  show(sentence: string, fraction: number | null, topic?: string): void;
  /** A line that stays. */
  print(line: string): void;
  end(): void;
}

/** In a log file a line this often, and when the topic changes. */
const logEveryMs = 10_000;

export function progressLine(stream: NodeJS.WriteStream, quiet: boolean): ProgressLine {
  if (quiet) return { show: () => {}, print: () => {}, end: () => {} };
  if (!stream.isTTY) {
    let loggedAt = -Infinity;
    let loggedTopic: string | undefined;
    return {
      show: (sentence, _fraction, topic) => {
        const due = topic !== loggedTopic || Date.now() - loggedAt >= logEveryMs;
        if (sentence === '' || !due) return;
        loggedAt = Date.now();
        loggedTopic = topic;
        stream.write(`${sentence}\n`);
      },
      print: (line) => stream.write(`${line}\n`),
      end: () => {},
    };
  }
  let shown = '';
  const clear = (): boolean => stream.write('\r\u001b[K');
  return {
    show: (sentence, fraction) => {
      const text = `${bar(fraction)} ${sentence}`;
      shown = text.length < stream.columns ? text : text.slice(0, stream.columns - 1);
      clear();
      stream.write(shown);
    },
    print: (line) => {
      clear();
      stream.write(`${line}\n${shown}`);
    },
    end: () => {
      clear();
      shown = '';
    },
  };
}

function bar(fraction: number | null): string {
  const width = 20;
  const full = Math.round((fraction ?? 0) * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}

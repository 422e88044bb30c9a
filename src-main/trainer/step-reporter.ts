/** Collects step metrics and sends them in columns a few times a second: a message per step would cost more than it tells. */
import type { StepMetrics } from './messages.ts';

type Step = { [Column in keyof StepMetrics]: StepMetrics[Column][number] };

const interval = 250; // ms

const noSteps = (): StepMetrics => ({
  t: [],
  step: [],
  epoch: [],
  loss: [],
  lr: [],
  tokens: [],
  stepMs: [],
  waitMs: [],
});

export class StepReporter {
  readonly #send: (steps: StepMetrics) => void;
  #steps = noSteps();
  #sentAt = -Infinity;

  constructor(send: (steps: StepMetrics) => void) {
    this.#send = send;
  }

  add(step: Step): void {
    for (const [column, values] of Object.entries(this.#steps) as [keyof Step, (number | null)[]][])
      values.push(step[column]);
    if (performance.now() - this.#sentAt >= interval) this.flush();
  }

  flush(): void {
    if (this.#steps.step.length === 0) return;
    this.#send(this.#steps);
    this.#steps = noSteps();
    this.#sentAt = performance.now();
  }
}

/** Over which x axis the curves of a run are drawn: chosen in a view, and kept for the next run that it shows. */
import { xAxisNames, type RunSummary, type XAxis } from '../../../src-main/contract.ts';

const keptKey = (view: string) => `hugginggreen.axis.${view}`;

export class AxisChoice {
  readonly view: 'live' | 'run';
  readonly #offered: readonly XAxis[];
  readonly #run: () => RunSummary | null;
  #chosen = $state<XAxis>('step');

  /** Those that the run has: what an import or a command computed is not known. */
  readonly axes = $derived.by((): XAxis[] => {
    const run = this.#run();
    const uncounted = run !== null && (run.status === 'imported' || run.command !== null);
    return this.#offered.filter((x) => !(uncounted && x === 'macs'));
  });
  /** Derived, so that what is drawn over it is not begun anew with every step of the run. */
  readonly #shown = $derived.by((): XAxis =>
    this.axes.includes(this.#chosen) ? this.#chosen : this.#offered[0]!,
  );

  /** @param offered in the order of the switch; the first is the usual one */
  constructor(view: 'live' | 'run', offered: readonly XAxis[], run: () => RunSummary | null) {
    this.view = view;
    this.#offered = offered;
    this.#run = run;
    const kept = localStorage.getItem(keptKey(view));
    this.#chosen = xAxisNames.find((name) => name === kept) ?? offered[0]!;
  }

  get x(): XAxis {
    return this.#shown;
  }
  set x(x: XAxis) {
    this.#chosen = x;
    localStorage.setItem(keptKey(this.view), x);
  }

  next() {
    this.x = this.axes[(this.axes.indexOf(this.x) + 1) % this.axes.length]!;
  }
}

/**
 * Whether a training still gets better. Energy that is spent after the best validation is the part of a run
 * that somebody could have had back, so a score that no longer rises is said, once per plateau, with what
 * it has taken since.
 */
import type { Events } from '../../contract.ts';
import { figure } from '../../contract/figures.ts';

type Evaluation = Pick<Events['run.evaluation'], 'epoch' | 'step' | 'result'>;

/** The first of these that a run tells is what it is judged by, to its end; a command may tell only some. */
const scores = [
  ['macroF1', 'macro F1'],
  ['microF1', 'micro F1'],
  ['accuracy', 'accuracy'],
] as const;

export class PlateauWatch {
  #judged: (typeof scores)[number] | null = null;
  #best: { value: number; epoch: number; step: number; wh: number | null } | null = null;
  #since = 0;
  /** Of those, the ones before it was resumed. */
  #earlier = 0;
  #said = false;

  /** @param earlier evaluations of the run before it was resumed, in order; what they had taken is not known */
  constructor(earlier: readonly Evaluation[]) {
    for (const evaluation of earlier) this.#count(evaluation, null);
    this.#earlier = this.#since;
  }

  /**
   * @param wh energy of the run so far; null: not known
   * @param patience evaluations without a better one after which it is said; null: never
   * @returns what is to be said now, without the name of the run
   */
  look(evaluation: Evaluation, wh: number | null, patience: number | null): string | null {
    this.#count(evaluation, wh);
    const best = this.#best;
    if (patience === null || !best || this.#said || this.#since < patience) return null;
    this.#said = true;
    // it was said before it was resumed, and stands in its notes
    if (this.#earlier >= patience) return null;
    const since =
      wh !== null && best.wh !== null
        ? ` ${this.#since === 1 ? 'It' : 'They'} took ${figure(wh - best.wh, 'Wh')}.`
        : '';
    const where = best.epoch > 0 ? `epoch ${best.epoch}` : `step ${best.step}`;
    return `Validation ${this.#judged![1]} is no better than the ${best.value.toFixed(3)} of ${where} in ${evaluations(this.#since)} since.${since}`;
  }

  #count({ epoch, step, result }: Evaluation, wh: number | null): void {
    if (result.split !== 'validation') return;
    this.#judged ??= scores.find(([score]) => result[score] !== null) ?? null;
    const value = this.#judged && result[this.#judged[0]];
    if (value === null || !Number.isFinite(value)) return;
    if (!this.#best || value > this.#best.value) {
      this.#best = { value, epoch, step, wh };
      this.#since = 0;
      this.#earlier = 0;
      this.#said = false;
      return;
    }
    // a command may tell the scores of one evaluation one after the other
    if (step > this.#best.step) this.#since++;
  }
}

const evaluations = (count: number): string =>
  count === 1 ? 'the evaluation' : `${count} evaluations`;

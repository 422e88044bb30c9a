import { describe, expect, it } from 'vitest';
import type { ReportedResult } from '../../../src-main/contract.ts';
import { PlateauWatch } from '../../../src-main/core/runs/plateau-watch.ts';
import { scores } from '../store/scene.ts';

const evaluation = (epoch: number, macroF1: number | null, more: Partial<ReportedResult> = {}) => ({
  epoch,
  step: 100 * epoch,
  result: { ...scores('validation', 0.5), macroF1, ...more },
});

/** One evaluation per epoch, at 2 Wh each; what was said, by epoch. */
function said(f1s: (number | null)[], patience: number | null = 3, watch = new PlateauWatch([])) {
  const lines: Record<number, string> = {};
  f1s.forEach((f1, index) => {
    const epoch = index + 1;
    const line = watch.look(evaluation(epoch, f1), 2 * epoch, patience);
    if (line !== null) lines[epoch] = line;
  });
  return lines;
}

describe('a validation score that no longer rises', () => {
  it('is said once per plateau, with what was spent since the best', () => {
    expect(said([0.5, 0.6, 0.6, 0.55, 0.59, 0.58, 0.61, 0.6, 0.6, 0.6, 0.6])).toEqual({
      5: 'Validation macro F1 is no better than the 0.600 of epoch 2 in 3 evaluations since. They took 6.0 Wh.',
      10: 'Validation macro F1 is no better than the 0.610 of epoch 7 in 3 evaluations since. They took 6.0 Wh.',
    });
  });

  it('is not said of one that rises, nor where nobody wants to hear it', () => {
    expect(said([0.1, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.4])).toEqual({});
    expect(said([0.5, 0.4, 0.4, 0.4, 0.4], null)).toEqual({});
  });

  it('leaves out energy that was not read, and looks at validation alone', () => {
    const watch = new PlateauWatch([]);
    watch.look(evaluation(1, 0.5), null, 1);
    expect(watch.look(evaluation(2, 0.4, { split: 'test' }), null, 1)).toBeNull();
    expect(watch.look(evaluation(2, 0.4), 3, 1)).toBe(
      'Validation macro F1 is no better than the 0.500 of epoch 1 in the evaluation since.',
    );
  });

  it('judges by what the run tells, and by that to the end', () => {
    const watch = new PlateauWatch([]);
    const told = (step: number, accuracy: number, macroF1: number | null) =>
      watch.look(
        {
          epoch: 0,
          step,
          result: { ...scores('validation', 0.5), microF1: null, macroF1, accuracy },
        },
        null,
        2,
      );
    expect(told(10, 0.7, null)).toBeNull();
    // one more score of the same evaluation is no evaluation more
    expect(told(10, 0.7, 0.1)).toBeNull();
    expect(told(20, 0.7, 0.2)).toBeNull();
    expect(told(30, 0.6, 0.3)).toContain('accuracy is no better than the 0.700 of step 10');
  });

  it('goes on with what a resumed run had reached, and says it again only of a new plateau', () => {
    const earlier = [evaluation(1, 0.6), evaluation(2, 0.5)];
    const watch = new PlateauWatch(earlier);
    expect(watch.look(evaluation(3, 0.5), 1, 1)).toBeNull();
    expect(watch.look(evaluation(4, 0.7), 2, 1)).toBeNull();
    expect(watch.look(evaluation(5, 0.5), 3, 1)).toContain('0.700 of epoch 4');
  });

  it('says after a resume what it had not come to before', () => {
    const watch = new PlateauWatch([evaluation(1, 0.6), evaluation(2, 0.5)]);
    expect(watch.look(evaluation(3, 0.5), 1, 3)).toBeNull();
    // what it has taken since its best is not known
    expect(watch.look(evaluation(4, 0.5), 2, 3)).toBe(
      'Validation macro F1 is no better than the 0.600 of epoch 1 in 3 evaluations since.',
    );
    expect(watch.look(evaluation(5, 0.5), 3, 3)).toBeNull();
  });
});

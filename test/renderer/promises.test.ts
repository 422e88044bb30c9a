import { describe, expect, it } from 'vitest';
import type { RunDetail } from '../../src-main/contract.ts';
import { promiseOfF1, promiseOfLoss } from '../../src-renderer/lib/chart/promises.ts';
import { reportOf } from '../mocks/link.ts';

const one = (y: number[]) => ({ name: '', x: y, y });
function detail(change: (detail: RunDetail) => void): RunDetail {
  const found = structuredClone(reportOf([1]).runs[0]!.detail);
  found.config!.train.recipe = 'scratch';
  found.cost = { ...found.cost!, stepsPerEpoch: 200 };
  change(found);
  return found;
}
const plain = detail(() => {});

describe('an empty chart', () => {
  it('says at which step the first evaluation comes, and when as soon as there is a rate', () => {
    expect(promiseOfF1(plain, {})).toMatch(/First evaluation at step 200\.$/);
    // 4 steps a second, 160 to go
    const series = { step: one([20, 40]), seconds: one([5, 10]) };
    expect(promiseOfF1(plain, series)).toMatch(/First evaluation at step 200, in about 40 s\.$/);
    const late = { step: one([20, 200]), seconds: one([5, 50]) };
    expect(promiseOfF1(plain, late)).toMatch(/step 200, under way\.$/);
  });

  it('goes by the epochs that are evaluated, of which the last is one', () => {
    const seldom = detail(({ config }) => Object.assign(config!.train, { evalEvery: 5, epochs: 12 })); // prettier-ignore
    expect(promiseOfF1(seldom, {})).toBe(
      'F1 on the validation images appears here after every 5 epochs. First evaluation at step 1,000.',
    );
    const short = detail(({ config }) => Object.assign(config!.train, { evalEvery: 5, epochs: 3 }));
    expect(promiseOfF1(short, {})).toMatch(/First evaluation at step 600\.$/);
  });

  it('names no step where a recipe of stages or a command decides', () => {
    const staged = detail(({ config }) => (config!.train.recipe = 'pt+ft'));
    expect(promiseOfF1(staged, {})).toMatch(/after the first evaluated epoch\.$/);
    expect(promiseOfF1(null, {})).toMatch(/after the first evaluated epoch\.$/);
    const command = detail((own) => {
      own.config = own.cost = null;
      own.command = { argv: ['python'] } as RunDetail['command'];
    });
    expect(promiseOfF1(command, {})).toBe(
      'F1 appears here when the command reports an evaluation.',
    );
    expect(promiseOfLoss(command)).toBe('The loss appears here when the command reports one.');
  });

  it('says what is waited for before the first step', () => {
    const measuring = detail(({ summary }) => (summary.status = 'baseline'));
    expect(promiseOfLoss(measuring)).toMatch(/; idle power is being measured first\.$/);
    const compiling = detail((own) => {
      const span = { epoch: null, wh: null, byKind: {} };
      own.summary.status = 'running';
      own.phases = [
        { name: 'prepare', from: 0, to: 2, ...span },
        { name: 'compile', from: 2, to: null, ...span },
      ];
    });
    expect(promiseOfLoss(compiling)).toMatch(/; the training step is being compiled\.$/);
    compiling.phases[1]!.to = 3;
    expect(promiseOfLoss(compiling)).toMatch(/with the first steps\.$/);
  });
});

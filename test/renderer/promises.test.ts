import { describe, expect, it } from 'vitest';
import type { RunDetail } from '../../src-main/contract.ts';
import { promiseOfF1, promiseOfLoss } from '../../src-renderer/lib/chart/promises.ts';
import { reportOf } from '../mocks/link.ts';

const one = (y: number[]) => ({ name: '', x: y, y });
function detail(change: (detail: RunDetail) => void): RunDetail {
  const found = structuredClone(reportOf([1]).runs[0]!.detail);
  found.config!.train.recipe = 'scratch';
  change(found);
  const { epochs } = found.config?.train ?? { epochs: 0 };
  if (found.cost) found.cost = { ...found.cost, stepsPerEpoch: 200, steps: 200 * epochs };
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

  it('counts the stages before the one that is evaluated, which have a pace of their own', () => {
    // 6 epochs of pre-training, whose images take 50 steps, then 4 of fine-tuning
    const staged = detail(({ config }) => {
      Object.assign(config!.train, { recipe: 'pt+ft', epochs: 10, evalEvery: 4 });
      config!.finetune.share = 0.4;
    });
    staged.cost!.steps = 6 * 50 + 4 * 200;
    // after epoch 8, the second of the last stage
    expect(promiseOfF1(staged, {})).toBe(
      'F1 on the validation images appears here in the last stage (Fine-tune), after every 4 epochs. First evaluation at step 700.',
    );
    const pretraining = { step: one([100, 300]), seconds: one([10, 30]) };
    expect(promiseOfF1(staged, pretraining)).toMatch(/at step 700\.$/);
    // 2 steps a second in the last stage, 200 to go
    const tuning = { step: one([100, 300, 400, 500]), seconds: one([10, 30, 80, 130]) };
    expect(promiseOfF1(staged, tuning)).toMatch(/at step 700, in about 1 min 30 s\.$/);
  });

  it('names no step where a command decides', () => {
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

/** What real runs say of single images, against what the same runs say of the whole split. */
import { describe, expect, it } from 'vitest';
import type { ExperimentConfigInput } from '../../src-main/experiment-config.ts';
import { unpackPredictions, type Prediction } from '../../src-main/predictions.ts';
import { openDataset, type Split } from '../../src-main/trainer/data/index.ts';
import { classificationMetrics, Confusion } from '../../src-main/trainer/metrics/classification.ts';
import { intersectionOverUnion } from '../../src-main/trainer/metrics/detection.ts';
import { fingerprintOf } from '../../src-main/trainer/metrics/predictions.ts';
import { configOf, newRunDir, small, trainSmall, type Of } from './train-small.ts';

const splitsOf = async (input: ExperimentConfigInput) =>
  (await openDataset(configOf(input).dataset, { dataDir: newRunDir() })).splits;
const labelsOf = ({ labels }: Split) => [...labels];
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** The matrix and the scores of single predictions are those of the evaluation. */
function expectAgreement({ result, predictions }: Of<'evaluation'>, { labels }: Split) {
  const single = unpackPredictions(predictions);
  expect(single.map(({ truth }) => truth)).toEqual([...labels]);
  const confusion = new Confusion(result.perClass.length);
  for (const { truth, predicted } of single) confusion.add(truth, predicted);
  expect(confusion.rows()).toEqual(result.confusion);
  const names = result.perClass.map(({ label }) => label);
  expect(classificationMetrics(confusion.rows(), names).macroF1).toBe(result.macroF1);
  const within5 = single.filter(({ rank }) => rank <= 5).length / single.length;
  expect(within5).toBeCloseTo(result.top5!, 12);
  for (const { truth, predicted, confidence, trueProbability, rank } of single) {
    expect(confidence).toBeGreaterThanOrEqual(0.1 - 1e-4); // the largest of ten that sum to 1
    expect(trueProbability).toBeLessThanOrEqual(confidence!);
    if (truth === predicted) expect(trueProbability).toBe(confidence);
    expect(rank === 1).toBe(truth === predicted);
  }
  return single;
}
const logLoss = (single: Prediction[]) =>
  mean(single.map((one) => -Math.log(one.trueProbability!)));

describe('single predictions', () => {
  it('agree with the confusion matrix, F1, top-5 and the loss, in the order of the split', async () => {
    const input = small();
    const [run, splits] = [await trainSmall(input), await splitsOf(input)];
    const evaluations = run.all('evaluation');
    expect(evaluations).toHaveLength(5);
    for (const evaluation of evaluations) {
      const split = splits[evaluation.result.split];
      const single = expectAgreement(evaluation, split);
      expect(logLoss(single)).toBeCloseTo(evaluation.result.loss, 3);
      expect(evaluation.predictions).toMatchObject({
        images: split.count,
        boxes: false,
        side: 16,
        fingerprint: fingerprintOf(split),
      });
    }
  });

  it('are those of the uninterrupted run after a stop in the middle', async () => {
    const whole = await trainSmall(small());
    const runDir = newRunDir();
    const stopped = await trainSmall(small(), {
      runDir,
      stopWhen: (message) => message.type === 'evaluation' && message.epoch === 2,
    });
    const { checkpoint } = stopped.last('stopped');
    const resumed = await trainSmall(small(), { runDir, resume: checkpoint });
    expect(resumed.last('evaluation').predictions).toEqual(whole.last('evaluation').predictions);
  });

  it.each<[string, ExperimentConfigInput['train'] & object]>([
    ['whose encoder is frozen, on kept features', { recipe: 'pt+ft', epochs: 4 }],
    ['with a contrastive stage', { recipe: 'pt+cl+ft', epochs: 6 }],
    ['that learns from a teacher', { recipe: 'distil', epochs: 4 }],
  ])('agree in a run %s', async (_, train) => {
    const input = small({ train, finetune: { share: 0.5 } });
    const [run, splits] = [await trainSmall(input), await splitsOf(input)];
    const evaluations = run.all('evaluation');
    expect(evaluations.at(-1)!.result.split).toBe('test');
    for (const evaluation of evaluations) expectAgreement(evaluation, splits[evaluation.result.split]); // prettier-ignore
  });

  it('have the box with its IoU, and give the localisation accuracies of the whole', async () => {
    const input = small({ train: { task: 'detect', epochs: 6, lr: 3e-3 } });
    const [run, splits] = [await trainSmall(input), await splitsOf(input)];
    for (const evaluation of run.all('evaluation')) {
      const split = splits[evaluation.result.split];
      const single = expectAgreement(evaluation, split);
      const { meanIou, locAcc50, clsLoc50, boxes } = evaluation.result.detection!;
      expect(single).toHaveLength(boxes);
      single.forEach(({ box, iou }, i) => {
        const truth = split.boxes!.subarray(4 * i, 4 * i + 4) as unknown as never;
        expect(intersectionOverUnion(box!, truth)).toBeCloseTo(iou!, 2);
      });
      const share = (holds: (one: Prediction) => boolean) => single.filter(holds).length / boxes;
      expect(mean(single.map(({ iou }) => iou!))).toBeCloseTo(meanIou, 4);
      expect(share(({ iou }) => iou! >= 0.5)).toBe(locAcc50);
      expect(share((one) => one.iou! >= 0.5 && one.truth === one.predicted)).toBe(clsLoc50);
    }
  });
});

describe('the fingerprint of a split', () => {
  it('is that of its images and their order, whatever is trained on', async () => {
    const { test, validation } = await splitsOf(small());
    const more = { kind: 'greensynth', size: 16, train: 300, validation: 50, test: 30 } as const;
    const fingerprint = fingerprintOf(test);
    expect(fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprintOf((await splitsOf({ dataset: more })).test)).toBe(fingerprint);
    expect(fingerprintOf((await splitsOf({ dataset: { ...more, seed: 1 } })).test)).not.toBe(fingerprint); // prettier-ignore
    expect(fingerprintOf(validation)).not.toBe(fingerprint);
  });

  it('changes with the order of images, with one image, and with one label', async () => {
    const { test } = await splitsOf(small());
    const bytes = test.images.length / test.count;
    const swapped = { ...test, images: test.images.slice() };
    // of one class, so that labels do not tell
    const [a, b] = [0, labelsOf(test).indexOf(test.labels[0]!, 1)];
    swapped.images.copyWithin(a * bytes, b * bytes, (b + 1) * bytes);
    swapped.images.set(test.images.subarray(a * bytes, (a + 1) * bytes), b * bytes);
    const brighter = { ...test, images: test.images.slice() };
    for (let i = 3 * bytes; i < 4 * bytes; i++) brighter.images[i]! ^= 1;
    const relabelled = { ...test, labels: test.labels.slice() };
    relabelled.labels[5] = (relabelled.labels[5]! + 1) % 10;
    const all = [test, swapped, brighter, relabelled].map(fingerprintOf);
    expect(new Set(all).size).toBe(4);
    expect(fingerprintOf({ ...test })).toBe(all[0]);
  });
});

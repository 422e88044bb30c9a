/** Predictions for the renderer's tests: drawn here, listed and compared by the host's own functions. */
import type {
  KeptPredictions,
  Prediction,
  PredictionComparison,
  PredictionComparisonQuery,
  PredictionPage,
  PredictionQuery,
} from '../../src-main/contract.ts';
import { disagreement, type Judged } from '../../src-main/core/predictions/disagreement.ts';
import { pageOf } from '../../src-main/core/predictions/page.ts';

/** A run that was tested on 1,000 images of the mock's dataset. */
export interface Predicted {
  id: number;
  name: string;
  epoch: number;
  accuracy: number;
  boxes: boolean;
  classes: readonly string[];
}

const images = 1000;
/** Side of the mock's images. */
const side = 8;

/** Repeatable numbers in 0..1 of two whole numbers. */
const unit = (a: number, b: number): number => {
  let x = (Math.imul(a + 1, 0x9e3779b1) + Math.imul(b + 1, 0x85ebca6b)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
};

/** Image i shows class i modulo their number. */
export function predictionsOf({ id, accuracy, boxes, classes }: Predicted): Prediction[] {
  return Array.from({ length: images }, (_, i) => {
    const truth = i % classes.length;
    // what is hard for one run is hard for the others too
    const hard = 0.7 * unit(i, 0) + 0.3 * unit(i, id);
    const right = hard < accuracy;
    const sure = 0.4 + 0.6 * unit(i, id + 100);
    return {
      truth,
      predicted: right ? truth : (truth + 1 + Math.floor(8 * unit(i, 2))) % classes.length,
      confidence: sure,
      trueProbability: right ? sure : (1 - sure) / 2,
      rank: right ? 1 : 2,
      box: boxes ? [1, 2, 5 + 2 * unit(i, id + 7), 6] : null,
      iou: boxes ? 0.2 + 0.8 * unit(i, id + 9) : null,
    };
  });
}

const keptOf = ({ epoch, boxes }: Predicted): KeptPredictions[] => {
  const all = { epoch, step: epoch * 32, images, boxes, side, last: false, best: false };
  return [
    { ...all, split: 'test' },
    { ...all, split: 'validation', best: true, last: true },
  ];
};

export function pageOfMock(run: Predicted | null, query: PredictionQuery): PredictionPage {
  const kept = run ? keptOf(run) : [];
  const of = kept.find(({ split }) => split === (query.split ?? split)) ?? null;
  return {
    kept,
    of,
    why: run ? null : 'it is of a version that kept no single predictions',
    classes: [...(run?.classes ?? [])],
    ...pageOf(run ? predictionsOf(run) : [], query),
  };
}

export function comparisonOfMock(
  runs: readonly Predicted[],
  query: PredictionComparisonQuery,
): PredictionComparison {
  const split = query.split ?? 'test';
  const judged = runs.slice(0, 8).map((run): Judged => ({
    ...run,
    side,
    fingerprint: '00112233445566aa',
    predictions: predictionsOf(run),
  }));
  const leftOut = runs.slice(8).map(({ id, name }) => ({
    id,
    name,
    reason: 'more than 8 runs have no room beside each other',
  }));
  return { split, splits: ['test', 'validation'], leftOut, ...disagreement(judged, query, split) };
}

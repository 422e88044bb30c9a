/** Some of a run's predictions: those that a person wants to look at, in an order, a page at a time. */
import type { PredictionPage, PredictionQuery } from '../../contract.ts';
import { isRight, type Prediction } from '../../predictions.ts';

export function pageOf(
  predictions: readonly Prediction[],
  { judge, show, truth, predicted, sort, offset, limit }: PredictionQuery,
): Pick<PredictionPage, 'judged' | 'wrong' | 'total' | 'images'> {
  const verdicts = predictions.map((prediction) => isRight(prediction, judge));
  const wanted = predictions
    .map((prediction, image) => ({ ...prediction, image }))
    .filter(
      (one) =>
        (show === 'all' || verdicts[one.image] === (show === 'right')) &&
        (truth === undefined || one.truth === truth) &&
        (predicted === undefined || one.predicted === predicted),
    )
    // equal ones stay in the order of the split
    .sort((a, b) => order[sort](a) - order[sort](b));
  return {
    judged: verdicts.filter((verdict) => verdict !== null).length,
    wrong: verdicts.filter((verdict) => verdict === false).length,
    total: wanted.length,
    images: wanted.slice(offset, offset + limit),
  };
}

/** What is not known comes last. */
const order: Record<PredictionQuery['sort'], (prediction: Prediction) => number> = {
  image: () => 0,
  confidence: ({ confidence }) => -(confidence ?? -1),
  doubt: ({ confidence }) => confidence ?? 2,
  iou: ({ iou }) => iou ?? 2,
};

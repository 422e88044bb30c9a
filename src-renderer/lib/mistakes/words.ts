/** A prediction in words. */
import type { Prediction } from '../../../src-main/contract.ts';
import { fixed, percent } from '../format/number.ts';

export const className = (classes: readonly string[], index: number): string =>
  classes[index] ?? `class ${index}`;

/** `disc taken for ring`, `disc, as it is`. */
export function takenFor(
  { truth, predicted }: Pick<Prediction, 'truth' | 'predicted'>,
  classes: readonly string[],
): string {
  const name = className(classes, truth);
  return truth === predicted
    ? `${name}, recognised`
    : `${name} taken for ${className(classes, predicted)}`;
}

/** `62 % sure`; probabilities of a model that computed no number are not known. */
export const sure = ({ confidence }: Pick<Prediction, 'confidence'>): string =>
  `${percent(confidence, 0)} sure`;

export const iouWords = ({ iou }: Pick<Prediction, 'iou'>): string =>
  iou === null ? 'no true box' : `IoU ${fixed(iou, 2)}`;

/** Everything that is known of it, for who cannot see the picture. */
export function sentence(prediction: Prediction, classes: readonly string[]): string {
  const { truth, predicted, trueProbability, box } = prediction;
  const parts = [takenFor(prediction, classes), sure(prediction)];
  if (truth !== predicted)
    parts.push(`${className(classes, truth)} ${percent(trueProbability, 0)}`);
  if (box) parts.push(iouWords(prediction));
  return parts.join(', ');
}

const ordinals: Record<number, string> = { 1: 'st', 2: 'nd', 3: 'rd' };
/** `2nd`, `11th`. */
export const ordinal = (n: number): string =>
  `${n}${(n % 100 > 10 && n % 100 < 14 ? null : ordinals[n % 10]) ?? 'th'}`;

/** Which of the values that a script names as it likes are the ones that this program has a place for. */
import { splitOf } from './report-line.ts';

export type ScoreName = 'loss' | 'accuracy' | 'microF1' | 'macroF1' | 'weightedF1';

export type Meaning =
  { of: 'training'; quantity: 'loss' | 'lr' } | { of: 'validation' | 'test'; quantity: ScoreName };

const scores: Record<string, ScoreName> = {
  loss: 'loss',
  acc: 'accuracy',
  accuracy: 'accuracy',
  acc1: 'accuracy',
  top1: 'accuracy',
  'micro f1': 'microF1',
  'f1 micro': 'microF1',
  microf1: 'microF1',
  'f1 score micro': 'microF1',
  'macro f1': 'macroF1',
  'f1 macro': 'macroF1',
  macrof1: 'macroF1',
  'f1 score macro': 'macroF1',
  'weighted f1': 'weightedF1',
  'f1 weighted': 'weightedF1',
  weightedf1: 'weightedF1',
};

/** What a score is called within a split that is known (`::hg eval`); null for others. */
export function scoreOf(name: string): ScoreName | null {
  const found = meaningOf(name, 'validation');
  return found && found.of !== 'training' ? found.quantity : null;
}

/**
 * `train/loss`, `Loss/train`, `epoch_loss`, `val_macro_f1`, `eval/f1_macro`, `test.accuracy`, `lr-AdamW` and
 * the like. An F1 without a split is taken for validation, an accuracy or loss for training. A bare `f1`
 * could be any of three averages and means nothing here.
 * @param within the split where the name says none
 */
export function meaningOf(
  name: string,
  within: 'validation' | 'test' | null = null,
): Meaning | null {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[\s/_.:-]+/)
    .filter(Boolean);
  if (words[0] === 'lr' || words.join(' ').endsWith('learning rate'))
    return { of: 'training', quantity: 'lr' };
  const splits = words.map((word) =>
    word === 'train' || word === 'training' ? 'training' : splitOf(word),
  );
  const split = splits.findLast((named) => named !== null) ?? within;
  const rest = words.filter((word, i) => {
    const ofLogger =
      (word === 'epoch' && i < words.length - 1) || (word === 'step' && i === words.length - 1);
    return splits[i] === null && !ofLogger;
  });
  const what = rest.join(' ');
  const quantity = Object.hasOwn(scores, what) ? scores[what]! : null;
  if (!quantity) return null;
  if (split === null && quantity.endsWith('F1')) return { of: 'validation', quantity };
  if (split === null || split === 'training')
    return quantity === 'loss' ? { of: 'training', quantity } : null;
  return { of: split, quantity };
}

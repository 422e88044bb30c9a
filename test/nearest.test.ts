import { expect, test } from 'vitest';
import { parseExperimentConfig } from '../src-main/experiment-config.ts';
import { didYouMean, nearest } from '../src-main/nearest.ts';

test('the nearest word is few edits away, two letters that changed places being one, in any case', () => {
  const words = ['run', 'show', 'keepRatio'];
  expect(nearest('rnu', words)).toBe('run');
  expect(nearest('keepratoi', words)).toBe('keepRatio');
  expect(nearest('matrix', words)).toBeNull();
  expect(didYouMean('shwo', words, '--')).toBe('; did you mean --show?');
  expect(didYouMean('matrix', words)).toBe('.');
});

test.each<[object, string]>([
  [{ selecton: {} }, 'unknown key "selecton"; did you mean "selection"?'],
  [{ selection: { heuristc: 'entropy' } }, 'unknown key "heuristc"; did you mean "heuristic"?'],
  [{ selection: { keepratio: 0.5 } }, 'unknown key "keepratio"; did you mean "keepRatio"?'],
  [{ model: { pach: 4 } }, 'unknown key "pach"; did you mean "patch"?'],
  // a key of another kind of model is no suggestion
  [{ model: { kind: 'resnet', pach: 4 } }, 'unknown key "pach"'],
  [{ wholly: 1 }, 'unknown key "wholly"'],
])(
  'an unknown key of a config names the one of its level that was meant: %j',
  (config, message) => {
    const parsed = parseExperimentConfig(config);
    expect(parsed.ok ? [] : parsed.issues.map((issue) => issue.message)).toEqual([message]);
  },
);

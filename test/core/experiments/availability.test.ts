import { expect, test } from 'vitest';
import {
  parseExperimentConfig,
  type DatasetState,
  type EngineStatus,
  type ExperimentConfigInput,
} from '../../../src-main/contract.ts';
import { asWarning, lacks } from '../../../src-main/core/experiments/availability.ts';

const config = (input: ExperimentConfigInput) => {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
};
const cifar: DatasetState = {
  id: 'cifar10',
  title: 'CIFAR-10',
  description: '',
  state: 'missing',
  detail: 'not downloaded',
  fix: 'Download it (163 MB)',
  bytes: null,
  downloadBytes: 170_498_071,
  progress: null,
  license: '',
  url: null,
};
const tensorflow: EngineStatus = {
  name: 'tensorflow',
  label: 'TensorFlow',
  available: false,
  detail: 'the library is missing',
  fix: null,
};

test('a dataset or engine that is not here is said with what to do', () => {
  const wanted = config({ dataset: { kind: 'cifar10' }, compute: { engine: 'tensorflow' } });
  expect(lacks(wanted, [cifar], [tensorflow]).map(asWarning)).toEqual([
    'CIFAR-10 is not on this computer: the run would fail at once. Download it (163 MB).',
    'The engine TensorFlow cannot be used on this machine: the library is missing. Choose another engine; auto takes the fastest that works.',
  ]);
  const ready = [{ ...cifar, state: 'ready' as const }];
  expect(lacks(wanted, ready, [{ ...tensorflow, available: true }])).toEqual([]);
  expect(lacks(config({}), [cifar], [tensorflow])).toEqual([]);
});

test('the images of a pre-training must be here too, and only where they are used', () => {
  const pretrain = { images: 'cifar10' } as const;
  const other = config({ train: { recipe: 'pt+ft' }, pretrain });
  expect(lacks(other, [cifar], [])).toHaveLength(1);
  expect(lacks(config({ pretrain }), [cifar], [])).toEqual([]);
  const same = config({ ...other, dataset: { kind: 'cifar10' } });
  expect(lacks(same, [cifar], [])).toHaveLength(1);
  const elsewhere = config({ ...other, dataset: { kind: 'cifar10', path: '/data' } });
  expect(lacks(elsewhere, [cifar], [])).toHaveLength(1);
});

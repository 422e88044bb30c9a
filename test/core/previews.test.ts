/** Previews through a real host and the real trainer process. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  config,
  fixtureOptions,
  removeHome,
  startHost,
  temporaryHome,
  type Witness,
} from '../fixtures/host.ts';

const trainer = join(import.meta.dirname, '..', '..', 'src-main', 'trainer', 'main.ts');

let home: string;
let witness: Witness;
beforeEach(async () => {
  home = await temporaryHome();
  const options = fixtureOptions(home);
  witness = await startHost({ ...options, entries: { ...options.entries, trainer } });
});
afterEach(async () => {
  await witness.host.close();
  await removeHome(home);
});

test('images and kept patches come from a process that stays', { timeout: 60_000 }, async () => {
  const which = { config: config('x'), split: 'train' as const, indices: [0, 1] };
  const samples = await witness.call('datasets.samples', which);
  expect(samples.images).toHaveLength(2);
  expect(samples.total).toBe(64);
  const { choices, patches } = await witness.call('experiments.selection', { ...which, epoch: 1 });
  expect(patches).toBe(64);
  expect(choices.map(({ images }) => images?.length)).toEqual([2, 2, 2, 2]);
  // what is missing is told in the dataset's own words
  await expect(
    witness.call('datasets.samples', { ...which, config: { dataset: { kind: 'cifar10' } } }),
  ).rejects.toMatchObject({ code: 'DATASET' });
  await expect(
    witness.call('datasets.samples', { ...which, config: { train: { epochs: 0 } } }),
  ).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { AppError, type CallInput } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import { valueAt } from '../../src-renderer/lib/form/fields.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import NewExperiment from '../../src-renderer/views/NewExperiment.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { completeConfig, mockLink } from '../mocks/link.ts';

type Asked = CallInput<'experiments.selection'>;

describe('what patch selection keeps', () => {
  it('is told in words for each heuristic, changes with image, epoch and ratio, and chooses', async () => {
    const link = mockLink();
    const session = new Session(createApi(link));
    const screen = await render(NewExperiment, { session });
    const variance = screen.getByRole('button', {
      name: /^variance\s+keeps \d+ of 64 patches\s*,\s*71 % of object/,
    });
    await expect.element(variance).toBeVisible();
    await expect.element(screen.getByText('1 of 40: disc')).toBeVisible();
    await screen.getByRole('button', { name: 'Next image' }).click();
    await expect.element(screen.getByText('2 of 40: disc')).toBeVisible();
    await screen.getByRole('button', { name: 'Previous image' }).click();
    await screen.getByRole('button', { name: 'Previous image' }).click();
    await expect.element(screen.getByText('40 of 40: disc')).toBeVisible();

    await screen.getByLabelText('Keep', { exact: true }).fill('0.5');
    await expect.element(screen.getByText('32 of 64', { exact: true }).first()).toBeVisible();
    expect(valueAt(session.draft, ['selection', 'keepRatio'])).toBe(0.5);
    await screen.getByLabelText('Epoch', { exact: true }).fill('2');
    await expect.element(screen.getByText('2: 50 % of batches')).toBeVisible();

    await screen.getByRole('button', { name: /^entropy\s+keeps/ }).click();
    await expect
      .element(screen.getByRole('button', { name: /^entropy\s+keeps/ }))
      .toHaveAttribute('aria-pressed', 'true');
    expect(valueAt(session.draft, ['selection', 'heuristic'])).toBe('entropy');
  });

  it('draws the kept patches and leaves the others out', async () => {
    const screen = await render(NewExperiment, { session: new Session(createApi(mockLink())) });
    const tile = screen.getByRole('button', { name: /^random\s+keeps/ });
    await expect.element(tile).toBeVisible();
    const canvas = tile.element().querySelector('canvas')!;
    const alphaAt = (share: number) => {
      const at = Math.floor(share * canvas.width);
      return canvas.getContext('2d')!.getImageData(at, at, 1, 1).data[3];
    };
    // the mock keeps the first patches, row by row
    await expect.poll(() => alphaAt(0.02)).toBe(255);
    expect(alphaAt(0.98)).toBe(0);
  });

  it('is shown of GreenSynth where the dataset is not here', async () => {
    const asked: Asked[] = [];
    const link = mockLink();
    const answer = link.call.bind(link);
    const missing = new AppError('DATASET', 'CIFAR-10 is not on this computer.', 'Download it.');
    link.call = (name, input) => {
      if (name !== 'datasets.samples') return answer(name, input);
      asked.push(input as Asked);
      const { dataset } = completeConfig((input as Asked).config);
      return dataset.kind === 'cifar10' ? Promise.reject(missing) : answer(name, input);
    };
    const screen = await render(NewExperiment, { session: new Session(createApi(link)) });
    await screen.getByLabelText('Dataset', { exact: true }).selectOptions('cifar10');
    const instead = screen.getByRole('button', { name: 'Show GreenSynth instead' });
    await instead.click();
    await expect.element(screen.getByText(/^GreenSynth in place of the dataset/)).toBeVisible();
    expect(asked.length).toBeGreaterThan(1);
  });
});

describe('the form', () => {
  it('marks what is not at its default, and resets it', async () => {
    const session = new Session(createApi(mockLink()));
    const screen = await render(NewExperiment, { session });
    const batch = screen.getByLabelText('Batch', { exact: false }).first();
    await expect.element(batch).toBeVisible();
    const before = valueAt(session.draft, ['train', 'batch']);
    const standard = completeConfig({}).train.batch;
    await batch.fill('7');
    await screen.getByRole('button', { name: /^Reset Batch/ }).click();
    expect(valueAt(session.draft, ['train', 'batch'])).toBe(standard);
    expect(before).toBeDefined();
    await expect
      .poll(() => screen.getByRole('button', { name: /^Reset Batch/ }).query())
      .toBeNull();
  });

  it('begins with the config of an earlier run', async () => {
    location.hash = '#/new?from=2';
    const session = new Session(createApi(mockLink()));
    await render(NewExperiment, { session });
    await expect
      .poll(() => session.notices.at(-1)?.message)
      .toBe('The form has the config of run 2.');
    expect(location.hash).toBe('#/new');
    const { config } = await session.api.call('runs.get', { id: 2 });
    expect(session.draft).toEqual(config);
    location.hash = '';
  });
});

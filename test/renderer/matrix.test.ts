import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import { createApi } from '../../src-renderer/api.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Compare from '../../src-renderer/views/Compare.svelte';
import NewExperiment from '../../src-renderer/views/NewExperiment.svelte';
import Runs from '../../src-renderer/views/Runs.svelte';
import { parseRoute } from '../../src-renderer/lib/route.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { matrixPreview, mockLink, stories } from '../mocks/link.ts';

const show = async () => {
  // narrower, its middle column has no room
  await page.viewport(1280, 800);
  const link = mockLink();
  const session = new Session(createApi(link));
  const screen = await render(NewExperiment, { session });
  await screen.getByRole('button', { name: 'Matrix of runs' }).click();
  await expect.element(screen.getByRole('button', { name: 'Queue 16 runs' })).toBeEnabled();
  const started = () => link.asked.findLast(({ name }) => name === 'matrices.start')?.input;
  return { link, session, screen, started };
};

describe('the matrix form', () => {
  it('begins with the whole matrix as it is, and queues it with one click', async () => {
    const { screen, started } = await show();
    await expect.element(screen.getByLabelText('Dataset')).toHaveValue('cifar10');
    await expect.element(screen.getByLabelText('Repeats', { exact: true })).toHaveValue('5');
    for (const arm of ['no selection', 'variance, dropped to 70 %', 'random, dropped to 70 %'])
      await expect.element(screen.getByLabelText(arm)).toBeChecked();
    await screen.getByRole('button', { name: 'Queue 16 runs' }).click();
    await expect.poll(started).toEqual({ id: 'rq2', force: false });
    await expect.poll(() => location.hash).toBe('#/runs?filter=group%3A1&sort=id&order=up');
  });

  it('asks for what was chosen: dataset, repeats, epochs, arms, no warm-up', async () => {
    const { screen, started } = await show();
    await screen.getByLabelText('Dataset').selectOptions('mnist');
    await screen.getByRole('button', { name: 'quick 3' }).click();
    await screen.getByLabelText('Epochs').fill('2');
    await screen.getByLabelText('Geometry').selectOptions('paper');
    await screen.getByLabelText('random, dropped to 70 %').click();
    await screen.getByLabelText('Warm-up run').click();
    await screen.getByRole('button', { name: 'Queue 6 runs' }).click();
    await expect.poll(started).toEqual({
      id: 'rq2',
      dataset: 'mnist',
      geometry: 'paper',
      repeats: 3,
      epochs: 2,
      arms: ['none', 'variance'],
      warmUp: false,
      force: false,
    });
  });

  it('holds back what cannot be meant, and says where', async () => {
    const { screen } = await show();
    const start = screen.getByRole('button', { name: /^Queue/ });
    await screen.getByLabelText('Repeats', { exact: true }).fill('0');
    await expect.element(screen.getByText('a whole number from 1 to 100')).toBeVisible();
    await expect.element(start).toBeDisabled();
    await screen.getByLabelText('Repeats', { exact: true }).fill('1');
    await expect.element(screen.getByRole('button', { name: 'Queue 4 runs' })).toBeEnabled();
    await screen.getByRole('button', { name: 'None' }).click();
    await expect.element(screen.getByText('Choose an arm.')).toBeVisible();
    await expect.element(start).toBeDisabled();
    await screen.getByRole('button', { name: 'All' }).click();
    await expect.element(start).toBeEnabled();
  });

  it('starts what cannot fit only when the person insists', async () => {
    const { screen, started } = await show();
    await screen.getByRole('button', { name: /Too large a model/ }).click();
    await expect.element(screen.getByText(/would need about 347 GiB/)).toBeVisible();
    const start = screen.getByRole('button', { name: 'Queue 4 runs' });
    await expect.element(start).toBeDisabled();
    await screen.getByLabelText('Start anyway').click();
    await start.click();
    await expect.poll(started).toEqual({ id: 'huge', force: true });
  });

  it('asks again who insisted, once the order is another', async () => {
    const { screen } = await show();
    await screen.getByRole('button', { name: /Too large a model/ }).click();
    await screen.getByLabelText('Start anyway').click();
    await expect.element(screen.getByRole('button', { name: 'Queue 4 runs' })).toBeEnabled();
    await screen.getByRole('button', { name: 'quick 3' }).click();
    await screen.getByLabelText('Epochs').fill('7');
    await expect.element(screen.getByLabelText('Start anyway')).not.toBeChecked();
    await expect.element(screen.getByRole('button', { name: 'Queue 4 runs' })).toBeDisabled();
  });

  it('gives operations their unit, and names the arms that a warning is about', async () => {
    const arms = ['variance, dropped to 70 %', 'random, dropped to 70 %'];
    const link = mockLink({
      replace: {
        'matrices.preview': (order) => ({
          ...matrixPreview(order),
          warnings: [{ message: 'Patches may be few.', arms }],
        }),
      },
    });
    const screen = await render(NewExperiment, { session: new Session(createApi(link)) });
    await screen.getByRole('button', { name: 'Matrix of runs' }).click();
    await expect.element(screen.getByText(/^[\d.]+ [kMGTP] MACs$/)).toBeVisible();
    const name = screen.getByRole('complementary').getByText(arms[1]!);
    await expect.element(name).not.toBeVisible();
    const names = screen.getByText('2 arms', { exact: true });
    await userEvent.tab();
    for (let i = 0; i < 60 && document.activeElement !== names.query(); i++) await userEvent.tab();
    await userEvent.keyboard('{Enter}');
    await expect.element(name).toBeVisible();
  });

  it('keeps what was chosen while another view is looked at, and goes back to one run', async () => {
    const { screen, session } = await show();
    await screen.getByLabelText('Epochs').fill('7');
    await screen.unmount();
    const again = await render(NewExperiment, { session });
    await expect.element(again.getByLabelText('Epochs')).toHaveValue('7');
    await again.getByRole('button', { name: 'One run' }).click();
    await expect.element(again.getByLabelText('Patch side')).toBeVisible();
  });
});

describe('runs of a matrix', () => {
  const placed = () => {
    const place = (arm: string, warmUp: boolean) => ({
      group: 3,
      id: 'rq2',
      title: 'RQ2: patch selection',
      arm,
      armTitle: `${arm} arm`,
      baseline: arm === 'none' ? null : 'none',
      repeat: 1,
      warmUp,
    });
    return stories()
      .slice(0, 4)
      .map((story, i) => ({
        ...story,
        ...(i < 3 && { place: place(i < 2 ? 'none' : 'variance', i === 0) }),
      }));
  };
  const session = () => new Session(createApi(mockLink({ runs: placed() })));

  it('are found by their group, the warm-up marked and left out of the comparison', async () => {
    const screen = await render(Runs, {
      session: session(),
      route: parseRoute('#/runs?filter=group:3'),
    });
    await expect.element(screen.getByText('3 of 4')).toBeVisible();
    await expect.element(screen.getByText('warm-up', { exact: true })).toBeVisible();
    for (const box of await screen.getByRole('checkbox', { name: /run \d/ }).all())
      await box.click();
    await expect
      .element(screen.getByRole('link', { name: 'Compare 2' }))
      .toHaveAttribute('href', '#/compare?ids=2,3');
  });

  it('offers no warm-up to compare, and says where one was left out', async () => {
    const screen = await render(Compare, { session: session(), route: parseRoute('#/compare') });
    await expect.poll(() => screen.getByRole('row').all().length).toBe(3);
    await screen.unmount();
    const route = parseRoute('#/compare?ids=1,2,3');
    const compared = await render(Compare, { session: session(), route });
    await expect.element(compared.getByText(/Left out as a warm-up/)).toBeVisible();
  });

  it('compares a whole matrix: the table has all runs, the curves are of the first', async () => {
    const [first] = stories();
    const runs = Array.from({ length: 85 }, (_, i) => ({ ...first!, id: i + 1 }));
    const ids = runs.map(({ id }) => id).join();
    const route = parseRoute(`#/compare?ids=${ids}`);
    const all = new Session(createApi(mockLink({ runs })));
    const screen = await render(Compare, { session: all, route });
    await expect
      .element(screen.getByText(/Table and statistics are of all 85 runs; .* the first\s+40/))
      .toBeVisible();
  });
});

/** Datasets that are partly here, or lie elsewhere on this computer. */
import { beforeEach, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { AppError } from '../../src-main/contract.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink } from '../mocks/link.ts';

beforeEach(async () => {
  localStorage.setItem('hugginggreen.tour', 'seen');
  await page.viewport(1280, 800);
});

async function open(link = mockLink()) {
  location.hash = '#/data';
  const session = new Session(createApi(link));
  const screen = await render(App, { session });
  const row = screen.getByRole('row', { name: /CIFAR-100/ });
  await expect.element(row).toBeVisible();
  return { link, session, screen, row };
}

it('says that a stopped download is partly here, and goes on with it', async () => {
  const { link, session, row } = await open();
  await expect.element(row.getByText('not here yet')).toBeVisible();
  const cifar = session.datasets!.find(({ id }) => id === 'cifar100')!;
  link.emit('datasets', { ...cifar, bytes: 68_513_733 });
  await expect.element(row.getByText('partly here')).toBeVisible();
  await row.getByRole('button', { name: 'Go on downloading' }).click();
  await expect
    .poll(() => link.asked.find(({ name }) => name === 'datasets.download')?.input)
    .toEqual({ id: 'cifar100' });
});

it('says why a size is missing', async () => {
  const { row } = await open();
  await expect.element(row.getByLabelText('not known: nothing of it is here')).toBeVisible();
});

it('takes files that lie elsewhere to a new experiment, after a look at them', async () => {
  const whole = '/data/ada/cifar-100-binary';
  const link = mockLink();
  const { session, screen, row } = await open(link);
  await row.getByRole('button', { name: 'Locate CIFAR-100' }).click();
  await row.getByRole('button', { name: 'Choose…' }).click();
  await expect.element(row.getByRole('textbox')).toHaveValue(whole);
  await expect.element(row.getByText(`The files in ${whole} are as they should be.`)).toBeVisible();
  await expect.element(row.getByRole('list', { name: 'Images of some classes' })).toBeVisible();
  await row.getByRole('button', { name: 'New experiment with it' }).click();
  await expect
    .element(screen.getByRole('textbox', { name: /Folder or archive/ }))
    .toHaveValue(whole);
  expect(session.draft).toMatchObject({ dataset: { kind: 'cifar100', path: whole } });
});

it('says at once when the files are others, and goes nowhere with them', async () => {
  const message = 'train.bin has 12 bytes instead of 153,700,000.';
  const link = mockLink({
    replace: {
      'datasets.samples': () => {
        throw new AppError('DATASET', message, 'Copy it again.');
      },
    },
  });
  const { row } = await open(link);
  await row.getByRole('button', { name: 'Locate CIFAR-100' }).click();
  await userEvent.keyboard('/data/other{Enter}');
  await expect.element(row.getByRole('alert')).toHaveTextContent(`${message} Copy it again.`);
  await expect
    .element(row.getByRole('button', { name: 'New experiment with it' }))
    .not.toBeInTheDocument();
  const asked = link.asked.findLast(({ name }) => name === 'datasets.samples')!.input;
  expect(asked).toMatchObject({ config: { dataset: { kind: 'cifar100', path: '/data/other' } } });
});

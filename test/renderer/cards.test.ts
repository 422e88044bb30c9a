/** What the pages show of graphics cards: their series, and those that a run does not use. */
import { expect, it } from 'vitest';
import { userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { readForm } from '../../src-renderer/lib/form/fields.ts';
import FormField from '../../src-renderer/lib/form/FormField.svelte';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import EnergyTable from '../../src-renderer/lib/table/EnergyTable.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, reportOf } from '../mocks/link.ts';

it('draws temperature and clock of the cards of a run', async () => {
  location.hash = '#/run/1';
  const session = new Session(createApi(mockLink()));
  const screen = await render(App, { session });
  for (const name of [
    /^Temperature\. NVIDIA RTX A5000: from .* °C to .* °C/,
    /^Clock\. NVIDIA RTX A5000: from .* MHz to .* MHz/,
  ])
    await expect.element(screen.getByRole('img', { name })).toBeVisible();
});

it('greys a card that the run does not use, and says so', async () => {
  const { energy } = reportOf([1]).runs[0]!.detail;
  const [card] = energy!.components;
  const unused = { ...card!, key: 'gpu:2', name: 'Other card', counted: false };
  const screen = await render(EnergyTable, {
    hz: 10,
    energy: { ...energy!, components: [...energy!.components, unused] },
  });
  const row = screen.getByRole('row', { name: /Other card/ });
  await expect.element(row).toHaveClass('unused');
  await expect.element(row.getByText('not used by this run, in no total')).toBeVisible();
  await expect.element(screen.getByText('All components of the run')).toBeVisible();
});

it('offers the cards of this machine by name, and takes one by its UUID', async () => {
  const { sections } = readForm();
  const field = sections
    .find(({ key }) => key === 'compute')!
    .fields.find(({ path }) => path.at(-1) === 'gpu')!;
  const session = new Session(createApi(mockLink()));
  await session.refresh();
  await expect.poll(() => session.machine).not.toBeNull();
  let chosen: unknown = 'nothing yet';
  const props = {
    session,
    field,
    error: null,
    onchange: (value: unknown) => void (chosen = value),
  };
  const screen = await render(FormField, { ...props, value: null });
  const box = screen.getByRole('combobox', { name: 'GPU' });
  await expect.element(box).toHaveValue('');
  await userEvent.selectOptions(box, 'NVIDIA RTX A5000');
  expect(chosen).toBe('GPU-1');
  await userEvent.selectOptions(box, 'Automatic');
  expect(chosen).toBeNull();
  // one of another machine, out of a file, stays to be seen
  await screen.rerender({ ...props, value: 'GPU-elsewhere' });
  await expect.element(box).toHaveValue('GPU-elsewhere');
});

it('measures idle power, but not while a run is under way', async () => {
  location.hash = '#/machine';
  const link = mockLink({ runs: [] });
  const screen = await render(App, { session: new Session(createApi(link)) });
  const button = screen.getByRole('button', { name: 'Measure idle power' });
  await button.click();
  await expect
    .poll(() => link.asked.find(({ name }) => name === 'machine.idle')?.input)
    .toMatchObject({ seconds: 60 });
  await expect.element(button).toBeEnabled();
});

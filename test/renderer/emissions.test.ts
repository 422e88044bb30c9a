import { afterEach, describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { userEvent } from 'vitest/browser';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink } from '../mocks/link.ts';

afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

async function open(hash: string, link = mockLink()) {
  location.hash = hash;
  const session = new Session(createApi(link));
  const screen = await render(App, { session });
  const asked = (name: string) =>
    link.asked.filter((call) => call.name === name).map(({ input }) => input);
  return { session, screen, asked };
}

describe('the settings of emissions', () => {
  it('take PUE, water and manufacture, the latter only with the life of the machine', async () => {
    const { screen, session, asked } = await open('#/settings');
    await screen.getByLabelText('PUE').fill('1.4');
    await userEvent.tab();
    await expect.poll(() => session.settings?.pue).toBe(1.4);
    await screen.getByLabelText('PUE').fill('0.5');
    await userEvent.tab();
    await expect.element(screen.getByText('must be a number from 1 to 5')).toBeVisible();
    await screen.getByLabelText('Embodied carbon').fill('900');
    await userEvent.tab();
    await expect.element(screen.getByText(/Needed: the years/)).toBeVisible();
    expect(session.settings?.embodiedKg).toBeNull();
    // it waits through other changes
    await screen.getByLabelText('PUE').fill('1.2');
    await userEvent.tab();
    await expect.poll(() => session.settings?.pue).toBe(1.2);
    await expect.element(screen.getByLabelText('Embodied carbon')).toHaveValue('900');
    await screen.getByLabelText('Life of the machine').fill('4');
    await userEvent.tab();
    await expect
      .poll(() => asked('settings.set').at(-1))
      .toEqual({ embodiedKg: 900, embodiedYears: 4 });
  });

  it('give a key without ever showing it, and ask the network only when told to', async () => {
    const { screen, session, asked } = await open('#/settings');
    await screen.getByLabelText('By the hour').selectOptions('electricity-maps');
    // a service without a place is not chosen yet
    expect(session.settings?.hourly).toBeNull();
    await screen.getByLabelText('Zone').fill('DK-DK1');
    await userEvent.tab();
    await expect.poll(() => session.settings?.hourlyZone).toBe('DK-DK1');
    await screen.getByLabelText('Your key').fill('secret-key-123');
    await userEvent.tab();
    await expect.element(screen.getByPlaceholder('kept, ends in 123')).toHaveValue('');
    expect(asked('intensity.check')).toEqual([]);
    await screen.getByRole('button', { name: 'Check this hour' }).click();
    await expect.element(screen.getByText(/88.0 gCO2e\/kWh/)).toBeVisible();
  });

  it('say what was refused of a profile', async () => {
    const { screen, session } = await open('#/settings');
    await screen.getByLabelText('By the hour').selectOptions('profile');
    await screen
      .getByLabelText('Import CSV')
      .upload(new File(['2026-01-01T00:00Z,1\n'], 'office.csv', { type: 'text/csv' }));
    await expect.element(screen.getByText(/office: 48 values.*1 rows? refused/)).toBeVisible();
    await expect.element(screen.getByText(/Row 7: "x" is no number/)).toBeVisible();
    await expect
      .poll(() => session.settings)
      .toMatchObject({ hourly: 'profile', hourlyZone: 'office' });
  });

  it('say that the world average stands in where no region is chosen', async () => {
    const { screen, session } = await open('#/settings');
    await expect.element(screen.getByLabelText('PUE')).toBeVisible();
    await expect.element(screen.getByText(/No region is chosen/)).not.toBeInTheDocument();
    await session.setSettings({ region: 'world' });
    await expect.element(screen.getByText(/No region is chosen/)).toBeVisible();
  });

  it('find a region by its code first, by keyboard', async () => {
    const { screen, session } = await open('#/settings');
    const box = screen.getByRole('combobox', { name: 'Region' });
    await box.click();
    await userEvent.keyboard('ind');
    await expect
      .element(screen.getByRole('listbox').getByRole('option').first())
      .toHaveTextContent('India IND · country lifecycle, 2024 708 gCO2e/kWh');
    await userEvent.keyboard('{ArrowDown}{Enter}');
    await expect.poll(() => session.settings?.region).toBe('IND');
  });
});

describe('the same run elsewhere', () => {
  it('has the same kWh at the figure of each region, and can be copied at its price', async () => {
    const { screen, asked } = await open('#/run/1');
    const row = screen.getByRole('row', { name: /India/ });
    await expect.element(row.getByRole('cell', { name: '708', exact: true })).toBeVisible();
    await row.getByRole('button', { name: 'Copy at this price' }).click();
    await expect.poll(() => asked('runs.reprice')).toEqual([{ id: 1, choice: { region: 'IND' } }]);
  });

  it('keeps the list that a person made', async () => {
    const { screen, session } = await open('#/run/1');
    await screen.getByRole('button', { name: 'Remove France' }).click();
    await expect.poll(() => session.settings?.elsewhere).toEqual(['world', 'IND']);
    await screen.getByRole('combobox', { name: 'Add a region' }).click();
    await userEvent.keyboard('calif');
    await userEvent.keyboard('{ArrowDown}{Enter}');
    await expect.poll(() => session.settings?.elsewhere).toEqual(['world', 'IND', 'US-CA']);
  });

  it('is copied at a price that can be, and no other', async () => {
    const { screen, asked } = await open('#/run/1');
    const make = screen.getByRole('button', { name: 'Make a copy' });
    await expect.element(make).toBeDisabled();
    await screen.getByLabelText('PUE').fill('9');
    await expect.element(screen.getByText('PUE must be a number from 1 to 5.')).toBeVisible();
    await screen.getByLabelText('PUE').fill('1.3');
    await make.click();
    await expect.poll(() => asked('runs.reprice')).toEqual([{ id: 1, choice: { pue: 1.3 } }]);
  });
});

describe('a new experiment', () => {
  it('tells the figure of its region, without a choice that of the settings', async () => {
    const { screen } = await open('#/new');
    await expect.element(screen.getByText('344 gCO2e/kWh, Germany, 2024, lifecycle')).toBeVisible();
    await screen.getByRole('combobox', { name: 'Region' }).click();
    await userEvent.keyboard('fra');
    await userEvent.keyboard('{ArrowDown}{Enter}');
    await expect.element(screen.getByText('44.0 gCO2e/kWh, France, 2024, lifecycle')).toBeVisible();
  });
});

import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page } from 'vitest/browser';
import type {
  ConfigCost,
  Estimate,
  QueueState,
  RunDetail,
  RunSummary,
} from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import QueueBudgetSettings from '../../src-renderer/lib/form/QueueBudgetSettings.svelte';
import WebhookSettings from '../../src-renderer/lib/form/WebhookSettings.svelte';
import QueuePanel from '../../src-renderer/lib/queue/QueuePanel.svelte';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import BudgetEnd from '../../src-renderer/lib/ui/BudgetEnd.svelte';
import BudgetMeters from '../../src-renderer/lib/ui/BudgetMeters.svelte';
import NewExperiment from '../../src-renderer/views/NewExperiment.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { completeConfig, mockLink, stories } from '../mocks/link.ts';

const limits = { wh: 0.5, gCO2e: null, minutes: null, atLimit: 'stop', warnPercent: 80 } as const;
const about = (value: number): Estimate => ({ low: 0.8 * value, value, high: 1.2 * value });
const nothing = { seconds: null, wh: null, gCO2e: null };

describe('the budget of a run', () => {
  it('shows what is used and what is expected, and what cannot be watched', async () => {
    const outlook = { id: 1, seconds: null, wh: [0.48, 0.6], gCO2e: null, share: null } as const;
    const used = { wh: 0.31, gCO2e: null, seconds: 20 };
    const screen = await render(BudgetMeters, { budget: { ...limits, gCO2e: 3 }, used, outlook });
    await expect.element(screen.getByText('0.31 of 0.5 Wh')).toBeVisible();
    await expect
      .element(screen.getByText('0.48-0.60 Wh expected in the end, more than that'))
      .toHaveClass(/warn/);
    await expect.element(screen.getByText('cannot be watched: no power is read')).toBeVisible();
    await expect
      .element(screen.getByLabelText('Energy budget: 0.31 of 0.5 Wh'))
      .toHaveAttribute('max', '0.5');
    // an empty bar would say that nothing is used
    await expect
      .element(screen.getByLabelText('Emissions budget: – of 3 gCO2e'))
      .toHaveAttribute('role', 'img');
  });

  it('that is used up is raised on the spot, and what the run has used is no budget', async () => {
    const run = {
      id: 7,
      status: 'stopped',
      command: null,
      copyOf: null,
      wh: 0.52,
      gCO2e: 0.2,
      seconds: 30,
      error: { code: 'BUDGET', message: 'The energy budget is used up: 0.52 of 0.5 Wh.', hint: '' },
    } as unknown as RunSummary;
    const config = completeConfig({ budget: { ...limits, minutes: 10 } });
    const detail = { summary: run, config } as unknown as RunDetail;
    const link = mockLink({ replace: { 'runs.resume': () => undefined } });
    const session = new Session(createApi(link));
    const screen = await render(BudgetEnd, { session, run, detail });
    await expect.element(screen.getByText(/used up: 0.52 of 0.5 Wh/)).toBeVisible();
    const energy = screen.getByRole('textbox', { name: 'Energy Wh' });
    const time = screen.getByRole('textbox', { name: 'Time min' });
    await expect.element(energy).toHaveValue('1');
    await expect.element(time).toHaveValue('10');
    const resume = screen.getByRole('button', { name: 'Resume with this budget' });
    await energy.fill('0.5');
    await expect.element(resume).toBeDisabled();
    await energy.fill('2.5');
    await resume.click();
    await expect
      .poll(() => link.asked.findLast(({ name }) => name === 'runs.resume')?.input)
      .toEqual({ id: 7, budget: { ...limits, wh: 2.5, minutes: 10 } });
  });
});

async function queueWith(change: Partial<QueueState>) {
  const runs = [11, 12, 13].map((id) => ({
    ...stories()[0]!,
    id,
    status: 'queued' as const,
    done: 0,
  }));
  const link = mockLink({ runs });
  const session = new Session(createApi(link));
  const screen = await render(QueuePanel, { session });
  await expect.element(screen.getByText('3 runs wait')).toBeVisible();
  link.emit('queue', { ...session.queue!, ...change });
  return screen;
}

describe('the queue', () => {
  it('says how long it takes, and of which runs nothing is known', async () => {
    const waiting = { ...nothing, seconds: about(4200) };
    const screen = await queueWith({ outlook: { waiting, all: waiting, unknown: 1 } });
    await expect
      .element(
        screen.getByText(
          '3 runs wait, about 1 h 10 min (56-84 min), without one of which nothing is known',
        ),
      )
      .toBeVisible();
  });

  it('says what of its budget is used, and that nothing starts when all is', async () => {
    const part = { what: 'energy', unit: 'Wh', limit: 2000 } as const;
    const budget = { period: 'month', since: 0, unreadSeconds: 900, usedUp: false } as const;
    const first = await queueWith({ budget: { ...budget, parts: [{ ...part, used: 800 }] } });
    await expect.element(first.getByText('0.80 of 2 kWh used this month')).toBeVisible();
    await expect.element(first.getByText('15 min of it without readings')).toBeVisible();
    await first.unmount();
    const screen = await queueWith({
      budget: { ...budget, usedUp: true, parts: [{ ...part, used: 2040 }] },
    });
    await expect.element(screen.getByText('used up: nothing new starts')).toBeVisible();
  });

  it('has its budget set in kWh, kgCO2e and hours', async () => {
    const link = mockLink();
    const session = new Session(createApi(link));
    await expect.poll(() => session.settings).not.toBeNull();
    const screen = await render(QueueBudgetSettings, { session, settings: session.settings! });
    const set = () => link.asked.findLast(({ name }) => name === 'settings.set')?.input;
    const energy = screen.getByLabelText('Energy');
    await energy.fill('0');
    (energy.element() as HTMLElement).blur();
    await expect.element(screen.getByText('must be a number above 0, or empty')).toBeVisible();
    await energy.fill('1.5');
    (energy.element() as HTMLElement).blur();
    await expect.poll(set).toEqual({ queueBudgetWh: 1500 });
    await screen.getByRole('button', { name: 'since a reset' }).click();
    await expect
      .poll(set)
      .toEqual({ queueBudgetPeriod: 'reset', queueBudgetSince: expect.any(Number) });
  });
});

describe('the webhook', () => {
  it('is tested with a button, and says what came of it', async () => {
    let failing = false;
    const link = mockLink({
      replace: {
        'webhook.test': () => {
          if (failing) throw new Error('The webhook at example.org answered with HTTP 500.');
          return { status: 204, milliseconds: 12 };
        },
      },
    });
    const session = new Session(createApi(link));
    await expect.poll(() => session.settings).not.toBeNull();
    const settings = { ...session.settings!, webhook: 'https://example.org/hook' };
    const screen = await render(WebhookSettings, { session, settings });
    const test = screen.getByRole('button', { name: 'Send a test' });
    await test.click();
    await expect.element(screen.getByText('Taken (HTTP 204, 12 ms).')).toBeVisible();
    failing = true;
    await test.click();
    await expect.element(screen.getByText(/answered with HTTP 500/)).toHaveClass(/bad/);
    await screen.getByLabelText('Webhook').fill('ftp://example.org');
    (screen.getByLabelText('Webhook').element() as HTMLElement).blur();
    await expect.element(screen.getByText('must begin with http:// or https://')).toBeVisible();
  });
});

describe('before it starts', () => {
  it('the form says that a budget will not do, and when a start would be cleaner', async () => {
    await page.viewport(1280, 800);
    const plain = mockLink();
    const at = new Date(Date.now() + 3 * 3_600_000).setMinutes(0, 0, 0);
    const asked: number[] = [];
    const link = mockLink({
      replace: {
        'experiments.forecast': async ({ config, runs }) => {
          asked.push(runs);
          const answer = await plain.call('experiments.forecast', { config });
          const { ok } = answer as { ok: ConfigCost };
          const cleaner = { at, gCO2e: 180, nowGCO2e: 260, name: 'profile office.csv' };
          return { ...ok, cost: { ...ok.cost, seconds: about(60) }, cleaner };
        },
      },
    });
    const session = new Session(createApi(link));
    const screen = await render(NewExperiment, { session });
    const field = screen.getByRole('group', { name: 'Budget' }).getByLabelText('Time');
    await expect.element(field).toHaveAttribute('placeholder', 'no limit');
    await field.fill('0.01');
    await expect
      .element(screen.getByText(/^It needs more than its time budget of 0.6 s/))
      .toBeVisible();
    await expect
      .element(screen.getByText(/about 180 instead of 260 gCO2e \(profile office\.csv\)/))
      .toBeVisible();
    await screen.getByLabelText('Repeats').fill('3');
    await expect.poll(() => asked.at(-1)).toBe(3);
  });
});

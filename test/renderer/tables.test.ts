/** Numbers that say how they came about, or why they are missing; and that can be copied. */
import { beforeEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { howRead } from '../../src-renderer/lib/format/provenance.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import EnergyTable from '../../src-renderer/lib/table/EnergyTable.svelte';
import PhaseTable from '../../src-renderer/lib/table/PhaseTable.svelte';
import { byEpoch } from '../../src-renderer/lib/table/phase-rows.ts';
import { runColumns } from '../../src-renderer/lib/table/run-columns.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, reportOf, stories, summaryOfStory } from '../mocks/link.ts';

const energyOfOne = () => structuredClone(reportOf([1]).runs[0]!.detail.energy!);

/** What Ctrl C puts on the clipboard. */
async function copied(): Promise<string | undefined> {
  let text: string | undefined;
  const take = ({ clipboardData }: ClipboardEvent) => (text = clipboardData?.getData('text/plain'));
  addEventListener('copy', take, { once: true });
  await userEvent.keyboard('{Control>}c{/Control}');
  removeEventListener('copy', take);
  return text;
}

beforeEach(async () => {
  localStorage.setItem('hugginggreen.tour', 'seen');
  await page.viewport(1280, 800);
});

describe('how an energy was obtained', () => {
  it('is told part by part, with the rate and what the band is made of', () => {
    const energy = energyOfOne();
    expect(howRead(energy, 10)).toBe(
      'GPU counted: NVML energy counter of the board. ' +
        'CPU modelled: Load of /proc/stat times the share of the 120 W design power. ' +
        'RAM constant: 3 W per module. Sensors and load are read 10 times a second. ' +
        '±: root of the sum of the squares of their bands.',
    );
    energy.components[0]!.counted = false;
    energy.components[2]!.wh = null;
    expect(howRead(energy, 0.5)).toBe(
      'CPU modelled: Load of /proc/stat times the share of the 120 W design power. ' +
        'Sensors and load are read every 2 s.',
    );
  });

  it('stands on hover of the number that a run is about', async () => {
    location.hash = '#/run/1';
    const screen = await render(App, { session: new Session(createApi(mockLink())) });
    const result = screen.getByRole('region', { name: 'Result' });
    await result.getByRole('button', { name: 'Energy' }).hover();
    await expect
      .element(page.getByText(/GPU counted: NVML energy counter of the board\. CPU modelled/))
      .toBeVisible();
  });

  it('stands beside its source, with the rate where something is read', async () => {
    const screen = await render(EnergyTable, { energy: energyOfOne(), hz: 10 });
    await expect.element(screen.getByRole('cell', { name: 'nvml, 10 Hz' })).toBeVisible();
    await expect
      .element(screen.getByRole('cell', { name: 'ram-model', exact: true }))
      .toBeVisible();
  });

  it('is marked in the table of runs, and said on hover', async () => {
    location.hash = '#/runs?columns=wh,gpu,cpu';
    const screen = await render(App, { session: new Session(createApi(mockLink())) });
    await expect.element(screen.getByRole('grid', { name: 'Runs' })).toBeVisible();
    const cell = (key: string) =>
      document.querySelector(`tr[aria-label^="run 1,"] td[data-key="${key}"]`);
    await expect.poll(() => cell('gpu')?.querySelector('.mark.counted')).toBeTruthy();
    expect(cell('cpu')!.querySelector('.mark.modelled')).toBeTruthy();
    expect(cell('wh')).toHaveAttribute('title', 'GPU counted, CPU modelled, RAM constant');
  });
});

describe('what is missing', () => {
  it('says why in each column of numbers', () => {
    const run = summaryOfStory(stories().find(({ status }) => status === 'queued')!);
    const columns = runColumns([run], ['train.lr'], () => null);
    for (const column of columns.filter(({ numeric, value }) => numeric && value(run) === null))
      expect([column.key, column.missing?.(run)]).toEqual([
        column.key,
        column.key === 'ended' ? 'not over yet' : 'not started yet',
      ]);
    const why = (key: string, more: object) =>
      columns.find((column) => column.key === key)!.missing!({ ...run, ...more });
    expect(why('f1', { status: 'running' })).toBe('after the first evaluation');
    expect(why('f1', { status: 'done' })).toBe('never evaluated');
    expect(why('f1', { status: 'done', command: 'python train.py' })).toBe('the command told none');
    expect(why('wh', { status: 'done' })).toBe('no power was read');
    expect(why('perwh', { status: 'imported' })).toBe('not in the imported file');
    expect(why('train.lr', {})).toBe('its config has none');
  });

  it('says why in the sums of the energy table', async () => {
    const energy = energyOfOne();
    Object.assign(energy, { netWh: null, processWh: null, programWh: null, coverage: null });
    const screen = await render(EnergyTable, { energy, hz: null });
    const sums = screen.getByRole('row', { name: /All components/ });
    for (const reason of [
      'idle power is not known of every component',
      'the share of the processes is not known of every component',
      'the imported file does not say',
    ])
      await expect.element(sums.getByLabelText(`not known: ${reason}`).first()).toBeVisible();
    await expect.element(screen.getByText('Without this program')).not.toBeInTheDocument();
  });
});

it('takes the program’s own share out of an energy, as a row of its own', async () => {
  const energy = { ...energyOfOne(), wh: 2, programWh: 0.25, uncertaintyWh: 0.1 };
  const screen = await render(EnergyTable, { energy, hz: 10 });
  const row = screen.getByRole('row', { name: /Without this program/ });
  await expect.element(row.getByText('1.75 ± 0.10')).toBeVisible();
  await expect.element(row.getByText('modelled')).toBeVisible();
  await expect.element(row.getByText(/^12\.5 % less/)).toBeVisible();
});

describe('phases', () => {
  const phase = (name: string, epoch: number | null, from: number, to: number | null) => ({
    ...{ name, epoch, from, to, wh: 1, byKind: {}, images: name === 'train' ? 100 : null },
  });
  const phases = [
    phase('prepare', null, 0, 1),
    phase('train', 1, 1, 5),
    phase('evaluate', 1, 5, 6),
    // after a resume
    phase('train', 1, 6, 8),
    phase('train', 2, 8, null),
  ];

  it('are added up by epoch, and one that goes on has no length', () => {
    expect(byEpoch(phases).map(({ epoch, name, ...row }) => [epoch, name, row])).toEqual([
      [null, 'prepare', { seconds: 1, wh: 1, images: null }],
      [1, 'train', { seconds: 6, wh: 2, images: 200 }],
      [1, 'evaluate', { seconds: 1, wh: 1, images: null }],
      [2, 'train', { seconds: null, wh: 1, images: 100 }],
    ]);
  });

  it('are shown epoch by epoch on demand, with the energy of an image', async () => {
    const totals = [{ name: 'train', seconds: 6, wh: 3 }];
    const screen = await render(PhaseTable, { totals, phases });
    await screen.getByRole('button', { name: 'By epoch' }).click();
    await expect
      .element(screen.getByRole('row', { name: '1 Train 6.0 s 2.00 36.0', exact: true }))
      .toBeVisible();
    const open = screen.getByRole('row', { name: /^2 Train/ });
    await expect
      .element(open.getByLabelText('not known: it is still going on').first())
      .toBeVisible();
    await screen.getByRole('button', { name: 'In all' }).click();
    await expect.element(screen.getByRole('columnheader', { name: 'Share' })).toBeVisible();
  });
});

describe('Ctrl C', () => {
  it('takes the cell under the pointer, the one that was marked by keys, or its row', async () => {
    const told: string[] = [];
    const screen = await render(EnergyTable, {
      energy: energyOfOne(),
      hz: 10,
      oncopied: (what: string) => told.push(what),
    });
    await screen.getByRole('cell', { name: 'nvml, 10 Hz' }).hover();
    expect(await copied()).toBe('nvml, 10 Hz');
    const table = screen.container.querySelector('table')!;
    table.focus();
    await userEvent.keyboard('{ArrowDown}{ArrowDown}');
    expect(await copied()).toBe('Intel Xeon Silver 4310');
    await userEvent.keyboard('{ArrowLeft}');
    expect(await copied()).toMatch(/^Intel Xeon Silver 4310\tmodelled\tcpu-model, 10 Hz\t[\d.]+ ±/);
    expect(told).toEqual(['the cell', 'the cell', 'the row']);
  });

  it('leaves selected text to the browser', async () => {
    const told: string[] = [];
    const screen = await render(EnergyTable, {
      energy: energyOfOne(),
      hz: 10,
      oncopied: (what: string) => told.push(what),
    });
    const cell = screen.getByRole('cell', { name: 'nvml, 10 Hz' });
    await cell.hover();
    getSelection()!.selectAllChildren(cell.element());
    await copied();
    getSelection()!.removeAllRanges();
    expect(told).toEqual([]);
  });

  it('takes a row of the comparison', async () => {
    location.hash = '#/compare?ids=1,2';
    const session = new Session(createApi(mockLink()));
    const screen = await render(App, { session });
    const row = screen.getByRole('row', { name: /^Macro F1/ });
    await row.getByRole('rowheader').click();
    await userEvent.keyboard('{ArrowLeft}');
    expect(await copied()).toMatch(/^Macro F1 \(%\)\t[\d.]+ ± [\d.]+\t[\d.]+ ± /);
    expect(session.notices.at(-1)?.message).toBe('Copied the row.');
  });

  it('takes a row or the selected rows of the table of runs', async () => {
    location.hash = '#/runs?columns=status,f1';
    const session = new Session(createApi(mockLink()));
    const screen = await render(App, { session });
    const grid = screen.getByRole('grid', { name: 'Runs' });
    await expect.element(grid).toBeVisible();
    grid.element().focus();
    await userEvent.keyboard('{Home}');
    const row = await copied();
    expect(row).toMatch(/^\d+\t[^\t\n]+\t[^\t\n]+\t[^\t\n]+$/);
    await userEvent.keyboard('{Control>}a{/Control}');
    const lines = (await copied())!.split('\n');
    expect(lines[0]).toBe('Run\tName\tState\tMacro F1');
    expect(lines).toContain(row);
    expect(session.notices.at(-1)?.message).toBe(`Copied ${lines.length - 1} rows.`);
  });
});

it('writes CSV for Excel where that was chosen, also after a reload', async () => {
  localStorage.removeItem('hugginggreen.csv.excel');
  location.hash = '#/run/1';
  const link = mockLink();
  const screen = await render(App, { session: new Session(createApi(link)) });
  const asked = () => link.asked.findLast(({ name }) => name === 'runs.export')?.input;
  const phases = () => page.getByRole('button', { name: 'CSV of the phases by epoch' });
  await screen.getByRole('button', { name: 'Export' }).click();
  await phases().click();
  await expect.poll(asked).toMatchObject({ ids: [1], format: 'phases' });
  expect(asked()).not.toHaveProperty('bom');
  await screen.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('checkbox', { name: 'CSV for Excel' }).click();
  await phases().click();
  await expect.poll(asked).toMatchObject({ format: 'phases', bom: true });
  await screen.getByRole('button', { name: 'Export' }).click();
  await expect.element(page.getByRole('checkbox', { name: 'CSV for Excel' })).toBeChecked();
  localStorage.removeItem('hugginggreen.csv.excel');
});

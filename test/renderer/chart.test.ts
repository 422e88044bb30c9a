import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { Chart as ChartJs } from 'chart.js';
import Chart from '../../src-renderer/lib/chart/Chart.svelte';
import EnergyTable from '../../src-renderer/lib/table/EnergyTable.svelte';
import { nearestInEverySeries } from '../../src-renderer/lib/chart/crosshair.ts';
import { datasetsOf } from '../../src-renderer/lib/chart/plot-line.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { reportOf } from '../mocks/link.ts';

const line = (key: string, n: number, colour: string) => ({
  key,
  label: key,
  x: Array.from({ length: n }, (_, i) => (i * 100) / n),
  y: Array.from({ length: n }, (_, i) => 1500 + 100 * Math.sin(i / 5)),
  colour,
});
const look = {
  title: 'Power',
  finding: 'GPU: about 1.5 kW.',
  quantity: 'Power',
  unit: 'W',
  xTitle: 'Time (s)',
  empty: 'Power appears within a second of the start.',
};
const drawnBy = (element: Element) => {
  const canvas = element.querySelector('canvas');
  return canvas ? ChartJs.getChart(canvas) : undefined;
};

describe('a chart', () => {
  it('says what will appear while it is empty', async () => {
    const screen = await render(Chart, { ...look, lines: [] });
    await expect.element(screen.getByText(look.empty)).toBeVisible();
    expect(screen.container.querySelector('canvas')).toBeNull();
  });

  it('draws thinned lines with the unit on its axis and its finding as text', async () => {
    const screen = await render(Chart, { ...look, lines: [line('GPU', 50_000, 'var(--gpu)')] });
    await expect.element(screen.getByRole('img', { name: /about 1.5 kW/ })).toBeVisible();
    await expect.poll(() => drawnBy(screen.container)?.data.datasets.length).toBe(1);
    const chart = drawnBy(screen.container)!;
    expect(datasetsOf(chart)[0]!.shows.x.length).toBeLessThanOrEqual(3 * chart.width);
    expect(chart.options.scales?.y).toMatchObject({ title: { text: 'Power (kW)' } });
  });

  it('has a twin in numbers', async () => {
    const screen = await render(Chart, { ...look, lines: [line('GPU', 20, 'var(--gpu)')] });
    await screen.getByRole('button', { name: 'Power as table' }).click();
    await expect.element(screen.getByRole('columnheader', { name: 'GPU' })).toBeVisible();
    expect(screen.container.querySelectorAll('tbody tr')).toHaveLength(20);
    await expect.element(screen.getByText('1.50 kW').first()).toBeVisible();
  });

  it('shares its crosshair with its group, by keyboard too', async () => {
    const screen = await render(Chart, {
      ...look,
      group: 'shared',
      lines: [line('a', 50, 'var(--gpu)')],
    });
    const other = await render(Chart, {
      ...look,
      title: 'Other',
      group: 'shared',
      lines: [line('b', 500, 'var(--cpu)')],
    });
    await expect.poll(() => drawnBy(other.container)?.scales.x?.max).toBeGreaterThan(90);
    const image = screen.container.querySelector<HTMLElement>('[role="img"]')!;
    image.focus();
    for (let i = 0; i < 5; i++)
      image.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
    const [active] = drawnBy(other.container)!.getActiveElements();
    expect(active).toMatchObject({ datasetIndex: 0 });
    const [near] = nearestInEverySeries(drawnBy(other.container)!, 9.8);
    expect(near?.index).toBe(49);
    expect(active!.index).toBe(49);
    image.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
    expect(drawnBy(other.container)!.getActiveElements()).toEqual([]);
  });
});

describe('tables', () => {
  it('show energy with its band, and a missing reading as missing', async () => {
    const energy = structuredClone(reportOf([1]).runs[0]!.detail.energy!);
    energy.components[1]!.wh = null;
    const screen = await render(EnergyTable, { energy, hz: 10 });
    await expect.element(screen.getByText('2.03 ± 0.10')).toBeVisible();
    await expect.element(screen.getByRole('cell', { name: /missing/ })).toBeVisible();
    await expect.element(screen.getByText(/344 gCO2e\/kWh × PUE 1\. Germany/)).toBeVisible();
  });

  it('keep gross, net of idle, and the parts by process apart, each explained', async () => {
    const energy = structuredClone(reportOf([1]).runs[0]!.detail.energy!);
    energy.components[0]!.programWh = null;
    energy.programWh = null;
    const screen = await render(EnergyTable, { energy, hz: 10 });
    for (const name of [/^Energy \(/, /^Net of idle \(/, /^By the run \(/, /^By this program \(/])
      await expect.element(screen.getByRole('columnheader', { name })).toBeVisible();
    await expect
      .element(screen.getByLabelText(/not known: the share of the processes in its/))
      .toBeVisible();
    await expect.element(screen.getByText(/^Of this energy: .*% counted/)).toBeVisible();
    await expect.element(screen.getByText('1 gap')).toBeVisible();
  });
});

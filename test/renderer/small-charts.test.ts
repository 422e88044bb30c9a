/** What the smaller charts and their tables draw and tell of given data, and how they are worked. */
import { afterEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import { Chart as ChartJs } from 'chart.js';
import type { Energy } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import MarkBox from '../../src-renderer/lib/chart/MarkBox.svelte';
import RunCharts from '../../src-renderer/lib/chart/RunCharts.svelte';
import WallLine from '../../src-renderer/lib/chart/WallLine.svelte';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Elsewhere from '../../src-renderer/lib/table/Elsewhere.svelte';
import EnergyBars from '../../src-renderer/lib/table/EnergyBars.svelte';
import Live from '../../src-renderer/views/Live.svelte';
import { parseRoute } from '../../src-renderer/lib/route.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { calibrated, mockLink, reportOf } from '../mocks/link.ts';

afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

const [whole] = reportOf([1]).runs;
const { detail, series, power } = whole!;
const energy = detail.energy!;

describe('the line of a calibration', () => {
  const { idle, load, ...result } = calibrated.kept!;

  it('goes through both points, which lie where they were measured', async () => {
    const screen = await render(WallLine, { idle, load, result });
    await expect
      .element(
        screen.getByRole('img', {
          name: 'Idle: 74.0 W counted, 131 W at the socket; Load: 212 W counted, 286 W at the socket',
        }),
      ) // prettier-ignore
      .toBeVisible();
    const svg = screen.container.querySelector('svg')!;
    const number = (of: Element, name: string) => Number(of.getAttribute(name));
    const points = [...svg.querySelectorAll('circle')].map((one) => [number(one, 'cx'), number(one, 'cy')]); // prettier-ignore
    const fit = svg.querySelector('.fit')!;
    const [x1, y1, x2, y2] = ['x1', 'y1', 'x2', 'y2'].map((name) => number(fit, name)) as [number, number, number, number]; // prettier-ignore
    expect(points).toHaveLength(2);
    // 48.2 W + 1.12 x counted misses either reading by less than 1 W: 0.3 px
    for (const [x, y] of points) expect(Math.abs(y1 + ((x! - x1) * (y2 - y1)) / (x2 - x1) - y!)).toBeLessThan(0.5); // prettier-ignore
    // the axes end above what was read, at a round figure
    const ticks = [...svg.querySelectorAll('text[text-anchor=end]')].map((one) => one.textContent);
    expect(ticks).toEqual(['0', '100', '200', '300', '400', '500']);
  });

  it('leaves out a point whose meter was not read yet, and says what will come', async () => {
    const screen = await render(WallLine, { idle, load: { ...load, wallWatts: null }, result: null }); // prettier-ignore
    expect(screen.container.querySelectorAll('circle')).toHaveLength(1);
    expect(screen.container.querySelector('.fit')).toBeNull();
    await screen.rerender({ idle: null, load: null, result: null });
    await expect.element(screen.getByRole('img', { name: 'No point has been measured yet.' })).toBeVisible(); // prettier-ignore
    expect(screen.container.textContent).not.toMatch(/\d/);
  });
});

describe('bars of energy', () => {
  const runs = (second: Energy | null) => [
    { id: 1, name: 'Plain', energy },
    { id: 2, name: 'Other', energy: second },
  ];
  const bars = (container: Element) =>
    [...container.querySelectorAll('.bar div')].map((bar) =>
      [...bar.querySelectorAll('i')].map((part) => ({
        share: part.getBoundingClientRect().width / bar.getBoundingClientRect().width,
        mark: part.className,
        title: part.title,
      })),
    );

  it('are as long as the energy of each component on one scale, with the mark of how it was read', async () => {
    const half = {
      ...energy,
      wh: energy.wh! / 2,
      components: energy.components.map((one) => ({ ...one, wh: one.wh! / 2 })),
    };
    const { container } = await render(EnergyBars, { runs: runs(half) });
    const [plain, other] = bars(container);
    expect(plain!.map(({ share }) => share)).toEqual(energy.components.map(({ wh }) => expect.closeTo(wh! / energy.wh!, 2) as number)); // prettier-ignore
    expect(other!.map(({ share }) => share)).toEqual(plain!.map(({ share }) => expect.closeTo(share / 2, 2) as number)); // prettier-ignore
    expect(plain!.map(({ mark }) => mark.split(' ')[1])).toEqual(energy.components.map(({ provenance }) => provenance)); // prettier-ignore
    expect(plain![0]!.title).toMatch(/^NVIDIA RTX A5000: [\d.]+ ± [\d.]+ Wh$/);
  });

  it('hold only what counts for the run; of one without energy there is none, and no zero', async () => {
    const idleCard = { ...energy.components[0]!, key: 'gpu:1', counted: false };
    const more = { ...energy, components: [...energy.components, idleCard] };
    const screen = await render(EnergyBars, { runs: [{ id: 1, name: 'Plain', energy: more }, ...runs(null).slice(1)] }); // prettier-ignore
    expect(bars(screen.container).map((parts) => parts.length)).toEqual([3, 0]);
    await expect
      .element(screen.getByRole('row', { name: 'Other not known: no power was read' }))
      .toBeVisible();
  });
});

describe('the charts of a run', () => {
  const byName = Object.fromEntries(series.map((curve) => [curve.name, curve]));
  const props = { power, detail, x: 'time' as const, running: false, group: 'test' };
  const titles = (container: Element) =>
    [...container.querySelectorAll('figure h2')].map((title) => title.textContent.trim());

  it('are those of which there is something, over one axis, with the phases below power', async () => {
    await page.viewport(1280, 900);
    const { container } = await render(RunCharts, { ...props, series: byName });
    const charts = () => [...container.querySelectorAll('canvas')].map((canvas) => ChartJs.getChart(canvas)); // prettier-ignore
    await expect.poll(() => charts().every((chart) => chart?.scales.x !== undefined)).toBe(true);
    expect(charts()).toHaveLength(titles(container).length);
    expect(titles(container).slice(0, 4)).toEqual(['Loss', 'F1', 'Power', 'Energy used']);
    const spans = charts().map((chart) => `${chart!.scales.x!.min} ${chart!.scales.x!.max}`);
    expect(new Set(spans).size).toBe(1);
    const ribbon = container.querySelector('[aria-label^="Phases: "]')!;
    expect(ribbon.closest('.charts > div')!.querySelector('h2')!.textContent.trim()).toBe('Power');
  });

  it('of a run that goes on say what is still to come; once it is over nothing is promised', async () => {
    const nothing = { ...props, power: { components: [] }, series: {} };
    const screen = await render(RunCharts, { ...nothing, running: true });
    expect(titles(screen.container)).toEqual(['Loss', 'F1', 'Power', 'Energy used']);
    expect([...screen.container.querySelectorAll('.empty')].every(({ textContent }) => textContent.trim() !== '')).toBe(true); // prettier-ignore
    await screen.rerender({ ...nothing, running: false });
    expect(titles(screen.container)).toEqual([]);
  });

  it('show energy as emissions by the intensity of the run', async () => {
    const screen = await render(RunCharts, { ...props, series: byName });
    const last = () => {
      const canvas = screen.container.querySelectorAll('canvas')[3]!;
      const { max } = ChartJs.getChart(canvas)!.scales.y!;
      return { max, title: canvas.closest('figure')!.querySelector('h2')!.textContent.trim() };
    };
    await expect.poll(() => last().title).toBe('Energy used');
    await screen.getByRole('button', { name: 'gCO2e', exact: true }).click();
    await expect.poll(() => last().title).toBe('Emissions');
  });
});

describe('the box of a mark', () => {
  it('takes a text without blanks at its ends, by Enter; Escape closes it', async () => {
    const marks: string[] = [];
    let closed = 0;
    const screen = await render(MarkBox, { when: 'at 3:25', onmark: (text: string) => marks.push(text), onclose: () => closed++ }); // prettier-ignore
    const field = screen.getByLabelText('Mark at 3:25');
    await expect.element(field).toHaveFocus();
    await expect.element(screen.getByRole('button', { name: 'Mark' })).toBeDisabled();
    await userEvent.keyboard('  {Enter}');
    expect(marks).toEqual([]);
    await userEvent.keyboard(' fan on {Enter}');
    expect(marks).toEqual(['fan on']);
    await userEvent.keyboard('{Escape}');
    expect(closed).toBe(1);
  });
});

describe('the same run elsewhere', () => {
  const run = { id: 1, name: 'Plain', wh: 1000, emissions: { ...energy.emissions, gCO2e: 344 } };
  const shown = (more: object = {}) =>
    render(Elsewhere, { session: new Session(createApi(mockLink())), runs: [run], ...more });
  const rows = (container: Element) =>
    [...container.querySelectorAll('tbody tr')].map((row) =>
      [...row.children].slice(0, 4).map(({ textContent }) => textContent.trim()),
    );

  it('is priced at the figure of each region, from the least to the most, its own as priced', async () => {
    const { container } = await shown();
    await expect.poll(() => rows(container)).toEqual([
      ['France', '2024', '44.0', '44.0'],
      ['Germany, as priced', '2024', '344', '344'],
      ['World', '2024', '473', '473'],
      ['India', '2024', '708', '708'],
    ]); // prettier-ignore
    const widths = [...container.querySelectorAll<HTMLElement>('.bar i')].map((bar) => parseFloat(bar.style.width)); // prettier-ignore
    expect(widths.map(Math.round)).toEqual([6, 49, 67, 100]);
  });

  it('is not ranked across figures that count different things', async () => {
    const emissions = { ...run.emissions, basis: 'Direct emissions' };
    const { container } = await shown({ runs: [{ ...run, emissions }] });
    await expect.poll(() => container.querySelectorAll('tbody').length).toBe(2);
    expect(container.textContent).toContain('Regions of different bases are not ranked');
  });

  it('offers a copy at the price of another region, not of its own', async () => {
    const copied: string[] = [];
    const screen = await shown({ oncopy: (code: string) => copied.push(code) });
    const buttons = screen.getByRole('button', { name: 'Copy at this price' });
    await expect.poll(() => buttons.elements().length).toBe(3);
    await buttons.first().click();
    expect(copied).toEqual(['FRA']);
  });
});

it('the phases of the live run are there as a table too', async () => {
  await page.viewport(1280, 900);
  const session = new Session(createApi(mockLink()));
  const screen = await render(Live, { session, route: parseRoute('#/live') });
  const table = screen.getByRole('columnheader', { name: 'Phase', exact: true });
  await expect.element(screen.getByRole('heading', { name: 'Phases' })).toBeVisible();
  expect(table.query()).toBeNull();
  await screen.getByRole('heading', { name: 'Phases' }).click();
  await expect.element(table).toBeVisible();
  await expect.element(screen.getByRole('row', { name: /^Train / })).toBeVisible();
});

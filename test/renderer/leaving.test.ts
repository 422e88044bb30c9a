/** How what the page draws by itself leaves it: as a drawing that is whole without the page. */
import { describe, expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import { createApi } from '../../src-renderer/api.ts';
import { charts } from '../../src-renderer/lib/chart/focus.svelte.ts';
import { pageSvg } from '../../src-renderer/lib/chart/page-svg.ts';
import { Leaving } from '../../src-renderer/lib/chart/leaving.svelte.ts';
import PhaseRibbon from '../../src-renderer/lib/chart/PhaseRibbon.svelte';
import ConfusionGrid from '../../src-renderer/lib/mistakes/ConfusionGrid.svelte';
import { parseRoute } from '../../src-renderer/lib/route.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Compare from '../../src-renderer/views/Compare.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, stories } from '../mocks/link.ts';

const parsed = (svg: string) => {
  const file = new DOMParser().parseFromString(svg, 'image/svg+xml');
  expect(file.querySelector('parsererror')).toBeNull();
  // nothing of the page's is asked for, neither its colours nor its style nor its addresses
  expect(svg).not.toMatch(/var\(|color-mix|class=|href="#\//);
  return file.documentElement;
};
const textsOf = (svg: Element) => [...svg.querySelectorAll('text')].map(({ textContent }) => textContent); // prettier-ignore

/** What a title gives to a drag before a PNG of it is ready. */
function dragged(title: HTMLElement): string {
  const transfer = new DataTransfer();
  title.dispatchEvent(new DragEvent('dragstart', { dataTransfer: transfer, bubbles: true }));
  const [, svg] = transfer.getData('DownloadURL').split('data:image/svg+xml,');
  return decodeURIComponent(svg ?? '');
}

describe('a part of the page as a drawing', () => {
  const put = (html: string) => {
    const root = document.createElement('div');
    root.style.cssText = 'position:absolute;left:0;top:0;width:200px;font:12px sans-serif';
    root.innerHTML = html;
    document.body.append(root);
    const svg = parsed(pageSvg(root, 'A & B'));
    root.remove();
    return svg;
  };

  it('has boxes, marks and texts at their places, in colours that any program reads', () => {
    const svg = put(`
      <div style="width:100px;height:20px;background:color-mix(in oklab, red, red)"></div>
      <i class="mark modelled" style="display:block;width:50px;height:10px;--mark:rgb(0, 0, 255)"></i>
      <p style="text-align:right;color:rgb(1, 2, 3)">12 <b>Wh</b></p>`);
    const red = svg.querySelector('rect[fill="rgb(255, 0, 0)"]')!;
    expect(['x', 'y', 'width', 'height'].map((name) => red.getAttribute(name))).toEqual(['0', '0', '100', '20']); // prettier-ignore
    // hatched, and not merely blue
    expect(svg.querySelectorAll('path[stroke="rgb(0, 0, 255)"]').length).toBe(2);
    const [number, unit] = svg.querySelectorAll('text');
    expect([number!.textContent, number!.getAttribute('fill'), number!.getAttribute('text-anchor')]).toEqual(['12', 'rgb(1, 2, 3)', 'end']); // prettier-ignore
    expect(Number(unit!.getAttribute('x'))).toBeCloseTo(200, 0);
    expect(unit!.getAttribute('font-weight')).toBe('700');
    expect(svg.querySelector('title')!.textContent).toBe('A & B');
  });

  it('breaks and cuts texts where the page does, and leaves out what is hidden and what is pressed', () => {
    const svg = put(`
      <p style="width:70px">Multiply-accumulates</p>
      <p style="width:60px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">a name that is far too long</p>
      <p style="writing-mode:vertical-rl;transform:rotate(180deg)">upwards</p>
      <span class="hidden-text">read out</span><p data-undrawn>drag here</p>
      <button>flip</button><button data-drawn>7</button>`);
    const [first, second, long, ...rest] = textsOf(svg);
    expect([first, second]).toEqual(['Multiply-', 'accumulates']);
    expect(long).toMatch(/^a name.*…$/);
    expect(rest).toEqual(['upwards', '7']);
    expect(svg.querySelectorAll('text')[3]!.getAttribute('transform')).toMatch(/^rotate\(-90/);
  });

  it('keeps the style of a drawing, which lies in the sheets of the page', () => {
    const svg = put(`
      <style>.bar { fill: rgb(0 128 0 / 50%); fill-opacity: 0.5; stroke: red; stroke-dasharray: 3 2 }</style>
      <svg width="50" height="20"><a href="#/run/1"><title>Run 1</title><rect class="bar" width="20" height="9"/></a>
      <circle class="hit" r="9" data-undrawn/></svg>`);
    const bar = svg.querySelector('g > rect')!;
    const kept = ['fill', 'fill-opacity', 'stroke', 'stroke-dasharray'].map((name) => bar.getAttribute(name)); // prettier-ignore
    expect(kept).toEqual(['rgb(0, 128, 0)', '0.25', 'rgb(255, 0, 0)', '3px, 2px']);
    expect(svg.querySelector('g > title')!.textContent).toBe('Run 1');
    expect(svg.querySelector('circle')).toBeNull();
  });

  it('is as wide as what is scrolled to the side', () => {
    const svg = put(
      '<div style="overflow-x:auto"><div style="width:600px;height:9px;background:red"></div></div>',
    );
    expect(Number(svg.getAttribute('width'))).toBeGreaterThan(600);
  });
});

it('is drawn once for a press and the drag that follows, and its colours are read once', () => {
  let drawn = 0;
  const root = document.createElement('div');
  root.innerHTML = '<p style="color:rgb(9, 8, 7)">a</p><p style="color:rgb(9, 8, 7)">b</p>';
  document.body.append(root);
  const read = vi.spyOn(CanvasRenderingContext2D.prototype, 'getImageData');
  const draw = () => {
    drawn++;
    return pageSvg(root, 'A');
  };
  const title = document.createElement('h2');
  const end = new Leaving(() => 'A', draw).handle(title);
  title.dispatchEvent(new PointerEvent('pointerdown', { button: 2 }));
  expect(drawn).toBe(0);
  title.dispatchEvent(new PointerEvent('pointerdown'));
  const reads = read.mock.calls.length;
  expect(dragged(title)).toContain('rgb(9, 8, 7)');
  expect(drawn).toBe(1);
  // the next press finds all colours known
  title.dispatchEvent(new PointerEvent('pointerdown'));
  expect([drawn, read.mock.calls.length]).toEqual([2, reads]);
  end();
  read.mockRestore();
  root.remove();
});

describe('the charts of a comparison', () => {
  it('are all dragged out by their titles, and copied with Ctrl C and by the palette', async () => {
    await page.viewport(1280, 800);
    const written = vi.spyOn(navigator.clipboard, 'write').mockResolvedValue();
    const session = new Session(createApi(mockLink({ runs: stories() })));
    const screen = await render(Compare, { session, route: parseRoute('#/compare?ids=1,2,3,4') }); // prettier-ignore
    const drawingOf = async (title: string, text: string) => {
      const heading = screen.getByRole('heading', { name: title });
      await expect.element(heading).toBeVisible();
      const svg = parsed(dragged(heading.element() as HTMLElement));
      expect(textsOf(svg)).toContain(text);
      const menu = screen.getByRole('button', { name: `Options of ${title}` });
      (menu.element() as HTMLElement).focus();
      expect(charts.current?.title).toMatch(title);
      return svg;
    };
    const points = await drawingOf(
      'Energy against macro F1',
      'Energy of one run (Wh), logarithmic',
    );
    // one filled, one open; what is only to be hit with the pointer is left out
    expect(points.querySelectorAll('circle')).toHaveLength(2);
    expect(charts.current?.toggleTable).not.toBeNull();
    const lines = await drawingOf('Settings and results, line by line', 'Keep ratio');
    expect(lines.querySelectorAll('svg path')).toHaveLength(2);
    await drawingOf('Energy to reach a macro F1', 'Group');
    const matrices = await drawingOf('Confusion matrices', 'Rows: true class; columns: predicted class. Stronger: a larger share of the true class, on a root scale.'); // prettier-ignore
    expect(matrices.querySelectorAll('image')).toHaveLength(2);
    await drawingOf('Energy by component, first run of each group', 'GPU, counted');
    await userEvent.keyboard('{Control>}c{/Control}');
    await expect.poll(() => written.mock.calls.length).toBe(1);
    await expect
      .element(screen.getByText(/^Energy by component.* copied as a picture\.$/))
      .toBeInTheDocument();
  });
});

it('the cells of a confusion matrix are in its picture', async () => {
  const classes = ['disc', 'ring'];
  const counts = [
    [3, 1],
    [0, 4],
  ];
  const screen = await render(ConfusionGrid, { classes, counts, chosen: null, onchoose: () => {} });
  const svg = parsed(pageSvg(screen.container, 'Confusion matrix'));
  expect(textsOf(svg).sort()).toEqual(['1', '3', '4', 'disc', 'disc', 'ring', 'ring', 'true ↓ predicted →', '·'].sort()); // prettier-ignore
});

it('a ribbon of phases says between which places it lies, and keeps its stripes', async () => {
  const phase = (name: string, from: number, to: number) => ({
    ...{ name, epoch: 1, from, to, wh: null, byKind: {}, images: null },
  });
  const screen = await render(PhaseRibbon, {
    phases: [phase('train', 0, 50), phase('evaluate', 50, 100)],
    range: [0, 100] as const,
    now: 100,
    toAxis: (time: number) => time,
    xTitle: 'Step',
    formatX: String,
  });
  const made = vi.spyOn(URL, 'createObjectURL');
  await screen.getByRole('button', { name: 'Options of Phases' }).click();
  await screen.getByRole('button', { name: 'Save as SVG' }).click();
  const svg = parsed(await (made.mock.calls[0]![0] as Blob).text());
  expect(textsOf(svg)).toEqual(['Phases. Step: 0 to 100', 'Train', 'Validate']);
  // the band and its entry in the legend
  expect(svg.querySelectorAll('pattern[patternTransform="rotate(45)"]')).toHaveLength(2);
});

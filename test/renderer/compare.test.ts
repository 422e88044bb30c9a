import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import type { ComparisonRow, RunDetail, Series } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import { bandOf } from '../../src-renderer/lib/chart/bands.ts';
import { moment } from '../../src-renderer/lib/format/time.ts';
import { parseRoute } from '../../src-renderer/lib/route.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Compare from '../../src-renderer/views/Compare.svelte';
import ComparisonTable from '../../src-renderer/lib/table/ComparisonTable.svelte';
import Choose from '../../src-renderer/views/compare/Choose.svelte';
import Reach from '../../src-renderer/views/compare/Reach.svelte';
import { Gathering, mostDrawn } from '../../src-renderer/views/compare/gather.ts';
import { confusionOf, worstMistakes } from '../../src-renderer/views/compare/confusion.ts';
import Parallel from '../../src-renderer/views/compare/Parallel.svelte';
import * as parallel from '../../src-renderer/views/compare/parallel.ts';
import { axesOf, isoLines, labelsOf, stairs } from '../../src-renderer/views/compare/trade-off.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { dropConfig, mockLink, plainConfig, stories } from '../mocks/link.ts';

/** Five plain runs, five with half of the patches, and one that is alone. */
export function repeats() {
  const [story] = stories();
  const wobble = [0, 1.2, -0.9, 0.6, -1.4];
  const watts = { gpu: 104, cpu: 58, ram: 24 };
  const group = (from: number, config: typeof plainConfig, seconds: number, topF1: number) =>
    wobble.map((off, i) => ({
      ...story!,
      id: from + i,
      config: {
        ...config,
        name: `${config.name}, seed ${42 + i}`,
        train: { ...config.train, seed: 42 + i },
      },
      seconds: seconds + off,
      topF1: topF1 + off / 500,
    }));
  const half = group(6, dropConfig, 43, 0.897).map((one) => ({
    ...one,
    watts,
  }));
  const mask = { ...dropConfig, name: 'Mask', selection: { ...dropConfig.selection, mode: 'mask' as const } }; // prettier-ignore
  return [
    ...group(1, plainConfig, 62, 0.912),
    ...half,
    { ...story!, id: 11, config: mask, seconds: 66, topF1: 0.88 },
  ];
}

const show = async (query: string, width = 1280) => {
  await page.viewport(width, 800);
  const session = new Session(createApi(mockLink({ runs: repeats() })));
  return render(Compare, {
    session,
    route: parseRoute(`#/compare?ids=${query}`),
  });
};
const all = '1,2,3,4,5,6,7,8,9,10,11';

describe('what a comparison asks for', () => {
  const asking = (count: number) => {
    const [story] = stories();
    const runs = Array.from({ length: count }, (_, i) => ({ ...story!, id: i + 1 }));
    const link = mockLink({ runs });
    const ids = runs.map(({ id }) => id);
    return { link, gathering: new Gathering(createApi(link), ids) };
  };
  const asked = ({ asked }: ReturnType<typeof mockLink>) =>
    asked.map(({ name, input }) => [name, (input as { ids: number[] }).ids.length]);

  it('is there at once for all that is drawn, and is asked for once', async () => {
    const { link, gathering } = asking(8);
    const shown = gathering.show('wh', true, () => true);
    const once = [
      ['runs.sideBySide', 8],
      ['runs.totals', 8],
      ['runs.curves', 8],
    ];
    // before any answer
    expect(asked(link)).toEqual(once);
    const { drawn, details, table } = (await shown)!;
    expect(drawn.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(details.map(({ summary }) => summary.id)).toEqual(table.runs.map(({ id }) => id));
    // in groups, the same runs are drawn
    await gathering.show('wh', false, () => true);
    expect(asked(link)).toEqual(once);
    await gathering.show('step', true, () => true);
    expect(asked(link).slice(3)).toEqual([
      ['runs.curves', 8],
      ['runs.curves', 8],
    ]);
  });

  it('has no curves of runs that are not drawn', async () => {
    const { link, gathering } = asking(mostDrawn + 8);
    const { drawn, details } = (await gathering.show('wh', true, () => true))!;
    expect(drawn).toHaveLength(mostDrawn);
    expect(details).toHaveLength(mostDrawn + 8);
    expect(asked(link)).toEqual([
      ['runs.sideBySide', mostDrawn + 8],
      ['runs.totals', mostDrawn],
      ['runs.curves', mostDrawn],
    ]);
  });
});

describe('comparing groups of repeats', () => {
  it('says what is better in a sentence, with the tests behind it', async () => {
    const screen = await show(all);
    await expect
      .element(
        screen.getByText(
          /Example: keep 50 % of patches used 3\d % less energy than Example: plain ViT \(95 % interval .* Holm-corrected p < 0\.001\)/,
        ),
      )
      .toBeVisible();
    await expect
      .element(screen.getByText(/^Mask, seed|^Mask against .*not testable with 1 and 5 runs/))
      .toBeVisible();
    await screen.getByText('Groups and tests').click();
    await expect.element(screen.getByRole('columnheader', { name: 'p by Holm' })).toBeVisible();
    await expect.element(screen.getByText('Welch’s t test').first()).toBeVisible();
  });

  it('has a column per group with n, and one per run on demand', async () => {
    const screen = await show(all);
    const heads = () => screen.getByRole('columnheader', { name: /baseline/i }).all().length;
    await expect.poll(heads).toBe(3);
    await expect.element(screen.getByText('n = 5').first()).toBeVisible();
    await screen.getByRole('button', { name: 'Runs', exact: true }).click();
    await expect.poll(heads).toBe(11);
  });

  it('makes a group the baseline with all of its runs', async () => {
    const screen = await show(all);
    await screen.getByRole('button', { name: 'Make baseline' }).first().click();
    await expect.poll(() => location.hash).toBe('#/compare?ids=6,7,8,9,10,1,2,3,4,5,11');
  });

  it('draws the trade-off with links, and as a table', async () => {
    const screen = await show(all);
    const front = screen.getByRole('link', {
      name: /Example: plain ViT: .*n = 5, on the front/,
    });
    await expect.element(front).toHaveAttribute('href', '#/compare?ids=1,2,3,4,5');
    await expect
      .element(screen.getByRole('link', { name: /^Mask: .* n = 1, possibly dominated/ }))
      .toHaveAttribute('href', '#/run/11');
    await screen.getByRole('button', { name: 'Energy against macro F1 as table' }).click();
    await expect
      .element(screen.getByRole('columnheader', { name: 'F1 points per Wh' }))
      .toBeVisible();
    await expect.element(screen.getByText(/Hypervolume \d+\.\d %/)).toBeVisible();
  });

  it('tells the energy to a target, and where it was never reached', async () => {
    const screen = await show(all);
    const box = screen.getByRole('spinbutton', {
      name: /Macro F1 on validation/,
    });
    await expect.element(box).toBeVisible();
    await box.fill('0.9');
    await box.element().dispatchEvent(new Event('change', { bubbles: true }));
    await expect.element(screen.getByText(/not within .* Wh/).first()).toBeVisible();
    await box.fill('0.3');
    await box.element().dispatchEvent(new Event('change', { bubbles: true }));
    await expect.element(screen.getByText(/\(mean of 5\)/).first()).toBeVisible();
    expect(screen.getByText(/not within/).all()).toHaveLength(0);
  });

  it('draws every group over settings and results, and a brush keeps some of them', async () => {
    const screen = await show(all);
    const plain = screen.getByRole('link', {
      name: /^Example: plain ViT: Patch selection off.*Energy/,
    });
    await expect.element(plain).toHaveAttribute('href', '#/compare?ids=1,2,3,4,5');
    // without a patch selection it has no keep ratio, and passes below that axis in one piece
    await expect.element(plain).toHaveAccessibleName(/Keep ratio off/);
    expect(plain.element().querySelector('.line')!.getAttribute('d')).toMatch(/^M[^M]+$/);
    await expect.element(screen.getByText(/^3 of 3 shown/)).toBeVisible();
    const brush = screen.getByRole('slider', { name: 'Brush Energy' });
    (brush.element() as SVGElement).focus();
    await userEvent.keyboard('{ArrowUp}');
    // the cheapest group is below a twentieth of the axis
    await expect.element(screen.getByText(/^2 of 3 shown/)).toBeVisible();
    await userEvent.keyboard('{Escape}');
    await expect.element(screen.getByText(/^3 of 3 shown/)).toBeVisible();
  });

  it('sets confusion matrices beside each other, with the mistakes in words', async () => {
    const screen = await show(all);
    await expect
      .element(
        screen.getByRole('img', {
          name: /^Confusion matrix of Example: plain ViT\. Most/,
        }),
      )
      .toBeVisible();
    await expect.element(screen.getByText('Example: plain ViT (sum of 5)')).toBeVisible();
    const matrices = screen.getByRole('img', { name: /^Confusion matrix/ });
    expect(matrices.all()).toHaveLength(3);
    (matrices.first().element() as HTMLElement).focus();
    await expect.element(screen.getByText(/^disc recognised: Example: plain ViT/)).toBeVisible();
    await userEvent.keyboard('{ArrowRight}');
    await expect
      .element(screen.getByText(/^disc taken for ring: Example: plain ViT/))
      .toBeVisible();
  });
});

it('tells runs of one name apart by number and start where they are chosen', async () => {
  const session = new Session(createApi(mockLink()));
  const screen = await render(Choose, { session, from: [] });
  await expect
    .element(screen.getByRole('checkbox', { name: '#1 Example: plain ViT' }))
    .toBeVisible();
  const run = session.runs!.find(({ id }) => id === 1)!;
  await expect.element(screen.getByText(moment(run.startedAt), { exact: true })).toBeVisible();
});

describe('what can be said of a difference', () => {
  const row = (key: string, more: Partial<ComparisonRow>): ComparisonRow => ({
    key,
    label: key,
    unit: 'Wh',
    group: 'energy',
    values: [0.015, 0.012],
    uncertainty: [0.001, 0.001],
    banded: true,
    splits: null,
    doubts: [null, null],
    better: 'lower',
    differs: true,
    ...more,
  });
  const runs = [1, 2].map((id) => ({ id, name: `run ${id}` }));
  const table = (rows: ComparisonRow[], all = runs) =>
    render(ComparisonTable, { comparison: { runs: all, rows }, onlyDifferences: true });
  const changeOf = (screen: Awaited<ReturnType<typeof table>>, key: string) =>
    screen
      .getByRole('row', { name: new RegExp(`^${key} `) })
      .element()
      .querySelector('.change')!;

  it('is its size and share, and a verdict only beyond the bands', async () => {
    const screen = await table([
      row('clear', {}),
      row('tied', { doubts: [null, 'within the bands'] }),
      row('bare', { doubts: [null, 'no band'], uncertainty: [null, null] }),
      row('vague', { doubts: [null, 'within the bands'], uncertainty: [0.02, 0.02] }),
      row('score', {
        unit: '%',
        better: 'higher',
        doubts: [null, 'other split'],
        splits: ['test', 'validation'],
      }),
      row('equal', { values: [0.02, 0.02] }),
    ]);
    const told = (key: string) => {
      const cell = changeOf(screen, key);
      const colour = ['good', 'bad', 'soft'].find((name) => cell.classList.contains(name));
      return [cell.textContent.replace(/\s+/g, ' ').trim(), colour];
    };
    expect(told('clear')).toEqual(['3.0 mWh less (20 %), better', 'good']);
    expect(told('tied')).toEqual(['3.0 mWh less (20 %), within the uncertainty', 'soft']);
    expect(told('bare')).toEqual(['3.0 mWh less (20 %), uncertainty not known', 'soft']);
    expect(told('vague')).toEqual(['3.0 mWh less, within the uncertainty', 'soft']);
    expect(told('score')).toEqual(['validation against test', 'soft']);
    expect(told('equal')).toEqual(['the same', 'soft']);
  });

  it('stands below its value, and what a row is of stays where many columns scroll by', async () => {
    await page.viewport(900, 700);
    const many = Array.from({ length: 9 }, (_, i) => ({ id: i + 1, name: `run ${i + 1}` }));
    const spread = <Value>(value: Value) => many.map(() => value);
    const screen = await table(
      [
        row('energy', {
          values: many.map((_, i) => 0.01 + i / 100),
          uncertainty: spread(0.001),
          doubts: spread(null),
        }),
      ],
      many,
    );
    expect(screen.getByRole('columnheader', { name: /^run/ }).all()).toHaveLength(9);
    const label = screen.getByRole('rowheader', { name: /^energy/ }).element();
    const box = label.closest<HTMLElement>('.scroll')!;
    expect(box.scrollWidth).toBeGreaterThan(box.clientWidth + 200);
    expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(900);
    const before = label.getBoundingClientRect().left;
    box.scrollLeft = 300;
    expect(label.getBoundingClientRect().left).toBe(before);
    // headings end where their values do
    const head = screen.getByRole('columnheader', { name: /^run 5/ }).element();
    const value = label.parentElement!.children[5]!;
    expect(value.getBoundingClientRect().right).toBe(head.getBoundingClientRect().right);
  });

  it('between validation and test is none: it is said above, and no point dominates another', async () => {
    const [plain] = stories();
    const cheap = {
      ...plain!,
      id: 2,
      config: dropConfig,
      status: 'stopped' as const,
      seconds: 20,
      topF1: 0.99,
    };
    const better = { ...plain!, id: 3, config: dropConfig, seconds: 20, topF1: 0.99 };
    const standing = async (other: typeof plain) => {
      const session = new Session(createApi(mockLink({ runs: [plain!, other!] })));
      const ids = `1,${other!.id}`;
      const screen = await render(Compare, { session, route: parseRoute(`#/compare?ids=${ids}`) });
      const points = screen.getByRole('link', { name: /F1 points per Wh/ });
      await expect.poll(() => points.elements().length).toBe(2);
      const said = screen.getByText(/are of validation, those of the others of the test/).all();
      const [first] = points.elements();
      const front = screen.container.querySelectorAll('path.front').length;
      const found = [first!.getAttribute('aria-label')!.split(', ').at(-1), said.length, front];
      await screen.unmount();
      return found;
    };
    expect(await standing(better)).toEqual(['dominated', 0, 1]);
    expect(await standing(cheap)).toEqual(['on the front', 1, 0]);
  });

  it('of the energy to a target goes by the bands of the runs', async () => {
    const series = (last: number) => ({ name: 'validation.macroF1', x: [1, last], y: [0.2, 0.9] });
    const against = async (band: number | null) => {
      const groups = [10, 5].map((last, i) => ({
        id: i + 1,
        name: `run ${i + 1}`,
        curves: [{ series: series(last) as unknown as Series, band }],
      }));
      const screen = await render(Reach, { groups });
      const cell = screen.getByRole('row', { name: /^run 2/ }).element().lastElementChild!;
      const told = [cell.textContent.replace(/\s+/g, ' ').trim(), cell.className.split(' ')[0]];
      await screen.unmount();
      return told;
    };
    expect(await against(0.01)).toEqual(['5.0 Wh less (50 %), better', 'good']);
    expect(await against(0.75)).toEqual(['5.0 Wh less (50 %), within the uncertainty', 'soft']);
    expect(await against(null)).toEqual(['5.0 Wh less (50 %), uncertainty not known', 'soft']);
  });
});

describe('confusion matrices', () => {
  const detail = (confusion: number[][]) =>
    ({
      evaluations: [
        {
          result: {
            split: 'test',
            confusion,
            perClass: [{ label: 'cat' }, { label: 'dog' }],
          },
        },
      ],
    }) as unknown as RunDetail;

  it('are summed over repeats, and shared out over each true class', () => {
    const both = confusionOf([
      detail([
        [8, 2],
        [1, 9],
      ]),
      detail([
        [10, 0],
        [3, 7],
      ]),
    ])!;
    expect(both).toMatchObject({ n: 2, shares: [[0.9, 0.1], [0.2, 0.8]] }); // prettier-ignore
    expect(worstMistakes(both)).toEqual([
      { truth: 'dog', taken: 'cat', share: 0.2, images: 4 },
      { truth: 'cat', taken: 'dog', share: 0.1, images: 2 },
    ]);
  });

  it('are none where none was recorded, and 0 of a class without images', () => {
    expect(confusionOf([detail([])])).toBeNull();
    expect(
      confusionOf([
        detail([
          [0, 0],
          [0, 1],
        ]),
      ])!.shares[0],
    ).toEqual([0, 0]);
  });
});

describe('parallel coordinates', () => {
  const row = (
    key: string,
    group: ComparisonRow['group'],
    values: ComparisonRow['values'],
  ): ComparisonRow => ({
    key,
    label: `Training: ${key}`,
    unit: null,
    group,
    values,
    uncertainty: [],
    banded: false,
    splits: null,
    doubts: [],
    better: null,
    differs: new Set(values).size > 1,
  });
  const rows = [
    row('wh', 'energy', [1, 10, 100]),
    row('macroF1', 'result', [70, null, 90]),
    row('model', 'config', ['vit', 'cnn', 'vit']),
    row('train.seed', 'config', [1, 2, 3]),
    row('epochs', 'config', [5, 5, 5]),
  ];
  const axes = parallel.axesOf(rows);
  const [model, f1, wh] = axes as [parallel.Axis, parallel.Axis, parallel.Axis];

  it('have the settings that differ but seeds, then results, energy last', () => {
    expect(axes.map(({ key }) => key)).toEqual(['model', 'macroF1', 'wh']);
    expect(model).toMatchObject({ label: 'model', choices: ['vit', 'cnn'] });
  });

  it('flip and take logarithms', () => {
    const at = (value: number, choice: Partial<parallel.AxisChoice>) =>
      parallel.placeOn(wh, value, { ...parallel.plainAxis, ...choice });
    expect(at(100, {})).toBe(1);
    expect(at(100, { flipped: true })).toBe(0);
    expect(at(10, { log: true })).toBeCloseTo(0.5, 12);
    expect(parallel.placeOn(f1, null, parallel.plainAxis)).toBeNull();
  });

  it('say below an axis why a line has no place on it', () => {
    const off = row('selection.keepRatio', 'config', [null, 0.5, 0.7]);
    const none = row('augment.flip', 'config', [true, false, null]);
    expect(parallel.axesOf([off, none, ...rows]).map(({ absent }) => absent)).toEqual([
      'off',
      'none',
      null,
      'not known',
      null,
    ]);
  });

  it('have ticks of logarithms', () => {
    expect(parallel.ticksOf(wh, { flipped: false, log: true })).toEqual([1, 2, 5, 10, 20, 50, 100]);
  });

  it('a brush keeps what lies in it, and drops what is not known there', () => {
    const kept = (brushes: Record<string, parallel.Brush>) =>
      [0, 1, 2].filter((line) => parallel.isKept(axes, {}, brushes, line));
    expect(kept({})).toEqual([0, 1, 2]);
    expect(kept({ wh: [0, 0.2] })).toEqual([0, 1]);
    expect(kept({ macroF1: [0, 1] })).toEqual([0, 2]);
    expect(kept({ wh: [0, 0.2], macroF1: [0, 1] })).toEqual([0]);
  });
});

it('parallel coordinates are a table too, of the lines that are kept', async () => {
  const row = (key: string, group: ComparisonRow['group'], values: ComparisonRow['values']) => ({
    ...{ key, label: key, unit: key === 'wh' ? 'Wh' : null, group, values },
    ...{ uncertainty: [], banded: false, splits: null, doubts: [], better: null, differs: true },
  });
  const screen = await render(Parallel, {
    columns: [
      { id: 1, name: 'Plain', ids: [1] },
      { id: 2, name: 'Dropped', ids: [2, 3] },
    ],
    rows: [
      row('model.kind', 'config', ['vit', 'resnet']),
      row('macroF1', 'result', [70, null]),
      row('wh', 'energy', [1.5, 12]),
    ],
  });
  await screen.getByRole('button', { name: 'Settings and results, line by line as table' }).click();
  const text = () => [...screen.container.querySelectorAll('tr')].map((line) => [...line.children].map(({ textContent }) => textContent.trim())); // prettier-ignore
  expect(text()).toEqual([
    ['Line', 'model.kind', 'macroF1', 'wh (Wh)'],
    ['Plain', 'ViT', '70.0', '1.50'],
    ['Dropped', 'ResNet', '–', '12.0'],
  ]);
  await expect.element(screen.getByRole('link', { name: 'Dropped' })).toHaveAttribute('href', '#/compare?ids=2,3'); // prettier-ignore
  // what a brush drops is not in the table either
  await screen.getByRole('button', { name: 'Settings and results, line by line as chart' }).click();
  const brush = screen.getByRole('slider', { name: 'Brush wh' }).element() as SVGElement;
  brush.focus();
  await userEvent.keyboard('{ArrowUp}');
  await screen.getByRole('button', { name: 'Settings and results, line by line as table' }).click();
  expect(text().map(([name]) => name)).toEqual(['Line', 'Dropped']);
});

describe('bands over repeats', () => {
  const x = [0, 1, 2];
  const curves = [
    { x, y: [1, 2, 3] },
    { x, y: [2, 4, 6] },
    { x, y: [3, 6, 9] },
  ];

  it('are the t interval, the deviation or the range', () => {
    expect(bandOf(curves, 'range')).toEqual({
      x,
      mean: [2, 4, 6],
      low: [1, 2, 3],
      high: [3, 6, 9],
      n: 3,
    });
    expect(bandOf(curves, 'deviation').low).toEqual([1, 2, 3]);
    // t of 2 degrees of freedom is 4.303
    expect(bandOf(curves, 'interval').high[0]).toBeCloseTo(2 + 4.302653 / Math.sqrt(3), 5);
  });

  it('need three curves for an interval, two for a deviation', () => {
    expect(bandOf(curves.slice(1), 'interval')).toMatchObject({ mean: [2.5, 5, 7.5], low: [null, null, null] }); // prettier-ignore
    expect(bandOf(curves.slice(0, 1), 'deviation').low).toEqual([null, null, null]);
    expect(bandOf([], 'range').n).toBe(0);
  });

  it('go as far as all curves do, over gaps, read between points', () => {
    const band = bandOf(
      [
        { x: [0, 2, 4], y: [0, 2, 4] },
        { x: [1, 2, 3], y: [1, null, 3] },
      ],
      'range',
    );
    expect(band.x[0]).toBe(1);
    expect(band.x.at(-1)).toBe(3);
    expect(band.mean).toEqual(band.x);
    expect(band.low).toEqual(band.high);
  });
});

describe('the chart of energy against F1', () => {
  const point = (wh: number, f1: number, standing: 'front' | 'dominated' = 'front') => ({
    name: `at ${wh}`,
    ids: [wh],
    n: 1,
    split: 'test' as const,
    wh,
    f1,
    whInterval: null,
    f1Interval: null,
    standing,
  });
  const frame = {
    width: 640,
    height: 320,
    left: 56,
    right: 14,
    top: 18,
    bottom: 40,
  };
  const points = [point(10, 0.7), point(100, 0.9), point(90, 0.6, 'dominated')];
  const axes = axesOf(points, frame);

  it('is logarithmic in energy and holds every point', () => {
    const middle = axes.placeX(Math.sqrt(10 * 100));
    expect(middle).toBeCloseTo((axes.placeX(10) + axes.placeX(100)) / 2, 6);
    for (const { wh, f1 } of points) {
      expect(axes.placeX(wh)).toBeGreaterThan(frame.left);
      expect(axes.placeX(wh)).toBeLessThan(frame.width - frame.right);
      expect(axes.placeY(f1)).toBeGreaterThan(frame.top);
      expect(axes.placeY(f1)).toBeLessThan(frame.height - frame.bottom);
    }
  });

  it('has lines of equal F1 per Wh where that is so', () => {
    const lines = isoLines(axes);
    expect(lines.length).toBeGreaterThan(1);
    for (const { value, points } of lines) {
      const [x, y] = points[Math.floor(points.length / 2)]!;
      // back from pixels
      const wh = axes.x.min * (axes.x.max / axes.x.min) ** ((x - 56) / (640 - 70));
      const f1 = axes.y.max - ((y - 18) / (320 - 58)) * (axes.y.max - axes.y.min);
      expect((100 * f1) / wh / value).toBeCloseTo(1, 6);
    }
  });

  it('has stairs over the front only, and labels that cover nothing', () => {
    expect(stairs(points, axes)).toMatch(/^M[\d.]+ [\d.]+H[\d.]+V[\d.]+$/);
    const crowd = Array.from({ length: 12 }, (_, i) => point(50, 0.8 + i / 1e4));
    const labels = labelsOf(crowd, axesOf(crowd, frame), frame);
    expect(labels.some((label) => label === null)).toBe(true);
    expect(labels.some((label) => label !== null)).toBe(true);
  });
});

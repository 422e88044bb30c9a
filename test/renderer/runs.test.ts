import { describe, expect, it, beforeEach } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Failure from '../../src-renderer/lib/table/Failure.svelte';
import { completeQuery } from '../../src-renderer/lib/table/complete.ts';
import {
  metricHelp,
  metricTitle,
  runColumns,
  usualColumns,
  type RunColumn,
} from '../../src-renderer/lib/table/run-columns.ts';
import {
  itemsOf,
  meanOf,
  parseSort,
  sortRuns,
  writeSort,
} from '../../src-renderer/lib/table/run-rows.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, stories, summaryOfStory } from '../mocks/link.ts';

const open = async (hash = '#/runs', link = mockLink()) => {
  location.hash = hash;
  const session = new Session(createApi(link));
  const screen = await render(App, { session });
  await expect.element(screen.getByRole('grid', { name: 'Runs' })).toBeVisible();
  return { link, session, screen };
};
const rowNames = (): string[] =>
  [...document.querySelectorAll('tbody tr[aria-label]')].map((row) => row.ariaLabel!);
const rowIds = (): number[] => rowNames().map((name) => Number(/run (\d+)/.exec(name)?.[1]));
const call = (link: ReturnType<typeof mockLink>, name: string) =>
  link.asked.filter((one) => one.name === name).at(-1)?.input;

beforeEach(async () => {
  localStorage.clear();
  localStorage.setItem('hugginggreen.tour', 'seen');
  await page.viewport(1280, 800);
  // the frame fills its window, as it does in the page of its own
  document.head.insertAdjacentHTML(
    'beforeend',
    '<style>body > div:has(main) { height: 100vh }</style>',
  );
});

describe('the order of runs', () => {
  const runs = stories().map(summaryOfStory);
  const columns = runColumns(runs, [], () => null);
  const columnOf = (key: string): RunColumn => columns.find((column) => column.key === key)!;

  it('shows and sorts a score of validation like one of the test, and marks it', () => {
    const [one] = runs.filter(({ macroF1 }) => macroF1 !== null);
    const scored = (f1Split: 'test' | 'validation') => ({ ...one!, macroF1: 0.8661, f1Split });
    const { text, value, mean } = columnOf('f1');
    expect(text(scored('validation'))).toBe('0.866 v');
    expect(text(scored('test'))).toBe('0.866');
    expect(value(scored('validation'))).toBe(0.8661);
    expect([mean!(0.8661, 0.0212), mean!(0.8661, null)]).toEqual(['0.87 ± 0.02', '0.866']);
  });

  it('is by several columns, missing values last in either direction', () => {
    const sort = parseSort('dataset,-f1');
    expect(writeSort(sort)).toBe('dataset,-f1');
    for (const text of ['f1', '-f1']) {
      const scores = sortRuns(runs, parseSort(text), columns).map(({ macroF1 }) => macroF1);
      const known = scores.filter((score) => score !== null);
      expect(known).toEqual(known.toSorted((a, b) => (text === 'f1' ? a - b : b - a)));
      expect(scores.slice(known.length)).toEqual(scores.slice(known.length).map(() => null));
    }
    const named = ['run 10', 'Run 9', 'run 2'].map((name, i) => ({ ...runs[0]!, id: i + 1, name }));
    expect(sortRuns(named, parseSort('name'), columns).map(({ name }) => name)).toEqual([
      'run 2',
      'Run 9',
      'run 10',
    ]);
    const twins = [3, 1, 2].map((seed) => ({ ...runs[0]!, id: seed, seed, macroF1: 0.5 }));
    expect(sortRuns(twins, parseSort('-f1,seed'), columns).map(({ seed }) => seed)).toEqual([
      1, 2, 3,
    ]);
  });

  it('groups repeats with the mean and t interval of those that are done', () => {
    const scores = [0.8, 0.82, 0.84, 0.1];
    const repeats = scores.map((macroF1, i) => ({
      ...runs[0]!,
      id: i + 1,
      group: 'a',
      macroF1,
      status: i === 3 ? ('failed' as const) : ('done' as const),
    }));
    const single = { ...runs[0]!, id: 9, group: 'b' };
    const items = itemsOf([...repeats, single], 'repeats', new Set(), null);
    expect(items.map(({ kind }) => kind)).toEqual(['group', 'run']);
    const [group] = items;
    if (group?.kind !== 'group') throw new Error('no group');
    expect(group.runs).toHaveLength(4);
    // t(0.975, 2) = 4.302653, s = 0.02
    const { n, mean, half } = meanOf(group.counted, columnOf('f1'))!;
    expect(n).toBe(3);
    expect(mean).toBeCloseTo(0.82, 12);
    expect(half).toBeCloseTo((4.302653 * 0.02) / Math.sqrt(3), 6);
    expect(meanOf(group.counted.slice(0, 2), columnOf('f1'))!.half).toBeNull();
    // the band of the sensor is common to all, and stays
    const sensed = group.counted.map((run, i) => ({ ...run, wh: 10 + i, uncertaintyWh: 3 }));
    expect(meanOf(sensed, columnOf('wh'))!.half).toBeCloseTo(Math.hypot(3, 4.302653 / Math.sqrt(3)), 6); // prettier-ignore
    expect(meanOf(sensed.slice(0, 2), columnOf('wh'))!.half).toBeCloseTo(Math.hypot(3, 0.5), 12);
    const partly = sensed.map((run, i) => ({ ...run, uncertaintyWh: i === 0 ? null : 3 }));
    expect(meanOf(partly, columnOf('wh'))!.half).toBeNull();
    const unfolded = itemsOf([...repeats, single], 'repeats', new Set([group.key]), null);
    expect(unfolded).toHaveLength(6);
  });

  it('takes no score of validation into the mean of a group with a test', () => {
    const group = [0.8, 0.82, 0.5].map((macroF1, i) => ({
      ...runs[0]!,
      id: i + 1,
      macroF1,
      wh: 10 + i,
      f1PerWh: (100 * macroF1) / 10,
      f1Split: i === 2 ? ('validation' as const) : ('test' as const),
    }));
    expect(meanOf(group, columnOf('f1'))).toMatchObject({ n: 2, split: 'test' });
    expect(meanOf(group, columnOf('f1'))!.mean).toBeCloseTo(0.81, 12);
    expect(meanOf(group, columnOf('perwh'))!.mean).toBeCloseTo(8.1, 12);
    // what is no score is of all
    expect(meanOf(group, columnOf('wh'))).toMatchObject({ n: 3, mean: 11, split: null });
    expect(meanOf(group.slice(2), columnOf('f1'))).toMatchObject({
      mean: 0.5,
      split: 'validation',
    });
    expect(columnOf('perwh').text(group[2]!)).toMatch(/ v$/);
  });

  it('groups starts of a matrix into their arms', () => {
    const place = {
      group: 3,
      id: 'rq2',
      title: 'RQ2',
      arm: 'a',
      armTitle: 'A',
      baseline: null,
      repeat: 1,
      warmUp: false,
    };
    const arms = ['a', 'a', 'b', 'b'].map((arm, i) => ({
      ...runs[0]!,
      id: i + 1,
      matrix: { ...place, arm, armTitle: arm.toUpperCase(), warmUp: i === 3 },
    }));
    const items = itemsOf([...arms, { ...runs[0]!, id: 9 }], 'matrix', new Set(), null);
    expect(items.map((item) => (item.kind === 'group' ? item.title : item.run.id))).toEqual([
      'RQ2, start 3',
      'A',
      3,
      4,
      9,
    ]);
  });
});

describe('what the search offers', () => {
  const runs = stories()
    .map(summaryOfStory)
    .map((run) => ({ ...run, tags: ['paper', 'two words'] }));
  const offered = (text: string, caret = text.length) =>
    completeQuery(text, caret, runs, ['train.lr', 'metric.val_acc']).options.map(
      ({ insert }) => insert,
    );

  it('names columns, then their values, in place of the token that is typed', () => {
    expect(offered('')).toContain('status:');
    expect(offered('dat')[0]).toBe('dataset:');
    expect(offered('status:done -ta')[0]).toBe('-tag:');
    expect(offered('.lr')).toEqual(['train.lr:']);
    expect(offered('tag:')).toEqual(['tag:paper', 'tag:"two words"']);
    expect(offered('tag:paper,tw')).toEqual(['tag:paper,"two words"']);
    expect(offered('gpu>0.4')).toContain('gpu>0.4kWh');
    expect(offered('is:arc')).toEqual(['is:archived']);
    expect(offered('is:ex')).toEqual(['is:example']);
    const { from, to } = completeQuery('status:done fo', 13, runs, []);
    expect([from, to]).toEqual([12, 14]);
  });
});

describe('the usual columns', () => {
  const runs = stories()
    .map(summaryOfStory)
    .map((run, i) => ({ ...run, tags: ['paper'], dataset: i % 2 ? 'CIFAR-10' : 'MNIST' }));
  const widths = new Map(runColumns(runs, [], () => null).map(({ key, width }) => [key, width]));
  const shownIn = (room: number) => usualColumns(runs, room, (key) => widths.get(key)!);

  it('fit into the room there is, and keep what a run is judged by', () => {
    const total = (keys: string[]) => keys.reduce((sum, key) => sum + widths.get(key)!, 0);
    expect(shownIn(4000)).toContain('started');
    for (const room of [700, 850, 1000]) expect(total(shownIn(room))).toBeLessThanOrEqual(room);
    for (const key of ['status', 'f1', 'wh', 'perwh', 'time']) expect(shownIn(0)).toContain(key);
  });

  it('name a metric with its rule', () => {
    expect(metricTitle('metric.val_acc')).toBe('val_acc');
    expect(metricTitle('metric.val_acc~max')).toBe('val_acc, max');
    expect(metricHelp('metric.val_acc~min')).toBe('Smallest value that the run reported');
  });
});

describe('the table of runs', () => {
  it('searches with completion and says inline what it left out', async () => {
    const { screen } = await open();
    const box = screen.getByRole('combobox', { name: 'Search the runs' });
    await box.fill('sta');
    await expect.element(screen.getByRole('option', { name: /status:/ })).toBeVisible();
    await userEvent.keyboard('{ArrowDown}{Enter}');
    await expect.element(box).toHaveValue('status:');
    await userEvent.keyboard('fail{ArrowDown}{Enter}');
    await expect.element(box).toHaveValue('status:failed ');
    expect(rowIds()).toEqual(
      stories()
        .filter(({ status }) => status === 'failed')
        .map(({ id }) => id),
    );
    expect(location.hash).toContain('filter=status%3Afailed');
    await box.fill('gpu>4potatoes');
    await expect.element(screen.getByText(/"potatoes" is no unit of "gpu"/)).toBeVisible();
    expect(rowIds()).toHaveLength(stories().length);
  });

  it('is used by keyboard: move, select a range, open', async () => {
    const { screen } = await open();
    await userEvent.keyboard('/');
    await userEvent.keyboard('{Enter}');
    const grid = screen.getByRole('grid', { name: 'Runs' });
    await expect.element(grid).toHaveFocus();
    const before = rowIds();
    await userEvent.keyboard('{ArrowDown}{Shift>}{ArrowDown}{ArrowDown}{/Shift}');
    await expect.element(screen.getByText('3 selected')).toBeVisible();
    await userEvent.keyboard(' ');
    await expect.element(screen.getByText('2 selected')).toBeVisible();
    await userEvent.keyboard('{Control>}a{/Control}');
    await expect.element(screen.getByText(`${before.length} selected`)).toBeVisible();
    await userEvent.keyboard('{Escape}{Home}{Enter}');
    await expect
      .element(screen.getByRole('heading', { level: 1, name: `Run ${before[0]}` }))
      .toBeVisible();
  });

  it('sorts by several columns and keeps that in the address', async () => {
    const { screen } = await open();
    await screen.getByRole('button', { name: /^Energy/ }).click();
    expect(location.hash).toContain('sort=-wh');
    await userEvent.keyboard('{Shift>}');
    await screen.getByRole('button', { name: /^Macro F1/ }).click();
    await userEvent.keyboard('{/Shift}');
    expect(location.hash).toContain('sort=-wh,-f1');
    await expect
      .element(screen.getByRole('columnheader', { name: /^Energy/ }))
      .toHaveAttribute('aria-sort', 'descending');
  });

  it('takes any key of a config as a column, in the order of one’s own', async () => {
    const { screen, link } = await open();
    await screen.getByRole('button', { name: 'Columns' }).click();
    await screen.getByRole('textbox', { name: 'Key of the config or metric' }).fill('train.lr');
    await screen.getByRole('button', { name: 'train.lr', exact: true }).click();
    await expect
      .element(screen.getByRole('columnheader', { name: 'train.lr' }))
      .toBeInTheDocument();
    expect(call(link, 'runs.values')).toEqual({ keys: ['train.lr'] });
    const left = screen.getByRole('button', { name: 'Move train.lr to the left' });
    const order = () => location.hash.match(/columns=([^&]*)/)![1]!.split(',');
    const at = order().indexOf('train.lr');
    await left.click();
    expect(order().indexOf('train.lr')).toBe(at - 1);
  });

  it('stars, tags and renames what is selected', async () => {
    const { screen, link, session } = await open();
    const box = screen.getByRole('checkbox', { name: /^Select run 2,/ });
    await box.click();
    await expect.element(box).toBeChecked();
    const bar = screen.getByRole('toolbar', { name: 'Selected runs' });
    await bar.getByRole('button', { name: 'Star' }).click();
    await expect.poll(() => session.run(2)?.star).toBe(true);
    await bar.getByRole('button', { name: 'Tag' }).click();
    // what is typed belongs to the menu, and no letter of it is a key of the table
    await userEvent.keyboard('paper{Enter}');
    await expect.poll(() => session.run(2)?.tags).toEqual(['paper']);
    await screen.getByRole('button', { name: 'Rename' }).click();
    await screen.getByRole('textbox', { name: 'Name of run 2' }).fill('Better name');
    await userEvent.keyboard('{Enter}');
    await expect.poll(() => call(link, 'runs.rename')).toEqual({ id: 2, name: 'Better name' });
  });

  it('ticks what is selected, by click and by range', async () => {
    const { screen } = await open();
    const box = (id: number) =>
      screen.getByRole('checkbox', { name: new RegExp(`^Select run ${id},`) });
    await box(3).click();
    await box(1).click({ modifiers: ['Shift'] });
    for (const id of [1, 2, 3]) await expect.element(box(id)).toBeChecked();
    await box(2).click();
    await expect.element(box(2)).not.toBeChecked();
    await expect.element(box(1)).toBeChecked();
  });

  it('deletes so that it can be undone, after saying what is on the disk', async () => {
    const { screen, link } = await open();
    await screen.getByRole('checkbox', { name: /^Select run 1,/ }).click();
    await screen.getByRole('checkbox', { name: /^Select run 2,/ }).click();
    await screen.getByRole('button', { name: 'Delete', exact: true }).click();
    await expect.element(screen.getByText(/8.4 MB of files/)).toBeVisible();
    await screen.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await expect.poll(rowIds).not.toContain(1);
    expect(call(link, 'runs.delete')).toEqual({ ids: [1, 2], undoSeconds: 12 });
    await screen.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(rowIds).toContain(1);
    expect(call(link, 'runs.restore')).toEqual({ ids: [1, 2] });
  });

  it('archives, which the search brings to light again', async () => {
    const { screen } = await open();
    await screen.getByRole('checkbox', { name: /^Select run 3,/ }).click();
    await screen.getByRole('button', { name: 'Archive' }).click();
    await expect.poll(rowIds).not.toContain(3);
    await screen.getByRole('combobox', { name: 'Search the runs' }).fill('is:archived');
    await expect.poll(rowIds).toEqual([3]);
  });

  it('tells runs of the example apart: in the table, by search, on their page and in a comparison', async () => {
    const runs = stories().map((story) => ({ ...story, example: story.id === 2 }));
    const { screen } = await open('#/runs?filter=is%3Aexample', mockLink({ runs }));
    await expect.poll(rowIds).toEqual([2]);
    const grid = screen.getByRole('grid', { name: 'Runs' });
    await expect.element(grid.getByText('example', { exact: true })).toBeVisible();
    location.hash = '#/run/2';
    await expect
      .element(screen.getByRole('note').getByText('Example run: a demonstration, not a result.'))
      .toBeVisible();
    location.hash = '#/compare?ids=1,2';
    await expect
      .element(screen.getByText(/^Of the built-in example, .* no result: /))
      .toBeVisible();
  });

  it('keeps a look under a name and brings it back', async () => {
    const { screen } = await open('#/runs?filter=status%3Adone&sort=-f1&group=repeats');
    await screen.getByRole('button', { name: 'Views' }).click();
    await screen.getByRole('textbox', { name: 'Name for this view' }).fill('Best');
    await screen.getByRole('button', { name: 'Keep' }).click();
    await expect.element(screen.getByRole('button', { name: 'View: Best' })).toBeVisible();
    await screen.getByRole('combobox', { name: 'Search the runs' }).fill('');
    await screen.getByRole('button', { name: 'Views' }).click();
    await screen.getByRole('button', { name: 'Best', exact: true }).click();
    expect(location.hash).toContain('filter=status%3Adone&sort=-f1&group=repeats');
  });

  it('folds repeats under their mean', async () => {
    const { screen } = await open('#/runs?group=repeats');
    const groups = rowNames().filter((name) => name.startsWith('group'));
    expect(groups.length).toBeGreaterThan(0);
    const lines = rowNames().length;
    await screen
      .getByRole('button', { expanded: false })
      .filter({ hasText: 'n =' })
      .first()
      .click();
    await expect.poll(() => rowNames().length).toBeGreaterThan(lines);
  });

  it('says why a run failed with its last lines', async () => {
    const { screen } = await open('#/runs?filter=status%3Afailed');
    await screen.getByRole('button', { name: /^Why run \d+ failed/ }).click();
    await expect.element(screen.getByText(/ended without a word/).last()).toBeVisible();
  });

  it('opens the whole of a matrix from its line, by keyboard too', async () => {
    const one = summaryOfStory(stories()[0]!);
    const matrix = { group: 3, id: 'rq2', title: 'RQ2', baseline: null, repeat: 1, warmUp: false };
    const arms = ['a', 'b'].map((arm, i) => ({
      ...one,
      id: i + 1,
      matrix: { ...matrix, arm, armTitle: arm },
    }));
    location.hash = '#/runs?group=matrix';
    const link = mockLink({ replace: { 'runs.list': () => arms } });
    const screen = await render(App, { session: new Session(createApi(link)) });
    const whole = screen.getByRole('link', { name: 'as a whole' });
    await expect.element(whole).toHaveAttribute('href', '#/matrix/3');
    const line = whole.element().closest('tr')!;
    line.querySelector<HTMLElement>('td[data-key="status"]')!.click();
    await userEvent.keyboard('{Control>}{Enter}{/Control}');
    await expect.poll(() => location.hash).toBe('#/matrix/3');
  });

  it('says so of its own run, also where the row was another one’s', async () => {
    const link = mockLink({
      replace: {
        'runs.log': ({ id }) => [{ at: 0, kind: 'stdout', text: `words of run ${id}` }],
      },
    });
    const session = new Session(createApi(link));
    await expect.poll(() => session.runs?.length ?? 0).toBeGreaterThan(0);
    const run = session.runs!.find(({ error }) => error !== null)!;
    const screen = await render(Failure, { session, run });
    const word = screen.getByRole('button', { name: /^Why run/ });
    const told = () => document.querySelector('.failure-why')?.textContent ?? null;
    await word.click();
    await expect.poll(told).toContain(`words of run ${run.id}`);
    await screen.rerender({ run: { ...run, id: 999 } });
    await expect.poll(told).toBeNull();
    await word.click();
    await expect.poll(told).toContain('words of run 999');
  });

  it('keeps ten thousand rows out of the page', async () => {
    const one = summaryOfStory(stories()[0]!);
    const many = Array.from({ length: 10_000 }, (_, i) => ({ ...one, id: i + 1 }));
    location.hash = '#/runs';
    const link = mockLink({ replace: { 'runs.list': () => many } });
    const screen = await render(App, { session: new Session(createApi(link)) });
    await expect.element(screen.getByText('10,000', { exact: true })).toBeVisible();
    expect(rowNames().length).toBeLessThan(60);
    await userEvent.keyboard('/{Enter}');
    await userEvent.keyboard('{End}');
    await expect.poll(rowIds).toContain(1);
    expect(rowNames().length).toBeLessThan(60);
    // and stays where it was left
    location.hash = '#/data';
    await expect.element(screen.getByText('CIFAR-100')).toBeVisible();
    location.hash = '#/runs';
    await expect.poll(rowIds).toContain(1);
  });
});

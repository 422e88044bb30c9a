import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { userEvent } from 'vitest/browser';
import { flushSync, mount, unmount } from 'svelte';
import { AppError } from '../../src-main/contract.ts';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { markers, runLooks } from '../../src-renderer/lib/chart/markers.ts';
import {
  paperOf,
  rememberedLook,
  rememberLook,
  rememberWords,
} from '../../src-renderer/lib/report-look.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import { overlays, shortNames } from '../../src-renderer/report/figures.ts';
import { paginate, sheetsOf, type Unit } from '../../src-renderer/report/paginate.ts';
import Report from '../../src-renderer/report/Report.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import paperStyles from '../../src-renderer/report/paper.css?inline';
import { mockLink, reportOf } from '../mocks/link.ts';

afterEach(() => {
  localStorage.clear();
  location.hash = '';
});

describe('sheets', () => {
  const unit = (top: number, bottom: number, more: Partial<Unit> = {}): Unit => ({
    top,
    bottom,
    fresh: false,
    stays: false,
    head: 0,
    ...more,
  });
  const tops = (sheets: Unit[][]) => sheets.map((units) => units.map(({ top }) => top));

  it('are filled to the brim, and begin anew where that is asked for', () => {
    const rows = [unit(0, 40), unit(40, 100), unit(100, 140), unit(140, 150, { fresh: true })];
    expect(tops(sheetsOf(rows, 100))).toEqual([[0, 40], [100], [140]]);
  });

  it('keep a heading with what it heads, and room for the head of a table', () => {
    const heading = unit(80, 90, { stays: true });
    expect(tops(sheetsOf([unit(0, 80), heading, unit(90, 120)], 100))).toEqual([[0], [80, 90]]);
    const rows = [unit(0, 100), unit(100, 150, { head: 20 }), unit(150, 190, { head: 20 })];
    expect(tops(sheetsOf(rows, 100))).toEqual([[0], [100], [150]]);
  });

  it('take what is higher than a sheet, alone', () => {
    const chain = [unit(0, 60, { stays: true }), unit(60, 120, { stays: true }), unit(120, 180)];
    expect(tops(sheetsOf([unit(0, 300), unit(300, 310)], 100))).toEqual([[0], [300]]);
    expect(tops(sheetsOf(chain, 100))).toEqual([[0], [60], [120]]);
  });
});

describe('the report on paper', () => {
  let style: HTMLStyleElement;
  beforeEach(() => {
    style = document.createElement('style');
    style.textContent = paperStyles;
    document.head.append(style);
  });
  afterEach(() => style.remove());

  /** Runs enough for tables over several sheets. */
  function many(): ReturnType<typeof reportOf> {
    const data = reportOf([1, 2, 3, 4]);
    const runs = Array.from({ length: 12 }, () => data.runs).flat();
    return {
      ...data,
      runs: runs.map((run, i) => ({
        ...run,
        detail: { ...run.detail, summary: { ...run.detail.summary, id: i + 1, name: `Run ${i}` } },
      })),
      methods: Array.from(
        { length: 30 },
        (_, i) => `${i}. ${data.methods[0]} ${`${data.methods[1]} `.repeat(4)}`,
      ),
    };
  }

  function lay(data: ReturnType<typeof reportOf>, paper: 'a4' | 'letter') {
    const target = document.createElement('div');
    document.body.append(target);
    const component = mount(Report, { target, props: { data: { ...data, paper } } });
    flushSync();
    const flow = target.querySelector<HTMLElement>('.flow')!;
    const whole = flow.textContent.replaceAll(/\s+/g, '');
    const heads = [...flow.querySelectorAll('thead')].map((head) => head.textContent);
    const height = paper === 'a4' ? 979 : 912;
    const running = { title: data.title, date: 'today', origin: 'here' };
    const sheets = paginate(flow, height, running);
    return {
      sheets,
      height,
      whole,
      heads,
      end: () => {
        void unmount(component);
        target.remove();
      },
    };
  }

  it.each(['a4', 'letter'] as const)('loses nothing and cuts nothing off: %s', (paper) => {
    const { sheets, height, whole, heads, end } = lay(many(), paper);
    expect(sheets.length).toBeGreaterThan(50);
    const [width, long] = paper === 'a4' ? [793.7, 1122.1] : [816, 1055.6];
    for (const [i, sheet] of sheets.entries()) {
      const body = sheet.querySelector<HTMLElement>('.body')!;
      expect(Math.abs(sheet.clientWidth - width)).toBeLessThan(1);
      expect(Math.abs(sheet.clientHeight - long)).toBeLessThan(1);
      expect(body.offsetHeight).toBeLessThanOrEqual(height + 1);
      expect(body.scrollWidth, `sheet ${i + 1}`).toBeLessThanOrEqual(body.clientWidth);
      expect(sheet.querySelector('.foot')!.textContent).toBe(
        `herepage ${i + 1} of ${sheets.length}`,
      );
      expect(sheet.querySelector('.running') !== null).toBe(i > 0);
      // no heading stands last
      expect(body.querySelector(':scope > :last-child > :is(h1, h2, h3):last-child')).toBeNull();
    }
    // every letter once, but for the heads of tables, which are repeated
    const again = sheets.flatMap((sheet) => [...sheet.querySelectorAll('thead')]);
    expect(again.length).toBeGreaterThan(heads.length);
    const bodies = sheets.map((sheet) => {
      const body = sheet.querySelector('.body')!.cloneNode(true) as HTMLElement;
      for (const head of body.querySelectorAll('thead')) head.remove();
      return body.textContent;
    });
    const kept = bodies.join('').replaceAll(/\s+/g, '');
    expect(kept.length + heads.join('').replaceAll(/\s+/g, '').length).toBe(whole.length);
    end();
  });

  it('divides a table between rows and a paragraph between lines', () => {
    const { sheets, end } = lay(many(), 'a4');
    const results = sheets
      .flatMap((sheet) => [...sheet.querySelectorAll('table')])
      .filter((table) => table.textContent.includes('F1 points per Wh'));
    expect(results.length).toBeGreaterThan(1);
    for (const table of results) {
      expect(table.querySelectorAll('thead')).toHaveLength(1);
      // no row alone below a head
      expect(table.querySelectorAll('tbody tr').length).toBeGreaterThan(1);
    }
    expect(results.flatMap((table) => [...table.querySelectorAll('tbody tr')])).toHaveLength(48);
    const parts = sheets.flatMap((sheet) =>
      [...sheet.querySelectorAll('p.prose')].map(({ textContent }) => textContent),
    );
    // some paragraph lies on two sheets, and none of its words is lost or said twice
    expect(parts.length).toBeGreaterThan(30);
    expect(parts.join('').match(/were trained from random weights/g)).toHaveLength(30);
    end();
  });

  it('shows what the author wrote, and an empty place for it only where it is written', async () => {
    const data = { ...reportOf([1]), notes: 'First.\n\nSecond.' };
    const plain = await render(Report, { data });
    expect(plain.container.querySelector('.notes')!.textContent).toBe('First.\n\nSecond.');
    expect(plain.container.querySelector('[contenteditable]')).toBeNull();
    const edits: object[] = [];
    const screen = await render(Report, {
      data: { ...data, notes: '' },
      onedit: (edit: object) => edits.push(edit),
    });
    const title = screen.getByRole('textbox', { name: 'Title of the report' });
    await title.click();
    await userEvent.keyboard('{Control>}a{/Control}For the board{Enter}');
    expect(edits).toEqual([{ title: 'For the board' }]);
    const notes = screen.getByRole('textbox', { name: 'A paragraph of your own' }).element();
    notes.textContent = 'Why?';
    notes.dispatchEvent(new FocusEvent('blur'));
    expect(edits[1]).toEqual({ notes: 'Why?' });
  });
});

describe('in grey', () => {
  it('no two runs of a chart have the same dashes and shape, whatever their ids', () => {
    const cases = [
      Array.from({ length: 12 }, (_, i) => i + 1),
      [1, 29, 57, 85],
      [3, 11, 19, 27, 31, 59],
      Array.from({ length: 28 }, (_, i) => 28 * i + 5),
    ];
    for (const ids of cases) {
      const looks = runLooks(ids.map((id) => ({ id, name: `run ${id}` })));
      const pairs = looks.map(({ dash, marker }) => `${dash.join()} ${marker}`);
      expect(new Set(pairs).size).toBe(ids.length);
    }
    const [first, second] = runLooks([{ id: 1, name: 'a' }, { id: 2, name: 'b' }]); // prettier-ignore
    expect(first!.dash).not.toEqual(second!.dash);
    expect(first!.marker).not.toBe(second!.marker);
  });

  it('the overlays of a report are drawn with them', () => {
    const { looks, figures } = overlays(reportOf([1, 2, 3, 4]));
    for (const { lines } of figures) {
      const drawn = lines.filter(({ edge }) => !edge);
      expect(drawn.length).toBeGreaterThan(1);
      const pairs = drawn.map(({ dash, marker }) => `${dash?.join()} ${marker}`);
      expect(new Set(pairs).size).toBe(looks.length);
      for (const { marker } of drawn) expect(markers).toContain(marker);
    }
  });
});

it('long names are shortened where they still tell runs apart', () => {
  const long = 'A rather long name of an experiment that somebody typed, variant';
  expect([...shortNames([`${long} 1`, `${long} 2`]).values()]).toEqual(['… 1', '… 2']);
  expect([...shortNames(['plain', 'dropping']).values()]).toEqual(['plain', 'dropping']);
  const [alone] = shortNames([`${long} 1`]).values();
  expect(alone).toBe('A rather long name o … ody typed, variant 1');
});

describe('the view', () => {
  it('chooses paper by country and keeps what was chosen', () => {
    expect(['en-US', 'fr-CA', 'es-MX', 'en'].map(paperOf)).toEqual(Array(4).fill('letter'));
    expect(['en-GB', 'de', 'it-IT', 'zh-CN', '?'].map(paperOf)).toEqual(Array(5).fill('a4'));
    const { sections } = rememberedLook([1]);
    expect(sections).toHaveLength(8);
    rememberLook({ paper: 'a4', sections: sections.filter((one) => one !== 'configs') });
    rememberWords([1, 2], { title: 'For the board', notes: '' });
    expect(rememberedLook([1, 2])).toMatchObject({
      paper: 'a4',
      words: { title: 'For the board' },
    });
    expect(rememberedLook([1, 2]).sections).not.toContain('configs');
    expect(rememberedLook([2]).words).toEqual({});
    rememberWords([1, 2], { title: '', notes: '' });
    expect(rememberedLook([1, 2]).words).toEqual({});
    localStorage.setItem('hugginggreen.report', '{"paper":"a9","off":7}');
    localStorage.setItem('hugginggreen.report.words', '[[1],null]');
    expect(rememberedLook([1]).sections).toHaveLength(8);
  });

  it('opens from runs that are compared, tells the look to its frame, and saves with it', async () => {
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
    // a page that answers every order with a word of its own, in place of the report's
    const page = URL.createObjectURL(
      new Blob(
        [
          `<script>
            const say = (word) => parent.postMessage({ 'hugginggreen-report': word }, '*');
            addEventListener('message', ({ data }) => {
              const order = data['hugginggreen-report'];
              if (order !== 'print') say({ pages: order.look.sections.length, edit: order.look.title ? undefined : { title: 'Typed' } });
            });
            say({ ready: true });
          </script>`,
        ],
        { type: 'text/html' },
      ),
    );
    const link = mockLink({ replace: { 'runs.report': () => ({ url: page }) } });
    const session = new Session(createApi(link));
    location.hash = '#/compare?ids=1,2';
    const screen = await render(App, { session });
    await screen.getByRole('link', { name: 'Report', exact: true }).click();
    expect(location.hash).toBe('#/report?ids=1,2');
    await expect.element(screen.getByText('8 pages')).toBeVisible();
    await screen.getByRole('checkbox', { name: 'Configs and commands' }).click();
    await expect.element(screen.getByText('7 pages')).toBeVisible();
    await screen.getByRole('button', { name: 'A4' }).click();
    await screen.getByRole('button', { name: 'Save HTML' }).click();
    const saved = () => link.asked.findLast(({ name }) => name === 'runs.export')?.input;
    await expect.poll(saved).toMatchObject({
      ids: [1, 2],
      format: 'report',
      look: { paper: 'a4', title: 'Typed' },
    });
    expect((saved() as { look: { sections: string[] } }).look.sections).toHaveLength(7);
    click.mockRestore();
    URL.revokeObjectURL(page);
  });

  it('can be broken off while it is written, by a button or by leaving, and asked for again', async () => {
    let asked = 0;
    const written = new Map<string, (cause: Error) => void>();
    const link = mockLink({
      replace: {
        'runs.report': ({ job }) =>
          ++asked === 2
            ? { url: 'about:blank' }
            : new Promise((_, reject) => written.set(job!, reject)),
        'jobs.cancel': ({ job }) => written.get(job)?.(new AppError('CANCELLED', 'cancelled')),
      },
    });
    location.hash = '#/report?ids=1,2';
    const session = new Session(createApi(link));
    const screen = await render(App, { session });
    await screen.getByRole('button', { name: 'Cancel' }).click();
    await expect
      .element(screen.getByRole('alert'))
      .toHaveTextContent('The report was not written: it was cancelled.');
    await screen.getByRole('button', { name: 'Write the report' }).click();
    await expect.element(screen.getByTitle('The report, as it will be printed')).toBeVisible();
    expect(session.notices).toEqual([]);

    location.hash = '#/report?ids=1,3';
    await expect.poll(() => written.size).toBe(2);
    location.hash = '#/runs';
    const cancelled = () => link.asked.filter(({ name }) => name === 'jobs.cancel');
    await expect.poll(() => cancelled().map(({ input }) => input)).toEqual([...written.keys()].map((job) => ({ job }))); // prettier-ignore
    expect(session.notices).toEqual([]);
  });

  it('says what a report is of where no runs are named', async () => {
    location.hash = '#/report';
    const screen = await render(App, { session: new Session(createApi(mockLink())) });
    await screen.getByRole('link', { name: 'Choose runs' }).click();
    expect(location.hash).toBe('#/runs');
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import { tick } from 'svelte';
import { Chart as ChartJs } from 'chart.js';
import App from '../../src-renderer/App.svelte';
import { createApi, type Connection } from '../../src-renderer/api.ts';
import { setNumberStyle } from '../../src-renderer/lib/format/number.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Report from '../../src-renderer/report/Report.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, reportOf, stories, summaryOfStory } from '../mocks/link.ts';

beforeEach(() => {
  location.hash = '#/machine';
});
afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

async function open(link = mockLink()) {
  const session = new Session(createApi(link));
  const screen = await render(App, { session });
  return { link, session, screen };
}

describe('the frame', () => {
  it('shows this machine first, with one thing to do on a first start', async () => {
    const { screen, link } = await open(mockLink({ runs: [] }));
    await expect.element(screen.getByRole('button', { name: 'Run the example' })).toBeVisible();
    await expect.element(screen.getByRole('row', { name: /^NVIDIA RTX A5000/ })).toBeVisible();
    await expect.element(screen.getByText('npm run setup:cuda')).toBeVisible();
    await screen.getByRole('button', { name: 'Run the example' }).click();
    await expect.poll(() => link.asked.some(({ name }) => name === 'runs.example')).toBe(true);
    await expect.poll(() => location.hash).toBe('#/live');
  });

  it.each([
    [/^Queue 1 run/, null, 'runs.start'],
    ['Queue 16 runs', 'Matrix of runs', 'matrices.start'],
    ['Queue the command', 'Your own command', 'runs.command'],
  ] as const)('starts by a key what the button says: %s', async (label, form, call) => {
    location.hash = '#/new';
    const { screen, link } = await open();
    if (form) await screen.getByRole('button', { name: form }).click();
    if (call === 'runs.command') {
      await screen.getByLabelText('Command', { exact: true }).fill('python train.py');
      await screen.getByLabelText('Working folder').fill('/home/ada');
    }
    await expect.element(screen.getByRole('button', { name: label })).toBeEnabled();
    await userEvent.keyboard('{Control>}{Enter}{/Control}');
    await expect.poll(() => link.asked.some(({ name }) => name === call)).toBe(true);
  });

  it('switches views by number, and not while a person types', async () => {
    const { screen } = await open();
    await userEvent.keyboard('4');
    await expect.element(screen.getByRole('heading', { name: 'Runs' })).toBeVisible();
    await screen.getByRole('combobox', { name: 'Search the runs' }).click();
    await userEvent.keyboard('7');
    expect(location.hash).toContain('#/runs');
    expect(location.hash).toContain('filter=7');
  });

  it('begins every view at its top', async () => {
    location.hash = '#/run/1';
    const { screen } = await open();
    await expect.element(screen.getByRole('heading', { name: 'Where it is wrong' })).toBeVisible();
    document.querySelector<HTMLElement>('.frame')!.style.height = '600px';
    const view = document.querySelector('.view')!;
    view.scrollTop = 300;
    expect(view.scrollTop).toBe(300);
    location.hash = '#/settings';
    await expect.element(screen.getByRole('heading', { name: 'Settings' })).toBeVisible();
    await expect.poll(() => view.scrollTop).toBe(0);
  });

  it('shows an image of each class of a dataset that is here', async () => {
    location.hash = '#/data';
    const { screen, link } = await open();
    const list = screen.getByRole('list', { name: 'Images of some classes' }).first();
    await expect.element(list).toBeVisible();
    const names = [...list.element().querySelectorAll('.caption')].map((one) => one.textContent);
    expect(names.length).toBeGreaterThan(2);
    expect(new Set(names).size).toBe(names.length);
    const asked = link.asked.filter(({ name }) => name === 'datasets.samples');
    // of what is drawn from a seed only as many as are looked at
    expect(asked[0]!.input).toMatchObject({
      config: { dataset: { kind: 'greensynth', train: 1, validation: 60, test: 1 } },
    });
  });

  it('keeps what only screen readers see within the view: outside it would make the window longer', async () => {
    const { screen } = await open();
    location.hash = '#/run/1';
    await expect.element(screen.getByRole('heading', { name: 'Where it is wrong' })).toBeVisible();
    const hidden = [...document.querySelectorAll<HTMLElement>('.view .hidden-text')];
    expect(hidden.length).toBeGreaterThan(0);
    expect(hidden.filter(({ offsetParent }) => offsetParent === document.body)).toEqual([]);
  });

  it('opens every view without a word of failure', async () => {
    const { screen, session } = await open();
    for (const [hash, text] of [
      ['#/new', 'Before it starts'],
      ['#/live', 'Stop with a checkpoint'],
      ['#/runs', 'Import'],
      ['#/run/1', 'Evaluations'],
      ['#/compare?ids=1,2', '1.3 Wh less (36 %), better'],
      ['#/data', 'CIFAR-100'],
      ['#/settings', 'Sampling rate'],
    ] as const) {
      location.hash = hash;
      await expect.element(screen.getByText(text).first()).toBeVisible();
    }
    expect(session.notices).toEqual([]);
  });

  // a window of 1280 x 800 at 200 %
  for (const [hash, text] of [
    ['#/machine', /^Engines/],
    ['#/machine/calibrate', /^Calibrate with a wall meter/],
    ['#/new', /^Before it starts/],
    ['#/live', /^Stop with a checkpoint/],
    ['#/runs', /^Import/],
    ['#/run/1', /^Evaluations/],
    ['#/compare', /^Choose two or more runs/],
    ['#/compare?ids=1,2', /\(36 %\), better/],
    ['#/data', /^CIFAR-100/],
    ['#/settings', /^Sampling rate/],
    ['#/about', /MIT licence/],
  ] as const)
    it(`fits ${hash} into 640 x 400 pixels without scrolling sideways`, async () => {
      await page.viewport(640, 400);
      location.hash = hash;
      const { screen } = await open();
      await expect.element(screen.getByText(text).first()).toBeVisible();
      const view = document.querySelector('.view')!;
      await expect.poll(() => view.scrollWidth).toBeLessThanOrEqual(view.clientWidth);
    });

  it('lets a table that is wider than the page scroll by itself, by keyboard too', async () => {
    location.hash = '#/machine';
    await page.viewport(640, 400);
    const { screen } = await open();
    const box = screen.getByRole('group', { name: 'Power of every component' });
    await expect.element(box).toHaveAttribute('tabindex', '0');
    expect(box.element().scrollWidth).toBeGreaterThan(box.element().clientWidth);
    // where there is room for all of it, it is no place to stop at
    await page.viewport(1280, 800);
    await expect.poll(() => box.query()).toBeNull();
  });

  it('keeps the page of a run, and the place in it, while another axis is on its way', async () => {
    const { link, screen } = await open();
    location.hash = '#/run/1';
    const axes = screen.getByRole('group', { name: 'Horizontal axis of the curves' });
    await expect.element(axes).toBeVisible();
    await expect.element(screen.getByRole('heading', { name: 'Where it is wrong' })).toBeVisible();
    const before = [axes.element(), document.querySelector('.charts'), document.querySelector('canvas')]; // prettier-ignore
    await axes.getByRole('button', { name: 'Energy', exact: true }).click();
    const asked = () => link.asked.findLast(({ name }) => name === 'runs.series')?.input;
    await expect.poll(asked).toMatchObject({ id: 1, x: 'wh' });
    const title = () =>
      ChartJs.getChart(document.querySelector('canvas')!)?.options.scales?.x as { title: { text: string } }; // prettier-ignore
    await expect.poll(() => title().title.text).toBe('Energy used (Wh)');
    expect(before.map((one) => one?.isConnected)).toEqual([true, true, true]);
    expect(document.activeElement?.textContent?.trim()).toBe('Energy');
  });

  it('leaves nothing that gets the focus below what stays at the edges of a view', async () => {
    await page.viewport(1280, 700);
    document.head.insertAdjacentHTML('beforeend', '<style>body > div:has(main) { height: 100vh }</style>'); // prettier-ignore
    const { screen } = await open();
    location.hash = '#/run/1';
    await expect.element(screen.getByRole('heading', { name: 'Where it is wrong' })).toBeVisible();
    await expect.element(screen.getByRole('button', { name: 'Log', exact: true })).toBeVisible();
    const view = document.querySelector<HTMLElement>('.view')!;
    const field = screen.getByLabelText('True class').element() as HTMLElement;
    // below the head of the view, and below the drawer of the log
    for (const edge of ['top', 'bottom'] as const) {
      const [own, whole] = [field.getBoundingClientRect(), view.getBoundingClientRect()];
      view.scrollTop += own[edge] - whole[edge];
      field.focus();
      const { left, top, width, height } = field.getBoundingClientRect();
      for (const y of [top + 2, top + height - 2])
        expect(document.elementFromPoint(left + width / 2, y)).toBe(field);
      field.blur();
    }
  });

  it('keeps the place of a person who changes how numbers are written', async () => {
    const { session, screen } = await open();
    location.hash = '#/settings';
    const joules = screen.getByRole('button', { name: 'J', exact: true });
    await joules.click();
    await expect.poll(() => session.settings?.energyUnit).toBe('J');
    await expect.element(joules).toHaveFocus();
    await screen.getByRole('button', { name: '1.234,5' }).click();
    await expect.element(screen.getByText(/gCO2e\/kWh, \d{4}/)).toBeVisible();
    // the one sentence about the run that is under way
    await expect
      .element(screen.getByRole('contentinfo').getByText(/ · \d+(,\d+)? k?J · \d+,\d+ gCO2e/))
      .toBeVisible();
    setNumberStyle('1,234.5', 'Wh');
  });

  it('forgets at the end of a run what was told along the way: its own figures count from there', async () => {
    const { link, session } = await open();
    await expect.poll(() => session.runs?.some(({ status }) => status === 'running')).toBe(true);
    const run = session.runs!.find(({ status }) => status === 'running')!;
    const outlook = { id: run.id, seconds: [60, 90], wh: null, gCO2e: null, share: null } as const;
    link.emit('run.outlook', outlook);
    link.emit('run.outlook', { ...outlook, id: 999 });
    link.emit('run.progress', { id: run.id, label: 'Compiling', fraction: 0.5 });
    expect(session.outlook[run.id]).toEqual(outlook);
    link.emit('run', { ...run, status: 'stopped' });
    expect(session.outlook[run.id]).toBeUndefined();
    expect(session.activity[run.id]).toBeUndefined();
    expect(session.outlook[999]).toBeDefined();
  });

  it('tells a screen reader what begins, pauses and ends, once each, and nothing at first', async () => {
    const { link, session, screen } = await open();
    const news = document.querySelector<HTMLElement>('.frame > [role=status]')!;
    const footer = screen.getByRole('contentinfo');
    await expect.element(footer).toHaveAttribute('aria-live', 'off');
    await expect.poll(() => session.runs?.some(({ status }) => status === 'running')).toBe(true);
    await expect.element(footer.getByText(/gCO2e/)).toBeVisible();
    expect(news.textContent).toBe('');

    const said: string[] = [];
    const watcher = new MutationObserver(() => said.push(news.textContent));
    watcher.observe(news, { childList: true, characterData: true, subtree: true });
    const run = session.runs!.find(({ status }) => status === 'running')!;
    const tell = async (change: Partial<typeof run>) => {
      link.emit('run', { ...run, name: 'Small', step: 1200, ...change });
      await tick();
    };
    // all that is known is asked for again after a gap
    await session.refresh();
    await tell({});
    await tell({ status: 'stopping' });
    await tell({ status: 'stopped', paused: true });
    await tell({ status: 'stopped', paused: true });
    await tell({ status: 'queued' });
    await tell({ status: 'running' });
    await tell({ status: 'running', step: 1300 });
    await tell({ status: 'done', macroF1: 0.75, wh: 1.5, gCO2e: null });
    await tell({ id: 77, status: 'queued', step: null });
    await tell({ id: 77, status: 'baseline', step: null });
    await tell({ id: 77, status: 'running', step: null });
    await expect
      .poll(() => said)
      .toEqual([
        'Small is paused after step 1,200',
        'Small goes on after step 1,200',
        'Small is done: macro F1 0.750, 1.5 Wh',
        'Small started',
      ]);
    watcher.disconnect();
  });

  it('ends the example on its comparison', async () => {
    const runs = stories();
    const [plain, drop] = runs.map(summaryOfStory);
    const fresh = runs.slice(0, 2).map((run) => ({ ...run, status: 'queued' as const, done: 0 }));
    const { screen, link, session } = await open(mockLink({ runs: fresh }));
    await session.runExample();
    location.hash = '#/live';
    await expect.element(screen.getByRole('heading', { name: 'Live' })).toBeVisible();
    link.emit('run', plain!);
    expect(location.hash).toBe('#/live');
    link.emit('run', drop!);
    await expect.poll(() => location.hash).toBe('#/compare?ids=1,2');
  });

  it('asks for everything again after a gap', async () => {
    const { link } = await open();
    const lists = () => link.asked.filter(({ name }) => name === 'runs.list').length;
    await expect.poll(lists).toBe(1);
    link.emit('machine', {});
    link.skip();
    link.emit('machine', {});
    await expect.poll(lists).toBe(2);
  });

  it('says when the connection is lost, and when it is another version', async () => {
    let tell: (state: Connection) => void = () => {};
    const watched = Object.assign(mockLink(), {
      watch: (hear: (state: Connection) => void) => {
        tell = hear;
        return () => {};
      },
    });
    const { screen, session } = await open(watched);
    tell('lost');
    await expect.element(screen.getByText(/Connection lost, retrying/)).toBeVisible();
    tell('open');
    await expect.poll(() => session.info).not.toBeNull();
    session.info = { ...session.info!, contractVersion: 99 };
    await expect.element(screen.getByRole('button', { name: 'Reload' })).toBeVisible();
  });

  it('shows nothing of a host that refuses this page', async () => {
    let tell: (state: Connection) => void = () => {};
    const refusing = Object.assign(mockLink(), {
      call: () => new Promise<never>(() => {}),
      watch: (hear: (state: Connection) => void) => {
        tell = hear;
        return () => {};
      },
    });
    const { screen } = await open(refusing);
    tell('refused');
    await expect.element(screen.getByText('Nothing can be shown without the token.')).toBeVisible();
    expect(screen.getByText(/Looking for sensors/).query()).toBeNull();
  });

  it('shows three notices at most; the older come back as those are closed', async () => {
    const { screen, session } = await open();
    for (const n of [1, 2, 3, 4]) session.notify('error', `failure ${n}`);
    await expect.element(screen.getByText(/failure 4/)).toBeVisible();
    expect(screen.getByText(/failure 1/).query()).toBeNull();
    await screen.getByRole('button', { name: 'Dismiss' }).first().click();
    await expect.element(screen.getByText(/failure 1/)).toBeVisible();
  });

  it('lets information leave by itself and errors stay', () => {
    vi.useFakeTimers();
    try {
      const session = new Session(createApi(mockLink()));
      session.notify('info', 'done');
      session.notify('error', 'failed');
      expect(session.notices).toHaveLength(2);
      vi.advanceTimersByTime(7000);
      expect(session.notices.map(({ message }) => message)).toEqual(['failed']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('says beside the dataset why its download failed', async () => {
    const { screen, link, session } = await open();
    location.hash = '#/data';
    await expect.element(screen.getByRole('button', { name: 'Cancel' })).toBeVisible();
    const hint = 'Check the connection.';
    link.emit('notice', { level: 'error', message: 'The server did not answer.', hint });
    const cifar = session.datasets!.find(({ id }) => id === 'cifar10')!;
    link.emit('datasets', { ...cifar, state: 'missing', progress: null });
    const failure = screen.getByText('The download failed: The server did not answer.');
    await expect.element(failure).toBeVisible();
    link.emit('datasets', cifar);
    await expect.element(failure).not.toBeInTheDocument();
  });

  it('resumes a stopped run from where one watches it', async () => {
    const [run] = stories();
    const stopped = { ...run!, status: 'stopped' as const, done: 0.5 };
    const { screen, link } = await open(mockLink({ runs: [stopped] }));
    location.hash = '#/live';
    await expect.element(screen.getByText(/^stopped after 192 of 384 steps/)).toBeVisible();
    await screen.getByRole('button', { name: /^Resume from step 192/ }).click();
    await expect.poll(() => link.asked.some(({ name }) => name === 'runs.resume')).toBe(true);
  });

  it('shows the end of a run that recorded nothing, and no empty charts', async () => {
    const [run] = stories();
    const failed = { ...run!, status: 'failed' as const, done: 0 };
    const { screen, link } = await open(mockLink({ runs: [failed] }));
    location.hash = '#/live';
    await expect.element(screen.getByText('failed before its first step')).toBeVisible();
    link.emit('run.progress', { id: 1, label: 'Compiling', fraction: 0.88 });
    await expect.element(screen.getByText('It ended before it recorded a curve.')).toBeVisible();
    expect(screen.getByRole('progressbar').query()).toBeNull();
    expect(screen.getByText(/ended without a word/).elements()).toHaveLength(1);
  });

  it('shows an imported run by what it brought, without empty charts', async () => {
    const { detail } = reportOf([1]).runs[0]!;
    const summary = {
      ...detail.summary,
      status: 'imported' as const,
      macroF1: null,
      f1PerWh: null,
    };
    const imported = {
      ...detail,
      summary,
      config: null,
      phases: [],
      phaseTotals: [],
      evaluations: [],
      checkpoints: [],
    };
    const { screen } = await open(
      mockLink({
        replace: {
          'runs.list': () => [summary],
          'runs.get': () => imported,
          'runs.series': () => [],
          'runs.power': () => ({ components: [] }),
        },
      }),
    );
    location.hash = '#/run/1';
    await expect.element(screen.getByText('not in the imported file')).toBeVisible();
    await expect
      .element(screen.getByRole('heading', { name: 'Energy', exact: true }))
      .toBeVisible();
    for (const word of [/after the first/, /appears? here/, /Checkpoints/, /Phases/])
      expect(screen.getByText(word).query()).toBeNull();
  });

  it('hands out the model of a run, of the checkpoint that is asked for', async () => {
    const downloads: string[] = [];
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (
      this: HTMLAnchorElement,
    ) {
      downloads.push(`${new URL(this.href).pathname} as ${this.download}`);
    });
    const { screen, link, session } = await open();
    location.hash = '#/run/1';
    await screen.getByRole('button', { name: 'Download model' }).click();
    await screen.getByRole('button', { name: 'Model (ONNX)' }).first().click();
    await expect.poll(() => downloads).toEqual(['/download/ticket as run-1-best.onnx']);
    await screen.getByRole('button', { name: 'Download model' }).click();
    await screen
      .getByRole('group', { name: 'Last checkpoint' })
      .getByRole('button', { name: 'Weights (safetensors)' })
      .click();
    await expect.poll(() => downloads[1]).toBe('/download/ticket as run-1-last.safetensors');
    click.mockRestore();
    expect(
      link.asked.filter(({ name }) => name === 'runs.exportModel').map(({ input }) => input),
    ).toEqual([
      { id: 1, format: 'onnx', job: expect.any(String) as string },
      { id: 1, format: 'safetensors', checkpoint: 'last', job: expect.any(String) as string },
    ]);
    expect(session.notices[0]!.message).toMatch(
      /1\.23 MB: the weights of the best checkpoint, after step 120/,
    );
  });

  it('shows a failed action with the way out', async () => {
    const { screen, session } = await open();
    await session.attempt(() => session.api.call('runs.get', { id: 4711 }));
    await expect.element(screen.getByText(/There is no run 4711/)).toBeVisible();
    await screen.getByRole('button', { name: 'Dismiss' }).click();
    expect(session.notices).toEqual([]);
  });
});

describe('the report', () => {
  it('leaves out the sections that are not wanted', async () => {
    const data = reportOf([1, 2]);
    const screen = await render(Report, { data: { ...data, sections: ['results', 'limits'] } });
    const titles = [...screen.container.querySelectorAll('h2')].map((title) => title.textContent);
    expect(titles).toEqual(['Results', 'Limits']);
  });

  it('holds results, comparison, methods and limits as text, and a picture of every curve', async () => {
    const data = reportOf([1, 2]);
    const screen = await render(Report, { data });
    await expect.element(screen.getByRole('heading', { name: data.title })).toBeVisible();
    for (const text of [...data.methods, ...data.limits])
      await expect.element(screen.getByText(text)).toBeInTheDocument();
    await expect
      .element(screen.getByText('1.3 Wh less (36 %), better').first())
      .toBeInTheDocument();
    const pictures = [...screen.container.querySelectorAll('figure svg[viewBox]')];
    // of all runs, and of each
    expect(pictures).toHaveLength(4 + 2 * 4);
    const blank = pictures.filter((picture) => !picture.querySelector('g path[d^="M"], circle'));
    expect(blank).toEqual([]);
  });
});

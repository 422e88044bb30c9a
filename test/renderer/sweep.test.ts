import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import { AppError, parseExperimentConfig, statusOf } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import {
  beginField,
  emptySweep,
  findFields,
  readSweep,
  sweepable,
  type FieldDraft,
  type SweepDraft,
} from '../../src-renderer/lib/form/sweep.ts';
import { setNumberStyle } from '../../src-renderer/lib/format/number.ts';
import { parseRoute } from '../../src-renderer/lib/route.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Matrix from '../../src-renderer/views/Matrix.svelte';
import NewExperiment from '../../src-renderer/views/NewExperiment.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, stories } from '../mocks/link.ts';

const config = (() => {
  const parsed = parseExperimentConfig({ train: { epochs: 9 } });
  if (!parsed.ok) throw new Error('the config of the test is wrong');
  return parsed.config;
})();
const all = sweepable(config);
const of = (key: string) => all.find((one) => one.key === key)!;

describe('fields that can be varied', () => {
  it('are numbers, switches, choices and kinds of this config, no texts, no seed', () => {
    const keys = all.map(({ key }) => key);
    expect(keys).toEqual(
      expect.arrayContaining(['train.lr', 'model.layers', 'attention.kind', 'train.shuffle']),
    );
    for (const key of ['train.seed', 'name', 'energy.pue', 'distil.checkpoint'])
      expect(keys).not.toContain(key);
  });

  it('are found by title first, then by any word of theirs', () => {
    const found = (text: string) => findFields(all, text).map(({ key }) => key);
    expect(found('learning rate')[0]).toBe('train.lr');
    expect(found('train.weightdecay')).toEqual(['train.weightDecay']);
    expect(found('qwertz')).toEqual([]);
  });

  it('begin with values around the base’s, within their bounds', () => {
    expect(beginField(of('train.lr'), config, false)).toMatchObject({
      as: 'range',
      from: '0.0001',
      to: '0.01',
      log: true,
      steps: '3',
    });
    expect(beginField(of('train.lr'), config, true).steps).toBe('');
    const ratio = beginField(of('selection.keepRatio'), config, false);
    expect(ratio).toMatchObject({ as: 'list', list: '0.35, 0.7, 1' });
  });
});

describe('what is typed', () => {
  const typed = (field: Partial<FieldDraft>, more: Partial<SweepDraft> = {}, key = 'train.lr') =>
    readSweep(
      { ...emptySweep, fields: [{ ...beginField(of(key), config, false), ...field }], ...more },
      config,
    );
  const errorsOf = (read: ReturnType<typeof typed>) => (read.ok ? {} : read.errors);

  it('becomes the order of the contract', () => {
    const read = typed(
      { as: 'range', from: '1e-4', to: '.01', steps: '', log: true },
      { random: true, trials: '9', halving: true, rungs: '1, 3' },
    );
    expect(read).toEqual({
      ok: true,
      order: {
        config,
        fields: { 'train.lr': { from: 1e-4, to: 0.01, scale: 'log' } },
        objective: 'f1',
        repeats: 1,
        warmUp: true,
        trials: 9,
        seed: 42,
        halving: { eta: 3, rungs: [1, 3] },
      },
    });
    expect(typed({ as: 'list', list: 'automatic, 8' }, {}, 'selection.keep')).toMatchObject({
      order: { fields: { 'selection.keep': [null, 8] } },
    });
  });

  it.each<[Partial<FieldDraft>, string]>([
    [{ as: 'list', list: '0.1; 0,1' }, '“0,1” is no number'],
    [{ as: 'list', list: '0.1, x' }, '“x” is no number'],
    [{ as: 'list', list: '0.1,' }, 'a value is missing between commas'],
    [{ as: 'list', list: ' ' }, 'values, separated by commas'],
    [{ as: 'list', list: '0.1, 11' }, '11 is above 10'],
    [{ as: 'list', list: '0.1, 0.1' }, '0.1 stands there twice'],
    [{ as: 'range', from: '', to: '1' }, 'both ends are numbers'],
    [{ as: 'range', from: '1', to: '0.1' }, 'a range begins below its end'],
    [{ as: 'range', from: '0', to: '1', log: true }, 'a logarithmic range begins above 0'],
    [{ as: 'range', from: '0', to: '1', log: false, steps: '' }, 'a grid needs a number of steps'],
    [
      { as: 'range', from: '0', to: '1', log: false, steps: '1' },
      'steps: a whole number from 2 to 1,000',
    ],
  ])('%j is refused in place', (field, message) => {
    expect(errorsOf(typed(field))).toEqual({ 'fields.train.lr': message });
  });

  it('one number with a decimal comma is one value, a list stays a list', () => {
    const values = (list: string) => typed({ as: 'list', list });
    expect(values('0,5')).toMatchObject({ order: { fields: { 'train.lr': [0, 5] } } });
    setNumberStyle('1.234,5', 'Wh');
    try {
      expect(values(' 0,5 ')).toMatchObject({ order: { fields: { 'train.lr': [0.5] } } });
      for (const list of ['0.1, 0.2', '0.1,0.2', '0,1; 0,2'])
        expect(values(list)).toMatchObject({ order: { fields: { 'train.lr': [0.1, 0.2] } } });
      // a whole number has no decimals
      expect(typed({ as: 'list', list: '4,8' }, {}, 'selection.keep')).toMatchObject({
        order: { fields: { 'selection.keep': [4, 8] } },
      });
    } finally {
      setNumberStyle('1,234.5', 'Wh');
    }
  });

  it('elsewhere is refused in place too', () => {
    expect(
      errorsOf(
        typed(
          {},
          {
            random: true,
            trials: '0',
            repeats: 'x',
            objective: 'f1WithinWh',
            halving: true,
            eta: '1',
            rungs: '1,b',
          },
        ),
      ),
    ).toEqual({
      trials: 'a whole number from 1 to 1,000',
      repeats: 'a whole number from 1 to 100',
      limitWh: 'an energy above 0, in Wh',
      eta: 'a whole number from 2 to 20',
      halving: 'epochs, such as 1, 3, 9; or leave it empty',
    });
  });
});

describe('the form of a sweep', () => {
  const show = async (replace = {}) => {
    await page.viewport(1280, 800);
    const link = mockLink({ replace });
    const session = new Session(createApi(link));
    const screen = await render(NewExperiment, { session });
    await screen.getByRole('button', { name: 'Sweep of what stands in the form' }).click();
    await expect.element(screen.getByLabelText('Add a field')).toBeVisible();
    const add = async (words: string) => {
      await screen.getByLabelText('Add a field').fill(words);
      await userEvent.keyboard('{Enter}');
    };
    const started = () => link.asked.findLast(({ name }) => name === 'sweeps.start')?.input;
    return { link, session, screen, add, started };
  };
  const fieldsOf = (input: unknown) => (input as { fields: Record<string, unknown> }).fields;

  it('leaves a person where the next field is found, chosen by hand or by key', async () => {
    const { screen } = await show();
    const find = screen.getByLabelText('Add a field');
    await find.click();
    await find.fill('learning rate');
    await screen.getByRole('button', { name: /^Learning rate/ }).click();
    await expect.element(screen.getByLabelText(/^from/)).toBeVisible();
    await expect.element(find).toHaveFocus();
    const list = () => document.querySelector('.finder ul');
    expect(list()).toBeNull();
    await userEvent.keyboard('keep{Tab}{Escape}');
    await expect.element(find).toHaveFocus();
    expect(list()).toBeNull();
    await find.click();
    await expect.poll(list).not.toBeNull();
  });

  it('adds fields by their words, names what it will queue, and queues it', async () => {
    const { screen, add, started } = await show();
    const start = screen.getByRole('button', { name: /^Queue/ });
    await expect.element(start).toBeDisabled();
    await add('learning rate');
    await add('keep ratio');
    await screen.getByLabelText(/^Values of Keep ratio/).fill('0.5, 0.7');
    await expect
      .element(screen.getByRole('button', { name: 'Queue 6 trials, about 1 h 50 min, 300–400 Wh' }))
      .toBeEnabled();
    await expect.poll(() => screen.getByRole('row').all().length).toBe(7);
    await start.click();
    await expect
      .poll(() => started() && fieldsOf(started()))
      .toEqual({
        'train.lr': { from: 0.0001, to: 0.01, steps: 3, scale: 'log' },
        'selection.keepRatio': [0.5, 0.7],
      });
    await expect.poll(() => location.hash).toBe('#/matrix/4');
  });

  it('says that the budget of the queue will not do for all of it', async () => {
    const { link, session, add, screen } = await show();
    const nothing = { seconds: null, wh: null, gCO2e: null };
    await expect.poll(() => session.queue).not.toBeNull();
    link.emit('queue', {
      ...session.queue!,
      budget: {
        period: 'month',
        since: 0,
        unreadSeconds: 0,
        usedUp: false,
        parts: [{ what: 'energy', unit: 'Wh', limit: 100, used: 0 }],
      },
      outlook: { waiting: nothing, all: nothing, unknown: 0 },
    });
    await add('learning rate');
    await expect.element(screen.getByText(/350 of 100 Wh this month/)).toBeVisible();
  });

  it('draws at random, halves, and says what of it cannot be', async () => {
    const { screen, add, started } = await show();
    await add('learning rate');
    await screen.getByRole('button', { name: 'Random' }).click();
    await screen.getByLabelText('Trials', { exact: true }).fill('2');
    await screen.getByLabelText('Successive halving').click();
    // of the host
    await expect.element(screen.getByText('2 trials are too few to keep one in 3')).toBeVisible();
    const start = screen.getByRole('button', { name: /^Queue/ });
    await expect.element(start).toBeDisabled();
    await screen.getByLabelText('Trials', { exact: true }).fill('9');
    await expect
      .element(screen.getByText('9 trials to epoch 1, 3 to epoch', { exact: false }))
      .toBeVisible();
    await screen.getByLabelText('Best by').selectOptions('f1WithinWh');
    await expect.element(screen.getByText('an energy above 0, in Wh')).toBeVisible();
    await screen.getByLabelText('Energy limit').fill('3.5');
    await expect.element(start).toBeEnabled();
    await start.click();
    await expect.poll(started).toMatchObject({
      trials: 9,
      seed: 42,
      objective: 'f1WithinWh',
      limitWh: 3.5,
      halving: { eta: 3 },
      fields: { 'train.lr': { from: 0.0001, to: 0.01, scale: 'log' } },
    });
  });

  it('marks a mistake beside its field, keeps what was typed, and takes choices by their boxes', async () => {
    const { screen, session, add, started } = await show();
    await add('learning rate');
    const row = screen.getByRole('group', { name: 'Learning rate' });
    await row.getByRole('button', { name: 'Values' }).click();
    await row.getByLabelText(/^Values of/).fill('0.1, abc');
    await expect.element(row.getByText('“abc” is no number')).toBeVisible();
    await expect.element(row.getByLabelText(/^Values of/)).toHaveAttribute('aria-invalid', 'true');
    await screen.unmount();
    const again = await render(NewExperiment, { session });
    await expect.element(again.getByLabelText(/^Values of Learning rate/)).toHaveValue('0.1, abc');
    await again.getByRole('button', { name: 'Vary Learning rate no more' }).click();
    await again.getByLabelText('Add a field').fill('shuffle');
    await userEvent.keyboard('{Enter}');
    await again.getByRole('button', { name: /^Queue 2 trials/ }).click();
    await expect
      .poll(() => started() && fieldsOf(started()))
      .toEqual({ 'train.shuffle': [false, true] });
  });

  it('says what the host cannot run, whatever it is about', async () => {
    const { screen, add } = await show({
      'sweeps.preview': () => {
        throw new AppError('BAD_INPUT', '1 of 3 trials cannot be run: no room for it.', null, [
          { path: '', message: 'no room for it' },
        ]);
      },
    });
    await add('layers');
    await expect.element(screen.getByText(/1 of 3 trials cannot be run/)).toBeVisible();
    await expect.element(screen.getByRole('button', { name: /^Queue/ })).toBeDisabled();
  });
});

describe('the page of a sweep', () => {
  const show = async (hash = '#/matrix/4') => {
    const link = mockLink({ runs: stories().slice(0, 4) });
    const session = new Session(createApi(link));
    const screen = await render(Matrix, { session, route: parseRoute(hash) });
    return { link, screen };
  };

  it('counts the epochs of a trial by its own, where they are what is varied', async () => {
    const whole = await createApi(mockLink({ runs: stories().slice(0, 4) })).call('matrices.get', {
      group: 4,
    });
    const trials = whole.trials.map((trial, i) => ({
      ...trial,
      epochs: 1 + i,
      values: { 'train.epochs': 1 + i },
    }));
    const link = mockLink({ replace: { 'matrices.get': () => ({ ...whole, trials }) } });
    const session = new Session(createApi(link));
    const screen = await render(Matrix, { session, route: parseRoute('#/matrix/4') });
    await expect.element(screen.getByRole('cell', { name: '1/1', exact: true })).toBeVisible();
    await expect.element(screen.getByRole('cell', { name: '2/2', exact: true })).toBeVisible();
  });

  it('says nothing of dropped trials where none can be', async () => {
    const whole = await createApi(mockLink({ runs: stories().slice(0, 4) })).call('matrices.get', {
      group: 4,
    });
    const trials = whole.trials.map((trial) => ({ ...trial, state: 'done' as const }));
    const plan = whole.plan && { ...whole.plan, halving: null };
    const shown = async (replaced: typeof whole) => {
      const link = mockLink({ replace: { 'matrices.get': () => replaced } });
      const session = new Session(createApi(link));
      const screen = await render(Matrix, { session, route: parseRoute('#/matrix/4') });
      await expect.element(screen.getByRole('heading', { name: 'green 32' })).toBeVisible();
      const told = screen.getByText('On dropped trials').query() !== null;
      await screen.unmount();
      return told;
    };
    expect(plan).not.toBeNull();
    expect(await shown(whole)).toBe(true);
    expect(await shown({ ...whole, plan, trials })).toBe(false);
    // a person has stopped one
    expect(await shown({ ...whole, plan })).toBe(true);
  });

  it('tells the best, what is dropped, and what that took', async () => {
    const { screen } = await show();
    await expect.element(screen.getByRole('heading', { name: 'green 32' })).toBeVisible();
    await expect.element(screen.getByText('Sweep 4 · 4 trials · under way')).toBeVisible();
    await expect
      .element(
        screen.getByText(
          '412 ± 21 Wh spent, of which 268 ± 13 Wh (65 %) on trials that were dropped. Energy: 80 % counted, 20 % modelled.',
        ),
      )
      .toBeVisible();
    const rows = screen.getByRole('row').all();
    expect(rows).toHaveLength(5);
    const cellsOf = (row: number) =>
      rows[row]!.getByRole('cell')
        .all()
        .map((cell) => cell.element().textContent?.trim());
    expect(cellsOf(1).slice(0, 7)).toEqual([
      '1',
      '0.001',
      '0.5',
      'done best',
      '9/9',
      '0.800',
      '0.790',
    ]);
    expect(cellsOf(3).slice(3, 7)).toEqual(['dropped', '1/9', '0.400', '–']);
    const rungs = screen.getByRole('listitem').filter({ hasText: 'to epoch' }).all();
    expect(rungs.map((rung) => rung.element().textContent)).toEqual([
      expect.stringMatching(/to epoch 1\s+4 trials, 2 go on\s+decided/),
      expect.stringMatching(/to epoch 3\s+2 trials, 1 go on\s+under way/),
      expect.stringMatching(/to epoch 9\s+1 to the end/),
    ]);
  });

  it('stops it after a question', async () => {
    const { link, screen } = await show();
    await screen.getByRole('button', { name: 'Stop' }).click();
    await screen.getByRole('alertdialog').getByRole('button', { name: 'Stop' }).click();
    await expect.element(screen.getByText('Sweep 4 · 4 trials · stopped by hand')).toBeVisible();
    expect(link.asked.findLast(({ name }) => name === 'matrices.stop')?.input).toEqual({
      group: 4,
    });
  });

  it('says so where there is none', async () => {
    const { screen } = await show('#/matrix/9');
    await expect.element(screen.getByText('There is no matrix or sweep 9.')).toBeVisible();
  });
});

it('a trial says what became of it, not only that it stopped', () => {
  const place = {
    group: 1,
    id: 'sweep',
    title: '',
    arm: '',
    armTitle: '',
    baseline: null,
    repeat: 1,
  };
  const label = (dropped: boolean, epoch: number | null = 3, warmUp = false) =>
    statusOf({
      status: 'stopped',
      paused: false,
      epoch,
      matrix: { ...place, warmUp, rung: { epochs: 3, dropped } },
    }).label;
  expect(label(true)).toBe('dropped');
  expect(label(false)).toBe('at its rung');
  expect(label(false, 3, true)).toBe('ended');
  // taken out of the queue, or stopped on the way
  expect(label(false, null)).toBe('stopped');
  expect(label(false, 2, true)).toBe('stopped');
  const alone = { status: 'stopped', paused: false, matrix: null, epoch: 2 } as const;
  expect(statusOf(alone).label).toBe('stopped');
});

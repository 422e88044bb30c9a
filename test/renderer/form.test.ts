import { describe, expect, it, onTestFinished } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import { parseExperimentConfig } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import {
  readForm,
  readNumber,
  valueAt,
  withValue,
  type Field,
} from '../../src-renderer/lib/form/fields.ts';
import { keptDrafts } from '../../src-renderer/lib/form/drafts.ts';
import { emptyCommand, Session } from '../../src-renderer/lib/session.svelte.ts';
import NewExperiment from '../../src-renderer/views/NewExperiment.svelte';
import Settings from '../../src-renderer/views/Settings.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { completeConfig, forecastOf, machine, mockLink } from '../mocks/link.ts';

const { top, sections } = readForm();
/** Which alternative of a section a default config with this dataset has. */
const chosen = (section: string, dataset: string): string =>
  ({ dataset, model: 'vit', routing: 'none' })[section] ?? 'standard';
const fields = (kind: string): Field[] => [
  ...top,
  ...sections.flatMap((section) => [
    ...section.fields,
    ...(section.variants?.fields[chosen(section.key, kind)] ?? []),
  ]),
];

describe('the form’s fields', () => {
  it('cover every value of a config but those without a choice', () => {
    const leaves = (value: unknown, path: string[] = []): string[] =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([key, part]) => leaves(part, [...path, key]))
        : [path.join('.')];
    for (const kind of [
      'greensynth',
      'cifar10',
      'cifar100',
      'mnist',
      'tiny-imagenet',
      'image-folder',
    ]) {
      const config = completeConfig({ dataset: { kind } });
      const shown = fields(kind).map(({ path }) => path.join('.'));
      const fixed = [
        'dataset.kind',
        'model.kind',
        'attention.kind',
        'routing.kind',
        'train.recipe',
      ];
      expect(
        leaves(config).filter((path) => !shown.includes(path) && !fixed.includes(path)),
      ).toEqual([]);
    }
  });

  it('know their kind, bounds, unit, choices and whether they may be empty', () => {
    const field = (path: string) => fields('cifar100').find((one) => one.path.join('.') === path);
    expect(field('train.epochs')).toMatchObject({
      kind: 'number',
      whole: true,
      min: 1,
      max: 10_000,
    });
    expect(field('model.patch')).toMatchObject({ unit: 'px', title: 'Patch side' });
    expect(field('selection.keepRatio')).toMatchObject({ whole: false, step: 0.05 });
    expect(field('selection.keep')).toMatchObject({ nullable: true, advanced: true });
    expect(field('train.shuffle')).toMatchObject({ kind: 'switch' });
    const mode = field('selection.mode');
    expect(mode?.kind === 'choice' && mode.choices.map(({ value }) => value)).toEqual([
      'off',
      'drop',
      'mask',
    ]);
  });

  it('change one value in a copy', () => {
    const draft = { model: { patch: 4, dim: 64 } };
    const changed = withValue(draft, ['model', 'patch'], 8);
    expect(changed).toEqual({ model: { patch: 8, dim: 64 } });
    expect(draft.model.patch).toBe(4);
    expect(valueAt(changed, ['model', 'heads'])).toBeUndefined();
  });

  it('read numbers as typed, and leave what is none to be refused', () => {
    expect(readNumber(' 1e-3 ', false)).toBe(0.001);
    expect(readNumber('.5', false)).toBe(0.5);
    expect(readNumber('', true)).toBeNull();
    const refused = parseExperimentConfig({ model: { patch: readNumber('four', false) } });
    expect(refused).toEqual({
      ok: false,
      issues: [{ path: 'model.patch', message: 'must be a number' }],
    });
  });
});

describe('the new-experiment view', () => {
  const show = async () => {
    const link = mockLink();
    const session = new Session(createApi(link));
    const screen = await render(NewExperiment, { session });
    await expect.element(screen.getByLabelText('Patch side')).toHaveValue('4');
    return { link, session, screen };
  };

  it('finds again after a reload what was typed, but for the environment of a command', async () => {
    const { session, screen } = await show();
    await screen.getByLabelText('Patch side').fill('5');
    session.commandDraft = {
      ...emptyCommand,
      line: 'python train.py',
      environment: 'KEY=secret\nHALF\n# OTHER=',
    };
    await expect.poll(() => keptDrafts().commandDraft?.line).toBe('python train.py');
    expect(JSON.stringify({ ...sessionStorage })).not.toContain('secret');
    await screen.unmount();

    const again = Object.assign(new Session(createApi(mockLink())), keptDrafts());
    const environment = '# KEY=\nHALF\n# OTHER=';
    expect(again.commandDraft).toEqual({ ...emptyCommand, line: 'python train.py', environment });
    again.commandDraft = null;
    const back = await render(NewExperiment, { session: again });
    await expect.element(back.getByLabelText('Patch side')).toHaveValue('5');
    sessionStorage.setItem('hugginggreen.drafts', '{"version":0,"drafts":{"draft":{}}}');
    expect(keptDrafts()).toEqual({});
    sessionStorage.clear();
  });

  it('says at once what is wrong, where, and holds the start back', async () => {
    const { screen } = await show();
    const start = screen.getByRole('button', { name: /^(Start|Queue) 1 run/ });
    await expect.element(start).toBeEnabled();
    const patch = screen.getByLabelText('Patch side');
    await patch.fill('5');
    await expect.element(patch).toHaveAttribute('aria-invalid', 'true');
    await expect
      .element(
        screen.getByText('a patch of 5 does not divide an image of 32 pixels', { exact: false }),
      )
      .toBeVisible();
    await expect.element(start).toBeDisabled();
    await patch.fill('8');
    await expect.element(start).toBeEnabled();
  });

  it('starts what cannot fit into memory only when the person insists', async () => {
    const link = mockLink({
      replace: {
        'experiments.check': ({ config }) => ({
          ok: true,
          config: completeConfig(config),
          forecast: forecastOf(completeConfig(config)),
          warnings: [],
          refusal: { message: 'This run would need 400 GiB.', hint: 'Make it smaller.' },
        }),
      },
    });
    const screen = await render(NewExperiment, { session: new Session(createApi(link)) });
    await expect.element(screen.getByText('This run would need 400 GiB.')).toBeVisible();
    const start = screen.getByRole('button', { name: /^(Start|Queue) 1 run/ });
    await expect.element(start).toBeDisabled();
    await screen.getByLabelText('Start anyway').click();
    await start.click();
    const started = () => link.asked.find(({ name }) => name === 'runs.start')?.input;
    await expect.poll(started).toMatchObject({ force: true });
  });

  it('asks again who insisted, once the config is another', async () => {
    const link = mockLink({
      replace: {
        'experiments.check': ({ config }) => ({
          ok: true,
          config: completeConfig(config),
          forecast: forecastOf(completeConfig(config)),
          warnings: [],
          refusal: { message: 'This run would need 400 GiB.', hint: 'Make it smaller.' },
        }),
      },
    });
    const screen = await render(NewExperiment, { session: new Session(createApi(link)) });
    const insist = screen.getByLabelText('Start anyway');
    await insist.click();
    await expect.element(insist).toBeChecked();
    await screen.getByLabelText('Patch side').fill('8');
    await expect.element(insist).not.toBeChecked();
    await expect
      .element(screen.getByRole('button', { name: /^(Start|Queue) 1 run/ }))
      .toBeDisabled();
  });

  it('tells steps of an epoch where all epochs have as many', async () => {
    let stages = 1;
    const link = mockLink({
      replace: {
        'experiments.check': ({ config }) => {
          const complete = completeConfig(config);
          const forecast = forecastOf(complete);
          const steps = forecast.steps + (stages - 1) * 100;
          const known = { warnings: [], refusal: null };
          return { ok: true, config: complete, forecast: { ...forecast, steps }, ...known };
        },
      },
    });
    const screen = await render(NewExperiment, { session: new Session(createApi(link)) });
    const epoch = screen.getByText(/an epoch$/);
    await expect.element(epoch).toHaveTextContent('32 an epoch');
    stages = 2;
    await screen.getByLabelText('Patch side').fill('8');
    await expect.poll(() => epoch.query()).toBeNull();
  });

  it('opens the folded fields where one of them is wrong', async () => {
    const { screen, session } = await show();
    expect(screen.getByLabelText('MLP ratio').query()).toBeNull();
    session.draft = withValue(session.draft, ['model', 'mlpRatio'], 99);
    await expect.element(screen.getByLabelText('MLP ratio')).toBeVisible();
    await expect.element(screen.getByText('must be at most 16')).toBeVisible();
  });

  it('takes the other dataset with its own fields and defaults', async () => {
    const { screen, session } = await show();
    await screen.getByLabelText('Dataset', { exact: true }).selectOptions('cifar100');
    await expect.element(screen.getByLabelText('Labels')).toHaveValue('fine');
    expect(screen.getByLabelText('Training images').query()).toBeNull();
    expect(valueAt(session.draft, ['dataset'])).toEqual({
      kind: 'cifar100',
      path: null,
      labels: 'fine',
    });
  });

  it('starts one run per repeat, each with the next seed', async () => {
    const { screen, link } = await show();
    await screen.getByLabelText('Repeats').fill('3');
    await screen.getByRole('button', { name: /3 runs/ }).click();
    await expect.poll(() => link.asked.some(({ name }) => name === 'runs.start')).toBe(true);
    const { input } = link.asked.find(({ name }) => name === 'runs.start')!;
    const { configs } = input as { configs: { train: { seed: number } }[] };
    expect(configs.map(({ train }) => train.seed)).toEqual([42, 43, 44]);
  });

  it('starts the JSON that stands in the box, and nothing while it is broken', async () => {
    const { screen, link } = await show();
    await screen.getByRole('button', { name: 'Edit as JSON' }).click();
    const box = screen.getByRole('textbox');
    const start = screen.getByRole('button', { name: /^Queue 1 run/ });
    await box.fill('{"model": {"patch": 8');
    await expect.element(screen.getByText(/This is not JSON/)).toBeVisible();
    await expect.element(start).toBeDisabled();
    await box.fill('{"model": {"pach": 8}, "train": {"epochs": 0, "batch": "x"}}');
    await expect.element(screen.getByText(/unknown key "pach"/)).toBeVisible();
    for (const path of ['train.epochs', 'train.batch'])
      await expect.element(screen.getByText(path, { exact: true })).toBeVisible();
    await expect.element(start).toBeDisabled();
    await box.fill('{"name": "typed", "model": {"patch": 8}, "train": {"epochs": 3}}');
    await start.click();
    await expect.poll(() => link.asked.find(({ name }) => name === 'runs.start')).toBeDefined();
    const { input } = link.asked.find(({ name }) => name === 'runs.start')!;
    expect(input).toMatchObject({
      configs: [{ name: 'typed', model: { patch: 8, dim: 64 }, train: { epochs: 3 } }],
    });
  });

  it('has every control within its column, and the start in sight, in a small window', async () => {
    const { innerWidth, innerHeight } = window;
    onTestFinished(() => page.viewport(innerWidth, innerHeight));
    await page.viewport(840, 700);
    const { screen } = await show();
    const form = document.querySelector('form')!.getBoundingClientRect();
    const controls = [...document.querySelectorAll('form :is(input, select)')];
    expect(controls.length).toBeGreaterThan(20);
    for (const control of controls)
      expect(control.getBoundingClientRect().right).toBeLessThanOrEqual(form.right);
    const start = screen.getByRole('button', { name: /^(Start|Queue) 1 run/ });
    expect(start.element().getBoundingClientRect().bottom).toBeLessThanOrEqual(700);
    const hint = screen.getByText(/more: scroll this panel/);
    await expect.element(hint).toBeVisible();
    // the preview comes late, and makes it longer
    await expect
      .poll(() => {
        screen.getByRole('complementary').element().scrollTo(0, 10_000);
        return hint.query();
      })
      .toBeNull();
  });

  it('keeps the JSON as it was typed while another view is looked at', async () => {
    const { screen, session } = await show();
    await screen.getByRole('button', { name: 'Edit as JSON' }).click();
    await screen.getByRole('textbox').fill('{"model": {"patch": 8');
    await screen.unmount();
    const again = await render(NewExperiment, { session });
    await expect.element(again.getByRole('textbox')).toHaveValue('{"model": {"patch": 8');
  });

  it('takes JSON into the form once it is a config', async () => {
    const { screen, session } = await show();
    await screen.getByRole('button', { name: 'Edit as JSON' }).click();
    const box = screen.getByRole('textbox');
    const back = screen.getByRole('button', { name: 'Back to the form' });
    await box.fill('{"model": {"pach": 8}}');
    await expect.element(back).toBeDisabled();
    await box.fill('{"model": {"patch": 8}}');
    await back.click();
    await expect.element(screen.getByLabelText('Patch side')).toHaveValue('8');
    expect(valueAt(session.draft, ['train', 'epochs'])).toBe(30);
  });

  it('marks a preset only while its values stand, and keeps those of a dataset left behind', async () => {
    const { screen, session } = await show();
    const preset = screen.getByRole('button', { name: /^Plain ViT, 32 px/ });
    await expect.element(preset).toHaveAttribute('aria-pressed', 'true');
    await screen.getByLabelText('Training images').fill('777');
    await expect.element(preset).toHaveAttribute('aria-pressed', 'false');
    const dataset = screen.getByLabelText('Dataset', { exact: true });
    await dataset.selectOptions('cifar100');
    await dataset.selectOptions('greensynth');
    await expect.element(screen.getByLabelText('Training images')).toHaveValue('777');
    expect(valueAt(session.draft, ['dataset', 'train'])).toBe(777);
  });
});

describe('settings of this program', () => {
  const show = async () => {
    const session = new Session(createApi(mockLink()));
    const screen = await render(Settings, { session });
    await expect.element(screen.getByRole('heading', { name: 'Settings' })).toBeVisible();
    return { session, screen };
  };

  it('serve the interface to a browser at a port, and tell the address', async () => {
    const { session, screen } = await show();
    const port = screen.getByLabelText('Port');
    await port.fill('80');
    await userEvent.keyboard('{Tab}');
    await expect
      .element(screen.getByText('must be a whole number from 1024 to 65535'))
      .toBeVisible();
    expect(session.settings?.servePort).toBeNull();
    await port.fill('8765');
    await userEvent.keyboard('{Tab}');
    await expect.element(screen.getByText(/http:\/\/127\.0\.0\.1:8765\/#token=/)).toBeVisible();
    await expect.element(screen.getByText(/^ssh -L 8765:127\.0\.0\.1:8765 /)).toBeVisible();
  });

  it('say which data folder comes next, and go back to the usual one', async () => {
    const { screen } = await show();
    await screen.getByRole('button', { name: 'Choose…' }).click();
    await expect
      .element(screen.getByText(/^\/data\/ada\/hugginggreen from the next start\./))
      .toBeVisible();
    await screen.getByRole('button', { name: 'The usual one' }).click();
    await expect.element(screen.getByText('Runs, checkpoints and datasets.')).toBeVisible();
  });
});

describe('a region', () => {
  const show = async () => {
    const link = mockLink();
    const session = new Session(createApi(link));
    const screen = await render(Settings, { session });
    const box = screen.getByLabelText('Region', { exact: true });
    await expect.element(box).toHaveValue('Germany');
    return { link, session, screen, box };
  };

  it('is taken by its name or code when the field is left', async () => {
    const { session, box } = await show();
    for (const [text, code, name] of [
      ['fra', 'FRA', 'France'],
      ['india', 'IND', 'India'],
    ] as const) {
      await box.click();
      await box.fill(text);
      await userEvent.keyboard('{Tab}');
      await expect.poll(() => session.settings?.region).toBe(code);
      await expect.element(box).toHaveValue(name);
    }
  });

  it('is taken from the list', async () => {
    const { session, screen, box } = await show();
    await box.click();
    await box.fill('calif');
    await screen.getByRole('option', { name: /California/ }).click();
    await expect.poll(() => session.settings?.region).toBe('US-CA');
    await expect.element(box).toHaveValue('California');
  });

  it('says that there is none of that name and keeps what was valid', async () => {
    const { session, screen, box } = await show();
    await box.click();
    await box.fill('atlantis');
    await userEvent.keyboard('{Tab}');
    await expect
      .element(screen.getByRole('alert'))
      .toHaveTextContent('No region is called “atlantis”. Kept: Germany.');
    await expect.element(box).toHaveValue('Germany');
    expect(session.settings?.region).toBe('DEU');
  });

  it('of one’s own is saved with its figure, not before', async () => {
    const { link, session, screen } = await show();
    await screen.getByRole('button', { name: 'Own figure' }).click();
    const figure = screen.getByLabelText('Carbon intensity');
    await figure.fill('-3');
    await userEvent.keyboard('{Tab}');
    await expect.element(screen.getByText('must be a number from 0 to 5000')).toBeVisible();
    expect(link.asked.some(({ name }) => name === 'settings.set')).toBe(false);
    await figure.fill('120');
    await userEvent.keyboard('{Tab}');
    await expect
      .poll(() => session.settings)
      .toMatchObject({ region: 'custom', customGPerKwh: 120 });
  });
});

describe('memory and processor without a counter', () => {
  const show = async () => {
    const link = mockLink();
    const session = new Session(createApi(link));
    const screen = await render(Settings, { session });
    await expect.element(screen.getByRole('button', { name: 'per module' })).toBeVisible();
    return { link, session, screen };
  };

  it('memory of one’s own is saved with its watts, and may be left out', async () => {
    const { link, session, screen } = await show();
    await screen.getByRole('button', { name: 'own figure', exact: true }).click();
    expect(link.asked.some(({ name }) => name === 'settings.set')).toBe(false);
    await screen.getByLabelText('Memory power').fill('9.5');
    await userEvent.keyboard('{Tab}');
    await expect.poll(() => session.settings).toMatchObject({ ramMode: 'constant', ramWatts: 9.5 });
    await screen.getByRole('button', { name: 'off', exact: true }).click();
    await expect.poll(() => session.settings?.ramMode).toBe('off');
    expect(screen.getByLabelText('Memory power').elements()).toEqual([]);
  });

  it('the curve is saved whole, refused out of bounds, and cleared by clearing it', async () => {
    const { session, screen } = await show();
    const exponent = screen.getByLabelText('CPU curve, exponent');
    await exponent.fill('3');
    await userEvent.keyboard('{Tab}');
    await expect.element(screen.getByText('exponent must be a number from 0.1 to 2')).toBeVisible();
    expect(session.settings?.cpuCurve).toBeNull();
    await exponent.fill('1');
    await userEvent.keyboard('{Tab}');
    await expect
      .poll(() => session.settings?.cpuCurve)
      .toEqual({ idle: 0.1, span: 0.7, exponent: 1 });
    await exponent.fill('');
    await userEvent.keyboard('{Tab}');
    await expect.poll(() => session.settings?.cpuCurve).toBeNull();
  });
});

describe('LibreHardwareMonitor', () => {
  const show = async (os: string) => {
    const inventory = { ...machine.inventory!, os };
    const link = mockLink({ replace: { 'machine.get': () => ({ ...machine, inventory }) } });
    const session = new Session(createApi(link));
    const screen = await render(Settings, { session });
    await expect.element(screen.getByLabelText('Sampling rate')).toBeVisible();
    return { session, link, address: screen.getByLabelText('LibreHardwareMonitor'), screen };
  };

  it('is asked at an address that is one, where there is Windows', async () => {
    const { session, link, address, screen } = await show('Microsoft Windows 11 Pro 10.0.26100');
    await address.fill('127.0.0.1:8085');
    await userEvent.keyboard('{Tab}');
    await expect.element(screen.getByText('must begin with http:// or https://')).toBeVisible();
    expect(link.asked.some(({ name }) => name === 'settings.set')).toBe(false);
    await address.fill('http://127.0.0.1:8085');
    await userEvent.keyboard('{Tab}');
    await expect.poll(() => session.settings?.libreHardwareMonitor).toBe('http://127.0.0.1:8085');
    await address.fill('');
    await userEvent.keyboard('{Tab}');
    await expect.poll(() => session.settings?.libreHardwareMonitor).toBeNull();
  });

  it('is not offered elsewhere', async () => {
    const { session, address } = await show('Debian GNU/Linux 12');
    await expect.poll(() => session.machine?.inventory?.os).toBe('Debian GNU/Linux 12');
    await expect.element(address).not.toBeInTheDocument();
  });
});

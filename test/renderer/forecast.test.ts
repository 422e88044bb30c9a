import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { createApi } from '../../src-renderer/api.ts';
import {
  costRows,
  costWords,
  quantityRange,
  repeated,
} from '../../src-renderer/lib/format/estimate.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import { parseRoute } from '../../src-renderer/lib/route.ts';
import NewExperiment from '../../src-renderer/views/NewExperiment.svelte';
import Run from '../../src-renderer/views/Run.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import {
  completeConfig,
  forecastOf,
  matrixPreview,
  measuredCostOf,
  mockLink,
} from '../mocks/link.ts';

describe('figures that are expected', () => {
  it('share one unit, and are one number where both ends look alike', () => {
    expect(quantityRange({ low: 310, high: 420 }, 'Wh')).toBe('310–420 Wh');
    expect(quantityRange({ low: 310, high: 1420 }, 'Wh')).toBe('0.31–1.4 kWh');
    expect(quantityRange({ low: 1.001, high: 1.002 }, 'Wh')).toBe('1.0 Wh');
  });

  it('are a dash where nothing is known, never 0', () => {
    const unknown = { seconds: null, wh: null, gCO2e: null };
    expect(costRows(unknown).map(({ value }) => value)).toEqual(['–', '–', '–']);
    expect(costWords(unknown)).toBe('');
    expect(repeated(null, 3)).toBeNull();
  });

  it('of several runs are as many times that of one', () => {
    expect(repeated({ low: 1, value: 2, high: 3 }, 3)).toEqual({ low: 3, value: 6, high: 9 });
  });
});

describe('the forecast of the form', () => {
  it('is measured on demand; then the button says what will happen, for all repeats', async () => {
    const link = mockLink({ replace: { 'runs.list': () => [] } });
    const screen = await render(NewExperiment, { session: new Session(createApi(link)) });
    await expect
      .element(screen.getByText('Nothing like it has run here yet', { exact: false }))
      .toBeVisible();
    await screen.getByRole('button', { name: 'Measure here (about 10 s)' }).click();
    await expect
      .element(screen.getByRole('button', { name: 'Start 1 run, about 1 min 40 s, 1.1–1.6 Wh' }))
      .toBeEnabled();
    await screen.getByLabelText('Repeats').fill('3');
    await expect
      .element(screen.getByRole('button', { name: 'Start 3 runs, about 5 min 00 s, 3.3–4.8 Wh' }))
      .toBeEnabled();
    // another model is another experiment
    await screen.getByLabelText('Patch side').fill('8');
    await expect.element(screen.getByRole('button', { name: /^Start 3 runs of/ })).toBeEnabled();
  });

  it('cannot be measured beside a run', async () => {
    const screen = await render(NewExperiment, { session: new Session(createApi(mockLink())) });
    await expect
      .element(screen.getByRole('button', { name: 'Measure here (about 10 s)' }))
      .toBeDisabled();
  });

  it('of a matrix is in its button', async () => {
    const link = mockLink({
      replace: {
        'matrices.preview': (order) => {
          const preview = matrixPreview(order);
          const { seconds, wh, gCO2e } = measuredCostOf(completeConfig({}));
          return { ...preview, total: { ...preview.total, seconds, wh, gCO2e } };
        },
      },
    });
    const screen = await render(NewExperiment, { session: new Session(createApi(link)) });
    await screen.getByRole('button', { name: 'Matrix of runs' }).click();
    await expect
      .element(
        screen.getByRole('button', { name: /^Queue 16 runs, about 1 min 40 s, 1.1–1.6 Wh$/ }),
      )
      .toBeEnabled();
  });

  it('is asked again when a run has ended', async () => {
    let asked = 0;
    const link = mockLink({
      replace: {
        'experiments.forecast': ({ config }) => {
          asked++;
          const complete = completeConfig(config);
          return {
            forecast: forecastOf(complete),
            cost: measuredCostOf(complete),
            cleaner: null,
          };
        },
      },
    });
    const session = new Session(createApi(link));
    await render(NewExperiment, { session });
    await expect.poll(() => asked).toBeGreaterThan(0);
    await expect.poll(() => session.runs?.length ?? 0).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 400));
    const before = asked;
    session.runs = session.runs!.map((run) => ({ ...run, status: 'done' as const }));
    await expect.poll(() => asked).toBeGreaterThan(before);
  });
});

describe('a run that failed', () => {
  it('is started again with its config, or opens the form with it', async () => {
    const started: unknown[] = [];
    const link = mockLink({
      replace: {
        'runs.clone': (order) => {
          started.push(order);
          return { ids: [99] };
        },
      },
    });
    const session = new Session(createApi(link));
    await expect.poll(() => session.runs?.length ?? 0).toBeGreaterThan(0);
    const failed = session.runs!.find(({ status }) => status === 'failed')!;
    const screen = await render(Run, { session, route: parseRoute(`#/run/${failed.id}`) });
    await screen.getByRole('button', { name: 'Open its config' }).click();
    await expect.poll(() => location.hash).toBe(`#/new?from=${failed.id}`);
    await screen.getByRole('button', { name: 'Run it again' }).click();
    await expect.poll(() => started).toEqual([{ id: failed.id, retry: true }]);
    location.hash = '';
  });
});

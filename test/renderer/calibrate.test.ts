import { beforeEach, describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { AppError, type Calibration } from '../../src-main/contract.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import { parseRoute } from '../../src-renderer/lib/route.ts';
import { totalPower } from '../../src-renderer/lib/trace.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { calibrated, mockLink, stories } from '../mocks/link.ts';

/** Nothing is under way, so that the machine is idle. */
const quiet = () => stories().filter(({ status }) => status === 'done');

beforeEach(() => {
  location.hash = '#/machine/calibrate';
});

async function open(link = mockLink({ runs: quiet() })) {
  const screen = await render(App, { session: new Session(createApi(link)) });
  return { link, screen };
}

const begun: NonNullable<Calibration['session']> = {
  source: null,
  plug: null,
  idle: null,
  load: null,
  measuring: null,
  error: null,
  result: null,
  refusal: null,
};
const point = (countedWatts: number, wallWatts: number | null) => ({
  countedWatts,
  wallWatts,
  seconds: 30,
  by: wallWatts === null ? null : ('typed' as const),
  remarks: [],
});
const tell = (link: ReturnType<typeof mockLink>, session: Partial<typeof begun>) =>
  link.emit('calibration', { kept: null, session: { ...begun, ...session } });

describe('the calibration', () => {
  it('has an address of its own below the machine', () => {
    expect(parseRoute('#/machine/calibrate').view).toBe('calibrate');
    expect(parseRoute('#/machine/other').view).toBe('machine');
  });

  it('shows what is kept, and begins with a plug at an address', async () => {
    const { link, screen } = await open();
    await expect.element(screen.getByText(/48\.2 W \+ 1\.12 x counted/)).toBeVisible();
    await screen.getByRole('button', { name: 'Tasmota plug' }).click();
    const begin = screen.getByRole('button', { name: 'Read the plug and begin' });
    await expect.element(begin).toBeDisabled();
    await screen.getByLabelText('Its name or address in your network').fill(' plug.lan ');
    await begin.click();
    await expect
      .poll(() => link.asked.find(({ name }) => name === 'calibration.start')?.input)
      .toEqual({ source: { kind: 'tasmota', host: 'plug.lan' } });
    await expect.element(screen.getByRole('button', { name: 'Measure idle power' })).toBeVisible();
  });

  it('says what is wrong with a plug, and stays where it was', async () => {
    const link = mockLink({
      runs: quiet(),
      replace: {
        'calibration.start': () => {
          throw new AppError('UNAVAILABLE', 'Shelly at x answered 404.', 'Check the kind.');
        },
      },
    });
    const { screen } = await open(link);
    await screen.getByRole('button', { name: 'Shelly plug' }).click();
    await screen.getByLabelText('Its name or address in your network').fill('x');
    await screen.getByRole('button', { name: 'Read the plug and begin' }).click();
    await expect.element(screen.getByText(/Shelly at x answered 404/)).toBeVisible();
    await expect.element(screen.getByRole('button', { name: 'Shelly plug' })).toBeVisible();
  });

  it('leads through both points with typed readings to a line that is kept', async () => {
    const { link, screen } = await open();
    await screen.getByRole('button', { name: 'Begin', exact: true }).click();
    await screen.getByRole('button', { name: 'Measure idle power' }).click();
    await expect
      .poll(() => link.asked.find(({ name }) => name === 'calibration.measure')?.input)
      .toEqual({ which: 'idle', seconds: 30, settleSeconds: 10 });
    tell(link, {
      measuring: {
        which: 'idle',
        stage: 'measuring',
        elapsed: 12.4,
        seconds: 30,
        countedWatts: 74,
        wallWatts: null,
        run: null,
      },
    });
    await expect.element(screen.getByText('Measuring, 12 of 30 s')).toBeVisible();
    await expect.element(screen.getByText(/note the mean power/)).toBeVisible();

    tell(link, { idle: point(74, null) });
    await screen.getByLabelText('The meter showed, on average').fill('131,');
    await screen.getByRole('button', { name: 'Take it' }).click();
    await expect.element(screen.getByText(/Type in the mean power/)).toBeVisible();
    await screen.getByLabelText('The meter showed, on average').fill('131.1');
    await screen.getByRole('button', { name: 'Take it' }).click();
    await expect
      .poll(() => link.asked.find(({ name }) => name === 'calibration.read')?.input)
      .toEqual({ which: 'idle', wallWatts: 131.1 });

    tell(link, { idle: point(74, 131.1), error: { message: 'The load ended.', hint: null } });
    await expect.element(screen.getByText(/The load ended/)).toBeVisible();
    const { baseWatts, factor } = calibrated.kept!;
    tell(link, {
      idle: point(74, 131.1),
      load: point(212, 285.6),
      result: { baseWatts, factor, residualWatts: null, warnings: ['The points lie close.'] },
    });
    await expect.element(screen.getByText('The points lie close.')).toBeVisible();
    await expect
      .element(screen.getByRole('img', { name: /Load: 212 W counted, 286 W at the socket/ }))
      .toBeVisible();
    await screen.getByRole('button', { name: 'Keep it all the same' }).click();
    await expect.poll(() => location.hash).toBe('#/machine');
  });

  it('offers each of what was dropped by itself, and only what can come back', async () => {
    const link = mockLink({ runs: quiet() });
    const session = new Session(createApi(link));
    const screen = await render(App, { session });
    await expect.element(screen.getByRole('button', { name: 'Forget it' })).toBeVisible();
    const { kept } = session.calibration!;
    link.emit('calibration', { kept, session: { ...begun, idle: point(20, 70) } });
    await screen.getByRole('button', { name: 'Begin anew' }).click();
    await screen.getByRole('button', { name: 'Forget it' }).click();
    const offers = () => session.notices.map(({ message }) => message);
    await expect
      .poll(offers)
      .toEqual(['The measurement was discarded.', 'The calibration that was kept was forgotten.']);
    await screen.getByRole('button', { name: 'Begin', exact: true }).click();
    await expect.poll(offers).toEqual(['The calibration that was kept was forgotten.']);
    await session.notices[0]!.action!.act();
    expect(link.asked.findLast(({ name }) => name === 'calibration.restore')?.input).toEqual({ what: 'kept' }); // prettier-ignore
  });

  it('shows on the machine’s page what holds and what does not any more', async () => {
    location.hash = '#/machine';
    const { link, screen } = await open();
    await expect.element(screen.getByText('calibrated 3 Sept 2026')).toBeVisible();
    await expect.element(screen.getByText('throttled')).toBeVisible();
    await expect.element(screen.getByText(/97 % busy · .* · 71 °C · 1\.70 GHz/)).toBeVisible();
    link.emit('calibration', {
      kept: { ...calibrated.kept!, stale: 'RAPL is read now. Calibrate again.' },
      session: null,
    });
    await expect.element(screen.getByText('RAPL is read now. Calibrate again.')).toBeVisible();
    link.emit('calibration', { kept: null, session: null });
    await expect.element(screen.getByText(/have no sensor/)).toBeVisible();
  });
});

it('a component that is read less often stands in the total for a few seconds', () => {
  const { watts } = totalPower({
    at: [0, 1000, 2000, 5000, 6000],
    watts: { a: [10, 10, 10, 10, null], b: [5, null, null, null, null], c: [] },
  });
  expect(watts).toEqual([15, 15, 15, 10, 10]);
  expect(totalPower({ at: [1], watts: { a: [null] } }).watts).toEqual([null]);
});

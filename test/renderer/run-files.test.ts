import { beforeEach, describe, expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page } from 'vitest/browser';
import { AppError, type LogLine } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import Checkpoints from '../../src-renderer/lib/run/Checkpoints.svelte';
import FailureCard from '../../src-renderer/lib/run/FailureCard.svelte';
import LogDrawer from '../../src-renderer/lib/run/LogDrawer.svelte';
import { parseRoute } from '../../src-renderer/lib/route.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Interrupted from '../../src-renderer/lib/shell/Interrupted.svelte';
import Notices from '../../src-renderer/lib/ui/Notices.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import Live from '../../src-renderer/views/Live.svelte';
import { mockLink } from '../mocks/link.ts';

beforeEach(async () => {
  localStorage.clear();
  await page.viewport(1280, 800);
});

const line = (text: string, kind: LogLine['kind'] = 'stdout'): LogLine => ({
  at: Date.UTC(2026, 0, 1, 12),
  kind,
  text,
});

async function ready(link = mockLink()) {
  const session = new Session(createApi(link));
  await expect.poll(() => session.runs?.length ?? 0).toBeGreaterThan(0);
  await expect.poll(() => session.info).not.toBeNull();
  const asked = (name: string) =>
    link.asked.filter((call) => call.name === name).map(({ input }) => input);
  const byStatus = (status: string) => session.runs!.find((run) => run.status === status)!;
  return { link, session, asked, byStatus };
}

describe('the log', () => {
  async function drawer(lines: LogLine[], active = true) {
    const own = await ready(mockLink({ replace: { 'runs.log': () => lines } }));
    const screen = await render(LogDrawer, { session: own.session, id: 3, active });
    const toggle = screen.getByRole('button', { name: 'Log', exact: true });
    return { ...own, screen, toggle };
  }

  it('shows its last line closed, what was there and what comes open, of this run alone', async () => {
    const { link, screen, toggle } = await drawer([line('first'), line('epoch 1', 'info')]);
    await expect.element(screen.getByText(/epoch 1$/)).toBeVisible();
    await toggle.click();
    await expect.element(toggle).toHaveAttribute('aria-expanded', 'true');
    await expect.element(screen.getByText('first')).toBeVisible();
    link.emit('run.log', { id: 4, lines: [line('another run')] });
    link.emit('run.log', { id: 3, lines: [line('low memory', 'warning')] });
    await expect.element(screen.getByText('warning: low memory')).toBeVisible();
    await expect.element(screen.getByText('1 warning', { exact: true })).toBeVisible();
    expect(document.body.textContent).not.toContain('another run');
  });

  it('follows its end, and holds still while a person reads further up', async () => {
    const many = Array.from({ length: 200 }, (_, i) => line(`line ${i}`));
    const { link, screen, toggle } = await drawer(many);
    await toggle.click();
    const box = screen.getByRole('log').element() as HTMLElement;
    const fromEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight;
    await expect.poll(fromEnd).toBeLessThan(2);
    box.scrollTop = 100;
    await expect.element(screen.getByRole('button', { name: /^Follow/ })).toBeVisible();
    link.emit('run.log', { id: 3, lines: [line('a'), line('b')] });
    const follow = screen.getByRole('button', { name: 'Follow, 2 new' });
    await expect.element(follow).toBeVisible();
    expect(box.scrollTop).toBe(100);
    await follow.click();
    await expect.poll(fromEnd).toBeLessThan(2);
    link.emit('run.log', { id: 3, lines: [line('c')] });
    await expect.element(screen.getByText('c', { exact: true })).toBeVisible();
    await expect.poll(fromEnd).toBeLessThan(2);
  });

  it('counts as new after a gap what is new, not all that was asked for again', async () => {
    const many = Array.from({ length: 200 }, (_, i) => line(`line ${i}`));
    const { link, screen, toggle } = await drawer(many);
    await toggle.click();
    const box = screen.getByRole('log').element() as HTMLElement;
    await expect.poll(() => box.scrollTop).toBeGreaterThan(100);
    box.scrollTop = 100;
    await expect.element(screen.getByRole('button', { name: 'Follow' })).toBeVisible();
    link.emit('run.log', { id: 4, lines: [] });
    many.push(line('missed'));
    link.skip();
    link.emit('run.log', { id: 4, lines: [] });
    await expect.element(screen.getByRole('button', { name: 'Follow, 1 new' })).toBeVisible();
    expect(box.scrollTop).toBe(100);
  });

  it('is asked for once, however often its run is told of', async () => {
    localStorage.setItem('hugginggreen.log.open', 'yes');
    const { link, session, asked, byStatus } = await ready();
    const run = byStatus('running');
    const screen = await render(Live, { session, route: parseRoute('#/live') });
    await expect.element(screen.getByText(/^Nothing yet/)).toBeVisible();
    link.emit('run', { ...run, step: (run.step ?? 0) + 1 });
    link.emit('run.log', { id: run.id, lines: [line('after the event')] });
    await expect.element(screen.getByText('after the event')).toBeVisible();
    expect(asked('runs.log')).toHaveLength(1);
  });

  it('is searched, taken away and shown in its folder', async () => {
    const { asked, screen, toggle } = await drawer(
      [line('loss 0.5'), line('Loss 0.4'), line('bad disk', 'error')],
      false,
    );
    await toggle.click();
    await screen.getByRole('searchbox', { name: 'Search the log' }).fill('loss');
    await expect.element(screen.getByText('2 of 3')).toBeVisible();
    await screen.getByRole('searchbox', { name: 'Search the log' }).fill('');
    await screen.getByRole('checkbox', { name: 'warnings and errors' }).click();
    await expect.element(screen.getByText('1 of 3')).toBeVisible();
    await expect.element(screen.getByText('error: bad disk')).toBeVisible();
    await screen.getByRole('button', { name: 'Download' }).click();
    await expect.poll(() => asked('runs.exportLog')).toEqual([{ id: 3 }]);
    await screen.getByRole('button', { name: 'Open folder' }).click();
    await expect.poll(() => asked('runs.reveal')).toEqual([{ id: 3, file: 'run.log' }]);
  });
});

describe('a run that did not come to its end', () => {
  it('shows its last lines and where it can go on; a checkpoint that is gone is no such place', async () => {
    const { session, asked, byStatus } = await ready(
      mockLink({ replace: { 'runs.log': () => [line('the last word', 'stderr')] } }),
    );
    const run = byStatus('interrupted');
    const detail = await session.api.call('runs.get', { id: run.id });
    const { checkpoints } = await session.api.call('checkpoints.list', { id: run.id });
    const screen = await render(FailureCard, { session, run, detail });
    await expect.element(screen.getByText('the last word')).toBeVisible();
    expect(asked('runs.log')).toContainEqual({ id: run.id, lines: 20 });
    const step = checkpoints.find(({ state }) => state !== 'missing')!.step;
    await screen.getByRole('button', { name: `Resume from step ${step}` }).click();
    await expect.poll(() => asked('runs.resume')).toEqual([{ id: run.id }]);
    await screen.getByRole('button', { name: 'Mark as failed' }).click();
    await expect.poll(() => asked('runs.markFailed')).toEqual([{ id: run.id }]);
    location.hash = '';
  });

  it('without a checkpoint it can be run again, from the start', async () => {
    const none = {
      folder: '/x',
      checkpoints: [],
      free: { count: 0, bytes: 0, keeps: [] },
      undo: false,
    };
    const { session, asked, byStatus } = await ready(
      mockLink({ replace: { 'checkpoints.list': () => none } }),
    );
    const run = byStatus('failed');
    const detail = await session.api.call('runs.get', { id: run.id });
    const screen = await render(FailureCard, { session, run, detail });
    await screen.getByRole('button', { name: 'Run it again' }).click();
    await expect.poll(() => asked('runs.clone')).toEqual([{ id: run.id, retry: true }]);
    await expect.element(screen.getByRole('button', { name: /^Resume/ })).not.toBeInTheDocument();
    await expect
      .element(screen.getByRole('button', { name: 'Mark as failed' }))
      .not.toBeInTheDocument();
    location.hash = '';
  });

  it('is told at the next start, until a person decides or puts it off', async () => {
    const { session, asked, byStatus, link } = await ready();
    const run = byStatus('interrupted');
    const route = parseRoute('#/runs');
    const screen = await render(Interrupted, { session, route });
    const banner = screen.getByText(
      new RegExp(`was interrupted at step ${run.step} of ${run.steps}`),
    );
    await expect.element(banner).toBeVisible();
    await screen.getByRole('button', { name: 'Resume' }).click();
    await expect.poll(() => asked('runs.resume')).toEqual([{ id: run.id }]);
    await screen.getByRole('button', { name: 'Mark as failed' }).click();
    await expect.poll(() => asked('runs.markFailed')).toEqual([{ id: run.id }]);
    link.emit('run', { ...run, status: 'failed' });
    await expect.element(banner).not.toBeInTheDocument();
    link.emit('run', run);
    await screen.getByRole('button', { name: 'Decide later' }).click();
    await expect.element(banner).not.toBeInTheDocument();
    screen.unmount();
    const again = await render(Interrupted, { session, route });
    expect(again.container.textContent.trim()).toBe('');
    // cut short once more it is another matter
    link.emit('run', { ...run, endedAt: (run.endedAt ?? 0) + 1 });
    await expect.element(again.getByText(/was interrupted/)).toBeVisible();
    location.hash = '';
  });
});

it('the three numbers of Live have their trends, drawn anew only when they change', async () => {
  const { link, session, byStatus } = await ready();
  const screen = await render(Live, { session, route: parseRoute('#/live') });
  for (const label of ['Macro F1', 'Energy', 'F1 per Wh'])
    await expect
      .element(screen.getByRole('img', { name: `${label} since the start` }))
      .toBeVisible();
  const drawn = vi.fn();
  const observer = new MutationObserver(drawn);
  const numbers = screen.getByRole('region', { name: 'Result so far' }).element();
  for (const path of numbers.querySelectorAll('svg path'))
    observer.observe(path, { attributes: true });
  // a reading changes the energy beside them, and nothing else
  const { id } = byStatus('running');
  const told = numbers.textContent;
  link.emit('run.energy', { ...session.energy[id]!, id, wh: 987 });
  await expect.poll(() => numbers.textContent).not.toBe(told);
  expect(drawn).not.toHaveBeenCalled();
});

it('an end that the page tells of already has no banner there', async () => {
  const { session, link, byStatus } = await ready();
  const run = byStatus('interrupted');
  // nothing else runs or waits: this is what Live shows
  const others = session.runs!.filter(({ status }) => status === 'running' || status === 'queued');
  link.emit('run.removed', { ids: others.map(({ id }) => id) });
  const screen = await render(Interrupted, { session, route: parseRoute('#/data') });
  await expect.element(screen.getByText(/was interrupted/)).toBeVisible();
  await screen.rerender({ route: parseRoute(`#/run/${run.id}`) });
  await expect.element(screen.getByText(/was interrupted/)).not.toBeInTheDocument();
  await screen.rerender({ route: parseRoute('#/data') });
  await expect.element(screen.getByText(/was interrupted/)).toBeVisible();
  const later = session.runs!.filter(({ id }) => id > run.id);
  link.emit('run.removed', { ids: later.map(({ id }) => id) });
  await expect.poll(() => session.current?.id).toBe(run.id);
  await screen.rerender({ route: parseRoute('#/live') });
  await expect.element(screen.getByText(/was interrupted/)).not.toBeInTheDocument();
});

it('copies at another price say nothing of an end that is not theirs, nor does a broken memory', async () => {
  localStorage.setItem('hugginggreen.interrupted.seen', '{');
  const { link, session, byStatus } = await ready();
  const run = byStatus('interrupted');
  const screen = await render(Interrupted, { session, route: parseRoute('#/machine') });
  await expect.element(screen.getByText(/was interrupted/)).toBeVisible();
  link.emit('run', { ...run, copyOf: 1 });
  await expect.element(screen.getByText(/was interrupted/)).not.toBeInTheDocument();
});

describe('checkpoints', () => {
  async function table() {
    const own = await ready();
    const run = own.byStatus('done');
    const screen = await render(Checkpoints, { session: own.session, run, latest: null });
    const notices = await render(Notices, { session: own.session });
    return { ...own, run, screen, notices };
  }

  it('say which is best, what is gone, and are checked and shown', async () => {
    const { asked, run, screen } = await table();
    await expect.element(screen.getByRole('cell', { name: 'best F1', exact: true })).toBeVisible();
    await expect
      .element(screen.getByText(/^Step \d+: step-\d+.safetensors is gone\.$/))
      .toBeVisible();
    await screen.getByRole('button', { name: 'Check the files' }).click();
    // by its name it can be broken off
    const job = expect.any(String) as string;
    await expect.poll(() => asked('checkpoints.verify')).toEqual([{ id: run.id, job }]);
    await screen.getByRole('button', { name: 'Show' }).first().click();
    await expect
      .poll(() => asked('runs.reveal'))
      .toEqual([{ id: run.id, file: expect.stringMatching(/^step-\d+\.safetensors$/) as string }]);
  });

  it('make room, and come back while that can be undone', async () => {
    const { asked, run, screen, notices } = await table();
    const rows = () => screen.container.querySelectorAll('tbody tr').length;
    await expect.poll(rows).toBeGreaterThan(2);
    const before = rows();
    await screen.getByRole('button', { name: /^Free / }).click();
    await expect
      .element(page.getByText(/stays\. It can be undone for ten seconds\./))
      .toBeVisible();
    await page.getByRole('button', { name: 'Delete' }).click();
    await expect.poll(rows).toBe(1);
    // by its name it can be broken off
    const job = expect.any(String) as string;
    expect(asked('checkpoints.free')).toEqual([{ id: run.id, undoSeconds: 12, job }]);
    await notices.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(rows).toBe(before);
  });
});

describe('what takes long', () => {
  it('is told after a moment, and ends without an error when it is cancelled', async () => {
    const { session, asked } = await ready();
    const screen = await render(Notices, { session });
    const broken = Promise.withResolvers<void>();
    const done = session.long('Writing a bundle.', async (_, signal) => {
      signal.addEventListener('abort', () =>
        broken.reject(new AppError('CANCELLED', 'It was cancelled.')),
      );
      await broken.promise;
    });
    await screen.getByRole('button', { name: 'Cancel' }).click();
    expect(await done).toBe(false);
    await expect.poll(() => asked('jobs.cancel')).toHaveLength(1);
    await expect.element(screen.getByText('Writing a bundle.')).not.toBeInTheDocument();
    expect(session.notices).toEqual([]);
  });

  it('shows its own failure', async () => {
    const { session } = await ready();
    expect(await session.long('Writing.', () => Promise.reject(new Error('No room.')))).toBe(false);
    expect(session.notices.map(({ message }) => message)).toEqual(['No room.']);
    expect(await session.long('Writing.', () => Promise.resolve())).toBe(true);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import type { RunSummary } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import { leaveQueue } from '../../src-renderer/lib/queue/leave.ts';
import { RunActions } from '../../src-renderer/lib/run/run-actions.svelte.ts';
import { RunWatch } from '../../src-renderer/lib/run-watch.svelte.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, stories } from '../mocks/link.ts';
import { openApp } from './open-app.ts';

beforeEach(async () => {
  localStorage.setItem('hugginggreen.tour', 'seen');
  await page.viewport(1280, 800);
});
afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

async function open(hash: string, link = mockLink()) {
  const { session, screen } = await openApp(hash, link);
  const undo = () => screen.getByRole('button', { name: 'Undo' }).click();
  const last = (name: string) => link.asked.findLast((one) => one.name === name)?.input;
  return { link, session, screen, undo, last };
}
const done = () => stories().filter(({ status }) => status === 'done');

describe('what was taken away comes back', () => {
  it('a tag and a note', async () => {
    const [run] = done();
    const runs = [{ ...run!, kept: { tags: ['paper'], note: 'a door was open' } }];
    const { screen, session, undo } = await open(`#/run/${run!.id}`, mockLink({ runs }));
    await screen.getByRole('button', { name: 'Take the tag paper away' }).click();
    await expect.poll(() => session.run(run!.id)?.tags).toEqual([]);
    await undo();
    await expect.poll(() => session.run(run!.id)?.tags).toEqual(['paper']);
    await screen.getByRole('button', { name: 'a door was open' }).click();
    await screen.getByLabelText('Note').fill('');
    (document.activeElement as HTMLElement).blur();
    await expect.poll(() => session.run(run!.id)?.note).toBeNull();
    await undo();
    await expect.poll(() => session.run(run!.id)?.note).toBe('a door was open');
  });

  it('a run that was deleted just before the page was loaded again', async () => {
    const [run] = done();
    const { session } = await open('#/runs');
    await session.deleteRuns([run!.id]);
    const again = mockLink();
    const loaded = new Session(createApi(again));
    loaded.offerWhatWasDeleted();
    const { action, message } = loaded.notices[0]!;
    expect([message, action?.label]).toEqual([`Run ${run!.id} was deleted.`, 'Undo']);
    await action!.act();
    expect(again.asked.at(-1)).toMatchObject({ name: 'runs.restore', input: { ids: [run!.id] } });
    // once, and not for ever
    const later = new Session(createApi(mockLink()));
    later.offerWhatWasDeleted();
    expect(later.notices).toEqual([]);
  });

  it('a note is kept by Ctrl Enter, and Escape drops the change and nothing else', async () => {
    const [run] = done();
    const { screen, session } = await open(`#/run/${run!.id}`);
    await screen.getByRole('button', { name: 'Write a note' }).click();
    await userEvent.keyboard('the fan was loud{Control>}{Enter}{/Control}');
    await expect.element(screen.getByRole('button', { name: 'the fan was loud' })).toBeVisible();
    await screen.getByRole('button', { name: 'the fan was loud' }).click();
    await userEvent.keyboard('x{Escape}');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(session.run(run!.id)?.note).toBe('the fan was loud');
    expect(session.notices).toEqual([]);
  });

  it('runs of two deletions after a reload, and none that is back already', async () => {
    const { session } = await open('#/runs');
    const [a, b, c] = done().map(({ id }) => id);
    for (const id of [a!, b!, c!]) {
      await session.deleteRuns([id]);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await session.notices.find(({ message }) => message.startsWith(`Run ${b} `))!.action!.act();
    const loaded = new Session(createApi(mockLink()));
    loaded.offerWhatWasDeleted();
    expect(loaded.notices.map(({ message }) => message)).toEqual(
      [a, c].map((id) => `Run ${id} was deleted.`),
    );
  });

  it('a tag only for the runs that had it', async () => {
    const runs = done().map((story) => ({ ...story, kept: { tags: story.id === 2 ? ['x'] : [] } }));
    const { screen, session, undo } = await open('#/runs', mockLink({ runs }));
    for (const id of [1, 2])
      await screen.getByRole('checkbox', { name: new RegExp(`^Select run ${id},`) }).click();
    await screen.getByRole('button', { name: 'Tag' }).click();
    await screen.getByRole('button', { name: 'Take the tag x away' }).click();
    await expect.poll(() => session.run(2)?.tags).toEqual([]);
    await undo();
    await expect.poll(() => [1, 2].map((id) => session.run(id)?.tags)).toEqual([[], ['x']]);
  });

  it('a mark, at its time and with its words', async () => {
    const session = new Session(createApi(mockLink({ runs: done() })));
    const watch = new RunWatch(session, 1, 'time');
    const end = watch.start();
    await expect.poll(() => watch.detail).not.toBeNull();
    await watch.mark('fan on', 12);
    const own = () => watch.detail!.markers.filter(({ kind }) => kind === 'own');
    await watch.unmark(own()[0]!.id!);
    expect(own()).toEqual([]);
    await session.notices.at(-1)!.action!.act();
    expect(own()).toMatchObject([{ text: 'fan on', time: 12 }]);
    end();
  });

  it('a place among those a run is priced for', async () => {
    const { screen, session, undo } = await open('#/run/1');
    await screen.getByRole('button', { name: 'Remove France' }).click();
    await expect.poll(() => session.settings?.elsewhere).toEqual(['world', 'IND']);
    await undo();
    await expect.poll(() => session.settings?.elsewhere).toEqual(['world', 'FRA', 'IND']);
  });

  it('a place, and what was chosen after it stays', async () => {
    const { screen, session, undo } = await open('#/run/1');
    await screen.getByRole('button', { name: 'Remove France' }).click();
    await expect.poll(() => session.settings?.elsewhere).toEqual(['world', 'IND']);
    await session.setSettings({ elsewhere: ['world', 'IND', 'US-CA'] });
    await undo();
    await expect.poll(() => session.settings?.elsewhere).toEqual(['world', 'FRA', 'IND', 'US-CA']);
  });

  it('a run out of the archive, not one that lay there before', async () => {
    const [one, other] = done();
    const runs = [one!, { ...other!, kept: { archivedAt: 1 } }];
    const { session, undo, last } = await open('#/runs?q=is:any', mockLink({ runs }));
    await expect.poll(() => session.run(other!.id)?.archivedAt).toBe(1);
    const chosen = new RunActions(session, () => session.runs ?? [], { rename: () => {}, tag: () => {} }); // prettier-ignore
    await chosen.archive();
    expect(last('runs.archive')).toEqual({ ids: [one!.id] });
    await undo();
    await expect.poll(() => session.run(one!.id)?.archivedAt).toBeNull();
    expect(session.run(other!.id)?.archivedAt).toBe(1);
  });

  it('a calibration', async () => {
    const { screen, session, undo } = await open('#/machine/calibrate', mockLink({ runs: done() }));
    await screen.getByRole('button', { name: 'Forget it' }).click();
    await expect.poll(() => session.calibration?.kept).toBeNull();
    await undo();
    await expect.poll(() => session.calibration?.kept).not.toBeNull();
  });

  it('a run in the queue, to its place', async () => {
    const base = stories()[0]!;
    const runs = [11, 12, 13].map((id) => ({ ...base, id, status: 'queued' as const, done: 0 }));
    const { screen, undo, last } = await open('#/live', mockLink({ runs }));
    await screen
      .getByRole('button', { name: /^Remove .* from the queue$/ })
      .nth(1)
      .click();
    await expect.poll(() => last('runs.stop')).toEqual({ id: 12 });
    await undo();
    await expect.poll(() => last('runs.resume')).toEqual({ id: 12 });
    await expect.poll(() => last('queue.move')).toEqual({ ids: [12], before: 13 });
  });

  describe('of several runs in the queue', () => {
    async function queued(change: (run: RunSummary) => Partial<RunSummary>) {
      const base = stories()[0]!;
      const runs = [11, 12, 13].map((id) => ({ ...base, id, status: 'queued' as const, done: 0 }));
      const link = mockLink({ runs });
      const session = new Session(createApi(link));
      await session.refresh();
      session.runs = session.runs!.map((run) => ({ ...run, ...change(run) }));
      const all = (name: string) => link.asked.filter((one) => one.name === name).map(({ input }) => input); // prettier-ignore
      return { session, all };
    }

    it('those that can come back, and it is said which cannot: a command', async () => {
      const { session, all } = await queued(({ id }) =>
        id === 12 ? { command: { line: 'python train.py' } as unknown as RunSummary['command'] } : {},
      ); // prettier-ignore
      await leaveQueue(session, [11, 12]);
      const { message, action } = session.notices.at(-1)!;
      expect(message).toMatch(/^2 runs were .* Run 12 cannot be brought back: the environment/);
      await action!.act();
      expect(all('runs.resume')).toEqual([{ id: 11 }]);
    });

    it('no trial that was to stop at a rung: it would train on beside its sweep', async () => {
      const place = { id: 'sweep', group: 1, rung: { epochs: 3, dropped: false } };
      const { session, all } = await queued(() => ({ matrix: place as RunSummary['matrix'] }));
      await leaveQueue(session, [11, 12]);
      expect(all('runs.stop')).toHaveLength(2);
      const { message, action } = session.notices.at(-1)!;
      expect([message, action]).toEqual([expect.stringMatching(/Runs 11, 12 cannot/), undefined]);
    });

    it('that half which left before one could not', async () => {
      const { session, all } = await queued(() => ({}));
      const { call } = session.api;
      session.api.call = (name, input) =>
        name === 'runs.stop' && (input as { id: number }).id === 12
          ? Promise.reject(new Error('It runs.'))
          : call(name, input);
      await leaveQueue(session, [11, 12]);
      await session.notices.find(({ action }) => action)!.action!.act();
      expect(all('runs.resume')).toEqual([{ id: 11 }]);
    });
  });
});

import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import type { RunSummary } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import QueuePanel from '../../src-renderer/lib/queue/QueuePanel.svelte';
import { blocksOf, placeBeside } from '../../src-renderer/lib/queue/order.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, stories } from '../mocks/link.ts';

const run = (id: number, group?: number) =>
  ({ id, matrix: group ? { group, title: `M${group}` } : null }) as RunSummary;

describe('the order of the queue', () => {
  const blocks = blocksOf([run(1), run(2, 7), run(3, 7), run(4), run(5, 7)]);

  it('groups the runs of a matrix that follow each other', () => {
    expect(blocks.map(({ title, runs }) => [title, runs.map(({ id }) => id)])).toEqual([
      [null, [1]],
      ['M7', [2, 3]],
      [null, [4]],
      ['M7', [5]],
    ]);
  });

  it('moves a run past one run, a group and a run on its own past a whole group', () => {
    expect(placeBeside(blocks, [3], -1)).toBe(2);
    expect(placeBeside(blocks, [2, 3], -1)).toBe(1);
    expect(placeBeside(blocks, [2, 3], 1)).toBe(5);
    expect(placeBeside(blocks, [1], 1)).toBe(4);
    expect(placeBeside(blocks, [4], -1)).toBe(2);
    expect(placeBeside(blocks, [4], 1)).toBeNull();
    expect(placeBeside(blocks, [5], 1)).toBeUndefined();
    expect(placeBeside(blocks, [1], -1)).toBeUndefined();
  });
});

async function show() {
  await page.viewport(1280, 800);
  const base = stories()[0]!;
  const runs = [11, 12, 13].map((id) => ({
    ...base,
    id,
    config: { ...base.config, name: `Run ${'abc'[id - 11]}` },
    status: 'queued' as const,
    done: 0,
  }));
  const link = mockLink({ runs });
  const session = new Session(createApi(link));
  const screen = await render(QueuePanel, { session });
  await expect.element(screen.getByText('3 runs wait')).toBeVisible();
  const order = () => [...screen.container.querySelectorAll('li a')].map((a) => a.textContent);
  return { link, screen, session, order };
}

describe('the queue', () => {
  it('is ordered by the keyboard, and says the new place', async () => {
    const { screen, order } = await show();
    (screen.getByRole('button', { name: /^Order of Run b/ }).element() as HTMLElement).focus();
    await userEvent.keyboard('{Alt>}{ArrowDown}{/Alt}');
    await expect.poll(order).toEqual(['Run a', 'Run c', 'Run b']);
    await expect.element(screen.getByText('Now in place 3 of 3')).toBeInTheDocument();
    await userEvent.keyboard('{Alt>}{ArrowUp}{ArrowUp}{/Alt}');
    await expect.poll(order).toEqual(['Run b', 'Run a', 'Run c']);
  });

  it('is ordered by dragging', async () => {
    const { screen, order } = await show();
    const row = (name: string) => screen.getByRole('listitem').filter({ hasText: name });
    await row('Run c').dropTo(row('Run a'), { targetPosition: { x: 300, y: 3 }, timeout: 5000 });
    await expect.poll(order).toEqual(['Run c', 'Run a', 'Run b']);
  });

  it('is paused and goes on', async () => {
    const { screen, link } = await show();
    await screen.getByRole('button', { name: 'Pause the queue' }).click();
    await expect.element(screen.getByText('paused')).toBeVisible();
    await screen.getByRole('button', { name: 'Resume the queue' }).click();
    await expect.element(screen.getByRole('button', { name: 'Pause the queue' })).toBeVisible();
    await screen.getByRole('button', { name: 'Remove Run b from the queue' }).click();
    await expect
      .poll(() => link.asked.find(({ name }) => name === 'runs.stop')?.input)
      .toEqual({ id: 12 });
  });

  it('has the runs that were paused, to be resumed', async () => {
    const { screen, link, session } = await show();
    session.runs = [...session.runs!, { ...session.runs![0]!, id: 14, name: 'Run d', status: 'stopped', paused: true, step: 40 }]; // prettier-ignore
    await expect.element(screen.getByText('after step 40')).toBeVisible();
    await screen.getByRole('button', { name: 'Resume Run d' }).click();
    await expect
      .poll(() => link.asked.find(({ name }) => name === 'runs.resume')?.input)
      .toEqual({ id: 14 });
  });

  it('says that the machine cools down, and need not', async () => {
    const { screen, link, session } = await show();
    link.emit('queue', {
      active: null,
      waiting: [11, 12, 13],
      paused: false,
      coolDown: { since: 0, mostSeconds: 120, watts: 81.2, targetWatts: 46 },
      budget: null,
      outlook: session.queue!.outlook,
    });
    await expect.element(screen.getByText(/81(\.2)? W, the next run starts at/)).toBeVisible();
    await screen.getByRole('button', { name: 'Start now' }).click();
    await expect
      .poll(() => link.asked.some(({ name }) => name === 'queue.skipCoolDown'))
      .toBe(true);
  });
});

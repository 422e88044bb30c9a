/** Taking runs out of the queue, which can be undone for ten seconds. */
import type { Session } from '../session.svelte.ts';

export async function leaveQueue(session: Session, ids: readonly number[]) {
  const { api } = session;
  const line = session.waiting.map(({ id }) => id);
  const after = line.slice(line.findLastIndex((id) => ids.includes(id)) + 1);
  // a command cannot: its environment was in the memory of the program only, and is gone
  const back = ids.filter((id) => session.run(id)?.command === null);
  const done = await session.attempt(async () => {
    for (const id of ids) await api.call('runs.stop', { id });
  });
  if (!done || back.length < ids.length) return;
  const what = ids.length === 1 ? `Run ${ids[0]} was` : `${ids.length} runs were`;
  session.offerUndo(`${what} taken out of the queue.`, 10, async () => {
    for (const id of back) await api.call('runs.resume', { id });
    // where it was: before the first of those behind it that still wait
    const { waiting } = await api.call('queue.get', {});
    const before = after.find((id) => waiting.includes(id)) ?? null;
    const still = back.filter((id) => waiting.includes(id));
    if (before !== null && still.length > 0)
      session.queue = await api.call('queue.move', { ids: still, before });
  });
}

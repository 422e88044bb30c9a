/** Taking runs out of the queue, which can be undone for ten seconds where a run can come back as it was. */
import type { Session } from '../session.svelte.ts';

export async function leaveQueue(session: Session, ids: readonly number[]) {
  const { api } = session;
  const line = session.waiting.map(({ id }) => id);
  const after = line.slice(line.findLastIndex((id) => ids.includes(id)) + 1);
  // as they stand before they leave
  const runs = ids.flatMap((id) => session.run(id) ?? []);
  const left: number[] = [];
  await session.attempt(async () => {
    for (const id of ids) {
      await api.call('runs.stop', { id });
      left.push(id);
    }
  });
  const [first] = left;
  if (first === undefined) return;
  const gone = runs.filter(({ id }) => left.includes(id));
  const commands = gone.filter(({ command }) => command !== null).map(({ id }) => id);
  // resumed it would train to its end, beside the others of its sweep instead of against them
  const trials = gone.filter(({ matrix }) => matrix?.rung).map(({ id }) => id);
  const message = [
    left.length === 1
      ? `Run ${first} was taken out of the queue.`
      : `${left.length} runs were taken out of the queue.`,
    ...staysAway(commands, 'the environment of a command is kept nowhere'),
    ...staysAway(trials, 'a trial that left its sweep does not compete in it again'),
  ].join(' ');
  const back = gone.map(({ id }) => id).filter((id) => ![...commands, ...trials].includes(id));
  if (back.length === 0) return session.notify('info', message);
  session.offerUndo(message, 10, async () => {
    for (const id of back) await api.call('runs.resume', { id });
    // where it was: before the first of those behind it that still wait
    const { waiting } = await api.call('queue.get', {});
    const before = after.find((id) => waiting.includes(id)) ?? null;
    const still = back.filter((id) => waiting.includes(id));
    if (before !== null && still.length > 0)
      session.queue = await api.call('queue.move', { ids: still, before });
  });
}

const staysAway = (ids: readonly number[], why: string): string[] =>
  ids.length === 0
    ? []
    : [`${ids.length === 1 ? 'Run' : 'Runs'} ${ids.join(', ')} cannot be brought back: ${why}.`];

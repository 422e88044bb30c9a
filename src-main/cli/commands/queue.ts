import {
  queueBudgetWords,
  span,
  spanRange,
  type QueueState,
  type RunSummary,
} from '../../contract.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { withSession, type Session } from '../session.ts';
import { missing, number, table } from '../text.ts';

const usage: Record<string, string> = {
  list: 'queue list',
  move: 'queue move RUN... first | last | before RUN',
  pause: 'queue pause',
  resume: 'queue resume',
};

export const queue: Command = {
  name: 'queue',
  usage: '[list | move | pause | resume]',
  summary: 'Shows the runs that wait, orders them, pauses the line.',
  details: `  hugginggreen queue                        what computes and what waits, in order
  hugginggreen queue move 7 first           run 7 is next
  hugginggreen queue move 7 8 before 5      both, in this order, before run 5
  hugginggreen queue pause                  the active run goes on, nothing new starts
  hugginggreen queue resume

A pause outlives the program. The runs of "run" and "matrix" that train in their own command, because no
other program is there, do not wait for it.`,
  options: {},
  run: async ({ positionals, json }) => {
    const [verb = 'list', ...words] = positionals;
    if (!Object.hasOwn(usage, verb))
      throw new UsageError(`"${verb}" is not list, move, pause or resume.`);
    if (verb !== 'move' && words.length > 0) throw new UsageError(`It is: ${usage[verb]}`);
    const move = verb === 'move' ? readMove(words) : null;
    return withSession('queue', async (session) => {
      const state = await act(session, verb, move);
      const runs = await session.call('runs.list', {});
      if (json) printJson(state);
      else console.log(shown(state, runs));
      return exitCode.ok;
    });
  },
};

interface Move {
  ids: number[];
  to: 'first' | 'last' | number;
}

/** @throws UsageError */
function readMove(words: readonly string[]): Move {
  const at = words.findIndex((word) => ['first', 'last', 'before'].includes(word));
  const [where, target, ...more] = at < 0 ? [] : words.slice(at);
  const before = where === 'before';
  if (at < 1 || more.length > 0 || before !== (target !== undefined))
    throw new UsageError(`It is: ${usage.move}`);
  const ids = words.slice(0, at).map(runNumber);
  return { ids, to: before ? runNumber(target!) : (where as 'first' | 'last') };
}

function runNumber(word: string): number {
  if (!/^[1-9]\d*$/.test(word)) throw new UsageError(`"${word}" is not the number of a run.`);
  return Number(word);
}

async function act(session: Session, verb: string, move: Move | null): Promise<QueueState> {
  if (verb === 'pause') return session.call('queue.pause', {});
  if (verb === 'resume') return session.call('queue.resume', {});
  if (!move) return session.call('queue.get', {});
  const { ids, to } = move;
  const { waiting } = await session.call('queue.get', {});
  const others = waiting.filter((id) => !ids.includes(id));
  const before = to === 'first' ? (others[0] ?? null) : to === 'last' ? null : to;
  return session.call('queue.move', { ids, before });
}

function shown(
  { active, waiting, paused, coolDown, budget, outlook }: QueueState,
  runs: readonly RunSummary[],
): string {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const rows = [...(active === null ? [] : [active]), ...waiting].flatMap((id, i) => {
    const run = byId.get(id);
    if (!run) return [];
    const place = id === active ? 'now' : String(active === null ? i + 1 : i);
    return [[place, String(id), run.name || missing, run.dataset || missing, run.matrix?.id ?? '']];
  });
  const lines: string[] = [];
  if (paused) lines.push('The queue is paused: nothing new starts.');
  for (const run of runs)
    if (run.paused)
      lines.push(`Run ${run.id} (${run.name}) is paused: hugginggreen run --resume ${run.id}`);
  if (budget)
    lines.push(
      `Budget: ${queueBudgetWords(budget)}${budget.usedUp ? '. It is used up: nothing new starts' : ''}.`,
    );
  if (coolDown)
    lines.push(
      `The machine cools down: ${coolDown.watts === null ? missing : number(coolDown.watts)} W, the next run starts at ${number(coolDown.targetWatts)} W.`,
    );
  lines.push(
    rows.length === 0
      ? 'Nothing runs, and nothing waits.'
      : table(['place', 'run', 'name', 'dataset', 'matrix'], rows),
  );
  const { seconds } = outlook.waiting;
  if (seconds && waiting.length > 0) {
    const time = `about ${span(seconds.value)} (${spanRange([seconds.low, seconds.high])})`;
    const unknown =
      outlook.unknown > 0 ? `, without ${outlook.unknown} of which nothing is known` : '';
    lines.push(
      `${waiting.length === 1 ? '1 run waits' : `${waiting.length} runs wait`}, ${time}${unknown}.`,
    );
  }
  return lines.join('\n');
}

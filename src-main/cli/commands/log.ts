import { mostLogLines, type LogLine, type RunStatus } from '../../contract.ts';
import { exitCode, printJson, runIds, UsageError, type Command } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { withSession, type Session } from '../session.ts';

const usualLines = 100;
const going: RunStatus[] = ['queued', 'baseline', 'running', 'stopping'];

export const log: Command = {
  name: 'log',
  usage: 'ID [--follow]',
  summary: 'Shows the log of a run: what it wrote and what became of it.',
  details: `The last ${usualLines} lines, or as many as --lines says. With --follow it goes on until the run is over
or Ctrl-C, which leaves the run alone. The whole log is run.log in the folder of the run.`,
  options: {
    follow: { type: 'boolean', short: 'f', help: 'go on with what comes' },
    lines: { type: 'string', short: 'n', value: 'N', help: `how many, up to ${mostLogLines}` },
  },
  run: async ({ positionals, text, flag, json }) => {
    const [id, ...more] = runIds(positionals);
    if (more.length > 0) throw new UsageError('One run at a time.');
    const lines = countOf(text('lines'));
    if (flag('follow') && json) throw new UsageError('--follow has no end that JSON could have.');
    return withSession('log', async (session) => {
      if (flag('follow')) await follow(session, id!, lines);
      else {
        const known = await session.call('runs.log', { id: id!, lines });
        if (json) printJson(known);
        else if (known.length === 0) console.error(`Run ${id} has no log.`);
        else console.log(known.map(shown).join('\n'));
      }
      return exitCode.ok;
    });
  },
};

/** @throws UsageError */
function countOf(text: string | undefined): number {
  if (text === undefined) return usualLines;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > mostLogLines)
    throw new UsageError(`--lines wants a whole number from 1 to ${mostLogLines}, not "${text}".`);
  return count;
}

/** Lines that come while the known ones are asked for are among these. */
async function follow(session: Session, id: number, lines: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  let begun = false;
  session.on('run.log', (event) => {
    if (begun && event.id === id) for (const line of event.lines) console.log(shown(line));
  });
  session.on('run', (run) => {
    if (run.id === id && !going.includes(run.status)) over.resolve();
  });
  const stopListening = onInterrupt(over.resolve, over.resolve);
  try {
    const known = await session.call('runs.log', { id, lines });
    begun = true;
    for (const line of known) console.log(shown(line));
    const { summary } = await session.call('runs.get', { id });
    if (!going.includes(summary.status)) return;
    await Promise.race([over.promise, session.lost]);
  } finally {
    stopListening();
  }
}

const marks: Partial<Record<LogLine['kind'], string>> = { warning: 'warning: ', error: 'error: ' };

/** `21:44:03  train, epoch 3 began`, by the clock of this computer. */
function shown({ at, kind, text }: LogLine): string {
  const time = new Date(at).toLocaleTimeString('en-GB');
  return `${time}  ${marks[kind] ?? ''}${text}`;
}

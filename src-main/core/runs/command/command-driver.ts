/** A command of the person's own as a run: started as it is, heard, and ended as a whole. */
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunCommand } from '../../../contract.ts';
import { monotonicMicros } from '../../../port.ts';
import type { Course, Driver, Ending, Problem } from '../driver.ts';
import { intake } from './intake.ts';
import { lineSplitter } from './lines.ts';
import { openOutput, type Stream } from './output.ts';
import { executable, startGroup, type Environment, type Group } from './process-group.ts';
import { longestLine, readReportLine } from './report-line.ts';
import { watchJsonLines, watchTensorboard, type WatchedFile } from './watched-files.ts';

/** What the host keeps for commands. */
export interface CommandDesk {
  /**
   * Environments of the commands that wait, by run. They may hold passwords, so they are nowhere but in
   * memory.
   */
  readonly environments: Map<number, Environment>;
  /** Where what a command writes goes besides its log: the terminal that it was started from. */
  readonly echo: Record<Stream, Writable> | null;
  /** Standard input: that of this program, or none. */
  readonly stdin: 'inherit' | 'ignore';
}

/** How often files are looked at and records written. */
const pollMs = 400;
/** A pipe that a child of the command keeps open is not waited for longer than this. */
const pipePatienceMs = 1500;
/** Between SIGTERM and SIGKILL. */
const termPatienceMs = 10_000;
const lastWords = 20;

export function commandDriver(course: Course, command: RunCommand): Driver {
  const { id, context, recorder, stopped, note } = course;
  const { store, events, commands } = context;
  let group: Group | null = null;
  let killTimer: NodeJS.Timeout | null = null;

  const stop = (): void => {
    const own = group;
    if (!own) return;
    own.signal('SIGINT');
    killTimer = setTimeout(() => {
      note(
        'warning',
        `The command did not end within ${context.stopPatienceMs / 1000} s of SIGINT and got SIGTERM.`,
      );
      own.signal('SIGTERM');
      killTimer = setTimeout(
        () => {
          note('warning', 'The command did not heed SIGTERM either and was killed.');
          own.signal('SIGKILL');
        },
        Math.min(termPatienceMs, context.stopPatienceMs),
      );
    }, context.stopPatienceMs);
  };

  const drive: Driver['drive'] = async (timeOf) => {
    const env = commands.environments.get(id);
    commands.environments.delete(id);
    if (!env) return { status: 'failed', error: environmentLost };
    const { argv, cwd, watch } = command;
    const file = executable(argv[0]!, cwd, env);

    const from = monotonicMicros();
    const records = intake(course, timeOf);
    const watcher = { intake: records, note, from };
    const files: WatchedFile[] = [];
    if (watch.jsonl) files.push(await watchJsonLines(resolve(cwd, watch.jsonl), watcher));
    if (watch.tensorboard)
      files.push(await watchTensorboard(resolve(cwd, watch.tensorboard), watcher));
    if (stopped.aborted) return { status: 'stopped' };

    const last: Record<Stream, string[]> = { stdout: [], stderr: [] };
    const output = openOutput(
      context.runDir(id),
      (stream, line) => {
        course.log.write(stream, line);
        last[stream].push(line);
        if (last[stream].length > lastWords) last[stream].shift();
      },
      (stream, why) =>
        note('warning', `What the command writes on ${stream} is not kept any more: ${why}.`),
    );
    const statements = statementReader(records.take, note);

    const own = startGroup(file, argv, {
      cwd,
      env: { PYTHONUNBUFFERED: '1', ...env, HUGGINGGREEN_RUN: String(id) },
      stdio: [commands.stdin, 'pipe', 'pipe'],
    });
    group = own;
    if (own.child.pid !== undefined) course.started(own.child.pid);
    // a stop that came in between
    if (stopped.aborted) stop();
    events.emit('run.progress', { id, label: 'Running', fraction: null });

    const hear = (stream: Stream, source: Readable): Promise<void> =>
      passOn(source, commands.echo?.[stream] ?? null, async (piece) => {
        if (stream === 'stdout') statements.push(piece);
        await output.write(stream, piece);
        await course.log.ready();
      });
    const heard = Promise.all([
      hear('stdout', own.child.stdout!),
      hear('stderr', own.child.stderr!),
    ]);
    const turn = async (): Promise<void> => {
      for (const file of files) await file.poll();
      records.flush();
    };
    const over = new AbortController();
    const polling = (async () => {
      while (!over.signal.aborted) {
        await sleep(pollMs, null, { signal: over.signal }).catch(() => {});
        await turn();
      }
    })();

    const exit = await exitOf(own);
    if (killTimer) clearTimeout(killTimer);
    const quiet = await Promise.race([
      heard.then(() => true),
      sleep(pipePatienceMs, false, { ref: false }),
    ]);
    if (!quiet) {
      own.child.stdout?.destroy();
      own.child.stderr?.destroy();
    }
    if (own.alive()) {
      if (stopped.aborted) own.signal('SIGKILL');
      else
        note(
          'warning',
          'Processes that the command started still run after its end. What they use from here on is not measured.',
        );
    }
    statements.end();
    over.abort();
    await polling;
    await output.close();
    await turn();
    recorder.write(store.updateRun(id, { command: { ...command, exit } }));
    if ('failure' in exit) return { status: 'failed', error: notStarted(argv[0]!, exit.failure!) };
    if (stopped.aborted) return { status: 'stopped' };
    return exit.code === 0 ? { status: 'done' } : failed(exit, last);
  };

  return { usage: null, drive, stop, kill: () => group?.signal('SIGKILL') };
}

type ExitOf = NonNullable<RunCommand['exit']> & { failure?: string };

async function exitOf({ child }: Group): Promise<ExitOf> {
  return new Promise((settle) => {
    child.once('error', (cause) => settle({ code: null, signal: null, failure: cause.message }));
    child.once('exit', (code, signal) => settle({ code, signal }));
  });
}

/** Statements on the output; those that cannot be understood are told once, with their number at the end. */
function statementReader(
  take: ReturnType<typeof intake>['take'],
  note: Course['note'],
): ReturnType<typeof lineSplitter> {
  let malformed = 0;
  const splitter = lineSplitter(longestLine, (line, cut) => {
    if (!line.includes('::hg')) return;
    const said = readReportLine(line);
    if (!said) return;
    if (!cut && said.type !== 'malformed') return take(said, monotonicMicros());
    const why = said.type === 'malformed' && !cut ? said.why : 'the line is too long';
    if (++malformed === 1)
      note(
        'warning',
        `A line of the command could not be understood (${why}): ${line.slice(0, 120)}`,
      );
  });
  return {
    push: splitter.push,
    end: () => {
      splitter.end();
      if (malformed > 1) note('warning', `${malformed} lines with ::hg could not be understood.`);
    },
  };
}

/** Every piece to `take`, then unchanged to `echo`. A reader that is gone ends the stream, as without us. */
async function passOn(
  source: Readable,
  echo: Writable | null,
  take: (piece: Buffer) => Promise<void>,
): Promise<void> {
  const gone = (): void => void source.destroy();
  echo?.once('error', gone);
  try {
    for await (const piece of source as AsyncIterable<Buffer>) {
      if (echo && !echo.destroyed && !echo.write(piece)) await drained(echo, source);
      await take(piece);
    }
  } catch {
    // the stream was ended by us or by its reader
  } finally {
    echo?.off('error', gone);
  }
}

/** Resolves when `echo` takes more, or when either end is gone; leaves no listener behind. */
async function drained(echo: Writable, source: Readable): Promise<void> {
  const listening = new AbortController();
  const { signal } = listening;
  await Promise.race([once(echo, 'drain', { signal }), once(source, 'close', { signal })]).finally(
    () => listening.abort(),
  );
}

function failed({ code, signal }: ExitOf, { stderr, stdout }: Record<Stream, string[]>): Ending {
  const how = signal ? `was killed by ${signal}` : `ended with exit code ${code}`;
  const last = stderr.length > 0 ? stderr : stdout;
  return {
    status: 'failed',
    error: {
      code: 'COMMAND',
      message: [`The command ${how}.`, ...last].join('\n'),
      hint: signal === 'SIGKILL' ? 'The system may have run out of memory.' : null,
    },
  };
}

const notStarted = (name: string, why: string): Problem => ({
  code: 'COMMAND',
  message: `${name} could not be started: ${why}`,
  hint: null,
});

const environmentLost: Problem = {
  code: 'COMMAND',
  message: 'The environment of this command was only in the memory of a program that has ended.',
  hint: 'Start the command again.',
};

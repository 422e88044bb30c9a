/**
 * `hugginggreen run -- COMMAND`: measures a command that the person already has. Whatever it writes goes
 * through unchanged; everything of ours goes to stderr; its exit code is ours.
 */
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Writable } from 'node:stream';
import {
  AppError,
  endedByBudget,
  type CommandOrder,
  type RunDetail,
  type RunSummary,
} from '../../contract.ts';
import { budgetOf } from '../budget.ts';
import { exitCode, printJson, UsageError, type Line } from '../command.ts';
import { exportTo, makeFolder, save } from '../files.ts';

import { onInterrupt } from '../interrupt.ts';
import { regionCode } from '../region.ts';
import { openSession, type Session } from '../session.ts';
import { number, table, withUnit, missing, duration } from '../text.ts';

/** As `env`, `nohup` and `timeout` have them, so that they are no command's own by accident. */
export const codes = {
  overBudget: exitCode.overBudget,
  notRun: 125,
  notExecutable: 126,
  notFound: 127,
  signalBase: 128,
} as const;

const over: RunSummary['status'][] = ['done', 'stopped', 'failed', 'interrupted'];

/** @param argv what stands behind `--` */
export async function runCommand(line: Line, argv: string[]): Promise<number> {
  if (argv.length === 0) throw new UsageError('Nothing stands behind "--".');
  if (line.positionals.length > argv.length)
    throw new UsageError(`"${line.positionals[0]}" is too much: either a config or a command.`);
  const order = orderOf(line, argv);
  const say = (text: string): void => void process.stderr.write(`hugginggreen: ${text}\n`);
  try {
    const out = line.text('out');
    if (out !== undefined) await makeFolder(out);
    const echo = { stdout: line.json ? process.stderr : process.stdout, stderr: process.stderr };
    // the reader of a pipe may leave before the command ends: the command hears of it, and we go on
    process.stdout.on('error', () => {});
    process.stderr.on('error', () => {});
    const session = await openSession('run -- a command', true, {
      echo,
      stdin: process.stdin.isTTY ? 'ignore' : 'inherit',
    });
    try {
      if (session.through) say(`the command goes into the queue of ${session.through}.`);
      const detail = await measure(session, order, session.through ? echo : null, say);
      if (!line.flag('quiet')) process.stderr.write(`\n${figures(detail)}\n`);
      const files = out === undefined ? [] : await results(session, out, detail);
      if (line.json) printJson({ run: detail.summary, command: detail.command, files });
      else for (const file of files) say(file);
      return exitOf(detail);
    } finally {
      await session.close();
    }
  } catch (cause) {
    if (cause instanceof UsageError || !(cause instanceof AppError)) throw cause;
    say(cause.message);
    if (cause.hint) say(cause.hint);
    if (!(cause instanceof Refused)) return codes.notRun;
    say('The command was not started.');
    return cause.code === 'NOT_FOUND'
      ? codes.notFound
      : cause.code === 'UNAVAILABLE'
        ? codes.notExecutable
        : codes.notRun;
  }
}

function orderOf(line: Line, command: string[]): CommandOrder {
  const whole = (option: string): number | undefined => {
    const text = line.text(option);
    if (text === undefined) return undefined;
    if (!/^\d{1,12}$/.test(text)) throw new UsageError(`--${option} ${text} is no whole number.`);
    return Number(text);
  };
  const pue = line.text('pue');
  if (pue !== undefined && !(Number(pue) >= 1 && Number(pue) <= 5))
    throw new UsageError(`--pue ${pue} is no number from 1 to 5.`);
  const [baselineSeconds, steps, epochs] = [whole('baseline'), whole('steps'), whole('epochs')];
  const env = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return {
    command,
    cwd: process.cwd(),
    env: Object.fromEntries(env),
    wholeEnv: true,
    name: line.text('name'),
    dataset: line.text('dataset'),
    model: line.text('model'),
    seed: whole('seed'),
    watch: { jsonl: line.text('jsonl'), tensorboard: line.text('tensorboard') },
    energy: {
      ...(line.text('region') !== undefined && { region: regionCode(line.text('region')!) }),
      ...(pue !== undefined && { pue: Number(pue) }),
      ...(baselineSeconds !== undefined && { baselineSeconds }),
    },
    budget: budgetOf(line) ?? {},
    totals: { steps, epochs },
  };
}

/** It was refused before anything was started. */
class Refused extends AppError {}

function refused(cause: unknown): never {
  if (!(cause instanceof AppError)) throw cause;
  throw new Refused(cause.code, cause.message, cause.hint, cause.issues);
}

/** Starts the command and resolves when its run is over. Ctrl-C is passed on to it. */
async function measure(
  session: Session,
  order: CommandOrder,
  echo: Record<'stdout' | 'stderr', Writable> | null,
  say: (text: string) => void,
): Promise<RunDetail> {
  let id: number | null = null;
  const finished = Promise.withResolvers<void>();
  const statuses = new Map<number, RunSummary['status']>();
  session.on('run', (run) => {
    const before = statuses.get(run.id);
    statuses.set(run.id, run.status);
    if (run.id !== id || before === run.status) return;
    if (over.includes(run.status)) finished.resolve();
  });
  session.on('run.phase', ({ id: of, name, edge, time }) => {
    if (of === id && name === 'baseline' && edge === 'start')
      say(`measuring idle power for ${duration(-time)}, then the command starts.`);
  });
  session.on('notice', ({ level, message, hint, title }) => {
    // its own failure is told by its own words and its exit code
    if ((level !== 'info' || title) && !message.startsWith(`Run ${id} failed`))
      say(`${message}${hint ? ` ${hint}` : ''}`);
  });
  const stop = (): void => {
    // a run that has ended meanwhile needs no stop
    if (id !== null) session.call('runs.stop', { id }).catch(() => {});
  };
  let interrupted = false;
  const stopListening = onInterrupt(() => {
    interrupted = true;
    stop();
  }, stop);
  try {
    [id = null] = (await session.call('runs.command', order).catch(refused)).ids;
    if (interrupted) stop();
    const following = echo ? followOutput(session, id!, echo, finished.promise) : null;
    // it may have ended before its number was known here
    const known = await session.call('runs.get', { id: id! });
    if (over.includes(known.summary.status)) finished.resolve();
    await Promise.race([
      finished.promise,
      session.lost.then(() => {
        throw new AppError(
          'CONFLICT',
          'The program that measures has ended.',
          'The command was stopped with it.',
        );
      }),
    ]);
    await following;
    return await session.call('runs.get', { id: id! });
  } finally {
    stopListening();
  }
}

const lookMs = 150;

/** What a command of another program's host writes is in that program's files: they are read as they grow. */
async function followOutput(
  session: Session,
  id: number,
  echo: Record<'stdout' | 'stderr', Writable>,
  finished: Promise<void>,
): Promise<void> {
  let done = false;
  void finished.then(() => (done = true));
  const at = { stdout: 0, stderr: 0 };
  let log: RunDetail['log'] = null;
  for (;;) {
    const last = done;
    log ??= (await session.call('runs.get', { id })).log;
    for (const stream of ['stdout', 'stderr'] as const) {
      const file = log && (await open(log[stream], 'r').catch(() => null));
      if (!file) continue;
      const piece = Buffer.alloc(1 << 16);
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, piece.length, at[stream]);
        if (bytesRead === 0) break;
        at[stream] += bytesRead;
        echo[stream].write(Buffer.from(piece.subarray(0, bytesRead)));
      }
      await file.close();
    }
    if (last) return;
    await Promise.race([sleep(lookMs), finished]);
  }
}

/** The command's own; 128 + n where signal n ended it, as shells have it; 130 where it never started. */
function exitOf({ command, summary }: RunDetail): number {
  const exit = command?.exit;
  if (endedByBudget(summary)) return codes.overBudget;
  if (exit?.signal) return codes.signalBase + (signals[exit.signal] ?? 0);
  if (exit?.code != null) return exit.code;
  return summary.status === 'stopped' ? 130 : codes.notRun;
}

const signals: Partial<Record<string, number>> = constants.signals;

/** Energy by component and in all. */
function figures({ summary, energy, phaseTotals, notes }: RunDetail): string {
  const parts = [
    `Run ${summary.id}, ${summary.status}: ${duration(summary.seconds)}, ${withUnit(summary.wh, 'Wh')}${
      summary.uncertaintyWh === null ? '' : ` ± ${number(summary.uncertaintyWh, 2)}`
    }, ${withUnit(summary.gCO2e, 'gCO2e')}${summary.macroF1 === null ? '' : `, macro F1 ${summary.macroF1.toFixed(3)}`}`,
  ];
  if (summary.error && endedByBudget(summary))
    parts.push([summary.error.message, summary.error.hint].join(' '));
  if (energy)
    parts.push(
      table(
        ['component', 'kind of value', 'Wh', 'mean W', 'above idle Wh', 'coverage'],
        energy.components.map((c) => [
          c.name,
          c.provenance,
          number(c.wh),
          number(c.meanWatts),
          number(c.netWh),
          c.coverage === null ? missing : `${(c.coverage * 100).toFixed(1)} %`,
        ]),
      ),
    );
  const phases = phaseTotals.filter(({ name }) => name !== 'baseline');
  if (phases.length > 0)
    parts.push(
      table(
        ['phase', 'time', 'Wh'],
        phases.map(({ name, seconds, wh }) => [name, duration(seconds), number(wh)]),
      ),
    );
  const warnings = notes.filter(({ level }) => level === 'warning');
  if (warnings.length > 0) parts.push(warnings.map(({ message }) => message).join('\n'));
  return parts.join('\n\n');
}

async function results(session: Session, out: string, detail: RunDetail): Promise<string[]> {
  return [
    await save(out, 'result.json', `${JSON.stringify(detail, null, 2)}\n`),
    ...(await exportTo(session, out, [detail.summary.id], ['runs', 'samples', 'metrics'])),
  ];
}

/**
 * The third shell: the command line. One config in, one folder of results out, nothing interactive, so
 * that a scheduler can run it.
 */
import { realpathSync } from 'node:fs';
import { AppError, wireError } from '../contract.ts';
import { didYouMean } from '../nearest.ts';
import { exitCode, helpOf, printJson, readLine, UsageError, type Command } from './command.ts';
import { calibrate } from './commands/calibrate.ts';
import { checkpoints } from './commands/checkpoints.ts';
import { compare } from './commands/compare.ts';
import { demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { exportRuns } from './commands/export.ts';
import { importRuns } from './commands/import.ts';
import { forecast } from './commands/forecast.ts';
import { list } from './commands/list.ts';
import { log } from './commands/log.ts';
import { matrix } from './commands/matrix.ts';
import { options } from './commands/options.ts';
import { queue } from './commands/queue.ts';
import { recover } from './commands/recover.ts';
import { reprice } from './commands/reprice.ts';
import { run } from './commands/run.ts';
import { serve } from './commands/serve.ts';
import { settings } from './commands/settings.ts';
import { show } from './commands/show.ts';
import { sweep } from './commands/sweep.ts';
import { appVersion } from './session.ts';
import { wrap } from './text.ts';

const commands: Command[] = [
  run,
  forecast,
  matrix,
  sweep,
  queue,
  list,
  show,
  log,
  checkpoints,
  recover,
  compare,
  reprice,
  exportRuns,
  importRuns,
  serve,
  settings,
  doctor,
  calibrate,
  demo,
  options,
];

/** Runs one command line; resolves with the exit code, never rejects. */
export async function main(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const asked = commands.find((command) => command.name === rest[0]);
    console.log(asked ? helpOf(asked) : overview());
    return name === undefined ? exitCode.usage : exitCode.ok;
  }
  if (name === '--version' || name === '-v') {
    console.log(appVersion());
    return exitCode.ok;
  }
  const command = commands.find((candidate) => candidate.name === name);
  // what stands behind -- is another command's
  const json = rest.slice(0, rest.concat('--').indexOf('--')).includes('--json');
  try {
    if (!command) {
      const names = commands.map(({ name }) => name);
      throw new UsageError(`There is no command "${name}"${didYouMean(name, names)}`);
    }
    const line = readLine(command, rest);
    if (line.help) {
      console.log(helpOf(command));
      return exitCode.ok;
    }
    return await command.run(line);
  } catch (cause) {
    return fail(cause, json, command);
  }
}

function fail(cause: unknown, json: boolean, command: Command | undefined): number {
  const usage = cause instanceof UsageError;
  const error = usage
    ? { code: 'BAD_INPUT' as const, message: cause.message, hint: null, issues: [] }
    : wireError(cause);
  if (json) printJson({ error });
  else {
    console.error(error.message);
    if (error.hint) console.error(error.hint);
    if (usage) console.error(`Help: hugginggreen ${command ? `${command.name} ` : ''}--help`);
    // a fault on the other side of the contract has been logged where it happened
    if (error.code === 'INTERNAL' && !(cause instanceof AppError)) console.error(cause);
  }
  // a run that is not there is as much a slip of the line as an option that is not
  const slip = error.code === 'BAD_INPUT' || error.code === 'NOT_FOUND';
  return slip ? exitCode.usage : exitCode.failed;
}

function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 4;
  return [
    'hugginggreen COMMAND',
    '',
    'Train energy-efficient Vision Transformers and see what every run cost.',
    '',
    ...commands.flatMap(({ name, summary }) =>
      wrap(summary, `  ${name}`.padEnd(width), ' '.repeat(width)),
    ),
    '',
    'How a command is called: hugginggreen COMMAND --help. Each has --json.',
    'Exit codes: 0 done, 1 failed, 2 bad input, 124 stopped by its budget, 130 interrupted.',
    'Data live in the user-data folder, or where HUGGINGGREEN_HOME points.',
  ].join('\n');
}

const started = process.argv[1];
if (started && realpathSync(started) === import.meta.filename)
  process.exitCode = await main(process.argv.slice(2));

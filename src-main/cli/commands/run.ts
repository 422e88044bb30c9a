import { basename } from 'node:path';
import {
  budgetLimits,
  budgetRemarks,
  endedByBudget,
  queueBudgetRemarks,
  type ExperimentConfig,
  type RunSummary,
} from '../../contract.ts';
import { budgetOf, budgetOption } from '../budget.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { readConfig } from '../config-file.ts';
import { exportTo, makeFolder, save } from '../files.ts';
import { follow } from '../follow.ts';
import { withSession, type Session } from '../session.ts';
import { runsTable } from '../text.ts';
import { needDatasets } from './need-dataset.ts';
import { needEngine } from './need-engine.ts';
import { runCommand } from './run-command.ts';

export const run: Command = {
  name: 'run',
  usage: '<config.json | preset> | -- COMMAND',
  summary: 'Trains what a config file describes, or measures a command of yours.',
  details: `The config is JSON; every key may be left out (hugginggreen options lists them, and the
presets). "-" reads it from standard input. Ctrl-C stops with a checkpoint; --resume goes on from it.
Exit code: 0 done, 1 failed or stopped elsewhere, 2 bad config, 124 stopped by its budget, 130 stopped by
Ctrl-C.

--budget 0.5kWh,200g,2h ends a run with a checkpoint when it has used that much energy (without PUE),
emissions (with it) or active time; --resume ID --budget 1kWh goes on from there, earlier parts counted.
What cannot be read is not taken for 0: without readings an energy budget ends nothing, and that is said.

run -- COMMAND ARGUMENTS measures a program that you have already: idle power first, then the command with
this terminal's folder and environment, without a shell. Its output goes through unchanged (ours is on
stderr); it reads standard input only where that is a file or a pipe and no other program does the
measuring. Ctrl-C is SIGINT for it and all its processes. Exit code: the command's own; 128 + n where
signal n ended it; 124 where its budget did; 125 where it could not be measured and was not started, 126 not executable, 127 not found.
It can tell what it does, one statement a line on standard output:
  ::hg phase train epoch=3                                (prepare, train, evaluate, test, any name)
  ::hg phase end
  ::hg metric step=120 loss=0.53 lr=0.001 acc=0.8
  ::hg eval split=validation epoch=3 micro_f1=0.81 macro_f1=0.79 loss=0.6
  ::hg images 128                                         (so many more were processed)
  ::hg total steps=1000 epochs=10
and write metrics to a JSON-lines file (--jsonl) or to TensorBoard event files (--tensorboard).`,
  options: {
    out: {
      type: 'string',
      value: 'DIR',
      help: 'write config.json, result.json, the CSV files and the report here',
    },
    resume: { type: 'string', value: 'ID', help: 'go on with a stopped run; no config then' },
    download: { type: 'boolean', help: 'fetch the dataset first where it is missing' },
    budget: budgetOption,
    force: { type: 'boolean', help: 'start what cannot fit into memory' },
    name: { type: 'string', value: 'NAME', help: 'of the run of a command' },
    dataset: { type: 'string', value: 'NAME', help: 'what a command trains on' },
    model: { type: 'string', value: 'NAME', help: 'what a command trains' },
    seed: { type: 'string', value: 'N', help: 'of a command; else as --seed N behind -- says' },
    jsonl: { type: 'string', value: 'FILE', help: 'JSON-lines file that a command writes' },
    tensorboard: {
      type: 'string',
      value: 'DIR',
      help: 'folder of event files that a command writes',
    },
    steps: { type: 'string', value: 'N', help: 'how many steps a command takes' },
    epochs: { type: 'string', value: 'N', help: 'how many epochs a command takes' },
    region: { type: 'string', value: 'CODE', help: 'carbon intensity for a command' },
    pue: { type: 'string', value: 'N', help: 'for a command' },
    baseline: { type: 'string', value: 'SECONDS', help: 'idle power before a command; 0: none' },
    quiet: { type: 'boolean', help: 'no table of figures after a command' },
  },
  run: async (line) => {
    if (line.behind) return runCommand(line, line.behind);
    for (const option of ofCommands)
      if (line.text(option) !== undefined || line.flag(option))
        throw new UsageError(
          `--${option} is for a command: hugginggreen run --${option} ... -- COMMAND. A config has its own settings.`,
        );
    const resume = line.text('resume');
    const [path, ...more] = line.positionals;
    if (more.length > 0) throw new UsageError('One config at a time, please.');
    if ((path === undefined) === (resume === undefined))
      throw new UsageError('Give a config file, or --resume with the number of a run.');
    if (resume !== undefined && !/^[1-9]\d*$/.test(resume))
      throw new UsageError(`"${resume}" is not the number of a run.`);
    const limits = budgetOf(line);
    const read = path === undefined ? null : await readConfig(path);
    const config = read && { ...read, budget: { ...read.budget, ...limits } };
    const out = line.text('out');
    // better now than after hours of training
    if (out !== undefined) await makeFolder(out);

    return withSession(
      `run ${path === undefined ? `--resume ${resume}` : basename(path)}`,
      async (session) => {
        if (config) {
          await needEngine(session, config);
          await needDatasets(session, [config], {
            fetch: line.flag('download'),
            quiet: line.json,
          });
        }
        if (session.through && !line.json)
          console.error(`The run goes into the queue of the running program (${session.through}).`);
        const start = async (): Promise<{ ids: number[] }> => {
          if (config) {
            if (!line.json) await remark(session, config);
            return session.call('runs.start', { configs: [config], force: line.flag('force') });
          }
          const id = Number(resume);
          // what else the run had said of its budget stands
          const own = limits && (await session.call('runs.get', { id })).config?.budget;
          await session.call('runs.resume', {
            id,
            ...(limits && { budget: { ...own, ...limits } }),
          });
          return { ids: [id] };
        };
        const [followed] = await follow(session, start, { quiet: line.json });
        const { run: summary, interrupted } = followed!;
        // what is known first: writing the files may fail
        if (!line.json) report(summary);
        const files = out === undefined ? [] : await results(session, out, summary.id);
        if (line.json) printJson({ run: summary, files });
        else for (const file of files) console.log(file);
        if (interrupted && summary.status !== 'done') return exitCode.interrupted;
        if (endedByBudget(summary)) return exitCode.overBudget;
        return summary.status === 'done' ? exitCode.ok : exitCode.failed;
      },
      true,
    );
  },
};

/** Says where the run, or the queue with it, is expected to go beyond a budget. */
async function remark(session: Session, config: ExperimentConfig): Promise<void> {
  const { budget, outlook } = await session.call('queue.get', {});
  if (!budget && budgetLimits(config.budget).length === 0) return;
  const { cost } = await session.call('experiments.forecast', { config });
  const remarks = [
    ...budgetRemarks(config.budget, cost),
    ...queueBudgetRemarks(budget, outlook.all, cost),
  ];
  for (const words of remarks) console.error(words);
}

const ofCommands = [
  'name',
  'dataset',
  'model',
  'seed',
  'jsonl',
  'tensorboard',
  'steps',
  'epochs',
  'region',
  'pue',
  'baseline',
  'quiet',
];

function report(run: RunSummary): void {
  console.log(runsTable([run]));
  if (run.error) {
    console.error(`\n${run.error.message}`);
    if (run.error.hint) console.error(run.error.hint);
  }
  // stopped before it had started: there is nothing to go on with
  if (run.status === 'stopped' && run.startedAt !== null)
    console.log(
      `\nTo go on: hugginggreen run --resume ${run.id}${endedByBudget(run) ? ' --budget LIMITS' : ''}`,
    );
}

/** All there is of one run, so that it can be kept, merged or read elsewhere. */
async function results(session: Session, out: string, id: number): Promise<string[]> {
  const detail = await session.call('runs.get', { id });
  const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  return [
    await save(out, 'config.json', text(detail.config)),
    await save(out, 'result.json', text(detail)),
    ...(await exportTo(session, out, [id], ['runs', 'samples', 'metrics', 'report'])),
  ];
}

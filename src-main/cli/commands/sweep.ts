import type { MatrixState, RunStatus, SweepOrder } from '../../contract.ts';
import { sweepId } from '../../core/experiments/index.ts';
import { exitCode, printJson, UsageError, type Command, type Line } from '../command.ts';
import { exportTo, makeFolder } from '../files.ts';
import { follow } from '../follow.ts';
import { orderRemarks } from '../order-text.ts';
import { withSession } from '../session.ts';
import { sweepOrder } from '../sweep-order.ts';
import { previewText, stateText } from '../sweep-text.ts';
import { table } from '../text.ts';
import { needDatasets } from './need-dataset.ts';
import { needEngine } from './need-engine.ts';

export const sweep: Command = {
  name: 'sweep',
  usage: '<config.json | preset | sweep.json> --set KEY=VALUES | results [ID] | stop ID',
  summary:
    'Tries values of some keys of a config: a grid, or drawn at random, with successive halving.',
  details: `  hugginggreen sweep green-32 --set train.lr=log:1e-4..1e-2:3 --set selection.keepRatio=0.5,0.7,0.9
                                            a grid: every combination, 9 trials
  hugginggreen sweep green-32 --set train.lr=log:1e-4..1e-2 --trials 16 --halving 3
                                            16 trials drawn at random; at each rung one in 3 goes on
  hugginggreen sweep sweep.json             what a file says; options here stand before it
  hugginggreen sweep results                the sweeps that were started, with their numbers
  hugginggreen sweep results 4              the trials of a started sweep, and what was spent on dropped ones
  hugginggreen sweep stop 4                 its runs leave the queue; no trial goes on

VALUES are a list (0.5,0.7 or standard,mgk), or a range: FROM..TO, log:FROM..TO for equal ratios, each with
:STEPS behind it for so many values. Without --trials every combination runs; with it so many are drawn, and a
range may do without steps. The same seed draws the same trials.

Halving: all trials train to the first rung; one in ETA goes on from its checkpoint, the rest are dropped, and
so on. Learning rate and all other schedules are of the full length, and a run pauses at the end of an epoch:
one that goes on is bit for bit the run that it would have been without a pause. Rungs are made from the
epochs where --rungs does not say them. Trials are judged on validation, never on test.

A sweep file: {"config": "green-32" or an object, "fields": {"train.lr": {"from": 1e-4, "to": 1e-2, "scale":
"log"}, "selection.keepRatio": [0.5, 0.7]}, "trials": 16, "seed": 42, "objective": "f1", "halving": {"eta": 3,
"rungs": [1, 3]}, "repeats": 1, "warmUp": true, "name": "..."}.
Exit code: 0 every trial was done or dropped, 1 one failed, 2 bad input, 130 stopped by Ctrl-C.`,
  options: {
    set: {
      type: 'string',
      multiple: true,
      value: 'KEY=VALUES',
      help: 'what to try; several times',
    },
    trials: { type: 'string', value: 'N', help: 'draw so many at random' },
    seed: { type: 'string', value: 'N', help: 'of the draw; 42' },
    objective: {
      type: 'string',
      value: 'NAME',
      help: 'f1 (macro F1), f1PerWh, or f1WithinWh (of those that keep within --limit)',
    },
    limit: { type: 'string', value: 'WH', help: 'energy of one run, for f1WithinWh' },
    halving: {
      type: 'string',
      value: 'ETA',
      implied: '3',
      help: 'successive halving: one trial in ETA goes on; 3',
    },
    rungs: { type: 'string', value: 'N,N,...', help: 'epochs at which it is chosen who goes on' },
    repeats: { type: 'string', value: 'N', help: 'runs per trial, each with the next seed; 1' },
    'no-warm-up': { type: 'boolean', help: 'without the run that is discarded' },
    name: { type: 'string', value: 'NAME', help: 'of the sweep; else that of the config' },
    'dry-run': { type: 'boolean', help: 'print the trials and what they would cost' },
    download: { type: 'boolean', help: 'fetch the dataset first where it is missing' },
    force: { type: 'boolean', help: 'start what cannot fit into memory' },
    out: { type: 'string', value: 'DIR', help: 'write the CSV files here' },
  },
  run: async (line) => {
    const [what, id, ...more] = line.positionals;
    if (what === undefined)
      throw new UsageError('Give a config file, a preset or a sweep file; or results or stop.');
    if (what === 'results' || what === 'stop') {
      if (more.length > 0) throw new UsageError(`"${more[0]}" is too much.`);
      return ofStarted(line, what, id);
    }
    if (id !== undefined)
      throw new UsageError(`"${id}" is too much: one config at a time, please.`);
    const order = await sweepOrder(line, what);
    if (Object.keys(order.fields).length === 0)
      throw new UsageError(
        'A sweep needs something to vary: --set KEY=VALUES, such as --set train.lr=log:1e-4..1e-2:3.',
      );
    return line.flag('dry-run') ? preview(line, order) : run(line, order);
  },
};

function preview({ json }: Line, order: SweepOrder): Promise<number> {
  return withSession('sweep --dry-run', async (session) => {
    const found = await session.call('sweeps.preview', order);
    if (json) printJson(found);
    else console.log(previewText(found, await orderRemarks(session, found, 'trial')));
    return exitCode.ok;
  });
}

async function run(line: Line, order: SweepOrder): Promise<number> {
  const out = line.text('out');
  if (out !== undefined) await makeFolder(out);
  const quiet = line.json;
  return withSession(
    'sweep',
    async (session) => {
      const { arms } = await session.call('sweeps.preview', order);
      if (session.through && !quiet)
        console.error(`The trials go into the queue of the running program (${session.through}).`);
      const configs = arms.map(({ config }) => config);
      for (const config of configs) await needEngine(session, config);
      await needDatasets(session, configs, { fetch: line.flag('download'), quiet });
      let group: number | null = null;
      const followed = await follow(
        session,
        async () => {
          const started = await session.call('sweeps.start', {
            ...order,
            force: line.flag('force'),
          });
          ({ group } = started);
          if (!quiet) console.error(`Sweep ${group}: ${arms.length} trials.`);
          return started;
        },
        {
          quiet,
          more: async () => goingOn(await session.call('matrices.get', { group: group! })),
          stop: async () => group !== null && session.call('matrices.stop', { group }),
        },
      );
      const state = await session.call('matrices.get', { group: group! });
      if (!quiet) console.log(stateText(state));
      const ids = followed.map(({ run }) => run.id);
      const files =
        out === undefined ? [] : await exportTo(session, out, ids, ['runs', 'samples', 'metrics']);
      if (quiet) printJson({ ...state, files });
      else for (const file of files) console.log(file);
      if (followed.some(({ interrupted }) => interrupted) && state.state === 'stopped')
        return exitCode.interrupted;
      return state.trials.every(({ state }) => state === 'done' || state === 'dropped')
        ? exitCode.ok
        : exitCode.failed;
    },
    true,
  );
}

/** Runs that wait or compute. */
const goingOn = ({ trials }: MatrixState): number[] =>
  trials
    .filter(({ state }) => ['planned', 'queued', 'running'].includes(state))
    .flatMap(({ ids }) => ids);

/** What was started here, the latest first. */
function listSweeps({ json }: Line): Promise<number> {
  return withSession('sweep results', async (session) => {
    const runs = await session.call('runs.list', {});
    const groups = Map.groupBy(
      runs.filter(({ matrix }) => matrix?.id === sweepId),
      ({ matrix }) => matrix!.group,
    );
    const sweeps = [...groups].map(([group, own]) => ({
      group,
      name: own[0]!.matrix!.title,
      runs: own.length,
      done: own.filter(({ status }) => status === 'done').length,
      dropped: own.filter(({ matrix }) => matrix?.rung?.dropped).length,
      left: own.filter(({ status }) => !isOver.includes(status)).length,
    }));
    if (json) printJson(sweeps);
    else if (sweeps.length === 0) console.log('No sweep was started yet.');
    else
      console.log(
        table(
          ['sweep', 'name', 'runs', 'done', 'dropped', 'left'],
          sweeps.map((of) =>
            [of.group, of.name, of.runs, of.done, of.dropped, of.left].map(String),
          ),
        ),
      );
    return exitCode.ok;
  });
}

const isOver: readonly RunStatus[] = ['done', 'stopped', 'failed', 'interrupted'];

function ofStarted(line: Line, what: 'results' | 'stop', id: string | undefined): Promise<number> {
  if (id === undefined && what === 'results') return listSweeps(line);
  if (id === undefined || !/^[1-9]\d{0,8}$/.test(id))
    throw new UsageError(
      id === undefined ? 'Which sweep? Give its number.' : `"${id}" is not the number of a sweep.`,
    );
  return withSession(`sweep ${what}`, async (session) => {
    const call = what === 'stop' ? 'matrices.stop' : 'matrices.get';
    const state = await session.call(call, { group: Number(id) });
    if (line.json) printJson(state);
    else if (state.plan) console.log(stateText(state));
    else throw new UsageError(`${id} is a matrix: hugginggreen matrix results ${id}`);
    return exitCode.ok;
  });
}

import {
  AppError,
  endedByBudget,
  matrixDatasets,
  matrixGeometries,
  repeatChoices,
  type CallInput,
  type Matrix,
  type MatrixPreview,
} from '../../contract.ts';
import { gigabytes } from '../../core/experiments/index.ts';
import { budgetOf, budgetOption } from '../budget.ts';
import { exitCode, printJson, UsageError, type Command, type Line } from '../command.ts';
import { readJson } from '../config-file.ts';
import { exportTo, makeFolder } from '../files.ts';
import { follow } from '../follow.ts';
import { matrixResults, resultsText } from '../matrix-results.ts';
import { orderRemarks, orderText } from '../order-text.ts';
import { withSession, type Session } from '../session.ts';
import { count, runsTable, table } from '../text.ts';
import { needDatasets } from './need-dataset.ts';
import { needEngine } from './need-engine.ts';

type Order = CallInput<'matrices.preview'>;

export const matrix: Command = {
  name: 'matrix',
  usage: 'list | show ID | run ID | results GROUP',
  summary: 'Runs a grid of experiments: every arm with the same seeds, in turn, after a warm-up.',
  details: `list     the matrices: RQ1, RQ2, RQ3 of the paper, its tables, reference points
show     the arms of one and what they would cost
run      queues its runs and follows them; Ctrl-C stops those that are left
results  the arms of a started matrix against their baseline, with tests; GROUP is its number

Repeats: ${Object.entries(repeatChoices)
    .map(([name, n]) => `${n} (${name})`)
    .join(', ')}. --common names a JSON file with a part of a config for every arm.`,
  options: {
    dataset: { type: 'string', value: 'KIND', help: `${matrixDatasets.join(', ')}` },
    geometry: {
      type: 'string',
      value: 'KIND',
      help: 'native (8 x 8 patches of the stored side) or paper (224 px, patches of 16)',
    },
    repeats: { type: 'string', value: 'N', help: 'runs per arm' },
    seeds: { type: 'string', value: 'N,N,...', help: 'one per repeat, instead of 42, 43, ...' },
    epochs: { type: 'string', value: 'N', help: 'instead of those of the matrix' },
    arms: { type: 'string', value: 'ID,ID,...', help: 'only these' },
    'no-warm-up': { type: 'boolean', help: 'without the run that is discarded' },
    common: { type: 'string', value: 'FILE', help: 'settings for every arm' },
    budget: { ...budgetOption, help: `of every run: ${budgetOption.help}` },
    'dry-run': { type: 'boolean', help: 'print what would run and what it would cost' },
    download: { type: 'boolean', help: 'fetch the dataset first where it is missing' },
    force: { type: 'boolean', help: 'start what cannot fit into memory' },
    out: { type: 'string', value: 'DIR', help: 'write the CSV files here' },
  },
  run: async (line) => {
    const [what, id, ...more] = line.positionals;
    if (more.length > 0) throw new UsageError(`"${more[0]}" is too much.`);
    switch (what) {
      case 'list':
        return listMatrices(line);
      case 'show':
        return preview(line, { ...(await orderOf(line, id)) });
      case 'run':
        return line.flag('dry-run')
          ? preview(line, await orderOf(line, id))
          : run(line, await orderOf(line, id));
      case 'results':
        return results(line, id);
      default:
        throw new UsageError(
          what === undefined
            ? 'Say list, show, run or results.'
            : `A matrix has no "${what}": say list, show, run or results.`,
        );
    }
  },
};

async function listMatrices({ json }: Line): Promise<number> {
  return withSession('matrix list', async (session) => {
    const all = await session.call('matrices.list', {});
    if (json) printJson(all);
    else
      console.log(
        table(
          ['id', 'arms', 'repeats', 'epochs', 'what'],
          all.map(({ id, arms, repeats, epochs, title }) => [
            id,
            String(arms.length),
            String(repeats),
            String(epochs),
            title,
          ]),
        ),
      );
    return exitCode.ok;
  });
}

async function preview({ json }: Line, order: Order): Promise<number> {
  return withSession('matrix show', async (session) => {
    const found = await session.call('matrices.preview', order);
    if (json) printJson(found);
    else {
      const all = await session.call('matrices.list', {});
      const of = all.find(({ id }) => id === found.order.id)!;
      console.log(previewText(found, of, await orderRemarks(session, found, 'arm')));
    }
    return exitCode.ok;
  });
}

function previewText(found: MatrixPreview, of: Matrix, remarks: readonly string[]): string {
  const { order, arms, runs, total } = found;
  const baseline = (id: string | null) => arms.find((arm) => arm.id === (id ?? ''));
  const rows = arms.map(({ id, title, baseline: versus, forecast }) => {
    const base = baseline(versus)?.forecast.trainMacs;
    const change = base === undefined ? null : (forecast.trainMacs / base - 1) * 100;
    return [
      id,
      title,
      count(forecast.parameters),
      `${count(forecast.trainMacs)}${change === null ? '' : ` (${change > 0 ? '+' : ''}${change.toFixed(1)} %)`}`,
      gigabytes(forecast.memoryBytes),
    ];
  });
  const warmUp = order.warmUp ? 'one warm-up run that counts for nothing, then ' : '';
  const turn = runs.filter((run) => !run.warmUp);
  return [
    of.title,
    of.description,
    '',
    table(['arm', 'what', 'parameters', 'training MACs', 'memory'], rows),
    '',
    `${order.dataset}, ${order.geometry} geometry, ${order.epochs} epochs, seeds ${order.seeds.join(', ')}.`,
    `${total.runs} runs: ${warmUp}${order.repeats} x ${arms.length} arms in turn (${turn
      .slice(0, 4)
      .map(({ arm }) => arm)
      .join(', ')}${turn.length > 4 ? ', ...' : ''}).`,
    ...orderText(found, remarks),
  ].join('\n');
}

async function run(line: Line, order: Order): Promise<number> {
  const out = line.text('out');
  if (out !== undefined) await makeFolder(out);
  return withSession(
    `matrix run ${order.id}`,
    async (session) => {
      if (session.through && !line.json)
        console.error(`The runs go into the queue of the running program (${session.through}).`);
      const { arms } = await session.call('matrices.preview', order);
      const configs = arms.map(({ config }) => config);
      await needEngine(session, configs[0]!);
      await needDatasets(session, configs, { fetch: line.flag('download'), quiet: line.json });
      let group: number | null = null;
      const followed = await follow(
        session,
        async () => {
          const started = await session.call('matrices.start', {
            ...order,
            force: line.flag('force'),
          });
          ({ group } = started);
          return started;
        },
        { quiet: line.json },
      );
      const runs = followed.map(({ run }) => run);
      const table = matrixResults(runs);
      if (!line.json) console.log(`${runsTable(runs)}\n\n${resultsText(table)}`);
      const files =
        out === undefined
          ? []
          : await exportTo(
              session,
              out,
              runs.map(({ id }) => id),
              ['runs', 'samples', 'metrics'],
            );
      if (line.json) printJson({ group, runs, results: table, files });
      else for (const file of files) console.log(file);
      if (runs.every(({ status }) => status === 'done')) return exitCode.ok;
      if (followed.some(({ interrupted }) => interrupted)) return exitCode.interrupted;
      return runs.some(endedByBudget) ? exitCode.overBudget : exitCode.failed;
    },
    true,
  );
}

async function results({ json }: Line, id: string | undefined): Promise<number> {
  const group = whole(id, 'the number of a matrix that was started');
  return withSession('matrix results', async (session: Session) => {
    const all = await session.call('runs.list', {});
    const runs = all.filter(({ matrix }) => matrix?.group === group).toReversed();
    if (runs.length === 0)
      throw new AppError(
        'NOT_FOUND',
        `There are no runs of a matrix ${group}.`,
        'hugginggreen list shows which run belongs to which.',
      );
    const found = matrixResults(runs);
    if (json) printJson(found);
    else console.log(resultsText(found));
    return exitCode.ok;
  });
}

// --- what the line asks for -----------------------------------------------------------------------

async function orderOf(line: Line, id: string | undefined): Promise<Order> {
  if (id === undefined) throw new UsageError('Which matrix? hugginggreen matrix list names them.');
  const common = line.text('common');
  const list = (option: string): string[] | undefined => line.text(option)?.split(',');
  const number = (option: string): number | undefined => {
    const text = line.text(option);
    return text === undefined ? undefined : whole(text, `a number for --${option}`);
  };
  return {
    id,
    dataset: oneOf(line, 'dataset', matrixDatasets),
    geometry: oneOf(line, 'geometry', matrixGeometries),
    repeats: number('repeats'),
    seeds: list('seeds')?.map((text) => whole(text, 'a seed', true)),
    epochs: number('epochs'),
    arms: list('arms'),
    warmUp: line.flag('no-warm-up') ? false : undefined,
    common: withBudget(
      common === undefined ? undefined : await partOfConfig(common),
      budgetOf(line),
    ),
  };
}

const withBudget = (
  common: Record<string, unknown> | undefined,
  limits: ReturnType<typeof budgetOf>,
): Record<string, unknown> | undefined =>
  limits
    ? { ...common, budget: { ...(common?.['budget'] as object | undefined), ...limits } }
    : common;

async function partOfConfig(path: string): Promise<Record<string, unknown>> {
  const value = await readJson(path);
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new AppError('BAD_INPUT', `${path} must hold an object in braces: a part of a config.`);
  return value as Record<string, unknown>;
}

function whole(text: string | undefined, what: string, zero = false): number {
  if (text === undefined || !/^\d{1,10}$/.test(text) || (text === '0' && !zero))
    throw new UsageError(text === undefined ? `Give ${what}.` : `"${text}" is not ${what}.`);
  return Number(text);
}

function oneOf<const Choice extends string>(
  line: Line,
  option: string,
  choices: readonly Choice[],
): Choice | undefined {
  const text = line.text(option);
  if (text === undefined) return undefined;
  const found = choices.find((choice) => choice === text);
  if (!found) throw new UsageError(`--${option} is one of: ${choices.join(', ')}; not "${text}".`);
  return found;
}

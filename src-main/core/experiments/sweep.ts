/**
 * Sweeps: a matrix whose arms are made from ranges. A grid is every combination of the values of its fields, a
 * random search draws trials from them (Bergstra & Bengio, JMLR 2012). The draw depends on its seed, the
 * field and the number of the trial alone, so that the same order is always the same sweep.
 */
import {
  AppError,
  configKeys,
  wholeKeys,
  type ConfigIssue,
  type Estimate,
  type ExperimentConfig,
  type RunCost,
  type SweepField,
  type SweepObjective,
  type SweepOrder,
  type SweepPlan,
  type SweepPreview,
  type SweepRung,
  type SweepTrial,
  type SweepValue,
} from '../../contract.ts';
import { parseExperimentConfig } from '../../experiment-config.ts';
import { stageEpochs } from '../../experiment-config/stage-epochs.ts';
import { didYouMean } from '../../nearest.ts';
import { mix32, Sfc32 } from '../../trainer/data/prng.ts';
import { forecast } from './forecast.ts';
import { firstEvaluated, peopled, usualRungs } from './halving.ts';
import { previewOf, type Judges } from './matrix-preview.ts';
import { complete, inTurn, merge, mostRuns, type Expansion, type PartOfConfig } from './matrix.ts';
import { total } from './run-cost.ts';

/** Of the group in the store, where a matrix has the name of its file. */
export const sweepId = 'sweep';

const usualSeed = 42;
/** Significant digits of what is made from a range. */
const digits = 4;

/**
 * What an order runs.
 * @throws AppError BAD_INPUT; its issues have `fields.KEY`, `halving`, `trials` or `limitWh` as their path
 */
export function expandSweep(request: SweepOrder): Expansion<SweepPlan> {
  const base = complete(request.config as PartOfConfig, 'The base config');
  const fields = Object.entries(request.fields);
  if (fields.length === 0)
    throw refused('A sweep needs a field to vary.', 'Choose one, such as the learning rate.');
  const random = request.trials !== undefined;
  const issues = fields.flatMap(([key, field]) => issuesOf(key, field, request));
  if (issues.length > 0) throw refusedFor(issues);

  const seed = request.seed ?? usualSeed;
  const values = random ? drawn(fields, request.trials!, seed) : combined(fields);
  const trials = values.map((own, i) => ({
    arm: `trial-${i + 1}`,
    title: titleOf(own),
    values: own,
  }));
  const arms = armsOf(base, trials);

  const seeds = Array.from({ length: request.repeats ?? 1 }, (_, i) => base.train.seed + i);
  const objective = request.objective ?? 'f1';
  const warmUp = request.warmUp ?? true;
  const runs = trials.length * seeds.length + (warmUp ? 1 : 0);
  if (runs > mostRuns)
    throw refusedFor([
      {
        path: 'trials',
        message: `${runs} runs are more than the ${mostRuns} that one sweep may have: vary less, or draw some trials at random`,
      },
    ]);
  const plan: SweepPlan = {
    name: request.name || base.name || 'Sweep',
    base,
    fields: request.fields,
    seed: random ? seed : null,
    objective,
    limitWh: limitOf(objective, request.limitWh),
    seeds,
    warmUp,
    epochs: base.train.epochs,
    halving: halvingOf(request, arms),
    trials,
  };
  return { order: plan, arms, runs: inTurn(plan, plan.name, arms) };
}

const refused = (message: string, hint: string | null = null): AppError =>
  new AppError('BAD_INPUT', message, hint);

function refusedFor(issues: ConfigIssue[]): AppError {
  return new AppError('BAD_INPUT', `This sweep cannot be run: ${wordsOf(issues)}.`, null, issues);
}

const wordsOf = (issues: readonly ConfigIssue[]): string =>
  issues
    .map(({ path, message }) => (path ? `${path.replace(/^fields\./, '')}: ${message}` : message))
    .join('; ');

// --- fields ---------------------------------------------------------------------------------------

function issuesOf(key: string, field: SweepField, request: SweepOrder): ConfigIssue[] {
  const say = (message: string): ConfigIssue[] => [{ path: `fields.${key}`, message }];
  if (!configKeys.includes(key))
    return say(`is no key of a config${didYouMean(key, configKeys).replace(/\.$/, '')}`);
  if (key === 'train.seed') return say('is varied by repeats, not as a field');
  if (key === 'train.epochs' && request.halving)
    return say('cannot be varied with halving, whose rungs are epochs of one full length');
  if (Array.isArray(field)) {
    const twice = field.find((value, i) => field.indexOf(value) !== i);
    return twice === undefined ? [] : say(`${show(twice)} is given twice`);
  }
  const { from, to, steps, scale } = field;
  if (from >= to) return say('a range begins below its end');
  if (wholeKeys.has(key) && !(Number.isInteger(from) && Number.isInteger(to)))
    return say('holds whole numbers, so its range begins and ends with one');
  if (scale === 'log' && from <= 0) return say('a logarithmic range begins above 0');
  if (steps === undefined && request.trials === undefined)
    return say('a grid needs values, or a range with a number of steps');
  return [];
}

/** The values of a list, or of a range with steps; null: any value of the range. */
function choicesOf(key: string, field: SweepField): SweepValue[] | null {
  if (Array.isArray(field)) return field;
  const { steps } = field;
  if (steps === undefined) return null;
  const places = Array.from({ length: steps }, (_, i) => i / (steps - 1));
  return [...new Set(places.map((place) => at(key, field, place)))];
}

/** At a place of a range, 0 to 1. */
function at(
  key: string,
  { from, to, scale }: Exclude<SweepField, SweepValue[]>,
  place: number,
): number {
  const value = scale === 'log' ? from * (to / from) ** place : from + (to - from) * place;
  const rounded = wholeKeys.has(key) ? Math.round(value) : Number(value.toPrecision(digits));
  return Math.min(to, Math.max(from, rounded));
}

// --- trials ---------------------------------------------------------------------------------------

type Fields = [string, SweepField][];

/** Every combination, the last field varying fastest. */
function combined(fields: Fields): Record<string, SweepValue>[] {
  const lists = fields.map(([key, field]) => [key, choicesOf(key, field)!] as const);
  const count = lists.reduce((product, [, values]) => product * values.length, 1);
  if (count > mostRuns)
    throw refusedFor([
      {
        path: 'trials',
        message: `${count} combinations are more than the ${mostRuns} runs that one sweep may have: draw some at random`,
      },
    ]);
  return lists.reduce<Record<string, SweepValue>[]>(
    (all, [key, values]) => all.flatMap((own) => values.map((value) => ({ ...own, [key]: value }))),
    [{}],
  );
}

/** Draws beyond the trials that are wanted, until it is given up to find others. */
const patience = 50;

/** Trials that all differ. @throws AppError BAD_INPUT where there are not as many */
function drawn(fields: Fields, count: number, seed: number): Record<string, SweepValue>[] {
  const found = new Map<string, Record<string, SweepValue>>();
  for (let draw = 0; found.size < count && draw < count * patience; draw++) {
    const own = Object.fromEntries(
      fields.map(([key, field]) => [key, drawOne(key, field, seed, draw)]),
    );
    const same = JSON.stringify(own);
    if (!found.has(same)) found.set(same, own);
  }
  if (found.size < count)
    throw refusedFor([
      {
        path: 'trials',
        message: `${count} different trials cannot be drawn from these values: about ${found.size} are possible`,
      },
    ]);
  return [...found.values()];
}

function drawOne(key: string, field: SweepField, seed: number, draw: number): SweepValue {
  const prng = new Sfc32(seed, wordOf(key), draw);
  const choices = choicesOf(key, field);
  if (choices) return choices[prng.randint(choices.length)]!;
  const range = field as Exclude<SweepField, SweepValue[]>;
  // the ends of a whole range are as likely as what lies between
  if (wholeKeys.has(key) && range.scale !== 'log') {
    const first = Math.ceil(range.from);
    return first + prng.randint(Math.floor(range.to) - first + 1);
  }
  return at(key, range, prng.unit());
}

/** A stream of its own for each field: what is drawn of one does not depend on the others. */
const wordOf = (key: string): number =>
  [...key].reduce((word, letter) => mix32(word ^ letter.codePointAt(0)!), 0);

/** `train.lr` and its like as a part of a config. */
function treeOf(values: Record<string, SweepValue>): PartOfConfig {
  const tree: Record<string, PartOfConfig> = {};
  for (const [key, value] of Object.entries(values)) {
    const [section, name] = key.split('.') as [string, string];
    tree[section] = { ...tree[section], [name]: value };
  }
  return tree;
}

/** `lr 0.001, keepRatio 0.5`: keys without their section where that is clear. */
function titleOf(values: Record<string, SweepValue>): string {
  const keys = Object.keys(values);
  const last = (key: string): string => key.split('.').at(-1)!;
  return keys
    .map((key) => {
      const clear =
        last(key) !== 'kind' && keys.filter((one) => last(one) === last(key)).length < 2;
      const name = last(key) === 'kind' ? key.split('.')[0]! : clear ? last(key) : key;
      return `${name} ${show(values[key]!)}`;
    })
    .join(', ');
}

export const show = (value: SweepValue): string => (value === null ? 'automatic' : String(value));

/** The base with each trial's values. @throws AppError BAD_INPUT that names the trials which are no configs */
function armsOf(
  base: ExperimentConfig,
  trials: readonly SweepTrial[],
): Expansion<SweepPlan>['arms'] {
  const arms: Expansion<SweepPlan>['arms'] = [];
  /** What is wrong, once each, with the first trial that it is about. */
  const said = new Map<string, ConfigIssue>();
  for (const { arm, title, values } of trials) {
    const parsed = parseExperimentConfig(merge(base as unknown as PartOfConfig, treeOf(values)));
    if (parsed.ok) {
      arms.push({ id: arm, title, baseline: null, config: { ...parsed.config, name: '' } });
      continue;
    }
    for (const { path, message } of parsed.issues) {
      const own = Object.hasOwn(values, path);
      const where = own || path === '' ? '' : `${path}: `;
      const issue = { path: own ? `fields.${path}` : '', message: `${where}${message} (${title})` };
      if (!said.has(path + message)) said.set(path + message, issue);
    }
  }
  if (arms.length === trials.length) return arms;
  const issues = [...said.values()].slice(0, mostSaid);
  throw new AppError(
    'BAD_INPUT',
    `${trials.length - arms.length} of ${trials.length} trials cannot be run: ${wordsOf(issues)}.`,
    'Leave out the values that do not fit, or change the base config.',
    issues,
  );
}

/** More mistakes than these are read by nobody. */
const mostSaid = 5;

// --- objective and halving ------------------------------------------------------------------------

function limitOf(objective: SweepObjective, limitWh: number | undefined): number | null {
  if (objective !== 'f1WithinWh') {
    if (limitWh === undefined) return null;
    throw refusedFor([
      { path: 'limitWh', message: 'an energy limit belongs to the objective f1WithinWh' },
    ]);
  }
  if (limitWh === undefined)
    throw refusedFor([{ path: 'limitWh', message: 'give the energy limit of one run in Wh' }]);
  return limitWh;
}

function halvingOf(
  { halving }: SweepOrder,
  arms: readonly { title: string; config: ExperimentConfig }[],
): SweepPlan['halving'] {
  if (!halving) return null;
  const say = (message: string): AppError => refusedFor([{ path: 'halving', message }]);
  const eta = halving.eta ?? 3;
  const { config: first } = arms[0]!;
  const { epochs } = first.train;
  const rungs = halving.rungs ?? usualRungs(first, arms.length, eta);
  if (rungs.length === 0)
    throw say(
      arms.length < eta
        ? `${arms.length} trials are too few to keep one in ${eta}`
        : `${epochs} epochs leave no room for a rung before the end`,
    );
  const late = rungs.find((rung, i) => rung >= epochs || (i > 0 && rung <= rungs[i - 1]!));
  if (late !== undefined)
    throw say(`rungs rise and end before epoch ${epochs}: ${late} does not fit`);
  for (const { title, config } of arms) {
    const { evalEvery } = config.train;
    const unseen = rungs.find((rung) => rung % evalEvery !== 0 || rung < firstEvaluated(config));
    if (unseen === undefined) continue;
    throw say(
      unseen < firstEvaluated(config)
        ? `after ${unseen} epochs “${title}” has not come to its last stage and has no score: the first rung can be ${firstEvaluated(config)}`
        : `“${title}” is evaluated every ${evalEvery} epochs and has no score at rung ${unseen}`,
    );
  }
  const found = peopled(rungs, arms.length, eta);
  const idle = found.find(({ enter, goOn }) => goOn >= enter);
  if (idle)
    throw say(`only one trial comes to rung ${idle.epochs}: leave it out, or try more trials`);
  return { eta, rungs: found };
}

// --- what it will cost ----------------------------------------------------------------------------

/** With halving, the totals are of all trials to the first rung, of those that go on to the next, and so on. */
export function previewSweep(expansion: Expansion<SweepPlan>, judges: Judges): SweepPreview {
  const preview = previewOf(expansion, judges, 'trial');
  const { order: plan, arms } = preview;
  const { halving, seeds } = plan;
  if (!halving) return preview;
  const parts = stretchesOf(halving.rungs, arms.length, plan.epochs).map((stretch) => {
    const share = stretch.epochs / plan.epochs;
    const costs = arms.map((arm) => ({
      ...costOfStretch(arm, share, stretch.epochs, judges),
      forecast: arm.forecast,
    }));
    const warm = plan.warmUp && stretch.first ? [costs[0]!] : [];
    const of = (pick: (cost: (typeof costs)[number]) => Estimate | null): Estimate | null =>
      total([expected(costs.map(pick), stretch.trials, seeds.length), ...warm.map(pick)]);
    const mean = (pick: (forecast: SweepPreview['arms'][number]['forecast']) => number): number =>
      costs.reduce((sum, { forecast }) => sum + pick(forecast) * share, 0) / costs.length;
    const runs = stretch.trials * seeds.length + warm.length;
    return {
      seconds: of(({ seconds }) => seconds),
      wh: of(({ wh }) => wh),
      gCO2e: of(({ gCO2e }) => gCO2e),
      steps: mean(({ steps }) => steps) * runs,
      trainMacs: mean(({ trainMacs }) => trainMacs) * runs,
      // a run that goes on measures no idle power anew
      baseline: stretch.first ? plan.base.energy.baselineSeconds * runs : 0,
    };
  });
  const baseline = parts.reduce((sum, part) => sum + part.baseline, 0);
  return {
    ...preview,
    total: {
      ...preview.total,
      steps: Math.round(parts.reduce((sum, { steps }) => sum + steps, 0)),
      trainMacs: parts.reduce((sum, { trainMacs }) => sum + trainMacs, 0),
      seconds: total([
        ...parts.map(({ seconds }) => seconds),
        { low: baseline, value: baseline, high: baseline },
      ]),
      wh: total(parts.map(({ wh }) => wh)),
      gCO2e: total(parts.map(({ gCO2e }) => gCO2e)),
      how: `${preview.total.how} Expected with halving: which trials go on is open, so the interval reaches from the cheapest to the dearest.`,
    },
  };
}

/** From one rung to the next: how many trials train, and for how many epochs. */
export function stretchesOf(
  rungs: readonly SweepRung[],
  trials: number,
  epochs: number,
): { trials: number; epochs: number; first: boolean }[] {
  const ends = [...rungs.map((rung) => rung.epochs), epochs];
  return ends.map((end, i) => ({
    trials: i === 0 ? trials : rungs[i - 1]!.goOn,
    epochs: end - (ends[i - 1] ?? 0),
    first: i === 0,
  }));
}

/**
 * A stretch costs as much as a run of its length: it reads the data and compiles, as that would. Stages of a
 * recipe do not shrink like that: there it is its share of the epochs.
 */
function costOfStretch(
  { config, cost }: SweepPreview['arms'][number],
  share: number,
  epochs: number,
  judges: Judges,
): Pick<RunCost, 'seconds' | 'wh' | 'gCO2e'> {
  if (stageEpochs(config).length === 1) {
    const own = { ...config, train: { ...config.train, epochs } };
    return judges.cost(own, forecast(own));
  }
  const part = (of: Estimate | null): Estimate | null =>
    of && { low: of.low * share, value: of.value * share, high: of.high * share };
  return { seconds: part(cost.seconds), wh: part(cost.wh), gCO2e: part(cost.gCO2e) };
}

/** So many of these, of which it is not known which: their mean, from the cheapest to the dearest. */
function expected(
  costs: readonly (Estimate | null)[],
  trials: number,
  repeats: number,
): Estimate | null {
  const known = costs.filter((cost) => cost !== null);
  if (known.length < costs.length) return null;
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const rising = (pick: 'low' | 'high'): number[] =>
    known.map((cost) => cost[pick]).sort((a, b) => a - b);
  return {
    low: sum(rising('low').slice(0, trials)) * repeats,
    value: (sum(known.map(({ value }) => value)) / known.length) * trials * repeats,
    high: sum(rising('high').slice(-trials)) * repeats,
  };
}

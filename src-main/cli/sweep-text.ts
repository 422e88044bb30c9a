/** A sweep in words: its trials before the start, and what became of them. */
import {
  objectiveWords,
  trialStateWords,
  wasteSentence,
  type MatrixState,
  type SweepPlan,
  type SweepPreview,
  type TrialRow,
} from '../contract.ts';
import { gigabytes } from '../core/experiments/index.ts';
import { orderText } from './order-text.ts';
import { count, duration, missing, number, score, table } from './text.ts';

export function previewText(found: SweepPreview, remarks: readonly string[]): string {
  const { order: plan, arms, total } = found;
  const { seeds, halving, trials } = plan;
  return [
    `${plan.name}: ${trials.length} trials, ${plan.seed === null ? 'every combination' : `drawn with seed ${plan.seed}`}.`,
    `Objective: ${objectiveWords(plan)}.`,
    '',
    table(
      ['trial', 'what', 'parameters', 'training MACs', 'memory'],
      arms.map(({ title, forecast }, i) => [
        String(i + 1),
        title,
        count(forecast.parameters),
        count(forecast.trainMacs),
        gigabytes(forecast.memoryBytes),
      ]),
    ),
    '',
    `${total.runs} runs of ${plan.epochs} epochs: ${plan.warmUp ? 'one warm-up that counts for nothing, then ' : ''}${trials.length} trials${seeds.length > 1 ? ` x ${seeds.length} seeds (${seeds.join(', ')})` : ` with seed ${seeds[0]}`}.`,
    ...(halving ? [halvingText(plan)] : []),
    ...orderText(found, remarks),
  ].join('\n');
}

const halvingText = ({ halving, trials, epochs }: SweepPlan): string =>
  `Halving, one in ${halving!.eta} goes on: ${trials.length} trials${halving!.rungs
    .map((rung) => ` to epoch ${rung.epochs}, ${rung.goOn}`)
    .join('')} to epoch ${epochs}.`;

/** The trials, the best first, and what the sweep took. */
export function stateText({ plan, trials, best, energy }: MatrixState): string {
  if (!plan) return '';
  const keys = Object.keys(plan.fields);
  const inOrder = trials.toSorted((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || 0);
  const chosen = trials.find(({ arm }) => arm === best);
  return [
    table(
      [
        '',
        ...keys,
        'state',
        'epochs',
        objectiveWords(plan),
        'F1 test',
        'Wh',
        'gCO2e',
        'time',
        'run',
      ],
      inOrder.map((trial) => [
        trial.arm === best ? '*' : '',
        ...keys.map((key) => String(trial.values[key] ?? missing)),
        trialStateWords[trial.state],
        trial.epochs === null
          ? missing
          : `${trial.epochs}/${String(trial.values['train.epochs'] ?? plan.epochs)}`,
        scoreText(plan, trial),
        score(trial.testF1),
        number(trial.wh),
        number(trial.gCO2e),
        duration(trial.seconds),
        trial.ids.join(','),
      ]),
    ),
    '',
    chosen
      ? `* Best: ${chosen.title}, ${scoreText(plan, chosen)} (${objectiveWords(plan)}), run ${chosen.ids.join(', ')}.`
      : 'No trial has a value of the objective yet.',
    wasteSentence(energy),
  ].join('\n');
}

const scoreText = ({ objective }: SweepPlan, { score: value, overLimit }: TrialRow): string =>
  value === null
    ? missing
    : `${objective === 'f1PerWh' ? number(value) : score(value)}${overLimit ? ' over the limit' : ''}`;

import { expect, test } from 'vitest';
import * as v from 'valibot';
import {
  budgetLimits,
  budgetRemarks,
  cleanerWords,
  endedByBudget,
  limitWords,
  matrixBudgetRemarks,
  queueBudgetRemarks,
  queueBudgetWords,
} from '../../src-main/contract/budget.ts';
import {
  budgetSchema,
  runEnding,
  type QueueBudget,
  type RunSummary,
} from '../../src-main/contract.ts';
import { groupOf } from '../../src-main/core/store/describe.ts';
import { shapeOf } from '../../src-main/core/experiments/index.ts';
import { parseExperimentConfig } from '../../src-main/experiment-config.ts';

const about = (value: number) => ({ low: 0.8 * value, value, high: 1.2 * value });
const cost = { seconds: about(600), wh: about(10), gCO2e: about(4) };
const budget = (limits: object) => v.parse(budgetSchema, limits);

test('a budget makes no other experiment: neither its group nor its forecast', () => {
  const of = (config: object) => {
    const parsed = parseExperimentConfig(config);
    if (!parsed.ok) throw new Error('the config of the test is wrong');
    return parsed.config;
  };
  const [plain, limited] = [of({}), of({ budget: { wh: 5, minutes: 3, atLimit: 'warn' } })];
  expect(groupOf(limited)).toBe(groupOf(plain));
  const place = { engine: 'cpu' as const, cpu: null };
  expect(shapeOf(limited, place)).toBe(shapeOf(plain, place));
  // what was stored before there were budgets has the same group too
  const before = Object.fromEntries(Object.entries(plain).filter(([key]) => key !== 'budget'));
  expect(groupOf(before as typeof plain)).toBe(groupOf(plain));
  expect(budgetLimits(plain.budget)).toEqual([]);
});

test('a limit is a figure above 0', () => {
  const refused = parseExperimentConfig({ budget: { wh: 0, minutes: -1, warnPercent: 200 } });
  expect(refused.ok ? [] : refused.issues.map(({ path }) => path)).toEqual([
    'budget.wh',
    'budget.minutes',
    'budget.warnPercent',
  ]);
});

test('limits in words', () => {
  const limits = budgetLimits(budget({ wh: 500, gCO2e: 1500, minutes: 120 }));
  expect(limits.map(limitWords)).toEqual(['500 Wh', '1.5 kgCO2e', '2 h']);
});

test('before a start: what will not be enough, what may not be, and nothing where it is', () => {
  expect(budgetRemarks(budget({ wh: 13, minutes: 20 }), cost)).toEqual([]);
  expect(budgetRemarks(budget({ wh: 5 }), cost)).toEqual([
    'It needs more than its energy budget of 5 Wh: 8.0-12 Wh are expected. It stops at the limit, with a checkpoint.',
  ]);
  expect(budgetRemarks(budget({ minutes: 10, atLimit: 'warn' }), cost)).toEqual([
    'It may need more than its time budget of 10 min: 8-12 min are expected. It only warns.',
  ]);
  // of what is not known nothing is said
  expect(budgetRemarks(budget({ gCO2e: 0.001 }), { ...cost, gCO2e: null })).toEqual([]);
});

test('of a matrix, the arms that go beyond', () => {
  const arm = (title: string, wh: number) => ({ title, config: { budget: budget({ wh }) }, cost });
  expect(matrixBudgetRemarks([arm('A', 50), arm('B', 60)])).toEqual([]);
  expect(matrixBudgetRemarks([arm('A', 50), arm('B', 5)])[0]).toMatch(/^“B”: It needs more/);
  expect(matrixBudgetRemarks([arm('A', 5), arm('B', 5), arm('C', 50)])).toEqual([
    '2 of 3 arms may go beyond their budget: A; B.',
  ]);
  expect(matrixBudgetRemarks([arm('1', 5), arm('2', 5)], 'trial')).toEqual([
    '2 of 2 trials may go beyond their budget: 1; 2.',
  ]);
});

const queue = (used: number | null, usedUp = false): QueueBudget => ({
  period: 'month',
  since: 0,
  parts: [{ what: 'energy', unit: 'Wh', limit: 2000, used }],
  unreadSeconds: 0,
  usedUp,
});

test('the budget of the queue in words, and what an order makes of it', () => {
  expect(queueBudgetWords(queue(800))).toBe('0.80 of 2 kWh used this month');
  expect(queueBudgetWords({ ...queue(null), period: 'day' })).toBe('– of 2 kWh used today');
  const none = { seconds: null, wh: null, gCO2e: null };
  expect(queueBudgetRemarks(null, none, cost)).toEqual([]);
  expect(queueBudgetRemarks(queue(800), none, cost)).toEqual([]);
  expect(queueBudgetRemarks(queue(1995), none, cost)[0]).toContain('about 2.0 of 2 kWh this month');
  // what waits already counts
  expect(queueBudgetRemarks(queue(800), { ...none, wh: about(1195) }, cost)).toHaveLength(1);
  expect(queueBudgetRemarks(queue(2100, true), none, none)[0]).toContain('used up (2.1 of 2 kWh');
});

test('a cleaner start in words', () => {
  const now = new Date(2026, 0, 31, 22, 10).getTime();
  const at = new Date(2026, 1, 1, 2).getTime();
  const words = cleanerWords({ at, gCO2e: 180, nowGCO2e: 260, name: 'profile office.csv' }, now);
  expect(words).toBe(
    'Started at 02:00 tomorrow instead of now: about 180 instead of 260 gCO2e (profile office.csv).',
  );
  expect(cleanerWords({ at: now, gCO2e: 800, nowGCO2e: 1200, name: 'x' }, now)).toContain(
    'about 800 gCO2e instead of 1.2 kgCO2e',
  );
});

test('an end by budget is told as such', () => {
  const run = {
    id: 3,
    name: 'small',
    status: 'stopped',
    error: { code: 'BUDGET', message: 'The energy budget is used up: 0.51 of 0.5 Wh.', hint: null },
    macroF1: 0.5,
    wh: 0.51,
    gCO2e: 0.2,
  } as RunSummary;
  expect(endedByBudget(run)).toBe(true);
  expect(runEnding('running', run)).toEqual({
    title: 'small was stopped by its budget',
    body: 'The energy budget is used up: 0.51 of 0.5 Wh.',
  });
  expect(runEnding('running', { ...run, error: null })?.title).toBe('small was stopped');
  // a trial that waits at its rung has not ended; one whose budget is used up has
  const trial = { ...run, matrix: { rung: { epochs: 3, dropped: false } } } as RunSummary;
  expect(runEnding('running', { ...trial, error: null })).toBeNull();
  expect(runEnding('running', trial)?.title).toBe('small was stopped by its budget');
});

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { budgetSchema } from '../../../src-main/contract.ts';
import { BudgetWatch, reachedLimit } from '../../../src-main/core/runs/budget-watch.ts';
import { ReadingWatch } from '../../../src-main/core/runs/reading-watch.ts';

const watch = (limits: object, resumable = true) =>
  new BudgetWatch(v.parse(budgetSchema, limits), resumable);
const unknown = { seconds: null, wh: null, gCO2e: null };

describe('the budget of a run', () => {
  it('warns once at its share, and ends the run at the limit', () => {
    const budget = watch({ wh: 0.5 });
    const at = (wh: number | null) => budget.look({ seconds: 10, wh, gCO2e: 1 }, unknown);
    expect(at(0.39)).toEqual({ warnings: [], stop: null });
    expect(at(0.4).warnings).toEqual(['80 % of the energy budget is used: 0.40 of 0.5 Wh.']);
    expect(at(0.45)).toEqual({ warnings: [], stop: null });
    expect(at(0.502)).toEqual({
      warnings: [],
      stop: {
        code: 'BUDGET',
        message: 'The energy budget is used up: 0.50 of 0.5 Wh.',
        hint: 'Resume it with a larger budget: it goes on from its checkpoint.',
      },
    });
  });

  it('only warns where it is to warn', () => {
    const budget = watch({ gCO2e: 2, atLimit: 'warn', warnPercent: 100 });
    const at = (gCO2e: number) => budget.look({ seconds: 10, wh: 1, gCO2e }, unknown);
    expect(at(1.99)).toEqual({ warnings: [], stop: null });
    expect(at(2.4)).toEqual({
      warnings: ['The emissions budget is used up: 2.4 of 2 gCO2e. The run goes on.'],
      stop: null,
    });
    expect(at(3)).toEqual({ warnings: [], stop: null });
  });

  it('watches time too, and knows what cannot be resumed', () => {
    const { stop } = watch({ minutes: 2 }, false).look(
      { seconds: 121, wh: null, gCO2e: null },
      unknown,
    );
    expect(stop).toMatchObject({
      message: 'The time budget is used up: 2 min of 2 min.',
      hint: 'Start the command again with a larger budget.',
    });
  });

  it('warns when the expected end stays beyond the limit, not at one slow moment', () => {
    const budget = watch({ wh: 0.5 });
    const at = (end: [number, number]) =>
      budget.look({ seconds: 10, wh: 0.1, gCO2e: 0.1 }, { ...unknown, wh: end }).warnings;
    for (let i = 0; i < 4; i++) expect(at([0.5, 0.7])).toEqual([]);
    expect(at([0.2, 0.4])).toEqual([]);
    for (let i = 0; i < 4; i++) expect(at([0.5, 0.7])).toEqual([]);
    expect(at([0.5, 0.7])).toEqual([
      'The energy budget of 0.5 Wh is not expected to last: 0.50-0.70 Wh in the end.',
    ]);
    expect(at([0.5, 0.7])).toEqual([]);
  });

  it('takes nothing that is missing for 0, and names what it cannot watch', () => {
    const budget = watch({ wh: 0.5, gCO2e: 1, minutes: 10 });
    expect(budget.measured).toBe('energy and emissions');
    expect(watch({ minutes: 10 }).measured).toBeNull();
    expect(budget.look({ seconds: 10, wh: null, gCO2e: null }, unknown)).toEqual({
      warnings: [],
      stop: null,
    });
  });

  it('keeps a run that has used it from going on', () => {
    const limits = v.parse(budgetSchema, { wh: 0.5 });
    const used = { wh: 0.51, gCO2e: 0.2, seconds: 30 };
    expect(reachedLimit(limits, used)?.message).toContain('0.51 of 0.5 Wh');
    expect(reachedLimit({ ...limits, wh: 1 }, used)).toBeNull();
    expect(reachedLimit({ ...limits, atLimit: 'warn' }, used)).toBeNull();
    expect(reachedLimit(limits, { ...used, wh: null })).toBeNull();
  });
});

describe('readings of a run', () => {
  const one = (age: number) => [{ name: 'CPU', age }];
  it('that never come are said after some seconds, with what cannot be watched', () => {
    const readings = new ReadingWatch();
    expect(readings.look([], 5, 'energy')).toBeNull();
    expect(readings.look([], 11, 'energy')).toEqual({
      level: 'warning',
      message: 'No power is read. The energy budget cannot be watched.',
    });
    expect(readings.look([], 12, 'energy')).toBeNull();
    expect(readings.look(one(0.1), 13, 'energy')).toMatchObject({ level: 'info' });
  });

  it('that end are said by the name of the component, and when they are back', () => {
    const readings = new ReadingWatch();
    const look = (cpu: number, gpu: number) =>
      readings.look([...one(cpu), { name: 'GPU', age: gpu }], 60, 'energy')?.message ?? null;
    expect(look(1, 1)).toBeNull();
    expect(look(1, 11)).toBe(
      'No power is read of GPU any more. The energy budget is watched without it.',
    );
    expect(look(1, 12)).toBeNull();
    expect(look(1, 0.2)).toBe('Power is read again of GPU.');
    expect(look(11, 11)).toBe('No power is read. The energy budget cannot be watched.');
  });

  it('without a budget are told without one', () => {
    expect(new ReadingWatch().look(one(20), 60, null)?.message).toBe('No power is read.');
  });
});

import { describe, expect, it } from 'vitest';
import {
  peopled,
  projectWh,
  scoreOf,
  survivors,
  trialsLeft,
  type Judged,
} from '../../../src-main/core/experiments/halving.ts';

const trials = (...scores: (number | null | [score: number, wh: number, over?: boolean])[]) =>
  scores.map((of, order): Judged => {
    const [score, wh, overLimit = false] = Array.isArray(of) ? of : ([of, 1] as const);
    return { order, score, wh, overLimit };
  });
const chosen = (all: Judged[], goOn: number) => survivors(all, goOn).map(({ order }) => order);

describe('who goes on', () => {
  it('the best, the best first', () => {
    expect(chosen(trials(0.1, 0.9, 0.5, 0.7), 2)).toEqual([1, 3]);
  });

  it('of equals the one that took less energy, then the earlier', () => {
    expect(chosen(trials([0.5, 3], [0.5, 2], [0.5, 2], [0.4, 1]), 2)).toEqual([1, 2]);
    expect(chosen(trials(0.5, 0.5, 0.5), 1)).toEqual([0]);
  });

  it('never one without a score, though places stay free', () => {
    expect(chosen(trials(null, 0.1, null), 2)).toEqual([1]);
    expect(chosen(trials(null, null), 2)).toEqual([]);
  });

  it('those within the energy limit first; beyond it, the ones that take least', () => {
    const all = trials([0.9, 9, true], [0.4, 3], [0.8, 7, true], [0.5, 4]);
    expect(chosen(all, 3)).toEqual([3, 1, 2]);
  });
});

it('one in eta is left after each rung, one at least', () => {
  expect([0, 1, 2, 3].map((rung) => trialsLeft(27, 3, rung))).toEqual([27, 9, 3, 1]);
  expect([1, 2, 3].map((rung) => trialsLeft(16, 3, rung))).toEqual([5, 1, 1]);
  expect(trialsLeft(125, 5, 2)).toBe(5);
  expect(peopled([1, 3], 16, 3)).toEqual([
    { epochs: 1, enter: 16, goOn: 5 },
    { epochs: 3, enter: 5, goOn: 1 },
  ]);
});

describe('a score', () => {
  const measures = { validationF1: 0.8, wh: 4, projectedWh: 12 };
  it('is macro F1, or F1 points per Wh, or F1 within what the full length will take', () => {
    expect(scoreOf('f1', null, measures)).toEqual({ score: 0.8, overLimit: false });
    expect(scoreOf('f1PerWh', null, measures)).toEqual({ score: 20, overLimit: false });
    expect(scoreOf('f1WithinWh', 12, measures)).toEqual({ score: 0.8, overLimit: false });
    expect(scoreOf('f1WithinWh', 11.9, measures)).toEqual({ score: 0.8, overLimit: true });
  });
  it('is missing without an evaluation, and where energy counts, without energy', () => {
    expect(scoreOf('f1', null, { ...measures, validationF1: null }).score).toBeNull();
    const unread = { ...measures, wh: null, projectedWh: null };
    expect(scoreOf('f1', null, unread).score).toBe(0.8);
    expect(scoreOf('f1PerWh', null, unread).score).toBeNull();
    expect(scoreOf('f1WithinWh', 5, unread).score).toBeNull();
    expect(scoreOf('f1PerWh', null, { ...measures, wh: 0 }).score).toBeNull();
  });
});

it('energy to full length scales the epochs, not what happens once', () => {
  const phases = [
    { epoch: null, wh: 2 },
    { epoch: 1, wh: 3 },
    { epoch: 2, wh: 5 },
    { epoch: 2, wh: null },
  ];
  expect(projectWh(10, phases, 2, 6)).toBe(10 + 4 * 4);
  expect(projectWh(10, phases, 6, 6)).toBe(10);
  expect(projectWh(null, phases, 2, 6)).toBeNull();
  expect(projectWh(10, phases, 0, 6)).toBeNull();
});

import { expect, it } from 'vitest';
import { othersNote } from '../../src-main/core/runs/processor-load.ts';
import { othersCaution, othersPercent } from '../../src-main/contract/other-programs.ts';

it('finds what a run noted of other programs, and only that', () => {
  const note = othersNote(80, 4e6, 10e6, 2)!;
  expect(othersPercent([{ message: 'a door was open' }, { message: note }])).toBe(60);
  // resumed, it may have been busier in one part
  expect(othersPercent([{ message: note }, { message: othersNote(99, 4e6, 10e6, 2)! }])).toBe(79);
  expect(othersPercent([{ message: 'Other programs were not asked.' }])).toBeNull();
  expect(othersPercent([])).toBeNull();
});

it('is a caution of a comparison, with the runs that it is about', () => {
  expect(othersCaution([], 2)).toBeNull();
  expect(othersCaution([{ id: 4, percent: 43 }], 2)).toMatch(/^Other programs used 43 % .* run 4:/);
  const both = [
    { id: 4, percent: 43 },
    { id: 5, percent: 61 },
  ];
  expect(othersCaution(both, 2)).toMatch(/^Other programs used 43 to 61 % .* these runs:/);
  expect(othersCaution(both, 9)).toContain('during 2 of these 9 runs');
});

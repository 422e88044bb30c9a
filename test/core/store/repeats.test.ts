import { describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { calls, type RunSummary } from '../../../src-main/contract.ts';
import { repeatsText } from '../../../src-main/cli/commands/compare.ts';
import { repeatsOf } from '../../../src-main/core/store/repeats.ts';

let next = 1;
const run = (group: string, seed: number, wh: number | null, more: Partial<RunSummary> = {}) =>
  ({
    id: next++,
    name: group,
    status: 'done',
    group,
    seed,
    wh,
    macroF1: 0.6 + 0.01 * seed,
    matrix: null,
    copyOf: null,
    origin: null,
    ...more,
  }) as RunSummary;

const inMatrix = (arm: string) => ({
  matrix: { group: 1, arm, armTitle: arm, warmUp: false } as RunSummary['matrix'],
});
const plain = [17.34, 17.31, 17.52, 17.28].map((wh, i) => run('plain', i, wh, inMatrix('plain')));
const half = [13.9, 14.2, 13.7, 14.0].map((wh, i) => run('half', i, wh, inMatrix('half')));

describe('repeats', () => {
  it('test no scores of validation against those of the test, and mean none of both', () => {
    const tested = plain.map((one) => ({ ...one, f1Split: 'test' as const }));
    const validated = half.map((one) => ({ ...one, f1Split: 'validation' as const }));
    const compared = (variant: RunSummary[]) =>
      repeatsOf([...tested, ...variant])!.comparisons.map(({ what }) => what);
    expect(compared(validated)).toEqual(['energy']);
    expect(compared(validated.map((one) => ({ ...one, f1Split: 'test' })))).toEqual(['energy', 'macro F1']); // prettier-ignore
    const [group] = repeatsOf([...tested.slice(0, 3), { ...tested[3]!, f1Split: 'validation' }])!.groups; // prettier-ignore
    expect(group!.quantities.map(({ what, n }) => [what, n])).toEqual([
      ['energy', 4],
      ['macro F1', 3],
    ]);
  });

  it('are nothing below three of one kind', () => {
    expect(repeatsOf([plain[0]!])).toBeNull();
    expect(repeatsOf([plain[0]!, plain[1]!])).toBeNull();
  });

  it('too few to test say how many would do', () => {
    const [one] = repeatsOf([plain[0]!, half[0]!])!.verdicts;
    expect(one).toEqual({
      variants: ['half'],
      baseline: 'plain',
      sentence:
        'half against plain: energy was 20 % less, not testable with 1 and 1 run (a test takes 3 of each); ' +
        'macro F1 was the same, not testable with 1 and 1 run (a test takes 3 of each).',
    });
    const two = repeatsOf([plain[0]!, plain[2]!, half[0]!, half[1]!])!;
    // a spread of 1.1 % against a difference of 19 %
    expect(two.comparisons[0]).toMatchObject({ verdict: 'not testable', runsNeeded: 3 });
    expect(two.verdicts[0]!.sentence).toContain(
      'not testable with 2 and 2 runs (about 3 of each would show a difference of this size)',
    );
  });

  it('groups of one run each are told together where they are many', () => {
    const many = Array.from({ length: 84 }, (_, i) => run(`arm ${i}`, 0, 10 + i));
    const { verdicts } = repeatsOf([...plain, ...many])!;
    expect(verdicts).toHaveLength(1);
    expect(verdicts[0]!.variants).toHaveLength(84);
    expect(verdicts[0]!.sentence).toBe(
      'Not testable against plain: arm 0, arm 1, arm 2 and 81 more. A test takes 3 runs of each side.',
    );
  });

  it('count runs that were done, and no warm-up', () => {
    const warmUp = { warmUp: true } as RunSummary['matrix'];
    expect(
      repeatsOf([
        plain[0]!,
        plain[1]!,
        run('plain', 7, 16, { status: 'failed' }),
        run('plain', 8, 30, { matrix: warmUp }),
      ]),
    ).toBeNull();
  });

  it('are summed up by group, in the order of the runs', () => {
    const { groups, comparisons } = repeatsOf(plain)!;
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({ ids: plain.map(({ id }) => id) });
    const [energy, f1] = groups[0]!.quantities;
    expect(energy).toMatchObject({ what: 'energy', unit: 'Wh', n: 4, headline: 'mean' });
    expect(energy!.mean).toBeCloseTo(17.3625, 9);
    expect(f1).toMatchObject({ what: 'macro F1', unit: 'points', n: 4 });
    expect(comparisons).toEqual([]);
  });

  it('are compared in pairs where seeds are the same, as groups where not', () => {
    const shuffled = [
      half[2]!,
      plain[1]!,
      plain[0]!,
      half[0]!,
      plain[3]!,
      half[3]!,
      plain[2]!,
      half[1]!,
    ];
    const { groups, comparisons } = repeatsOf(shuffled)!;
    expect(groups.map(({ name }) => name.split(' ')[0])).toEqual(['half', 'plain']);
    expect(comparisons[0]).toMatchObject({ what: 'energy', test: 'paired-t', verdict: 'more' });
    // the F1 of a seed is the same in both groups here: no spread, no test
    expect(comparisons[1]).toMatchObject({ what: 'macro F1', test: null, verdict: 'not testable' });

    const others = half.map((one, i) => ({ ...one, seed: 10 + i, macroF1: 0.7 + 0.01 * i }));
    const apart = repeatsOf([...plain, ...others])!.comparisons;
    expect(apart.map(({ test }) => test)).toEqual(['welch', 'welch']);
    expect(apart[0]).toMatchObject({ verdict: 'less' });
    expect(apart[1]).toMatchObject({ verdict: 'more' });
    // two tests, one correction
    expect(apart[0]!.adjustedP).toBeGreaterThanOrEqual(apart[0]!.p!);
    expect(apart[0]!.sentence).toContain('corrected for 2 tests');
  });

  it('are compared in pairs only where one matrix ran them in turn', () => {
    const alone = (group: number | null) => (one: RunSummary) => ({
      ...one,
      matrix: group === null ? null : { ...one.matrix!, group },
    });
    for (const others of [half.map(alone(null)), half.map(alone(2))])
      expect(repeatsOf([...plain, ...others])!.comparisons[0]!.test).toBe('welch');
    expect(repeatsOf([...plain, ...half].map(alone(null)))!.comparisons[0]!.test).toBe('welch');
    expect(repeatsOf([...plain, ...half])!.comparisons[0]!.test).toBe('paired-t');
  });

  it('imported runs are no repeats of those measured here, and their warm-ups count for nothing', () => {
    const imported = [17.4, 17.5, 17.6].map((wh, i) =>
      run('plain', 20 + i, wh, { status: 'imported' }),
    );
    const cold = run('plain (warm-up)', 20, 30, { status: 'imported' });
    const { groups, comparisons } = repeatsOf([...plain, ...imported, cold])!;
    expect(groups.map(({ ids }) => ids.length)).toEqual([4, 3]);
    expect(groups.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^plain \(runs 1 to 4\)$/),
      expect.stringMatching(/^plain \(runs \d+ to \d+\)$/),
    ]);
    expect(comparisons[0]).toMatchObject({ n: { baseline: 4, variant: 3 } });
  });

  it('leave out runs without a reading, and then are no pairs', () => {
    const blind = [...half.slice(0, 3), { ...half[3]!, wh: null }];
    const { groups, comparisons } = repeatsOf([...plain, ...blind])!;
    expect(groups[1]!.quantities[0]).toMatchObject({ n: 3 });
    expect(comparisons[0]).toMatchObject({ test: 'welch', n: { baseline: 4, variant: 3 } });
  });

  it('may be those of a whole matrix', () => {
    const ids = Array.from({ length: 85 }, (_, i) => i + 1);
    expect(v.parse(calls['runs.compare'].input, { ids })).toEqual({ ids });
  });

  it('read well', () => {
    const text = repeatsText(repeatsOf([...plain, ...half])!);
    expect(text).toMatch(
      /^plain \(runs 1 to 4\)\n {2}Energy: 17\.\d+ ± \d\.\d+ Wh \(mean of 4 runs/,
    );
    expect(text).toMatch(
      /\nhalf used 20 % less energy than plain \(95 % interval 18 to 21 % less; 4 paired runs; p < 0\.001\); macro F1 was the same, nothing to test\.$/,
    );
  });
});

import { describe, expect, it } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../src-main/experiment-config.ts';
import {
  keepShareAt,
  planBlocks,
  prunedBlocks,
  routingAt,
} from '../../src-main/experiment-config/token-routing.ts';

const parse = (input: ExperimentConfigInput) => parseExperimentConfig(input);
const prune = { kind: 'prune', keep: 0.7, fuse: true, warmup: 0.1, shrink: 0.3 } as const;

describe('the schedule of pruning', () => {
  const over = (epochs: number, routing: typeof prune | object = prune) =>
    Array.from({ length: epochs }, (_, epoch) =>
      Number(keepShareAt({ ...prune, ...routing }, epoch, epochs).toFixed(4)),
    );

  it('keeps all for a tenth of the epochs and has shrunk after three tenths more', () => {
    expect(over(10)).toEqual([1, 0.925, 0.85, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]);
    const thirty = over(30);
    expect(thirty.slice(0, 3)).toEqual([1, 1, 1]);
    expect(thirty[10]).toBeGreaterThan(0.7);
    expect(thirty[11]).toBe(0.7);
  });

  it.each([1, 2, 3, 7, 30, 100, 300])('of %i epochs falls, in five programs at most', (epochs) => {
    const shares = over(epochs);
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(new Set(shares).size).toBeLessThanOrEqual(5);
    expect(shares.at(-1)).toBe(0.7);
  });

  it('may begin at once or be abrupt', () => {
    expect(over(3, { warmup: 0, shrink: 0 })).toEqual([0.7, 0.7, 0.7]);
    expect(over(4, { warmup: 0.5, shrink: 0 })).toEqual([1, 1, 0.7, 0.7]);
    expect(over(3, { warmup: 1 })).toEqual([1, 1, 1]);
  });

  const configOf = (input: ExperimentConfigInput) => {
    const parsed = parse(input);
    if (!parsed.ok) throw new Error(parsed.issues[0]?.message);
    return parsed.config;
  };

  it('is no routing where nothing is pruned', () => {
    const pruned = configOf({ routing: prune, train: { epochs: 10 } });
    expect(routingAt(pruned, 0)).toEqual({ kind: 'none' });
    expect(routingAt(pruned, 9)).toEqual(prune);
    expect(routingAt(pruned)).toEqual(prune);
    const merged = configOf({ routing: { kind: 'merge', tokens: 3 } });
    expect(routingAt(merged, 0)).toBe(merged.routing);
  });

  it('goes by the epochs of the student where a teacher comes first', () => {
    const config = configOf({ routing: prune, train: { recipe: 'distil', epochs: 20 } });
    expect(routingAt(config, 3)).toEqual(prune);
    expect(routingAt(configOf({ routing: prune, train: { epochs: 20 } }), 3)).not.toEqual(prune);
  });
});

describe('the plan of an encoder', () => {
  it('prunes after a quarter, half and three quarters of the layers, never after the last', () => {
    expect(prunedBlocks(12)).toEqual([2, 5, 8]);
    expect(prunedBlocks(4)).toEqual([0, 1, 2]);
    expect(prunedBlocks(3)).toEqual([0, 1]);
    expect(prunedBlocks(2)).toEqual([0]);
    expect(prunedBlocks(1)).toEqual([]);
  });

  it('never routes the first block, and never chooses nothing', () => {
    const route = {
      kind: 'route',
      capacity: 0.01,
      every: 1,
      scope: 'block',
      heuristic: 'none',
    } as const;
    const plan = planBlocks(route, 3, 5);
    expect(plan.map(({ action }) => action.kind)).toEqual(['dense', 'route', 'route']);
    expect(plan.map(({ attended }) => attended)).toEqual([5, 2, 2]);
    expect(plan.map(({ leaving }) => leaving)).toEqual([5, 5, 5]);
  });

  it('merges at most every second token and stops where none is left to go', () => {
    const plan = planBlocks({ kind: 'merge', tokens: 100 }, 5, 9);
    expect(plan.map(({ leaving }) => leaving)).toEqual([5, 3, 2, 2, 2]);
    expect(plan.at(-1)!.action).toMatchObject({ kind: 'merge', merged: 0, sized: true });
  });

  it('keeps exact shares exact: 0.7 of 10 is 7', () => {
    const [block] = planBlocks({ ...prune, fuse: false }, 2, 11);
    expect(block!.action).toMatchObject({ kind: 'prune', kept: 7 });
  });
});

describe('a config', () => {
  it('without the section routes nothing', () => {
    const parsed = parse({});
    expect(parsed.ok && parsed.config.routing).toEqual({ kind: 'none' });
  });

  it.each<[ExperimentConfigInput, string, RegExp]>([
    [{ model: { kind: 'resnet' }, routing: { kind: 'route' } }, 'routing.kind', /no tokens/],
    [
      { model: { layers: 1 }, routing: { kind: 'prune' } },
      'routing.kind',
      /1 layer: .* at least 2/,
    ],
    [{ model: { layers: 2 }, routing: { kind: 'route', every: 3 } }, 'routing.kind', /at least 3/],
    [
      { attention: { kind: 'ecoformer' }, routing: { kind: 'prune' } },
      'routing.kind',
      /never forms/,
    ],
    [
      { attention: { kind: 'mgk' }, routing: { kind: 'merge' } },
      'routing.kind',
      /mgk as set cannot/,
    ],
    [
      { attention: { kind: 'map_em', keyIterations: 1 }, routing: { kind: 'merge' } },
      'routing.kind',
      /without key iterations/,
    ],
    [
      { selection: { mode: 'drop', heuristic: 'entropy' }, routing: { kind: 'route' } },
      'routing.heuristic',
      /must be entropy/,
    ],
    [{ train: { recipe: 'pt+ft' }, routing: { kind: 'prune' } }, 'routing.kind', /need every one/],
    [{ train: { recipe: 'pt+cl+ft' }, routing: { kind: 'merge' } }, 'routing.kind', /choose route/],
    [{ routing: { kind: 'skip' } as never }, 'routing', /no routing "skip"; known: none, route/],
    [{ routing: { kind: 'route', capacity: 0 } }, 'routing.capacity', /at least 0.01/],
  ])('%o is refused', (config, path, message) => {
    const parsed = parse(config);
    if (parsed.ok) throw new Error('it was taken');
    expect(parsed.issues[0]!.path).toContain(path);
    expect(parsed.issues[0]!.message).toMatch(message);
  });
});

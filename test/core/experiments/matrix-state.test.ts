import { describe, expect, it } from 'vitest';
import {
  wasteSentence,
  type MatrixEnergy,
  type RunDetail,
  type RunStatus,
  type RunSummary,
  type SweepOrder,
} from '../../../src-main/contract.ts';
import { matrixState } from '../../../src-main/core/experiments/matrix-state.ts';
import { expandSweep } from '../../../src-main/core/experiments/sweep.ts';
import { createSweeps, decisionOf } from '../../../src-main/core/runs/sweeps.ts';
import type { StartedMatrix, Store } from '../../../src-main/core/store/store.ts';
import { config } from '../../fixtures/host.ts';

interface Scene {
  /** Trial, from 1; 0: the warm-up. */
  trial: number;
  status?: RunStatus;
  wh?: number | null;
  f1?: number | null;
  /** Epoch of the last validation; 0: none. */
  epoch?: number;
  rung?: { epochs: number | null; dropped: boolean };
  repeat?: number;
}

/** A sweep of four learning rates over two epochs, in which these runs are as they are. */
function started(scenes: Scene[], more: Partial<SweepOrder> = {}): StartedMatrix {
  const { order } = expandSweep({
    config: config('x'),
    fields: { 'train.lr': [0.1, 0.2, 0.3, 0.4] },
    halving: { eta: 2, rungs: [1] },
    ...more,
  });
  const runs = scenes.map(
    ({ trial, status = 'done', wh = 1, repeat = 1, rung }, i) =>
      ({
        id: i + 1,
        status,
        startedAt: status === 'queued' ? null : 1,
        macroF1: null,
        f1Split: null,
        wh,
        uncertaintyWh: wh === null ? null : wh / 10,
        gCO2e: wh === null ? null : wh * 400,
        seconds: 10,
        whByKind: { gpu: wh === null ? null : wh * 0.75, cpu: wh === null ? null : wh * 0.25 },
        paused: false,
        matrix: {
          group: 1,
          id: 'sweep',
          title: 'x',
          arm: `trial-${Math.max(1, trial)}`,
          armTitle: '',
          baseline: null,
          repeat,
          warmUp: trial === 0,
          ...(rung && { rung }),
        },
      }) as Partial<RunSummary> as RunSummary,
  );
  return {
    group: 1,
    id: 'sweep',
    title: 'x',
    createdAt: 0,
    order,
    decided: 0,
    stoppedAt: null,
    runs,
    validations: scenes.flatMap(({ epoch = 1, f1 = 0.5 }, i) =>
      epoch === 0 ? [] : [{ run: i + 1, epoch, macroF1: f1 }],
    ),
    provenances: [
      { kind: 'gpu', provenance: 'counted' },
      { kind: 'cpu', provenance: 'modelled' },
    ],
  };
}
const dropped = { epochs: 1, dropped: true };
const waits = { epochs: 1, dropped: false };

describe('what a sweep took', () => {
  it('is split into what was dropped, what failed, the warm-up, and the rest', () => {
    const { energy } = matrixState(
      started([
        { trial: 0, wh: 4 },
        { trial: 1, status: 'stopped', wh: 30, rung: dropped },
        { trial: 2, status: 'done', wh: 100, epoch: 2 },
        { trial: 3, status: 'failed', wh: 6, rung: dropped },
        { trial: 4, status: 'stopped', wh: 60, rung: dropped },
      ]),
    );
    expect(energy).toMatchObject({
      wh: 200,
      droppedWh: 90,
      droppedUncertaintyWh: 9,
      failedWh: 6,
      warmUpWh: 4,
      gCO2e: 80_000,
      unread: 0,
      labels: '75 % counted, 25 % modelled',
    });
    // the sensors are the same: their half widths add up
    expect(energy.uncertaintyWh).toBeCloseTo(20, 9);
    expect(wasteSentence(energy)).toBe(
      '200 ± 20 Wh spent, of which 90 ± 9 Wh (45 %) on trials that were dropped, 6 Wh (3 %) on runs that failed, 4 Wh (2 %) on the warm-up. Energy: 75 % counted, 25 % modelled.',
    );
  });

  it('counts runs of which nothing was read, and is no 0 where nothing was', () => {
    const some = matrixState(
      started([
        { trial: 1, wh: null, rung: dropped, status: 'stopped' },
        { trial: 2, wh: 50 },
        { trial: 3, wh: null, status: 'queued', epoch: 0 },
      ]),
    ).energy;
    expect(some).toMatchObject({ wh: 50, droppedWh: null, unread: 1 });
    expect(wasteSentence({ ...some, wh: 0.25, uncertaintyWh: 0.19 })).toMatch(
      /^0\.25 ± 0\.19 Wh spent/,
    );
    expect(wasteSentence(some)).toContain('Of 1 of its runs no energy was read.');
    const none = matrixState(started([{ trial: 1, wh: null }])).energy;
    expect(none).toMatchObject({ wh: null, labels: '' });
    expect(wasteSentence(none)).toBe(
      'No energy was read so far. Of 1 of its runs no energy was read.',
    );
  });

  it('is said in one unit', () => {
    const energy: MatrixEnergy = {
      wh: 1500,
      uncertaintyWh: 75,
      gCO2e: 1,
      droppedWh: 980,
      droppedUncertaintyWh: 49,
      failedWh: 0,
      warmUpWh: 0,
      unread: 0,
      labels: '',
    };
    expect(wasteSentence(energy)).toBe(
      '1.50 ± 0.07 kWh spent, of which 0.98 ± 0.05 kWh (65 %) on trials that were dropped.',
    );
  });
});

describe('the trials of a sweep', () => {
  it('say how they stand, and the best is the best of those that trained longest', () => {
    const state = matrixState(
      started([
        { trial: 1, status: 'stopped', f1: 0.9, rung: dropped },
        { trial: 2, status: 'done', f1: 0.6, epoch: 2 },
        { trial: 3, status: 'running', f1: 0.8, rung: waits },
        { trial: 4, status: 'queued', epoch: 0, rung: waits },
      ]),
    );
    expect(state.trials.map(({ state, rank }) => [state, rank])).toEqual([
      ['dropped', 2],
      ['done', 1],
      ['running', 3],
      ['planned', null],
    ]);
    expect(state).toMatchObject({ best: 'trial-2', state: 'running' });
  });

  it('are ranked by their score alone where their epochs are what is varied', () => {
    const { trials, best } = matrixState(
      started(
        [
          { trial: 1, f1: 0.9, epoch: 1 },
          { trial: 2, f1: 0.8, epoch: 2 },
        ],
        { fields: { 'train.epochs': [1, 2] }, halving: undefined },
      ),
    );
    expect(trials.map(({ epochs, rank }) => [epochs, rank])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(best).toBe('trial-1');
  });

  it('take the mean of their repeats; one without a value leaves the trial without', () => {
    const state = matrixState(
      started(
        [
          { trial: 1, f1: 0.4, epoch: 2 },
          { trial: 1, f1: 0.6, epoch: 2, repeat: 2 },
          { trial: 2, f1: 0.9, epoch: 2 },
          { trial: 2, f1: null, epoch: 2, repeat: 2 },
        ],
        { repeats: 2 },
      ),
    );
    expect(state.trials.map(({ score, wh }) => [score, wh])).toEqual([
      [0.5, 2],
      [null, 2],
    ]);
  });

  it('are judged by the latest of runs that stand in for each other, and cost what all of them took', () => {
    const [trial] = matrixState(
      started([
        { trial: 1, status: 'failed', wh: 3 },
        { trial: 1, f1: 0.7, epoch: 2, wh: 5 },
      ]),
    ).trials;
    expect(trial).toMatchObject({ state: 'done', score: 0.7, wh: 8, ids: [1, 2] });
  });

  it('keep within a limit by what they will take to their end', () => {
    const scene = started(
      [
        { trial: 1, status: 'stopped', f1: 0.9, wh: 5, rung: waits },
        { trial: 2, f1: 0.6, wh: 9, epoch: 2 },
      ],
      { objective: 'f1WithinWh', limitWh: 9 },
    );
    const { trials } = matrixState(scene, new Map([[1, 10]]));
    expect(trials.map(({ overLimit }) => overLimit)).toEqual([true, false]);
  });
});

describe('a sweep that does not go on', () => {
  const over: Scene[] = [
    { trial: 1, status: 'stopped', rung: dropped },
    { trial: 2, status: 'done', epoch: 2 },
  ];
  const stateOf = (scenes: Scene[], stoppedAt: number | null) =>
    matrixState({ ...started(scenes), stoppedAt }).state;

  it('was stopped where something was left to do, else it is over', () => {
    expect(stateOf(over, null)).toBe('over');
    expect(stateOf(over, 1)).toBe('over');
    expect(stateOf([...over, { trial: 3, status: 'stopped', epoch: 0 }], 1)).toBe('stopped');
    expect(stateOf([...over, { trial: 3, status: 'stopped', rung: waits }], 1)).toBe('stopped');
    expect(stateOf([...over, { trial: 3, status: 'queued', epoch: 0 }], 1)).toBe('running');
  });
});

describe('a decision', () => {
  const decide = (scene: StartedMatrix) => {
    if ('trials' in scene.order) return decisionOf(scene, scene.order, new Map());
    throw new Error('no sweep');
  };
  const at = (trial: number, f1: number | null, more: Partial<Scene> = {}): Scene => ({
    trial,
    status: 'stopped',
    f1,
    rung: waits,
    ...more,
  });
  const outcome = (scenes: Scene[]) => {
    const decision = decide(started(scenes));
    return (
      decision && [decision.goOn.map(({ run }) => run), decision.dropped.map(({ run }) => run)]
    );
  };

  it('waits for the last, be it queued, paused, running or cut short by the end of the program', () => {
    const rest = [at(1, 0.1), at(2, 0.2), at(3, 0.3)];
    expect(outcome([...rest, at(4, null, { status: 'queued', epoch: 0 })])).toBeNull();
    expect(outcome([...rest, at(4, 0.5, { status: 'running', epoch: 1 })])).toBeNull();
    expect(outcome([...rest, at(4, null, { epoch: 0 })])).toBeNull();
    expect(outcome([...rest, at(4, null, { status: 'interrupted', epoch: 0 })])).toBeNull();
  });

  it('takes the best half; equals by energy, then by their number; failures never', () => {
    expect(outcome([at(1, 0.1), at(2, 0.2), at(3, 0.4), at(4, 0.3)])).toEqual([
      [3, 4],
      [1, 2],
    ]);
    expect(outcome([at(1, 0.3), at(2, 0.3), at(3, 0.3, { wh: 0.5 }), at(4, 0.1)])).toEqual([
      [3, 1],
      [2, 4],
    ]);
    const failed = at(4, 0.9, { status: 'failed' });
    expect(outcome([at(1, 0.1), at(2, null), at(3, null), failed])).toEqual([[1], [2, 3, 4]]);
  });

  it('is made of those that are left where a person stopped one', () => {
    const stopped = at(1, 0.9, { rung: dropped });
    expect(outcome([stopped, at(2, 0.2), at(3, 0.4), at(4, 0.3)])).toEqual([[3, 4], [2]]);
  });

  it('leaves alone the repeats that a person took out, or has brought to their end', () => {
    const repeats = [
      at(1, 0.1),
      at(2, 0.4),
      at(2, 0.5, { repeat: 2, rung: dropped }),
      { trial: 2, status: 'done' as const, f1: 0.6, epoch: 2, repeat: 3 },
    ];
    expect(outcome(repeats)).toEqual([[2, 1], []]);
    expect(outcome([...repeats, at(3, 0.8)])).toEqual([[5, 2], [1]]);
    expect(outcome([...repeats, at(3, 0.8), at(4, 0.9)])).toEqual([
      [6, 5],
      [1, 2],
    ]);
  });

  it('once made is not made again: who comes late is dropped', () => {
    const scene = started([
      { trial: 2, status: 'done', epoch: 2 },
      at(1, 0.99),
      { trial: 3, status: 'stopped', rung: dropped },
    ]);
    expect(decide({ ...scene, decided: 1 })).toMatchObject({
      decided: 1,
      goOn: [],
      dropped: [{ run: 2, why: 'Dropped: the others had gone on without it.' }],
    });
  });

  it('is made once its runs have left the line, and reads what trials will take only then', async () => {
    const asked: number[] = [];
    const sweep = (scenes: Scene[], active: number | null = null) =>
      createSweeps({
        store: {
          getSummary: () => Promise.resolve({ matrix: { id: 'sweep', group: 1 } } as RunSummary),
          startedMatrix: () =>
            Promise.resolve(started(scenes, { objective: 'f1WithinWh', limitWh: 9 })),
          getRun: (id: number) => {
            asked.push(id);
            return Promise.resolve({ phases: [], config: null } as unknown as RunDetail);
          },
          decideRung: () => Promise.reject(new Error('decided')),
        } as Partial<Store> as Store,
        events: { listen: () => () => {}, emit: () => {} } as never,
        queue: () => ({ active }) as never,
        runDir: String,
        log: (line) => told.push(line),
      });
    const told: string[] = [];
    const rest = [at(1, 0.1), at(2, 0.2), at(3, 0.3)];
    await sweep([...rest, at(4, null, { status: 'queued', epoch: 0 })]).settle(1);
    expect(asked).toEqual([]);
    expect(told).toEqual([]);
    // the last has come there, and is on its way out of the line: it could not join it again
    await sweep([...rest, at(4, 0.4)], 4).settle(1);
    expect(asked).toEqual([]);
    expect(told).toEqual([]);
    await sweep([...rest, at(4, 0.4)]).settle(1);
    expect(asked).toEqual([1, 2, 3, 4]);
    expect(told).toEqual(['Sweep 1 could not go on: Error: decided']);
  });
});

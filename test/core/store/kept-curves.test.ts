import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { chartWidth } from '../../../src-main/contract.ts';
import { keepCurves } from '../../../src-main/core/runs/curve-keeper.ts';
import type { Store } from '../../../src-main/core/store/store.ts';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import { totalOf } from '../../../src-main/contract/stack.ts';
import {
  batch,
  folder,
  gpu,
  meter,
  newRun,
  openScene,
  scores,
  seconds,
  steady,
  steps,
  utc,
} from './scene.ts';

const length = 700;
const names = ['loss', 'lr', 'validation.macroF1'];
const axes = ['step', 'epoch', 'time', 'co2', 'wh'] as const;

/** Never the same value twice, so that each extreme is one point. */
const rough = (i: number): number => (Math.sin(i * 12.9898) * 43758.5453) % 1;
const power = (watts: number, from = 0) => ({
  joules: (s: number) => watts * (s - from),
  watts: (s: number) => watts + rough(Math.round(s * 10)),
});

interface Readings {
  /** Joules by which the processor's counter falls at second 500 without a flag. */
  fall?: number;
  /** Up to which second they are there. */
  upTo?: number;
}

/** Of the two components at once; the counters are 0 at second `zero`. */
const read = (
  store: Store,
  session: string,
  [from, to]: readonly [number, number],
  watts: number,
  zero: number,
  fall = 0,
) =>
  store.addSamples(
    batch(session, from, to, {
      [gpu.key]: { ...power(watts, zero), flags: flagged },
      cpu: {
        ...power(watts / 4, zero),
        joules: (s) => (watts / 4) * (s - zero) - (s > 500 ? fall : 0),
        flags: flagged,
      },
    }),
  );
const flagged = (s: number): number => (s === 220 ? SampleFlag.gap : 0);

/**
 * A run long enough to be kept, with what breaks a counter: 20 s without readings and a flag behind them, and a
 * counter that starts anew with another session.
 */
async function brokenRun(store: Store, { fall, upTo = length }: Readings = {}): Promise<number> {
  await meter(store, 'a');
  const id = await store.createRun(newRun('broken'));
  await store.startSegment(id, { micros: 0, utc });
  await read(store, 'a', [0, 200], 100, 0);
  await read(store, 'a', [220, 300], 300, 0);
  await meter(store, 'b');
  await read(store, 'b', [310, upTo], 150, 310, fall);
  const all = steps(1, 7000, (n) => n / 10, 1000);
  await store.addSteps(id, { ...all, loss: all.step.map(rough) });
  await store.updateRun(id, { stepsPerEpoch: 1000, step: 7000 });
  for (let epoch = 1; epoch <= 7; epoch++)
    await store.addEvaluation(id, {
      at: seconds(100 * epoch),
      epoch,
      step: 1000 * epoch,
      result: scores('validation', epoch / 10),
    });
  await store.startPhase(id, 'train', 1, seconds(0));
  await store.endRun(id, { at: seconds(length), status: 'done' });
  return id;
}

async function answersOf(store: Store, id: number) {
  const series = [];
  for (const axis of axes) series.push(await store.series(id, names, axis, chartWidth));
  return {
    series,
    power: await store.power(id, chartWidth),
    totals: await store.totals(id, chartWidth),
  };
}

describe('curves that are kept', () => {
  it('are bit for bit those that are thinned anew, through gaps, resets and falls of a counter', async () => {
    const store = await openScene();
    const id = await brokenRun(store, { fall: 5000 });
    const anew = await answersOf(store, id);
    expect(await store.runsWithoutCurves()).toEqual([id]);
    await keepCurves(store, id);
    expect(await store.runsWithoutCurves(true)).toEqual([]);
    expect(await answersOf(store, id)).toEqual(anew);
    // a width that is not kept is still answered
    const [narrow] = await store.series(id, ['loss'], 'wh', 100);
    expect(narrow!.x.length).toBeGreaterThan(100);
    expect(narrow!.x.length).toBeLessThanOrEqual(200);
  });

  it('say what the run’s own page says: its power, its energy at the end, and nothing in a gap', async () => {
    const store = await openScene();
    const id = await brokenRun(store);
    await keepCurves(store, id);
    const { energy } = await store.getRun(id);
    const { series, power, totals } = await answersOf(store, id);
    expect(totals.watts).toEqual(totalOf(power, 'watts', chartWidth / 2));
    const [, , f1] = series.at(-1)!;
    expect(f1!.x).toHaveLength(7);
    expect(Math.abs(f1!.x.at(-1)! / energy!.wh! - 1)).toBeLessThan(1e-9);
    // 200 s at 100 W, 80 s at 300 W and 390 s at 150 W by the card, which nobody has to trust this file for
    const card = power.components.find(({ key }) => key === gpu.key)!;
    const joules = 200 * 100 + 80 * 300 + 390 * 150;
    const last = card.wh.findLast((wh) => wh !== null)!;
    const late = card.x[card.wh.lastIndexOf(last)]!;
    expect(last).toBeCloseTo((joules - (length - late) * 150) / 3600, 6);
    const inGap = power.components.flatMap(({ x, watts }) =>
      watts.filter((_, i) => x[i]! > 200 && x[i]! < 220),
    );
    expect(inGap.length).toBeGreaterThan(0);
    expect(inGap.every((watts) => watts === null)).toBe(true);
    const { x, y } = totals.wh;
    const read = y.filter((wh) => wh !== null);
    expect(read).toEqual([...read].sort((a, b) => a - b));
    expect(x.at(-1)).toBeLessThanOrEqual(length);
  });

  it('are read as they are kept, and not any more once a reading comes late', async () => {
    const file = join(folder(), 'data.sqlite');
    const store = await openScene(file);
    const id = await brokenRun(store, { upTo: 690 });
    const before = await answersOf(store, id);
    await keepCurves(store, id);
    const db = new Database(file);
    db.prepare(`update curve set content = '{"x":[1],"y":[2]}' where axis <> 'power'`).run();
    db.close();
    const [loss] = await store.series(id, ['loss'], 'wh', chartWidth);
    expect(loss).toEqual({ name: 'loss', x: [1], y: [2] });

    await read(store, 'b', [690.1, length], 150, 310);
    const after = await answersOf(store, id);
    expect(after.series[0]).toEqual(before.series[0]);
    const end = ({ series }: typeof after): number => series.at(-1)![2]!.x.at(-1)!;
    expect(end(after) - end(before)).toBeCloseTo((10 * (150 + 150 / 4)) / 3600, 6);
    expect(await store.runsWithoutCurves(true)).toEqual([id]);
  });

  it('are not made of a run that goes on, nor of a short one', async () => {
    const store = await openScene();
    await meter(store, 'a');
    const short = await store.createRun(newRun('short'));
    await store.startSegment(short, { micros: 0, utc });
    await store.addSteps(
      short,
      steps(1, 10, (n) => n),
    );
    await store.endRun(short, { at: seconds(10), status: 'done' });
    const live = await store.createRun(newRun('live'));
    await store.startSegment(live, { micros: seconds(20), utc });
    await store.addSteps(
      live,
      steps(1, 6000, (n) => 20 + n / 10),
    );
    expect(await store.runsWithoutCurves(true)).toEqual([]);
    for (const id of [short, live]) expect(await store.keepCurves(id)).toBe(false);
  });

  it('are void once the run has gone on, over every axis', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('long'));
    await store.updateRun(id, { stepsPerEpoch: 1000 });
    await meter(store, 'a', [gpu]);
    const stretch = async (from: number, first: number, last: number): Promise<void> => {
      await store.startSegment(id, { micros: seconds(from), utc: utc + from * 1000 });
      await store.addSteps(
        id,
        steps(first, last, (n) => from + (n - first) * 0.01, 1000),
      );
      await store.addEvaluation(id, {
        at: seconds(from + 50),
        epoch: 5,
        step: last,
        result: scores('validation', 0.5),
      });
      await store.addSamples(batch('a', from - 5, from + 65, { [gpu.key]: steady(36) }));
      await store.endRun(id, { at: seconds(from + 60), status: 'stopped' });
    };
    const all = async (width: number) => ({
      series: await Promise.all(axes.map((x) => store.series(id, names, x, width))),
      power: await store.power(id, width),
      totals: await store.totals(id, width),
    });

    await stretch(10, 1, 6000);
    const fresh = await all(chartWidth);
    expect(await store.runsWithoutCurves()).toEqual([id]);
    await keepCurves(store, id);
    expect(await store.runsWithoutCurves(true)).toEqual([]);
    expect(await all(chartWidth)).toEqual(fresh);

    // resumed: what was kept is of a run that was shorter
    await stretch(100, 6001, 9000);
    expect(await store.runsWithoutCurves(true)).toEqual([id]);
    const longer = await all(chartWidth);
    expect(longer.series[0]![0]!.x.at(-1)).toBe(9000);
    expect(longer.totals.wh.y.at(-1)!).toBeGreaterThan(1.1);
    await keepCurves(store, id);
    expect(await all(chartWidth)).toEqual(longer);
  });
});

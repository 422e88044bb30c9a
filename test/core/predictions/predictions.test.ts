/** Pages of predictions, and runs beside each other: in the store, and through a host with real runs. */
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import type { CallInput, ExperimentConfigInput } from '../../../src-main/contract.ts';
import {
  isRight,
  packPredictions,
  type Prediction,
  type Predictions,
} from '../../../src-main/predictions.ts';
import { exportRuns } from '../../../src-main/core/report/index.ts';
import type { Store } from '../../../src-main/core/store/store.ts';
import { intersectionOverUnion } from '../../../src-main/trainer/metrics/detection.ts';
import { parse } from 'csv-parse/sync';
import { fixtureOptions, removeHome, startHost, temporaryHome } from '../../fixtures/host.ts';
import { folder, newRun, openScene, scores, seconds, utc, world } from '../store/scene.ts';

const classes = ['cat', 'dog', 'cow'];
/** `01 0.9 0.5`: truth 0 predicted as 1, with 0.9, and an IoU of 0.5. */
const said = (...words: string[]): Prediction[] =>
  words.map((word) => {
    const [pair = '', sure = '0.5', iou] = word.split(' ');
    const [truth = 0, predicted = 0] = [...pair].map(Number);
    return {
      truth,
      predicted,
      confidence: Number(sure),
      trueProbability: truth === predicted ? Number(sure) : 0.1,
      rank: truth === predicted ? 1 : 2,
      box: iou === undefined ? null : [1, 2, 9, 10],
      iou: iou === undefined ? null : Number(iou),
    };
  });
const packed = (of: Prediction[], more: Partial<Predictions> = {}): Predictions => ({
  ...packPredictions(of, {
    boxes: of.some(({ box }) => box !== null),
    side: 16,
    fingerprint: '00aa',
  }),
  ...more,
});

let at = 10;
/** A run that is over, with evaluations: split, step, macro F1 and what it said. */
async function finished(
  store: Store,
  name: string,
  evaluations: ['validation' | 'test', number, number, Predictions?][],
): Promise<number> {
  const id = await store.createRun(newRun(name));
  await store.updateRun(id, { classes });
  at += 100;
  await store.startSegment(id, { micros: seconds(at), utc });
  for (const [split, step, f1, predictions] of evaluations)
    await store.addEvaluation(id, {
      at: seconds(at + step),
      epoch: step,
      step,
      result: scores(split, f1),
      ...(predictions && { predictions }),
    });
  return id;
}
const ended = async (
  store: Store,
  ...of: Parameters<typeof finished> extends [Store, ...infer R] ? R : never
) => {
  const id = await finished(store, ...of);
  await store.endRun(id, { at: seconds(at + 50), status: 'done' });
  return id;
};
const query = (input: Partial<CallInput<'runs.predictions'>> & { id: number }) => ({
  judge: 'class' as const,
  show: 'wrong' as const,
  sort: 'image' as const,
  offset: 0,
  limit: 24,
  ...input,
});

describe('what is kept', () => {
  const some = packed(said('00', '01'));
  const keptOf = async (store: Store, id: number) =>
    (await store.keptPredictions(id)).map(({ split, step, best, last }) => [
      split,
      step,
      ...(best ? ['best'] : []),
      ...(last ? ['last'] : []),
    ]);

  it('is the test, the best and the last validation', async () => {
    const store = await openScene();
    const id = await ended(store, 'a', [
      ['validation', 1, 0.3, some],
      ['validation', 2, 0.7, some],
      ['validation', 3, 0.7, some],
      ['validation', 4, 0.5, some],
      ['test', 4, 0.6, some],
    ]);
    expect(await keptOf(store, id)).toEqual([
      ['test', 4],
      ['validation', 2, 'best'],
      ['validation', 4, 'last'],
    ]);
  });

  it('is one where the last validation is the best', async () => {
    const store = await openScene();
    const id = await ended(store, 'a', [
      ['validation', 1, 0.3, some],
      ['validation', 2, 0.7, some],
    ]);
    expect(await keptOf(store, id)).toEqual([['validation', 2, 'best', 'last']]);
  });

  it('goes back with the run to its checkpoint, and goes with the run', async () => {
    const store = await openScene();
    const id = await finished(store, 'a', [
      ['validation', 1, 0.3, some],
      ['validation', 2, 0.7, some],
    ]);
    await store.rewind(id, 2);
    expect(await keptOf(store, id)).toEqual([]);
    await store.addEvaluation(id, {
      at: seconds(at + 5),
      epoch: 2,
      step: 2,
      result: scores('validation', 0.2),
      predictions: some,
    });
    expect(await keptOf(store, id)).toEqual([['validation', 2, 'last']]);
    await store.endRun(id, { at: seconds(at + 9), status: 'done' });
    await store.deleteRuns([id]);
    await expect(store.predictions(query({ id }))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is said in words where there is nothing', async () => {
    const store = await openScene();
    const old = await ended(store, 'old', [['test', 1, 0.4]]);
    const never = await ended(store, 'never', []);
    expect(await store.predictions(query({ id: old }))).toMatchObject({
      kept: [],
      of: null,
      why: 'it is of a version that kept no single predictions',
      classes,
      images: [],
    });
    expect((await store.predictions(query({ id: never }))).why).toBe('it was never evaluated');
    const id = await ended(store, 'a', [['test', 1, 0.4, some]]);
    await expect(store.predictions(query({ id, split: 'validation' }))).rejects.toThrow(
      'kept no predictions of that evaluation',
    );
  });
});

describe('a page of predictions', () => {
  const of = said('00 0.9 0.7', '01 0.8 0.2', '02 0.95 0.6', '11 0.4 0.1', '10 0.6 0.9', '22 0.3');
  const shown = async (input: Omit<Parameters<typeof query>[0], 'id'>) => {
    const store = await openScene();
    const id = await ended(store, 'a', [['test', 1, 0.5, packed(of)]]);
    const page = await store.predictions(query({ id, ...input }));
    return { ...page, images: page.images.map(({ image }) => image) };
  };

  it('has the wrong ones, the right ones, or all, by class', async () => {
    expect(await shown({})).toMatchObject({ judged: 6, wrong: 3, total: 3, images: [1, 2, 4] });
    expect(await shown({ show: 'right' })).toMatchObject({ total: 3, images: [0, 3, 5] });
    expect(await shown({ show: 'all' })).toMatchObject({ total: 6 });
    expect(await shown({ show: 'all', truth: 0, predicted: 1 })).toMatchObject({ images: [1] });
    expect(await shown({ show: 'wrong', predicted: 0 })).toMatchObject({ images: [4] });
  });

  it('comes in the order that is asked for, in parts', async () => {
    expect((await shown({ sort: 'confidence' })).images).toEqual([2, 1, 4]);
    expect((await shown({ sort: 'doubt' })).images).toEqual([4, 1, 2]);
    expect((await shown({ show: 'all', sort: 'iou' })).images).toEqual([3, 1, 2, 0, 4, 5]);
    expect(await shown({ sort: 'confidence', offset: 1, limit: 1 })).toMatchObject({
      total: 3,
      images: [1],
    });
    expect((await shown({ offset: 50 })).images).toEqual([]);
  });

  it('judges by the box, of those that have a true one', async () => {
    expect(await shown({ judge: 'box' })).toMatchObject({ judged: 5, wrong: 2, images: [1, 3] });
    expect(await shown({ judge: 'both' })).toMatchObject({ wrong: 4, images: [1, 2, 3, 4] });
    expect(await shown({ judge: 'both', show: 'right' })).toMatchObject({ images: [0] });
  });
});

describe('runs beside each other', () => {
  const compare = (store: Store, ids: number[], more: object = {}) =>
    store.comparePredictions({
      ids,
      judge: 'class',
      show: 'differ',
      offset: 0,
      limit: 24,
      ...more,
    });
  const places = ({ images }: { images: { image: number }[] }) => images.map(({ image }) => image);
  const scene = async () => {
    const store = await openScene();
    const of = (...words: string[]) => packed(said(...words));
    const a = await ended(store, 'a', [['test', 1, 0.5, of('00', '00', '01', '11', '12', '22')]]);
    const b = await ended(store, 'b', [['test', 2, 0.5, of('00', '01', '00', '10', '12', '22')]]);
    const c = await ended(store, 'c', [['test', 3, 0.5, of('00', '00', '01', '10', '11', '20')]]);
    return { store, a, b, c };
  };

  it('are counted in pairs against the first, cell by cell', async () => {
    const { store, a, b, c } = await scene();
    const answer = await compare(store, [a, b, c]);
    expect(answer.runs.map(({ id, right }) => [id, right])).toEqual([
      [a, 4],
      [b, 3],
      [c, 3],
    ]);
    expect(answer.pairs.map(({ other, counts }) => [other, counts])).toEqual([
      [b, { both: 2, first: 2, second: 1, neither: 1 }],
      [c, { both: 2, first: 2, second: 1, neither: 1 }],
    ]);
    for (const { counts, p } of answer.pairs) {
      const sum = Object.values(counts).reduce((x, y) => x + y);
      expect(sum).toBe(answer.judged);
      expect(p).toBe(1); // 2 and 1 images show nothing
    }
    expect(answer.pairs[0]!.sentence).toMatch(
      /^Of the same 6 test images, a alone is right about 2/,
    );
    expect(answer).toMatchObject({ split: 'test', differ: 5, allWrong: 0, total: 5 });
    expect(places(answer)).toEqual([1, 2, 3, 4, 5]);
    expect(answer.images[0]!.predictions.map(({ predicted }) => predicted)).toEqual([0, 1, 0]);
  });

  it('show the images of a cell, those that all are wrong about, and all', async () => {
    const { store, a, b, c } = await scene();
    const cell = (other: number, of: string) => compare(store, [a, b, c], { show: { other, cell: of } }); // prettier-ignore
    expect(places(await cell(b, 'both'))).toEqual([0, 5]);
    expect(places(await cell(b, 'first'))).toEqual([1, 3]);
    expect(places(await cell(b, 'second'))).toEqual([2]);
    expect(places(await cell(c, 'neither'))).toEqual([2]);
    expect(places(await cell(99, 'both'))).toEqual([]);
    expect(places(await compare(store, [a, b], { show: 'all-wrong' }))).toEqual([4]);
    expect(await compare(store, [a, b], { show: 'all', offset: 4, limit: 1 })).toMatchObject({
      total: 6,
      images: [{ image: 4 }],
    });
  });

  it('that were asked about other images are left out, with the reason', async () => {
    const { store, a, b } = await scene();
    const words = ['00', '01', '00', '10', '12', '22'];
    const other = (name: string, more: Partial<Predictions>, of = said(...words)) =>
      ended(store, name, [['test', 1, 0.5, packed(of, { fingerprint: '00bb', ...more })]]);
    const ids = [
      a,
      await other('order', {}),
      await other('side', { side: 32 }),
      await other('fewer', {}, said('00')),
      await ended(store, 'old', [['test', 1, 0.5]]),
      await ended(store, 'untested', [['validation', 1, 0.5, packed(said('00'))]]),
      b,
    ];
    const { runs, leftOut } = await compare(store, ids);
    expect(runs.map(({ id }) => id)).toEqual([a, b]);
    expect(leftOut.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'order: its images are others than those of a, or in another order',
      'side: its images are stored at 32 px, those of a at 16 px',
      'fewer: it was asked about 1 image, a about 6 images',
      'old: it is of a version that kept no single predictions',
      'untested: it kept no predictions of the test',
    ]);
    // of two that have nothing in common there is nothing to show
    expect(await compare(store, [a, ids[1]!])).toMatchObject({ runs: [], pairs: [], images: [] });
  });

  it('are judged by their boxes where all have some, and by class where one has none', async () => {
    const { store, a } = await scene();
    const words = (iou: string) =>
      ['00', '00', '01', '11', '12', '22'].map((w) => `${w} 0.5 ${iou}`);
    const x = await ended(store, 'x', [['test', 1, 0.5, packed(said(...words('0.9')))]]);
    const y = await ended(store, 'y', [['test', 1, 0.5, packed(said(...words('0.2')))]]);
    const boxed = await compare(store, [x, y], { judge: 'box' });
    expect(boxed).toMatchObject({ boxes: true, differ: 6 });
    expect(boxed.pairs[0]).toMatchObject({
      counts: { first: 6 },
      p: expect.closeTo(2 / 64, 12) as number,
    });
    expect(boxed.pairs[0]!.sentence).toContain('x alone is right with its box about 6');
    expect(await compare(store, [x, y, a], { judge: 'box' })).toMatchObject({
      boxes: false,
      differ: 0,
    });
  });
});

describe('predictions on their way', () => {
  const of = said('00 0.9 0.7', '01 0.8 0.2');
  const sliced = async () => {
    const home = await openScene();
    const id = await ended(home, 'a', [['test', 1, 0.5, packed(of)]]);
    const file = join(folder(), 'slice.sqlite');
    await home.writeSlice([id], file);
    return { home, id, file };
  };

  it('travel with their run to another store, and stay with a copy at another price', async () => {
    const { home, id, file } = await sliced();
    const there = await openScene();
    const { ids } = await there.joinSlice(file);
    const all = { show: 'all' as const, judge: 'both' as const };
    const page = await home.predictions(query({ id, ...all }));
    expect(page.total).toBe(2);
    expect(await there.predictions(query({ id: ids[0]!, ...all }))).toEqual(page);
    const pricing = { region: world, pue: 2, hourly: null, waterLPerKwh: null, embodied: null };
    const copy = await home.copyRun(id, 'copy', pricing);
    await home.deleteRuns([id]);
    expect(await home.predictions(query({ id: copy, ...all }))).toEqual(page);
  });

  it.each([
    ['bytes that are missing', `cells = x'0000'`],
    ['images that are not there', 'images = 3'],
    ['a split that there is none of', `split = 'train'`],
    ['images without a side', 'side = 0'],
    ['boxes that are neither there nor not', 'boxes = 2'],
  ])('are refused with %s', async (_, change) => {
    const { file } = await sliced();
    const database = new BetterSqlite3(file);
    database.exec(`update prediction set ${change}`);
    database.close();
    const there = await openScene();
    await expect(there.joinSlice(file)).rejects.toThrow(
      'its predictions of single images do not hold together',
    );
    expect(await there.listRuns()).toEqual([]);
  });
});

describe('the predictions file', () => {
  const textOf = async (store: Store, ids: number[]) => {
    const { pieces, name } = await exportRuns(store, ids, 'predictions', { appVersion: '1', reportDir: '' }); // prettier-ignore
    let text = '';
    for await (const piece of pieces) text += piece;
    return { name, rows: parse(text, { columns: true }) as Record<string, string>[] };
  };

  it('has a row per image of every evaluation that kept them', async () => {
    const store = await openScene();
    const plain = await ended(store, 'a', [
      ['validation', 2, 0.5, packed(said('00'))],
      ['test', 2, 0.5, packed(said('00 0.9', '21 0.75'))],
    ]);
    const boxes = await ended(store, 'b', [['test', 7, 0.5, packed(said('11 0.6 0.25'))]]);
    const { rows, name } = await textOf(store, [plain, boxes]);
    expect(name).toBe('a-and-1-more-predictions.csv');
    expect(rows.map(({ run_name, split, step, image }) => [run_name, split, step, image])).toEqual([
      ['a', 'test', '2', '0'],
      ['a', 'test', '2', '1'],
      ['a', 'validation', '2', '0'],
      ['b', 'test', '7', '0'],
    ]);
    expect(rows[1]).toMatchObject({
      true_class: 'cow',
      predicted_class: 'dog',
      correct: '0',
      p_predicted: '0.75',
      p_true: '0.1',
      rank_true: '2',
      iou: '',
      box_x0: '',
    });
    expect(rows[3]).toMatchObject({ correct: '1', iou: '0.25', box_x0: '1', box_y1: '10' });
  });

  it('is refused where no run kept any', async () => {
    const store = await openScene();
    const id = await ended(store, 'old', [['test', 1, 0.4]]);
    await expect(textOf(store, [id])).rejects.toThrow(
      `Run ${id} kept no predictions of single images.`,
    );
  });
});

test(
  'a detection run on GreenSynth, from the trainer to the comparison',
  { timeout: 120_000 },
  async () => {
    const home = await temporaryHome();
    onTestFinished(() => removeHome(home));
    const options = fixtureOptions(home);
    const trainer = join(import.meta.dirname, '..', '..', '..', 'src-main', 'trainer', 'main.ts');
    const witness = await startHost({ ...options, entries: { ...options.entries, trainer } });
    onTestFinished(() => witness.host.close());
    const config = (seed: number): ExperimentConfigInput => ({
      name: `seed ${seed}`,
      dataset: { kind: 'greensynth', size: 16, train: 160, validation: 32, test: 40 },
      model: { image: 16, patch: 4, dim: 16, layers: 1, heads: 2, dimHead: 8 },
      train: { task: 'detect', epochs: 2, batch: 16, seed },
      compute: { engine: 'cpu' },
      energy: { baselineSeconds: 0 },
    });
    const { ids } = await witness.call('runs.start', { configs: [config(1), config(2)] });
    await witness.reached(ids[1]!, 'done', 'failed');

    const [first, second] = ids as [number, number];
    const page = await witness.call('runs.predictions', { id: first, show: 'all', sort: 'image', limit: 40 }); // prettier-ignore
    const { evaluations } = await witness.call('runs.get', { id: first });
    const { result } = evaluations.at(-1)!;
    expect(page.of).toMatchObject({ split: 'test', images: 40, boxes: true, side: 16 });
    const right = page.images.filter((one) => isRight(one, 'class')).length;
    expect(right / 40).toBeCloseTo(result.accuracy!, 12);
    expect(page.wrong).toBe(40 - right);
    const found = page.images.filter((one) => isRight(one, 'box')).length;
    expect(found / 40).toBeCloseTo(result.detection!.locAcc50, 12);

    // the images of the same places are those that the run was asked about
    const indices = page.images.map(({ image }) => image);
    const samples = await witness.call('datasets.samples', { config: config(1), split: 'test', indices }); // prettier-ignore
    samples.images.forEach(({ label, box }, i) => {
      const { truth, box: predicted, iou } = page.images[i]!;
      expect(label).toBe(page.classes[truth]);
      expect(intersectionOverUnion(predicted!, box!)).toBeCloseTo(iou!, 2);
    });

    const beside = await witness.call('runs.comparePredictions', {
      ids,
      judge: 'both',
      show: 'all',
    });
    expect(beside.runs.map(({ id }) => id)).toEqual([first, second]);
    expect(beside).toMatchObject({ boxes: true, judged: 40, total: 40, leftOut: [] });
    const { counts } = beside.pairs[0]!;
    expect(counts.both + counts.first).toBe(beside.runs[0]!.right);
    expect(counts.both + counts.second).toBe(beside.runs[1]!.right);
  },
);

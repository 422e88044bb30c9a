import { describe, expect, it } from 'vitest';
import { keptPatches, type ExperimentConfigInput } from '../../../src-main/experiment-config.ts';
import { Feeder } from '../../../src-main/trainer/batches.ts';
import { openDataset } from '../../../src-main/trainer/data/index.ts';
import * as tf from '../../../src-main/trainer/engine/tf.ts';
import { pixelPatches } from '../../../src-main/trainer/models/images.ts';
import { scorePatches } from '../../../src-main/trainer/models/patch-selection.ts';
import { randomStreams } from '../../../src-main/trainer/random-streams.ts';
import { chosenPatches } from '../../../src-main/trainer/recipes/learned-input.ts';
import { modelInput } from '../../../src-main/trainer/recipes/model-input.ts';
import { vitOf } from '../../fixtures/vit.ts';
import { configOf, newRunDir, small, trainSmall, type Of } from '../train-small.ts';

const cells = ({ cells }: { cells: string }): number[] => [...Buffer.from(cells, 'base64')];
const snapshots = (run: Awaited<ReturnType<typeof trainSmall>>) =>
  run.all('snapshot').map(({ snapshot }) => snapshot);
const dropping = { mode: 'drop', keep: 6, prob: 0.7, schedule: 'constant' } as const;

describe('a watched run', () => {
  it('has pictures before its first epoch and after every evaluation, in a phase of their own', async () => {
    const run = await trainSmall(small({ train: { epochs: 3, evalEvery: 2 } }));
    expect(run.all('watched')).toHaveLength(1);
    const { images } = run.last('watched');
    expect(new Set(images.map(({ label }) => label)).size).toBe(6);
    expect(snapshots(run).map(({ epoch, step }) => [epoch, step])).toEqual([
      [0, 0],
      [2, 20],
      [3, 30],
    ]);
    const phases = run.all('phase').filter(({ name }) => name === 'pictures');
    expect(phases.map(({ edge, epoch }) => `${edge} ${epoch}`)).toEqual(
      [null, 2, 3].flatMap((epoch) => [`start ${epoch}`, `end ${epoch}`]),
    );
    for (const { pictures, patches, share } of snapshots(run)) {
      expect([patches, share]).toEqual([16, null]);
      expect(pictures).toHaveLength(6);
      for (const { layers, rollout, kept, box, probability, trueProbability } of pictures) {
        expect(layers.map(({ tokens }) => tokens)).toEqual([17, 17]);
        for (const map of [rollout!, ...layers.map(({ received }) => received)]) {
          expect(cells(map)).toHaveLength(16);
          expect([Math.min(...cells(map)), Math.max(...cells(map))]).toEqual([1, 255]);
        }
        expect(kept).toBeNull();
        expect(box).toBeNull();
        expect(trueProbability).toBeLessThanOrEqual(probability);
      }
    }
  });

  it('has the weights, losses and scores of one that nobody watches', async () => {
    const input = (images: number): ExperimentConfigInput =>
      small({
        watch: { images },
        selection: { ...dropping, evalSelect: 'authors-bug', prob: 0.5 },
        model: { dropout: 0.1 },
        pruning: { neurons: 0.5 },
        augment: { flip: true },
      });
    const [watched, unwatched] = [await trainSmall(input(6)), await trainSmall(input(0))];
    expect(snapshots(watched).length).toBeGreaterThan(3);
    expect(snapshots(unwatched)).toEqual([]);
    expect(unwatched.all('watched')).toEqual([]);
    expect(unwatched.all('phase').some(({ name }) => name === 'pictures')).toBe(false);
    expect(watched.losses).toEqual(unwatched.losses);
    expect(watched.checkpoint().tensors).toEqual(unwatched.checkpoint().tensors);
    expect(watched.all('evaluation').map(({ result }) => result)).toEqual(
      unwatched.all('evaluation').map(({ result }) => result),
    );
  });

  it('is watched on the images that another model on these data is watched on', async () => {
    const one = await trainSmall(small({ train: { epochs: 1 } }));
    const other = await trainSmall(
      small({ train: { epochs: 1, seed: 9, batch: 20 }, attention: { kind: 'mgk' } }),
    );
    expect(other.last('watched').images).toEqual(one.last('watched').images);
  });

  it('goes on with its series when it is resumed, none twice', async () => {
    const input = small({ selection: dropping });
    const straight = await trainSmall(input);
    for (const stopWhen of [
      (m: { type: string }) => m.type === 'checkpoint',
      (m: { type: string; name?: string }) => m.type === 'phase' && m.name === 'evaluate',
      (m: { type: string; name?: string }) => m.type === 'phase' && m.name === 'pictures',
    ]) {
      const runDir = newRunDir();
      const first = await trainSmall(input, { runDir, stopWhen });
      const { checkpoint, step } = first.messages.at(-1) as Of<'stopped'>;
      const second = await trainSmall(input, { runDir, resume: checkpoint });
      expect(second.last('watched').images).toEqual(straight.last('watched').images);
      // as the store keeps them: what comes after the checkpoint is done anew, a step is there once
      const kept = new Map(
        [...snapshots(first).filter((one) => one.step <= step), ...snapshots(second)].map((one) => [
          one.step,
          one,
        ]),
      );
      expect([...kept.values()]).toEqual(snapshots(straight));
      expect(second.losses).toEqual(straight.losses.slice(first.losses.length));
    }
  });
});

describe('kept patches', () => {
  it.each(['variance_channel_mean', 'random', 'conv'] as const)(
    'by %s are those that a training step would keep of the image',
    async (heuristic) => {
      const input = small({ selection: { ...dropping, heuristic } });
      const config = configOf(input);
      const run = await trainSmall(input);
      const { snapshot } = run.last('snapshot');
      const indices = Uint32Array.from(run.last('watched').images, ({ index }) => index);
      const data = await openDataset(config.dataset, { dataDir: newRunDir() });

      const keep = keptPatches({ model: vitOf(config), selection: config.selection });
      const scored = heuristic === 'variance_channel_mean';
      const { image, patch } = vitOf(config);
      const of = (shape: number[], dtype: 'uint8' | 'float32') => ({ shape, dtype });
      const { images, noise } = (() => {
        const feeder = new Feeder(
          { images: of([6, 3, 16, 16], 'uint8'), noise: of([6, 16], 'float32') },
          data.splits.validation,
        );
        feeder.images(indices);
        feeder.noise(indices, { seed: 42, epoch: 3, stream: randomStreams.evaluationNoise });
        return feeder.feeds;
      })();
      await tf.setBackend('cpu');
      const pixels = tf.tensor4d(images as Uint8Array, [6, 3, 16, 16], 'int32');
      const inputs = {
        images: pixels,
        noise: tf.tensor2d(noise as Float32Array, [6, 16]),
        scores: scorePatches(pixelPatches(pixels, image, patch), {
          ...config.selection,
          heuristic: scored ? heuristic : 'random',
        }),
      };
      const weights = Object.fromEntries(
        Object.entries(run.checkpoint().tensors).map(([name, { shape, data }]) => [
          name,
          tf.tensor(data, [...shape]),
        ]),
      );
      const choice = { keep, sampled: true, scored };
      const seen =
        heuristic === 'conv'
          ? chosenPatches({ ...config, model: vitOf(config) }, weights, inputs, choice)
          : modelInput(config, { ...data }, 'patches', inputs, choice);
      const expected = (seen as { kept: tf.Tensor2D }).kept.arraySync();
      expect(snapshot.pictures.map(({ kept }) => kept)).toEqual(expected);
      expect(snapshot).toMatchObject({ share: 0.7, reduced: false });
    },
  );

  it('are all that attention sees where evaluation drops the others', async () => {
    const run = await trainSmall(small({ selection: { ...dropping, evalSelect: 'topk' } }));
    for (const { reduced, pictures } of snapshots(run)) {
      expect(reduced).toBe(true);
      for (const { kept, rollout, layers } of pictures)
        for (const map of [rollout!, ...layers.map(({ received }) => received)])
          expect(cells(map).flatMap((cell, patch) => (cell > 0 ? patch : []))).toEqual(kept);
    }
  });

  it('are none in particular once the schedule ends on whole images', async () => {
    const run = await trainSmall(small({ selection: { mode: 'drop', keep: 6 } }));
    const [first, last] = [snapshots(run)[0]!, snapshots(run).at(-1)!];
    expect([first.share, last.share]).toEqual([1, 0]);
    expect(first.pictures[0]!.kept).toHaveLength(6);
    expect(last.pictures[0]!.kept).toBeNull();
  });
});

describe('pictures of what a model does', () => {
  const layersOf = async (input: ExperimentConfigInput) => {
    const run = await trainSmall(input);
    expect(run.notes.filter((note) => note.startsWith('No pictures'))).toEqual([]);
    return snapshots(run).at(-1)!.pictures[0]!;
  };

  it.each([
    { kind: 'standard', normaliser: 'sparsemax' },
    { kind: 'gmm_fixed', gate: true },
    { kind: 'map_em', keyIterations: 1, valueIterations: 1 },
    { kind: 'mgk', halfHeads: true },
    { kind: 'ecoformer', hash: 'trained' },
    { kind: 'delta' },
    { kind: 'gmm_repo' },
  ] as const)('have the attention of %o', async (attention) => {
    const { layers, rollout } = await layersOf(
      small({ attention, train: { epochs: 1, clipNorm: 1 } }),
    );
    expect(layers.map(({ tokens }) => tokens)).toEqual([17, 17]);
    // with the class token's, shares of what the head reads make 1
    const { min, max } = rollout!;
    const sum = cells(rollout!).reduce(
      (all, cell) => all + min + ((cell - 1) / 254) * (max - min),
      0,
    );
    expect(sum).toBeGreaterThan(0.7);
    expect(sum).toBeLessThan(1.001);
  });

  const there = (picture: { layers: { received: { cells: string } }[] }) =>
    picture.layers.map(({ received }) => cells(received).filter((cell) => cell > 0).length);

  it('show which tokens were pruned, merged or routed around attention in every layer', async () => {
    const four = { model: { layers: 4 }, train: { epochs: 1 } };
    const pruned = await layersOf(
      small({ ...four, routing: { kind: 'prune', keep: 0.5, warmup: 0, shrink: 0 } }),
    );
    // 16 patches; 8 and a fused token; of these 9, 5 and a fused one; 3
    expect(pruned.layers.map(({ tokens }) => tokens)).toEqual([17, 10, 7, 5]);
    expect(there(pruned)[0]).toBe(16);
    expect(there(pruned)[1]).toBe(8);
    expect(there(pruned)[3]).toBeLessThanOrEqual(3);
    const merged = await layersOf(small({ ...four, routing: { kind: 'merge', tokens: 4 } }));
    expect(merged.layers.map(({ tokens }) => tokens)).toEqual([17, 13, 9, 5]);
    expect(there(merged)).toEqual([16, 16, 16, 16]);
    const routed = await layersOf(small({ ...four, routing: { kind: 'route', capacity: 0.5 } }));
    expect(there(routed)).toEqual([16, 8, 16, 8]);
    expect(cells(routed.rollout!)).not.toContain(0);
  });

  it('have a box where one is predicted', async () => {
    const { box, rollout } = await layersOf(small({ train: { epochs: 1, task: 'detect' } }));
    expect(box).toHaveLength(4);
    expect(rollout).not.toBeNull();
  });

  it('have predictions alone of a model without attention', async () => {
    for (const model of [
      { kind: 'resnet', image: 16, depth: 8 },
      { kind: 'imagesig', image: 32, head: 'transformer' },
    ] as const) {
      const { layers, rollout, kept, predicted } = await layersOf({
        ...small({ train: { epochs: 1 } }),
        model,
      });
      expect([layers, rollout, kept]).toEqual([[], null, null]);
      expect(predicted).not.toBe('');
    }
  });

  it('are those of the stage that classifies', async () => {
    const run = await trainSmall(small({ train: { epochs: 4, recipe: 'pt+ft' } }));
    expect(snapshots(run).map(({ epoch }) => epoch)).toEqual([2, 3, 4]);
    const [first, last] = [snapshots(run)[0]!, snapshots(run).at(-1)!];
    // the encoder is frozen: it looks where it looked, and its head learns
    expect(last.pictures.map(({ layers }) => layers)).toEqual(
      first.pictures.map(({ layers }) => layers),
    );
    expect(last.pictures[0]!.trueProbability).not.toBe(first.pictures[0]!.trueProbability);
  });

  it('come with the evaluations of a stage that begins between two of them', async () => {
    const run = await trainSmall(
      small({ train: { epochs: 5, evalEvery: 2, recipe: 'pt+ft' }, finetune: { share: 0.8 } }),
    );
    const evaluated = run.all('evaluation').filter(({ result }) => result.split === 'validation');
    expect(evaluated.map(({ epoch }) => epoch)).toEqual([2, 4, 5]);
    expect(snapshots(run).map(({ epoch }) => epoch)).toEqual([1, 2, 4, 5]);
  });
});

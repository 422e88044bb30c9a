/** Runs whose patches are kept by a learned score (method B.6). */
import { describe, expect, it } from 'vitest';
import { forecast } from '../../src-main/core/experiments/forecast.ts';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { initialValues } from '../../src-main/trainer/models/parameters.ts';
import { stepScalars } from '../../src-main/trainer/optimiser.ts';
import { supervised } from '../../src-main/trainer/recipes/supervised.ts';
import { configOf, newRunDir, small, trainSmall, type Of } from './train-small.ts';

const selection = {
  mode: 'drop',
  heuristic: 'conv',
  keepRatio: 0.4,
  schedule: 'constant',
} as const;

describe('a learned score', () => {
  it('leans towards the patches that tell the classes apart', async () => {
    // 4 of 16 patches are bright and say the class by their colour; the others are dim and say nothing
    const config = configOf({
      model: { image: 16, patch: 4, dim: 24, layers: 1, heads: 2, dimHead: 12 },
      selection: { ...selection, keepRatio: 0.25, temperature: 0.3 },
      train: { batch: 32, labelSmoothing: 0, weightDecay: 0, normalisation: 'dataset' },
    });
    const [batch, classes] = [32, 3];
    const dataset = {
      channels: 3,
      size: 16,
      classes: ['r', 'g', 'b'],
      mean: [0.3, 0.3, 0.3],
      std: [0.25, 0.25, 0.25],
    };
    const recipe = supervised(config, dataset, batch);
    const { step, specs } = recipe.train({ epoch: 0, selects: true });
    const select = recipe.select!;
    const engine = openOrtEngine('cpu', { threads: 1 });
    const program = await engine.compile(step, specs);
    const chooser = await engine.compile(select.step, select.specs);
    const { size } = recipe.layout;
    const state = await engine.createState({
      parameters: { shape: [size], data: initialValues(recipe.parameters, 1) },
      moment1: { shape: [size], data: new Float32Array(size) },
      moment2: { shape: [size], data: new Float32Array(size) },
    });

    let seed = 1;
    const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const draw = () => {
      const images = new Uint8Array(batch * 3 * 256);
      const labels = new Int32Array(batch);
      const bright: Set<number>[] = [];
      for (let b = 0; b < batch; b++) {
        labels[b] = Math.floor(random() * classes);
        const places = new Set<number>();
        while (places.size < 4) places.add(Math.floor(random() * 16));
        bright.push(places);
        for (let y = 0; y < 16; y++)
          for (let x = 0; x < 16; x++) {
            const shines = places.has((y >> 2) * 4 + (x >> 2));
            for (let c = 0; c < 3; c++)
              images[((b * 3 + c) * 16 + y) * 16 + x] = shines
                ? (c === labels[b] ? 255 : 150) - random() * 30
                : random() * 60;
          }
      }
      const noise = Float32Array.from({ length: batch * 16 }, () => 0.001 + 0.998 * random());
      return { images, labels, noise, bright };
    };
    const recall = async (): Promise<number> => {
      let [hits, all] = [0, 0];
      for (let i = 0; i < 30; i++) {
        const { images, noise, bright } = draw();
        const { kept } = await chooser.run(state, { images, noise });
        hits += Array.from(kept!).filter((place, j) => bright[j >> 2]!.has(place)).length;
        all += kept!.length;
      }
      return hits / all;
    };
    const before = await recall();
    for (let t = 1; t <= 120; t++) {
      const { images, labels, noise } = draw();
      const { stepSize, secondScale, shrink } = stepScalars(config.train, 5e-3, t);
      await program.run(state, {
        images,
        labels,
        noise,
        stepSize: Float32Array.of(stepSize),
        secondScale: Float32Array.of(secondScale),
        ...('shrink' in specs.inputs && { shrink: Float32Array.of(shrink) }),
      });
    }
    const after = await recall();
    await engine.dispose();
    // chance: 0.25 +- 0.007; the pull ends where the classes are told apart anyway
    expect(after).toBeGreaterThan(before + 0.03);
    expect(after).toBeGreaterThan(0.27);
  });

  it('keeps more of the objects of GreenSynth than chance, and trains', async () => {
    const run = (heuristic: 'conv' | 'random') =>
      trainSmall({
        dataset: { kind: 'greensynth', size: 16, train: 500, validation: 100, test: 300 },
        model: { image: 16, patch: 4, dim: 32, layers: 2, heads: 4, dimHead: 8 },
        selection: { ...selection, heuristic, probabilistic: false },
        train: { epochs: 16, batch: 25, labelSmoothing: 0, lr: 3e-3, evalEvery: 16 },
      });
    const learned = await run('conv');
    const chance = await run('random');
    const recall = (one: typeof learned) =>
      one.all('evaluation').map(({ result }) => result.patchRecall!);
    recall(learned).forEach((share, i) => expect(share).toBeGreaterThan(recall(chance)[i]! + 0.02));
    expect(learned.losses.at(-1)).toBeLessThan(2);
  });

  it.each([
    { mode: 'drop', evalSelect: 'topk' },
    { mode: 'mask', evalSelect: 'authors-bug', temperature: 0.2 },
    { mode: 'drop', schedule: 'anneal', probabilistic: false },
  ] as const)('goes on bit for bit with %o', async (over) => {
    const input = small({ selection: { ...selection, ...over } });
    const straight = await trainSmall(input);
    const runDir = newRunDir();
    const first = await trainSmall(input, { runDir, stopWhen: (m) => m.type === 'checkpoint' });
    const { checkpoint } = first.messages.at(-1) as Of<'stopped'>;
    const second = await trainSmall(input, { runDir, resume: checkpoint });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    const { tensors } = second.checkpoint();
    expect(tensors).toEqual(straight.checkpoint().tensors);
    expect(tensors['score.weight']!.shape).toEqual([1, 3, 4, 4]);
    expect(tensors['moment1.score.weight']!.data.some((value) => value !== 0)).toBe(true);
  });

  it('is foretold: N C p² MACs more where patches are selected, C p² + 1 parameters', () => {
    const [variance, conv] = (['variance_luma', 'conv'] as const).map((heuristic) =>
      forecast(configOf(small({ selection: { ...selection, heuristic } }))),
    );
    expect(conv!.macsKept - variance!.macsKept).toBe(16 * 48);
    expect(conv!.macsFull).toBe(variance!.macsFull);
    expect(conv!.parameters - variance!.parameters).toBe(49);
  });

  it('is refused where no stage would train it', () => {
    expect(() => configOf({ selection, train: { recipe: 'pt+ft' } })).toThrow(
      /a learned score is trained with its model/,
    );
  });
});

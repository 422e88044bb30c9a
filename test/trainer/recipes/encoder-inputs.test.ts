/** What the stages of pre-training and fine-tuning give their encoder beside the patches: hints and dropout. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { initialValues } from '../../../src-main/trainer/models/parameters.ts';
import { contrastive } from '../../../src-main/trainer/recipes/contrastive.ts';
import { fineTune } from '../../../src-main/trainer/recipes/fine-tune.ts';
import { masked } from '../../../src-main/trainer/recipes/masked.ts';
import { classes, side, someImages } from '../export/scene.ts';

const engine = openOrtEngine('cpu', { threads: 1 });
afterAll(() => engine.dispose());

const dataset = { channels: 3, size: side, classes, mean: [0.4, 0.4, 0.4], std: [0.2, 0.2, 0.2] };
const batch = 4;
const model = { image: side, patch: 4, dim: 12, layers: 2, heads: 2, dimHead: 6 };

/** The loss of a stage's first step on the same images; every byte of its dropout is `byte`. */
async function firstLoss(
  stage: typeof masked,
  input: ExperimentConfigInput,
  byte = 255,
): Promise<{ loss: number; drops: boolean }> {
  const parsed = parseExperimentConfig({
    model,
    ...input,
    train: { recipe: 'pt+cl+ft', epochs: 10, ...input.train },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const recipe = stage(parsed.config, dataset, batch);
  const { step, specs } = recipe.train({ epoch: 0, selects: false });
  const start = initialValues(recipe.parameters, 3);
  const shape = [start.length];
  const frozen = initialValues(recipe.frozen, 4);
  const state = await engine.createState({
    parameters: { shape, data: start },
    moment1: { shape, data: new Float32Array(start.length) },
    moment2: { shape, data: new Float32Array(start.length) },
    ...(frozen.length > 0 && { frozen: { shape: [frozen.length], data: frozen } }),
  });
  const feeds = Object.fromEntries(
    Object.entries(specs.inputs).map(([name, { dtype, shape }]) => {
      const size = shape.reduce((product, side) => product * side, 1);
      if (dtype === 'uint8') return [name, new Uint8Array(size).fill(byte)];
      if (dtype === 'int32') return [name, Int32Array.from({ length: size }, (_, i) => i % 2)];
      return [name, Float32Array.from({ length: size }, (_, i) => ((i * 37) % 101) / 102 + 0.005)];
    }),
  );
  const program = await engine.compile(step, specs);
  const { loss } = await program.run(state, { ...feeds, images: someImages(batch, 8) });
  expect(loss![0]).toSatisfy(Number.isFinite);
  return { loss: loss![0]!, drops: 'dropout' in specs.inputs };
}

const stages: [string, typeof masked, ExperimentConfigInput][] = [
  ['simmim', masked, { pretrain: { method: 'simmim', ratio: 0.5 } }],
  ['mae', masked, { pretrain: { method: 'mae', ratio: 0.5 } }],
  ['contrastive', contrastive, {}],
  ['fine-tuning of a block', fineTune, { finetune: { unfreezeLast: 1 } }],
];

describe.each(stages)('%s', (_, stage, extra) => {
  it('gives routers the hint they are set to have', async () => {
    const routed = (heuristic: 'none' | 'variance_luma' | 'contrast_guarded') =>
      firstLoss(stage, { ...extra, routing: { kind: 'route', heuristic } });
    const losses = [
      await routed('none'),
      await routed('variance_luma'),
      await routed('contrast_guarded'),
    ];
    expect(new Set(losses.map(({ loss }) => loss)).size).toBe(3);
  });

  it('drops values of its blocks in training', async () => {
    const dropping = { ...extra, model: { ...model, dropout: 0.25 } };
    const plain = await firstLoss(stage, extra);
    expect(plain.drops).toBe(false);
    const dropped = await firstLoss(stage, dropping, 0);
    const scaled = await firstLoss(stage, dropping, 255);
    expect(dropped.drops).toBe(true);
    expect(new Set([plain.loss, dropped.loss, scaled.loss]).size).toBe(3);
  });
});

it('a head on frozen features drops nothing', async () => {
  const { drops } = await firstLoss(fineTune, { model: { ...model, dropout: 0.25 } });
  expect(drops).toBe(false);
});

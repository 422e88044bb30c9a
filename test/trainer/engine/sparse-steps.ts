/**
 * The steps that make a ViT sparser or smaller, as recipe `scratch` builds them: penalised attention, gates
 * on heads, masked weights, a learned score, and what is measured to decide. Run on every engine.
 */
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import type { Engine, HostArray } from '../../../src-main/trainer/engine/engine.ts';
import { initialValues } from '../../../src-main/trainer/models/parameters.ts';
import { stepScalars } from '../../../src-main/trainer/optimiser.ts';
import type { Recipe, StepDefinition } from '../../../src-main/trainer/recipes/index.ts';
import { supervised } from '../../../src-main/trainer/recipes/supervised.ts';

const batch = 4;
const dataset = {
  channels: 3,
  size: 8,
  classes: ['a', 'b', 'c'],
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
};
const model = { image: 8, patch: 4, dim: 8, layers: 2, heads: 2, dimHead: 4 };
const conv = { mode: 'drop', heuristic: 'conv', keep: 2 } as const;

interface SparseStep {
  config: ExperimentConfigInput;
  of: (recipe: Recipe) => StepDefinition;
}
const plain = { epoch: 0, selects: false };
const penalised = (form: 'entropy' | 'gini' | 'hoyer', extra: ExperimentConfigInput = {}) => ({
  config: { sparsity: { lambda: 0.1, form }, ...extra },
  of: ({ train }: Recipe) => train({ ...plain, penalised: 1 }),
});

export const sparseSteps: Record<string, SparseStep> = {
  'attention penalised by entropy': penalised('entropy'),
  'attention penalised by Gini': penalised('gini'),
  'sparsemax penalised by Hoyer': penalised('hoyer', {
    attention: { kind: 'standard', normaliser: 'sparsemax' },
  }),
  'how sparse attention is': {
    config: { sparsity: { lambda: 0.1 } },
    of: ({ watch }) => watch!(plain),
  },
  'gates on heads': {
    config: { pruning: { heads: 'l0', l0Penalty: 0.01 } },
    of: ({ train }) => train(plain),
  },
  'importance of heads': {
    config: { pruning: { heads: 'importance' } },
    of: ({ shrinking }) => shrinking!.importance!,
  },
  'masked weights': {
    config: { pruning: { magnitude: 0.5 } },
    of: ({ train }) => train(plain),
  },
  'a learned score': {
    config: { selection: conv },
    of: ({ train }) => train({ epoch: 0, selects: true }),
  },
  'what a learned score keeps': { config: { selection: conv }, of: ({ select }) => select! },
};

/**
 * Everything two runs of a step return, and the direction of the gradient behind them: Adam's first moment,
 * its largest entry as 1.
 */
export async function outcomeOf(engine: Engine, name: string): Promise<number[]> {
  const { config, of } = sparseSteps[name]!;
  const parsed = parseExperimentConfig({ model, ...config });
  if (!parsed.ok) throw new Error(parsed.issues[0]?.message);
  const recipe = supervised(parsed.config, dataset, batch);
  const { step, specs } = of(recipe);
  const program = await engine.compile(step, specs);
  const { size } = recipe.layout;
  const vector = (data: Float32Array) => ({ shape: [data.length], data });
  const mask = Float32Array.from({ length: recipe.bufferLayout.size }, (_, i) => i % 2);
  const all = {
    parameters: vector(initialValues(recipe.parameters, 1)),
    moment1: vector(new Float32Array(size)),
    moment2: vector(new Float32Array(size)),
    buffers: vector(mask),
  };
  const state = await engine.createState(
    Object.fromEntries(Object.entries(all).filter(([key]) => key in specs.state)),
  );
  const outcome: number[] = [];
  for (let t = 1; t <= 2; t++) {
    const outputs = await program.run(state, feedsOf(specs.inputs, t));
    for (const output of Object.values(outputs)) outcome.push(...Array.from(output ?? []));
  }
  const { moment1 } = await state.read();
  const slopes = Array.from(moment1?.data ?? []);
  const largest = Math.max(...slopes.map(Math.abs));
  outcome.push(...slopes.map((slope) => slope / largest));
  await Promise.all([program.dispose(), state.dispose()]);
  return outcome;
}

function feedsOf(inputs: StepDefinition['specs']['inputs'], t: number): Record<string, HostArray> {
  const scalars = stepScalars({ optimizer: 'adamw', weightDecay: 0.05 }, 1e-3, t);
  const spread = (length: number) =>
    Float32Array.from({ length }, (_, i) => (((i + t) * 7907) % 9973) / 9974 + 1e-5);
  const known: Record<string, HostArray> = {
    images: Uint8Array.from({ length: batch * 3 * 64 }, (_, i) => (i * 7919) % 251),
    labels: Int32Array.from({ length: batch }, (_, i) => i % 3),
    noise: spread(batch * 4),
    gateNoise: spread(4),
    sparsity: Float32Array.of(0.4),
    ...Object.fromEntries(
      Object.entries(scalars).map(([key, value]) => [key, Float32Array.of(value)]),
    ),
  };
  return Object.fromEntries(Object.keys(inputs).map((key) => [key, known[key]!]));
}

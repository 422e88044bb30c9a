/** What holds for routing, pruning and merging alike: they are built as they are counted, and they learn. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { forwardMacs, parameterCount } from '../../../../src-main/core/experiments/cost.ts';
import {
  parseExperimentConfig,
  type ExperimentConfig,
  type ExperimentConfigInput,
} from '../../../../src-main/experiment-config.ts';
import { flatLayout, sliceFlat } from '../../../../src-main/trainer/engine/flat.ts';
import { openOrtEngine } from '../../../../src-main/trainer/engine/session.ts';
import * as tf from '../../../../src-main/trainer/engine/tf.ts';
import {
  initialValues,
  parameterCount as sizeOfAll,
} from '../../../../src-main/trainer/models/parameters.ts';
import {
  vitForward,
  vitParameters,
  type VitShape,
} from '../../../../src-main/trainer/models/vit.ts';
import { train } from '../../../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../../../src-main/trainer/messages.ts';
import { vitOf } from '../../../fixtures/vit.ts';
import { graphMacs } from '../../engine/graph-macs.ts';
import { largestError, reference } from '../../engine/reference.ts';
import { vitStep } from '../../engine/vit-step.ts';

type Routing = NonNullable<ExperimentConfigInput['routing']>;
type Attention = NonNullable<ExperimentConfigInput['attention']>;

const configOf = (input: ExperimentConfigInput): ExperimentConfig => {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
};

const routings: [string, Routing][] = [
  ['route', { kind: 'route' }],
  ['route every block but the first', { kind: 'route', every: 1, capacity: 0.3 }],
  ['route whole blocks', { kind: 'route', scope: 'block', heuristic: 'none' }],
  ['prune', { kind: 'prune' }],
  ['prune without a fused token', { kind: 'prune', keep: 0.5, fuse: false }],
  ['merge', { kind: 'merge', tokens: 3 }],
  ['merge more than there are', { kind: 'merge', tokens: 100 }],
];
const attentions: Attention[] = [
  { kind: 'standard' },
  { kind: 'gmm_fixed' },
  { kind: 'map_em' },
  { kind: 'map_em', prior: 'magnitude' },
  { kind: 'map_em', prior: 'vmf', valueIterations: 1 },
];
const others: Attention[] = [
  { kind: 'standard', normaliser: 'entmax15' },
  { kind: 'gmm_fixed', gate: true },
  { kind: 'map_em', keyIterations: 1 },
  { kind: 'mgk' },
  { kind: 'gmm_repo' },
  { kind: 'delta' },
];
const cases = routings.flatMap(([name, routing]) =>
  [...attentions, ...(routing.kind === 'merge' ? [] : others)].map(
    (attention) => [name, JSON.stringify(attention), routing, attention] as const,
  ),
);

const batch = 3;
function forward(routing: Routing, attention: Attention = { kind: 'standard' }, over = {}) {
  const config = configOf({
    model: { image: 16, patch: 4, dim: 12, layers: 4, heads: 4, dimHead: 3, ...over },
    attention,
    routing,
    train: { clipNorm: 1 },
  });
  const model = vitOf(config);
  const shape: VitShape = {
    model,
    attention: config.attention,
    routing: config.routing,
    channels: 3,
    classes: 5,
  };
  const parameters = vitParameters(shape);
  const layout = flatLayout(parameters);
  const specs = {
    state: {},
    inputs: {
      weights: { shape: [layout.size], dtype: 'float32' as const },
      patches: { shape: [batch, 16, 48], dtype: 'float32' as const },
      scores: { shape: [batch, 16], dtype: 'float32' as const },
    },
  };
  const step = (_: unknown, inputs: Record<string, tf.Tensor>) => ({
    outputs: {
      logits: vitForward(shape, sliceFlat(layout, inputs.weights!), {
        patches: inputs.patches as tf.Tensor3D,
        scores: inputs.scores as tf.Tensor2D,
        kept: null,
      }),
    },
  });
  const feeds = {
    weights: initialValues(parameters, 7),
    patches: Float32Array.from({ length: batch * 768 }, (_, i) => 1.5 * Math.sin(i * i * 0.37 + 1)),
    scores: Float32Array.from({ length: batch * 16 }, (_, i) => Math.abs(Math.sin(i * 2.3 + 0.4))),
  };
  return { config, model, parameters, step, specs, feeds };
}

describe.each(cases)('%s, %s', (_, __, routing, attention) => {
  it('has the parameters and multiplies what is foretold', () => {
    const { config, model, parameters, step, specs } = forward(routing, attention);
    expect(sizeOfAll(parameters)).toBe(parameterCount(model, 5, config.attention, config.routing));
    const macs = forwardMacs(model, 5, 16, config.attention, config.routing);
    expect(graphMacs(step, specs)).toBe(batch * macs);
    expect(macs).toBeLessThan(forwardMacs(model, 5, 16, config.attention));
  });
});

const engine = openOrtEngine('cpu', { threads: 1 });
async function logits({ step, specs, feeds }: ReturnType<typeof forward>): Promise<number[]> {
  const program = await engine.compile(step, specs);
  const { logits } = await program.run(await engine.createState({}), feeds);
  await program.dispose();
  return Array.from(logits!);
}

describe('what takes nothing away changes nothing', () => {
  it.each<[string, Routing]>([
    ['pruning that keeps all', { kind: 'prune', keep: 1 }],
    ['merging no tokens', { kind: 'merge', tokens: 0 }],
  ])('%s', async (_, routing) => {
    expect(await logits(forward(routing))).toEqual(await logits(forward({ kind: 'none' })));
  });
});

/** One training step of a small ViT; the first moment after it is a tenth of the gradient. */
const small = (routing: Routing) =>
  vitStep({
    ...{ image: 16, patch: 4, dim: 12, layers: 4, heads: 2, dimHead: 6, batch: 3, classes: 4 },
    routing,
  });

describe('a captured training step has the gradient of eager tfjs', () => {
  it.each(routings)('%s', async (_, routing) => {
    const vit = small(routing);
    const state = vit.state();
    const eager = await reference(
      (_, inputs) => {
        const { state, outputs } = vit.step(inputs, inputs);
        return { outputs: { moment1: state!.moment1!, loss: outputs.loss! } };
      },
      { ...vit.specs.state, ...vit.specs.inputs },
      {
        ...vit.feeds(1),
        ...Object.fromEntries(Object.entries(state).map(([name, { data }]) => [name, data])),
      },
    );
    const program = await engine.compile(vit.step, vit.specs);
    const held = await engine.createState(state);
    const { loss } = await program.run(held, vit.feeds(1));
    const { moment1 } = await held.read();
    expect(largestError(loss!, eager.loss!.data)).toBeLessThan(1e-5);
    // relative to the largest: moments are tenths of gradients, and small
    const scale = 1 / Math.max(...Array.from(eager.moment1!.data, Math.abs));
    const scaled = (values: ArrayLike<number>) => Array.from(values, (x) => x * scale);
    expect(largestError(scaled(moment1!.data), scaled(eager.moment1!.data))).toBeLessThan(2e-5);
    await Promise.all([program.dispose(), held.dispose()]);
  });
});

const root = mkdtempSync(join(tmpdir(), 'routing-'));
afterAll(async () => {
  await engine.dispose();
  rmSync(root, { recursive: true });
});

async function run(input: ExperimentConfigInput) {
  const messages: FromTrainer[] = [];
  await train({
    config: configOf(input),
    dataDir: join(root, 'data'),
    runDir: mkdtempSync(join(root, 'run-')),
    resume: null,
    openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 1 }), why: 'a test' }),
    post: (message) => messages.push(message),
    stop: new AbortController().signal,
  });
  return messages;
}

describe('learns on the captured engine', () => {
  it.each<[string, ExperimentConfigInput]>([
    ...routings.map(([name, routing]): [string, ExperimentConfigInput] => [name, { routing }]),
    [
      'route without a hint, beside random dropping',
      {
        routing: { kind: 'route', heuristic: 'none' },
        selection: { mode: 'drop', heuristic: 'random', keepRatio: 0.8 },
      },
    ],
    [
      'route with a hint, beside random dropping and mirrored images',
      {
        routing: { kind: 'route' },
        selection: { mode: 'drop', heuristic: 'random', keepRatio: 0.8 },
        augment: { flip: true },
      },
    ],
    [
      'prune what dropping left, with dropout',
      {
        routing: { kind: 'prune' },
        selection: { mode: 'drop', keepRatio: 0.8, evalSelect: 'topk' },
        model: { dropout: 0.05 },
      },
    ],
  ])('%s', async (_, { model, ...over }) => {
    const messages = await run({
      dataset: { kind: 'greensynth', size: 16, train: 96, validation: 10, test: 96 },
      model: { image: 16, patch: 4, dim: 24, layers: 2, heads: 2, dimHead: 12, ...model },
      ...over,
      train: {
        ...{ epochs: 30, evalEvery: 30, checkpointEvery: 30 },
        ...{ batch: 32, lr: 4e-3, labelSmoothing: 0, weightDecay: 0, clipNorm: 1 },
      },
    } as ExperimentConfigInput);
    const losses = messages.flatMap((m) => (m.type === 'steps' ? m.steps.loss : []));
    expect(losses.every(Number.isFinite)).toBe(true);
    const last = losses.slice(-3).reduce((a, b) => a + b, 0) / 3;
    // guessing among ten classes costs ln 10 = 2.30
    expect(last).toBeLessThan(1.9);
  });

  it('prunes by its schedule, a program for each step of it', async () => {
    const messages = await run({
      dataset: { kind: 'greensynth', size: 16, train: 32, validation: 10, test: 10 },
      model: { image: 16, patch: 4, dim: 12, layers: 2, heads: 2, dimHead: 6 },
      routing: { kind: 'prune', keep: 0.5 },
      train: { epochs: 10, batch: 32 },
    });
    const compiled = messages.filter(
      (m) => m.type === 'phase' && m.name === 'compile' && m.edge === 'start',
    );
    // all tokens in the first epoch; then 14, 12 and 8 of 16, which are few enough to come together
    expect(compiled.map((m) => (m.type === 'phase' ? m.epoch : null))).toEqual([null, 2]);
    expect(messages.at(-1)).toMatchObject({ type: 'done', step: 10 });
  });
});

/**
 * Run as a process of its own with a Vulkan driver named in its environment: every kernel mapping and a
 * small ViT on the `webgpu` provider. Prints one line of JSON.
 */
import type { Step } from '../../../src-main/trainer/engine/engine.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { feedsOf, kernelCases, resultsOf } from './kernel-cases.ts';
import { detectionStep, exampleStep } from './example-step.ts';
import { routedSteps } from './routed-steps.ts';
import { outcomeOf, sparseSteps } from './sparse-steps.ts';
import { threeSteps } from './three-steps.ts';
import { vitStep } from './vit-step.ts';
import { modelSteps } from './model-steps.ts';
import { lossFeeds, lossSpecs, lossStep } from '../losses/loss-cases.ts';

const engine = openOrtEngine('webgpu', { threads: 1 });

/** All cases in one graph: one session, and one answer to whether every node found its place. */
const cases = Object.entries(kernelCases).map(([name, testCase]) => ({
  name,
  testCase,
  ...feedsOf(testCase),
}));
const inputs = Object.fromEntries(
  cases.flatMap(({ name, specs }) =>
    Object.entries(specs).map(([key, spec]) => [`${name}.${key}`, spec]),
  ),
);
const feeds = Object.fromEntries(
  cases.flatMap(({ name, feeds }) =>
    Object.entries(feeds).map(([key, data]) => [`${name}.${key}`, data]),
  ),
);
const step: Step = (_state, tensors) => ({
  outputs: Object.fromEntries(
    cases.flatMap(({ name, testCase, specs }) => {
      const own = Object.fromEntries(
        Object.keys(specs).map((key) => [key, tensors[`${name}.${key}`]!]),
      );
      return Object.entries(resultsOf(testCase, own)).map(([key, t]) => [`${name}.${key}`, t]);
    }),
  ),
});
const all = await engine.compile(step, { state: {}, inputs });
const results = await all.run(await engine.createState({}), feeds);

const recipes = await engine.compile(lossStep, { state: {}, inputs: lossSpecs });
const recipeLosses = await recipes.run(await engine.createState({}), lossFeeds());
await recipes.dispose();
const detection = await threeSteps(engine, detectionStep());

const vit = exampleStep();
const state = await engine.createState(vit.state());
const program = await engine.compile(vit.step, vit.specs);
const losses: number[] = [];
for (let t = 1; t <= 3; t++) losses.push((await program.run(state, vit.feeds(t))).loss![0]!);
const { parameters } = await state.read();

/** Losses of three steps of each way to leave tokens out. */
const routed: Record<string, number[]> = {};
for (const [name, options] of Object.entries(routedSteps)) {
  const step = vitStep(options);
  const held = await engine.createState(step.state());
  const steps = await engine.compile(step.step, step.specs);
  routed[name] = [];
  for (let t = 1; t <= 3; t++) routed[name].push((await steps.run(held, step.feeds(t))).loss![0]!);
  await Promise.all([steps.dispose(), held.dispose()]);
}

/** One training step of each family of models: loss and first moment, a tenth of the gradient. */
const models: Record<string, { loss: number; moment1: number[]; buffers: number[] }> = {};
for (const [name, build] of Object.entries(modelSteps)) {
  const model = build();
  const held = await engine.createState(model.state());
  const trained = await engine.compile(model.step, model.specs);
  const { loss } = await trained.run(held, model.feeds(1));
  const after = await held.read();
  models[name] = {
    loss: loss![0]!,
    moment1: Array.from(after.moment1!.data),
    buffers: Array.from(after.buffers?.data ?? []),
  };
  await Promise.all([trained.dispose(), held.dispose()]);
}
const sparse: Record<string, number[]> = {};
for (const name of Object.keys(sparseSteps)) sparse[name] = await outcomeOf(engine, name);
await Promise.all([program.dispose(), state.dispose(), all.dispose(), engine.dispose()]);

console.log(
  JSON.stringify({
    kernels: Object.fromEntries(
      Object.entries(results).map(([name, data]) => [name, Array.from(data)]),
    ),
    recipeLosses: Object.fromEntries(
      Object.entries(recipeLosses).map(([name, data]) => [name, Array.from(data)]),
    ),
    detection,
    models,
    losses,
    routed,
    sparse,
    parameters: Array.from(parameters!.data),
  }),
);

/**
 * The webgpu provider on a GPU imitated in software (SwiftShader, which comes with Chromium): slow, but
 * the real code. In a child process, because the Vulkan driver has to be named before the addon loads.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { feedsOf, kernelCases, resultsOf } from './kernel-cases.ts';
import { distance, largestError, reference } from './reference.ts';
import { modelSteps } from './model-steps.ts';
import { detectionStep, exampleStep } from './example-step.ts';
import { routedSteps } from './routed-steps.ts';
import { outcomeOf, sparseSteps } from './sparse-steps.ts';
import { vitStep } from './vit-step.ts';
import { softwareDriver } from './software-driver.ts';
import { threeSteps } from './three-steps.ts';
import { lossExpected } from '../losses/loss-cases.ts';

/** What Vulkan allows sin and cos to be wrong by within [-pi, pi]. */
const SINE_ERROR = 2 ** -11;

if (!softwareDriver)
  console.warn('webgpu is not tested: no Vulkan driver in software (Debian: chromium, libvulkan1)');

it.runIf(process.env.CI === 'true')('has a Vulkan driver in software to test with', () => {
  expect(softwareDriver, 'install chromium and libvulkan1').toBeDefined();
});

describe.runIf(softwareDriver)('webgpu', () => {
  let onWebGpu: {
    kernels: Record<string, number[]>;
    recipeLosses: Record<string, number[]>;
    detection: number[];
    losses: number[];
    parameters: number[];
    routed: Record<string, number[]>;
    models: Record<string, { loss: number; moment1: number[]; buffers: number[] }>;
    sparse: Record<string, number[]>;
  };

  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [new URL('on-webgpu.ts', import.meta.url).pathname],
      {
        env: { ...process.env, VK_DRIVER_FILES: softwareDriver, NODE_OPTIONS: '' },
        maxBuffer: 2 ** 26,
      },
    );
    onWebGpu = JSON.parse(stdout.trim().split('\n').at(-1)!) as typeof onWebGpu;
  }, 240_000);

  it.each(Object.keys(kernelCases))('%s computes what tfjs does', async (name) => {
    const { specs, feeds } = feedsOf(kernelCases[name]!);
    const expected = await reference(
      (_state, inputs) => ({ outputs: resultsOf(kernelCases[name]!, inputs) }),
      specs,
      feeds,
    );
    for (const [key, { data }] of Object.entries(expected))
      // JSON has no NaN
      expect(
        largestError(
          onWebGpu.kernels[`${name}.${key}`]!.map((x) => x ?? NaN),
          data,
        ),
        key,
      ).toBeLessThan(/^(Sin|Cos)$/.test(name) ? SINE_ERROR : 1e-4);
  });

  it.each(Object.keys(lossExpected))('the loss %s is the golden one', (name) => {
    expect(largestError(onWebGpu.recipeLosses[name]!, lossExpected[name]!)).toBeLessThan(5e-5);
  });

  it('trains a ViT that finds boxes as cpu does', async () => {
    const cpu = openOrtEngine('cpu', { threads: 1 });
    const losses = await threeSteps(cpu, detectionStep());
    await cpu.dispose();
    expect(losses[2]).toBeLessThan(losses[0]!);
    expect(largestError(onWebGpu.detection, losses)).toBeLessThan(1e-4);
  });

  it('trains the example’s patch-dropping ViT as cpu does', async () => {
    const cpu = openOrtEngine('cpu', { threads: 1 });
    const vit = exampleStep();
    const state = await cpu.createState(vit.state());
    const program = await cpu.compile(vit.step, vit.specs);
    const losses: number[] = [];
    for (let t = 1; t <= 3; t++) losses.push((await program.run(state, vit.feeds(t))).loss![0]!);
    const { parameters } = await state.read();
    await Promise.all([program.dispose(), state.dispose(), cpu.dispose()]);
    expect(losses[2]).toBeLessThan(losses[0]!);
    expect(largestError(onWebGpu.losses, losses)).toBeLessThan(1e-4);
    // Adam divides a tiny gradient by its own size: parameters agree less closely than losses
    expect(largestError(onWebGpu.parameters, parameters!.data)).toBeLessThan(3e-3);
  });

  it.each(Object.keys(routedSteps))(
    'trains a ViT that leaves tokens out as cpu does: %s',
    async (name) => {
      const cpu = openOrtEngine('cpu', { threads: 1 });
      const vit = vitStep(routedSteps[name]!);
      const state = await cpu.createState(vit.state());
      const program = await cpu.compile(vit.step, vit.specs);
      const losses: number[] = [];
      for (let t = 1; t <= 3; t++) losses.push((await program.run(state, vit.feeds(t))).loss![0]!);
      await Promise.all([program.dispose(), state.dispose(), cpu.dispose()]);
      expect(largestError(onWebGpu.routed[name]!, losses)).toBeLessThan(1e-4);
    },
  );

  it.each(Object.keys(modelSteps))('trains %s as cpu does', async (name) => {
    const cpu = openOrtEngine('cpu', { threads: 1 });
    const model = modelSteps[name]!();
    const state = await cpu.createState(model.state());
    const program = await cpu.compile(model.step, model.specs);
    const { loss } = await program.run(state, model.feeds(1));
    const { moment1, buffers } = await state.read();
    await Promise.all([program.dispose(), state.dispose()]);
    await cpu.dispose();
    const got = onWebGpu.models[name]!;
    expect(got.loss).toBeCloseTo(loss![0]!, 4);
    expect(distance(got.moment1, moment1!.data)).toBeLessThan(1e-3);
    if (buffers) expect(distance(got.buffers, buffers.data)).toBeLessThan(1e-4);
  });

  it.each(Object.keys(sparseSteps))('computes as cpu does: %s', async (name) => {
    const cpu = openOrtEngine('cpu', { threads: 1 });
    const expected = await outcomeOf(cpu, name);
    await cpu.dispose();
    expect(expected.every(Number.isFinite)).toBe(true);
    expect(largestError(onWebGpu.sparse[name]!, expected)).toBeLessThan(1e-3);
  });
});

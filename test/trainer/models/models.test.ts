import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import { modelCost } from '../../../src-main/core/experiments/model-cost.ts';
import { openWasmEngine } from '../../../src-main/trainer/engine/eager.ts';
import type { Engine } from '../../../src-main/trainer/engine/engine.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { train } from '../../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../../src-main/trainer/messages.ts';
import {
  cnnArchitecture,
  type CnnModel,
} from '../../../src-main/trainer/models/cnn-architecture.ts';
import { parameterCount } from '../../../src-main/trainer/models/parameters.ts';
import { buildModel } from '../../../src-main/trainer/models/registry.ts';
import counts from '../../fixtures/golden/counts.json' with { type: 'json' };
import { distance } from '../engine/reference.ts';
import { classNames, configOf, modelStep } from './model-step.ts';

const cnns = [
  [{ kind: 'resnet', depth: 8 }, 75, 12.2],
  [{ kind: 'resnet', depth: 14 }, 173, 26.4],
  [{ kind: 'resnet', depth: 20 }, 270, 40.6],
  [{ kind: 'efficientnetv2-micro' }, 829, 64.5],
] as const;
const kinds: NonNullable<ExperimentConfigInput['model']>[] = [
  ...cnns.map(([model]) => ({ ...model })),
  { kind: 'resnet', depth: 50 },
  { kind: 'efficientnetv2-s' },
  { kind: 'imagesig' },
  { kind: 'imagesig', columns: true },
  { kind: 'imagesig', head: 'fc' },
  { kind: 'imagesig', head: 'transformer' },
  { kind: 'vit', layers: 1 },
];

describe('counts', () => {
  it.each(cnns)('%o has the parameters and MACs of the specification', (model, thousands, mega) => {
    const cost = modelCost(configOf({ model }), 10);
    expect(Math.round(cost.parameters / 1e3)).toBe(thousands);
    expect(Number((cost.macs(0) / 1e6).toFixed(1))).toBe(mega);
  });

  it('of ImageSig are the published ones: 37,112 parameters, 1.69 MFLOPs', () => {
    const { params, flops_2mac: flops, classes } = counts.imagesig_conv1d;
    const cost = modelCost(configOf({ model: { kind: 'imagesig', image: 64 } }), classes);
    expect(cost.parameters).toBe(params);
    expect(2 * cost.macs(0)).toBe(flops);
  });

  it.each(kinds)('%o is forecast with the parameters it has', (model) => {
    const config = configOf({ model });
    const built = buildModel(config, { channels: 3, size: 32, classes: classNames(10) });
    expect(forecast(config).parameters).toBe(parameterCount(built.parameters));
    expect(forecast(config).memoryBytes).toBeGreaterThan(28 * parameterCount(built.parameters));
  });

  it('halve the image as often as the configuration says', () => {
    const large = [{ kind: 'resnet', depth: 50 } as const, { kind: 'efficientnetv2-s' } as const];
    for (const [model, size] of [
      ...cnns.map(([model]) => [model, 16] as const),
      ...large.flatMap((model) => [[model, 16] as const, [model, 128] as const]),
    ]) {
      const config = configOf({ model: { ...model, image: size } }).model as CnnModel;
      const strides = cnnArchitecture(config).blocks.flatMap(({ units, pool }) => [
        ...units.map(({ stride }) => stride),
        pool ? 2 : 1,
      ]);
      const multiple = strides.reduce<number>((product, stride) => product * stride, 1);
      const image = size + multiple / 2;
      const parsed = parseExperimentConfig({ model: { ...model, image } });
      expect(parsed).toMatchObject({ ok: false, issues: [{ path: 'model.image' }] });
    }
  });
});

describe('a config', () => {
  it('of before this model had company is still a ViT', () => {
    expect(configOf({ model: { dim: 32 } }).model).toMatchObject({ kind: 'vit', dim: 32 });
    expect(configOf({}).model).toMatchObject({ kind: 'vit', layers: 4 });
  });

  it.each([
    [{ model: { kind: 'resnet' }, selection: { mode: 'drop' } }, 'selection.mode', /see patches/],
    [{ model: { kind: 'imagesig' }, attention: { kind: 'map_em' } }, 'attention.kind', /attention/],
    [{ model: { kind: 'imagesig', image: 16 } }, 'model.image', /at least 17 rows/],
    [{ model: { kind: 'resnet', patch: 4 } }, 'model', /unknown key "patch"|patch/],
    [{ train: { recipe: 'distil', focalGamma: 2 } }, 'train.focalGamma', /a loss of its own/],
    [{ model: { kind: 'vgg' } }, 'model.kind', /no model "vgg"; known: vit, resnet/],
  ])('%o is refused', (config, path, message) => {
    const parsed = parseExperimentConfig(config);
    if (parsed.ok) throw new Error('it was taken');
    expect(parsed.issues[0]!.path).toContain(path);
    expect(parsed.issues[0]!.message).toMatch(message);
  });
});

it.each([
  [{ kind: 'resnet', depth: 8, image: 8 }, 3],
  // its larger relative is compared with torchvision (torchvision.test.ts): eager tfjs takes long
  [{ kind: 'efficientnetv2-micro', image: 8 }, 8],
] as const)(
  'captured gradients and running statistics of %o are those of eager tfjs',
  async (model, batch) => {
    const { recipe, step, specs, state, feeds } = modelStep(model, { batch, classes: 4 });
    const start = state();
    const wasm = await openWasmEngine();
    const engines: Engine[] = [openOrtEngine('cpu', { threads: 2 }), wasm];
    const [captured, eager] = await Promise.all(
      engines.map(async (engine) => {
        const held = await engine.createState(start);
        const program = await engine.compile(step, specs);
        await program.run(held, feeds(1));
        const after = await held.read();
        await Promise.all([program.dispose(), held.dispose()]);
        await engine.dispose();
        return after;
      }),
    );
    // the first moment is a tenth of the gradient
    expect(distance(captured!.moment1!.data, eager!.moment1!.data)).toBeLessThan(1e-4);
    expect(distance(captured!.buffers!.data, eager!.buffers!.data)).toBeLessThan(1e-5);
    expect(captured!.moment1!.data).toHaveLength(recipe.layout.size);
  },
);

describe('a run', () => {
  const root = mkdtempSync(join(tmpdir(), 'models-'));
  afterAll(() => rmSync(root, { recursive: true }));
  let runDir: string;
  beforeEach(() => (runDir = mkdtempSync(join(root, 'run-'))));

  async function run(
    input: ExperimentConfigInput,
    { resume = null as string | null, stopWhen = (_: FromTrainer): boolean => false } = {},
  ): Promise<FromTrainer[]> {
    const messages: FromTrainer[] = [];
    const stop = new AbortController();
    await train({
      config: configOf(input),
      dataDir: join(root, 'data'),
      runDir,
      resume,
      openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 2 }), why: 'a test' }),
      post: (message) => {
        messages.push(message);
        if (stopWhen(message)) stop.abort();
      },
      stop: stop.signal,
    });
    return messages;
  }
  it('with batch normalisation goes on from a checkpoint bit for bit', async () => {
    const input: ExperimentConfigInput = {
      dataset: { kind: 'greensynth', size: 16, train: 96, validation: 10, test: 10 },
      model: { kind: 'resnet', depth: 8, image: 16 },
      train: { epochs: 2, batch: 32 },
    };
    const tensors = (): Buffer => {
      const json = readFileSync(join(runDir, 'last.json'), 'utf8');
      const { tensors } = JSON.parse(json) as { tensors: { file: string } };
      return readFileSync(join(runDir, tensors.file));
    };
    await run(input);
    const straight = tensors();
    expect(straight.includes('stem.norm.running_var')).toBe(true);
    rmSync(runDir, { recursive: true });
    runDir = mkdtempSync(join(root, 'run-'));
    await run(input, { stopWhen: (m) => m.type === 'evaluation' });
    const resumed = await run(input, { resume: join(runDir, 'last.json') });
    expect(resumed.at(-1)).toMatchObject({ type: 'done' });
    expect(tensors().equals(straight)).toBe(true);
  });
});

/**
 * Every arm of every matrix trains for one epoch, through the real trainer on real (small) data: what
 * validates might still not run. Widths, depths and counts are shrunk; what makes an arm stays as it is.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  keptPatches,
  parseExperimentConfig,
  patchCount,
  type ExperimentConfig,
} from '../../../src-main/contract.ts';
import { expandMatrix, matrices } from '../../../src-main/core/experiments/matrix.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { stageEpochs } from '../../../src-main/experiment-config/stage-epochs.ts';
import { train } from '../../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../../src-main/trainer/messages.ts';

const root = mkdtempSync(join(tmpdir(), 'matrix-runs-'));
afterAll(() => rmSync(root, { recursive: true }));

const common = {
  dataset: { size: 24, train: 32, validation: 10, test: 10 },
  train: { batch: 16 },
};

const stages = { scratch: 1, 'pt+ft': 2, 'pt+cl+ft': 3, distil: 2 };

/** A quarter of the layers (1, 2, 3 for 4, 8, 12), narrow heads; selection and pruning in the only epoch. */
function shrunk(config: ExperimentConfig): ExperimentConfig {
  const { model, selection, routing } = config;
  // routing leaves the first block alone, pruning the last one
  const fewest = routing.kind === 'none' ? 1 : 2;
  const small =
    model.kind === 'vit'
      ? { ...model, dim: 16, layers: Math.max(fewest, Math.round(model.layers / 4)), dimHead: 4 }
      : model;
  const parsed = parseExperimentConfig({
    ...config,
    model: small,
    selection: { ...selection, schedule: 'constant', prob: 1 },
    routing: routing.kind === 'prune' ? { ...routing, warmup: 0, shrink: 0 } : routing,
    // Tiny ImageNet is not here; an epoch for each stage of the recipe
    pretrain: { ...config.pretrain, images: 'same' },
    train: { ...config.train, batch: 16, epochs: stages[config.train.recipe] },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

async function runToEnd(config: ExperimentConfig): Promise<FromTrainer[]> {
  const messages: FromTrainer[] = [];
  await train({
    config,
    dataDir: join(root, 'data'),
    runDir: mkdtempSync(join(root, 'run-')),
    resume: null,
    openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 1 }), why: 'a test' }),
    post: (message) => messages.push(message),
    stop: new AbortController().signal,
  });
  return messages;
}

const rows = matrices().flatMap(({ id }) =>
  expandMatrix({ id, dataset: 'greensynth', geometry: 'native', common }).arms.map((arm) => ({
    ...arm,
    name: `${id} ${arm.id}`,
  })),
);

describe('one short epoch of', () => {
  it.each(rows)('$name', async ({ config: whole }) => {
    const config = shrunk(whole);
    const messages = await runToEnd(config);
    expect(messages.at(-1)).toMatchObject({ type: 'done' });
    const steps = messages.flatMap((message) => (message.type === 'steps' ? [message.steps] : []));
    const losses = steps.flatMap(({ loss }) => loss);
    expect(losses.length).toBeGreaterThan(0);
    expect(losses.every(Number.isFinite)).toBe(true);
    const results = messages.flatMap((message) =>
      message.type === 'evaluation' ? [message.result] : [],
    );
    expect(results.at(-1)).toMatchObject({ split: 'test', images: 10 });
    const trained = messages.flatMap((message) =>
      message.type === 'phase' && message.edge === 'end' ? [message.name] : [],
    );
    expect(trained).toEqual(expect.arrayContaining(stageEpochs(config).map(({ phase }) => phase)));

    const { model, selection } = config;
    if (model.kind !== 'vit' || selection.mode === 'off') return;
    const computed =
      selection.mode === 'drop' ? keptPatches({ model, selection }) : patchCount(model);
    expect(new Set(steps.flatMap(({ tokens }) => tokens))).toEqual(new Set([computed + 1]));
  });
});

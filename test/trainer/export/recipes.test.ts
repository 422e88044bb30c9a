/** What a run's own test measured, measured again with the file it leaves: through every kind of recipe. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, expect, it } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../../src-main/experiment-config.ts';
import { openDataset } from '../../../src-main/trainer/data/index.ts';
import { exportModel } from '../../../src-main/trainer/export/index.ts';
import { trainToEnd } from '../run.ts';

const root = mkdtempSync(join(tmpdir(), 'export-recipes-'));
afterAll(() => rmSync(root, { recursive: true }));
const dataDir = join(root, 'data');

const vit = { kind: 'vit', image: 8, patch: 4, dim: 16, layers: 2, heads: 2, dimHead: 8 } as const;
const recipes: ExperimentConfigInput[] = [
  { train: { recipe: 'scratch' } },
  { train: { recipe: 'pt+ft' } },
  { train: { recipe: 'pt+cl+ft' }, finetune: { unfreezeLast: 1 } },
  { train: { recipe: 'distil' }, selection: { mode: 'drop', keepRatio: 0.5, evalSelect: 'topk' } },
];

it.each(recipes)('%o', async (extra) => {
  const input: ExperimentConfigInput = {
    dataset: { kind: 'greensynth', size: 8, train: 200, validation: 50, test: 60 },
    model: vit,
    ...extra,
    train: { epochs: 4, batch: 16, ...extra.train },
  };
  const runDir = mkdtempSync(join(root, 'run-'));
  const { last } = await trainToEnd(input, { dataDir, runDir });
  const target = join(runDir, 'model.onnx');
  const facts = { version: '1', runId: 1, name: '', evaluations: [], energy: null };
  await exportModel({ checkpoint: join(runDir, 'last.json'), format: 'onnx', target, facts });

  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error('bad config');
  const { splits } = await openDataset(parsed.config.dataset, { dataDir });
  const { images, labels, count } = splits.test;
  const session = await ort.InferenceSession.create(target);
  const { logits } = await session.run({
    images: new ort.Tensor('uint8', images, [count, 3, 8, 8]),
  });
  await session.release();
  const rows = Array.from({ length: count }, (_, i) =>
    (logits!.data as Float32Array).slice(10 * i, 10 * i + 10),
  );
  const confusion = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
  rows.forEach((row, i) => confusion[labels[i]!]![row.indexOf(Math.max(...row))]!++);
  const loss = rows.reduce(
    (sum, row, i) =>
      sum + Math.log(row.reduce((total, x) => total + Math.exp(x - row[labels[i]!]!), 0)),
    0,
  );
  const { result } = last('evaluation');
  expect(result.split).toBe('test');
  expect(confusion).toEqual(result.confusion);
  expect(loss / count).toBeCloseTo(result.loss, 5);
});

/** Models leave a real host, written by a real trainer process. */
import { existsSync, truncateSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelFile, RunSummary } from '../../src-main/contract.ts';
import { decodeSafetensors } from '../../src-main/trainer/safetensors.ts';
import {
  fixtureOptions,
  removeHome,
  startHost,
  temporaryHome,
  type Witness,
} from '../fixtures/host.ts';

let home: string;
let witness: Witness;
let run: RunSummary;
let first: ModelFile;
beforeAll(async () => {
  home = await temporaryHome();
  const options = fixtureOptions(home);
  const trainer = join(import.meta.dirname, '..', '..', 'src-main', 'trainer', 'main.ts');
  witness = await startHost({ ...options, entries: { ...options.entries, trainer } });
  const { ids } = await witness.call('runs.start', {
    configs: [
      {
        name: 'Größe 1/2',
        dataset: { kind: 'greensynth', size: 16, train: 64, validation: 16, test: 16 },
        model: { image: 16, patch: 8, dim: 8, layers: 1, heads: 1, dimHead: 8 },
        train: { epochs: 1, batch: 16 },
        compute: { engine: 'cpu' },
        energy: { baselineSeconds: 0 },
      },
    ],
  });
  run = await witness.reached(ids[0]!, 'done', 'failed');
});
afterAll(async () => {
  await witness.host.close();
  await removeHome(home);
});
const take = (format: 'onnx' | 'safetensors', checkpoint?: 'best' | 'last') =>
  witness.call('runs.exportModel', { id: run.id, format, ...(checkpoint && { checkpoint }) });
const runDir = () => join(home, 'runs', String(run.id));

test('a model is a file under a secret name, with what the run was and cost', async () => {
  const file = (first = await take('onnx'));
  expect(file).toMatchObject({
    name: `gro-e-1-2-${run.id}-best.onnx`,
    checkpoint: 'best',
    step: 4,
  });
  const download = await witness.host.download(file.url);
  const content = await buffer(download!.open());
  expect(content.equals(await readFile(file.path))).toBe(true);
  expect(content.length).toBe(file.bytes);
  expect(download!.headers).toMatchObject({
    'content-length': String(file.bytes),
    'content-disposition': `attachment; filename="${file.name}"`,
  });
  const said = content.toString('latin1');
  expect(said).toContain('HuggingGreen 0.0.0-test');
  expect(said).toContain('"kWh":');

  for (const path of [
    '/download/',
    '/download/other',
    `${file.url}x`,
    '/download/../../hugginggreen.sqlite',
  ])
    expect(await witness.host.download(path)).toBeNull();
});

test('weights come with the metrics of their own step', async () => {
  const file = await take('safetensors', 'last');
  const { tensors, metadata } = decodeSafetensors(await readFile(file.path), file.name);
  expect(tensors['b0.qkv.weight']!.shape).toEqual([24, 8]);
  const metrics = JSON.parse(metadata.metrics!) as {
    step: number;
    split: string;
    macroF1: number;
  }[];
  expect(metrics.map(({ step, split }) => `${split} ${step}`)).toEqual(['validation 4', 'test 4']);
  expect(metrics[1]!.macroF1).toBe(run.macroF1);
});

test('only the last few files are kept', async () => {
  // two are there already
  for (let i = 0; i < 3; i++) await take('safetensors');
  expect(existsSync(first.path)).toBe(false);
  expect(await witness.host.download(first.url)).toBeNull();
  expect(await readdir(join(home, 'exports'))).toHaveLength(4);
});

test('what cannot be had is refused in words, and leaves nothing', async () => {
  const before = await readdir(join(home, 'exports'));
  await expect(witness.call('runs.exportModel', { id: 99, format: 'onnx' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  await rm(join(runDir(), 'best.json'));
  await expect(take('onnx', 'best')).rejects.toThrow(/has no best checkpoint/);
  expect((await take('safetensors')).checkpoint).toBe('last');

  const kept = await readdir(join(home, 'exports'));
  truncateSync(join(runDir(), 'step-4.safetensors'), 50);
  await expect(take('onnx')).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/it has 50 bytes/) as string,
  });
  expect(await readdir(join(home, 'exports'))).toEqual(kept);
  expect(kept).toHaveLength(before.length);

  await rm(runDir(), { recursive: true });
  await expect(take('onnx')).rejects.toThrow(/has no checkpoint: it ended before one was written/);
  const csv =
    'run_id,project_name,duration,emissions,energy_consumed,timestamp\nx,y,10,0.1,0.2,2026-01-01T00:00:00\n';
  const { ids } = await witness.call('runs.import', { name: 'emissions.csv', csv });
  await expect(witness.call('runs.exportModel', { id: ids[0]!, format: 'onnx' })).rejects.toThrow(
    /was imported from a file: its model is not here/,
  );
});

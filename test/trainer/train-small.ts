/** Real runs of a small ViT on GreenSynth through the captured `cpu` engine, for tests of what a run does. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfig,
  type ExperimentConfigInput,
  type VitModel,
} from '../../src-main/experiment-config.ts';
import { decodeSafetensors, type FloatTensor } from '../../src-main/trainer/safetensors.ts';
import { trainToEnd, type RunOptions } from './run.ts';

export type { Of } from './run.ts';

const root = mkdtempSync(join(tmpdir(), 'run-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A folder for a run, gone after the tests. */
export const newRunDir = (): string => mkdtempSync(join(root, 'run-'));

export function configOf(input: ExperimentConfigInput): ExperimentConfig {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

type Extra = Omit<ExperimentConfigInput, 'model' | 'dataset'> & {
  model?: Partial<Omit<VitModel, 'kind'>>;
};
/** 16 patches of images of 16 x 16: a step takes a few milliseconds. */
export const small = (extra: Extra = {}): ExperimentConfigInput => ({
  ...extra,
  dataset: { kind: 'greensynth', size: 16, train: 160, validation: 50, test: 30 },
  model: { image: 16, patch: 4, dim: 16, layers: 2, heads: 4, dimHead: 4, ...extra.model },
  train: { epochs: 4, batch: 16, ...extra.train },
});

/** Runs to the end, or until `stopWhen` says so after a message. */
export async function trainSmall(
  input: ExperimentConfigInput,
  { runDir = newRunDir(), ...options }: RunOptions & { runDir?: string } = {},
) {
  const run = await trainToEnd(input, { dataDir: join(root, 'data'), runDir, ...options });
  return {
    ...run,
    notes: run.all('note').map(({ message }) => message),
    runDir,
    checkpoint: () => lastCheckpoint(runDir),
  };
}

/** The last checkpoint of a run: its JSON and its tensors. */
function lastCheckpoint(runDir: string) {
  const json = JSON.parse(readFileSync(join(runDir, 'last.json'), 'utf8')) as {
    structure?: { heads: number[]; hidden: number[] };
    tensors: { file: string };
  };
  const file = join(runDir, json.tensors.file);
  const { tensors } = decodeSafetensors(readFileSync(file), file);
  return { json, tensors: tensors as Record<string, FloatTensor> };
}

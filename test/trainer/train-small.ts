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
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { train } from '../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../src-main/trainer/messages.ts';
import { decodeSafetensors, type FloatTensor } from '../../src-main/trainer/safetensors.ts';

const root = mkdtempSync(join(tmpdir(), 'run-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A folder for a run, gone after the tests. */
export const newRunDir = (): string => mkdtempSync(join(root, 'run-'));

export type Of<Type extends FromTrainer['type']> = Extract<FromTrainer, { type: Type }>;

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
  {
    runDir = newRunDir(),
    resume = null as string | null,
    stopWhen = (_: FromTrainer): boolean => false,
  } = {},
) {
  const messages: FromTrainer[] = [];
  const stop = new AbortController();
  await train({
    config: configOf(input),
    dataDir: join(root, 'data'),
    runDir,
    resume,
    openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 1 }), why: 'a test' }),
    post: (message) => {
      messages.push(message);
      if (stopWhen(message)) stop.abort();
    },
    stop: stop.signal,
  });
  const all = <Type extends FromTrainer['type']>(type: Type): Of<Type>[] =>
    messages.filter((message): message is Of<Type> => message.type === type);
  return {
    messages,
    all,
    last: <Type extends FromTrainer['type']>(type: Type): Of<Type> => all(type).at(-1)!,
    losses: all('steps').flatMap(({ steps }) => steps.loss),
    notes: all('note').map(({ message }) => message),
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

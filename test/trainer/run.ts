/** Runs the training loop in this process and keeps what it says. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../src-main/experiment-config.ts';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { train } from '../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../src-main/trainer/messages.ts';

export type Of<Type extends FromTrainer['type']> = Extract<FromTrainer, { type: Type }>;

export interface RunOptions {
  resume?: string | null;
  pauseAfter?: number | null;
  /** Whether to ask for a stop after a message. */
  stopWhen?: (message: FromTrainer) => boolean;
  engine?: 'cpu' | 'webgpu';
  /** What the host says the run has used, each time it is asked. */
  energy?: () => number | null;
}

/** Runs to the end, or until `stopWhen` says so. */
export async function trainToEnd(
  input: ExperimentConfigInput,
  {
    dataDir,
    runDir,
    resume = null,
    pauseAfter = null,
    stopWhen = () => false,
    engine = 'cpu',
    energy,
  }: RunOptions & { dataDir: string; runDir: string },
) {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const messages: FromTrainer[] = [];
  const stop = new AbortController();
  await train({
    config: parsed.config,
    dataDir,
    runDir,
    resume,
    pauseAfter,
    openEngine: async () => ({ engine: openOrtEngine(engine, { threads: 1 }), why: 'a test' }),
    post: (message) => {
      messages.push(message);
      if (stopWhen(message)) stop.abort();
    },
    ...(energy && { energy: () => Promise.resolve(energy()) }),
    stop: stop.signal,
  });
  const all = <Type extends FromTrainer['type']>(type: Type): Of<Type>[] =>
    messages.filter((message): message is Of<Type> => message.type === type);
  const steps = all('steps').map(({ steps }) => steps);
  return {
    messages,
    all,
    last: <Type extends FromTrainer['type']>(type: Type): Of<Type> => all(type).at(-1)!,
    losses: steps.flatMap(({ loss }) => loss),
    tokens: steps.flatMap(({ tokens }) => tokens),
  };
}

/** The tensors a checkpoint points to, as bytes without the file's header. */
export function tensorBytes(path: string): Buffer {
  const { tensors } = JSON.parse(readFileSync(path, 'utf8')) as { tensors: { file: string } };
  const bytes = readFileSync(join(dirname(path), tensors.file));
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
}

/**
 * Contenders that take one training step at a time, in turn, so that whatever else the machine does
 * meets them alike; what counts is the ratio.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type {
  Engine,
  HostArray,
  HostTensor,
  Specs,
  Step,
} from '../../src-main/trainer/engine/engine.ts';

export interface Contender {
  name: string;
  /** Runs one step; resolves with its time in ms. */
  step(): Promise<number>;
  close(): Promise<void>;
}

/** A step with what to feed it (`vitStep`, `modelStep`). */
export interface BenchStep {
  step: Step;
  specs: { state: Specs; inputs: Specs };
  state(): Record<string, HostTensor>;
  feeds(t: number): Record<string, HostArray>;
}

/** A step compiled on one of our engines. */
export async function captured(engine: Engine, name: string, of: BenchStep): Promise<Contender> {
  const program = await engine.compile(of.step, of.specs);
  const state = await engine.createState(of.state());
  let t = 0;
  return {
    name,
    step: async () => {
      const feeds = of.feeds(++t);
      const started = performance.now();
      await program.run(state, feeds);
      return performance.now() - started;
    },
    close: async () => {
      await program.dispose();
      await state.dispose();
    },
  };
}

/**
 * PyTorch in a process of its own, one step per line; null, with the reason printed, where there is none.
 * @param script beside this file; gets `options` as JSON.
 */
export async function pytorch(script: string, options: object): Promise<Contender | null> {
  const python = process.env.PYTHON;
  if (!python) {
    console.log('PyTorch left out: PYTHON names no interpreter');
    return null;
  }
  const child = spawn(python, [join(import.meta.dirname, script), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hello = await lines.next();
  if (hello.done) {
    console.log(`PyTorch left out: ${complaint.trim().split('\n').at(-1)}`);
    return null;
  }
  const { torch: version, fused } = JSON.parse(hello.value) as { torch: string; fused?: boolean };
  return {
    name: `PyTorch ${version}, eager${fused ? ', fused attention' : ''}`,
    step: async () => {
      child.stdin.write('\n');
      return Number((await lines.next()).value);
    },
    close: async () => {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

/** Times of all contenders, ms; closes them. */
export async function inTurn(
  contenders: readonly Contender[],
  rounds: number,
  warmUp: number,
): Promise<number[][]> {
  const times = contenders.map((): number[] => []);
  for (let round = -warmUp; round < rounds; round++)
    for (const [i, contender] of contenders.entries()) {
      const ms = await contender.step();
      if (round >= 0) times[i]!.push(ms);
    }
  await Promise.all(contenders.map((contender) => contender.close()));
  return times;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

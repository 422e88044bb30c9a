/**
 * What pictures of the watched images cost: time of their phase in short real runs on `cpu`, beside training and
 * evaluation, and its share of a run of 30 epochs on 10,000 images, in which 24 are taken.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExperimentConfigInput } from '../../src-main/experiment-config.ts';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { train } from '../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../src-main/trainer/messages.ts';
import { configOf } from '../trainer/models/model-step.ts';

const dataset = { kind: 'greensynth', train: 256, validation: 128, test: 64 } as const;
const runs: [string, ExperimentConfigInput][] = [
  ['32 px, patch 4, D 64, 4 layers', { dataset, train: { epochs: 6, batch: 64 } }],
  [
    'the same, dropped to 70 % at evaluation too',
    {
      dataset,
      selection: { mode: 'drop', evalSelect: 'topk', schedule: 'constant' },
      train: { epochs: 6, batch: 64 },
    },
  ],
  [
    '224 px, patch 16, D 64, 4 layers',
    {
      dataset: { ...dataset, size: 64, train: 64, validation: 32, test: 16 },
      model: { kind: 'vit', image: 224, patch: 16, dim: 64, layers: 4, heads: 12, dimHead: 64 },
      train: { epochs: 4, batch: 16 },
    },
  ],
];
/** Of the run that the share is told of. */
const [images, epochs, snapshots] = [10_000, 30, 24];

const root = mkdtempSync(join(tmpdir(), 'bench-pictures-'));
console.log('  first (with its compilation), others, training per image; share of the longer run');
for (const [name, input] of runs) {
  const config = configOf(input);
  const messages: FromTrainer[] = [];
  await train({
    config,
    dataDir: join(root, 'data'),
    runDir: mkdtempSync(join(root, 'run-')),
    resume: null,
    openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 2 }), why: 'a bench' }),
    post: (message) => void messages.push(message),
    stop: new AbortController().signal,
  });
  const ends = (phase: string, edge: 'start' | 'end') =>
    messages.flatMap((one) =>
      one.type === 'phase' && one.name === phase && one.edge === edge ? one.at : [],
    );
  const times = (phase: string): number[] => {
    const from = ends(phase, 'start');
    return ends(phase, 'end').map((at, i) => (at - from[i]!) / 1000);
  };
  const [first = 0, ...others] = times('pictures');
  // this machine has other work to do: the fastest says most
  const [later, training] = [Math.min(...others), Math.min(...times('train').slice(1))];
  const ready = messages.find((one) => one.type === 'ready');
  const perImage = training / (ready?.trainImages ?? NaN);
  const taken = first + (snapshots - 1) * later;
  const share = taken / (taken + epochs * images * perImage);
  const bytes = messages.findLast((one) => one.type === 'snapshot');
  console.log(
    `  ${name.padEnd(44)} ${first.toFixed(0)} ms, ${later.toFixed(1)} ms, ${perImage.toFixed(2)} ms; ` +
      `${(100 * share).toFixed(3)} %; ${(JSON.stringify(bytes).length / 1000).toFixed(1)} kB a snapshot`,
  );
}
rmSync(root, { recursive: true });

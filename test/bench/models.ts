/**
 * Every model at 32 pixels and 10 classes: parameters, MACs and the time of a captured training step on
 * `cpu`, beside the ViT. All take turns, so what counts is the ratio. Then the small convolutional models
 * against PyTorch, where PYTHON names one that has torch.
 *
 * ImageSig's signatures are computed once per image before training, on one core: their time comes last.
 */
import { modelCost } from '../../src-main/core/experiments/model-cost.ts';
import type { ExperimentConfigInput } from '../../src-main/experiment-config.ts';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { configOf, modelStep } from '../trainer/models/model-step.ts';
import { captured, inTurn, median, pytorch } from './race.ts';

type Model = NonNullable<ExperimentConfigInput['model']>;

const THREADS = 2;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const WARM_UP = 1;
const CLASSES = 10;

/** The large ones in a smaller batch: a step of theirs takes seconds. */
const models: [name: string, model: Model, batch: number][] = [
  ['ViT, patch 4, D 64, 4 layers', { kind: 'vit' }, 128],
  ['ResNet-8', { kind: 'resnet', depth: 8 }, 128],
  ['ResNet-14', { kind: 'resnet', depth: 14 }, 128],
  ['ResNet-20', { kind: 'resnet', depth: 20 }, 128],
  ['EfficientNetV2-micro', { kind: 'efficientnetv2-micro' }, 128],
  ['ImageSig, cnn', { kind: 'imagesig', head: 'cnn' }, 128],
  ['ImageSig, fc', { kind: 'imagesig', head: 'fc' }, 128],
  ['ImageSig, transformer', { kind: 'imagesig', head: 'transformer' }, 128],
  ['ResNet-50', { kind: 'resnet', depth: 50 }, 16],
  ['EfficientNetV2-S', { kind: 'efficientnetv2-s' }, 16],
];

const cpu = openOrtEngine('cpu', { threads: THREADS });
const contenders = [];
for (const [name, model, batch] of models)
  contenders.push(await captured(cpu, name, modelStep(model, { batch, classes: CLASSES })));
const times = await inTurn(contenders, ROUNDS, WARM_UP);

console.log(`\n32x32, ${CLASSES} classes, ${cpu.description}; median of ${ROUNDS} training steps`);
const columns = ['parameters', 'MMACs', 'batch', 'ms/step', 'images/s', 'per image', 'MACs/s'];
console.log(`  ${'model'.padEnd(30)}${columns.map((title) => title.padStart(11)).join('')}`);
const rows = models.map(([name, model, batch], i) => {
  const cost = modelCost(configOf({ model }), CLASSES);
  const ms = median(times[i]!);
  // the ViT sees 64 patches; the others do not ask
  return { name, batch, ms, parameters: cost.parameters, macs: cost.macs(64) };
});
const vit = rows[0]!;
for (const { name, batch, ms, parameters, macs } of rows) {
  const cells = [
    String(parameters),
    (macs / 1e6).toFixed(1),
    String(batch),
    ms.toFixed(0),
    ((1000 * batch) / ms).toFixed(0),
    `${(ms / batch / (vit.ms / vit.batch)).toFixed(2)} x`,
    // forward, and twice that backward
    `${((3 * macs * batch) / ms / 1e6).toFixed(1)} G`,
  ];
  console.log(`  ${name.padEnd(30)}${cells.map((cell) => cell.padStart(11)).join('')}`);
}

console.log(
  `\nBeside PyTorch, batch 128, ${THREADS} threads each; fastest and median of ${ROUNDS}`,
);
for (const [name, model, peer] of [
  ['ResNet-20', { kind: 'resnet', depth: 20 }, 20],
  ['EfficientNetV2-micro', { kind: 'efficientnetv2-micro' }, 'micro'],
] as [string, Model, number | string][]) {
  const torch = await pytorch('peer_cnn.py', { model: peer, batch: 128, threads: THREADS });
  if (!torch) break;
  const us = await captured(cpu, name, modelStep(model, { batch: 128 }));
  const [mine, theirs] = (await inTurn([us, torch], ROUNDS, 2)) as [number[], number[]];
  const show = (all: number[]): string =>
    `${Math.min(...all).toFixed(0)} (${median(all).toFixed(0)}) ms`;
  const ratio = Math.min(...mine) / Math.min(...theirs);
  console.log(
    `  ${name.padEnd(30)} captured ${show(mine)}, ${torch.name} ${show(theirs)}: ratio ${ratio.toFixed(2)}`,
  );
}
await cpu.dispose();

const { features } = modelStep({ kind: 'imagesig' }, { batch: 1 }).recipe;
if (!features) throw new Error('ImageSig sees signatures');
const images = Uint8Array.from({ length: 500 * 3072 }, (_, i) => ((i * 7919) ^ (i >> 3)) % 251);
const target = new Float32Array(features.shape[0] * features.shape[1]);
const started = performance.now();
for (let start = 0; start < images.length; start += 3072)
  features.of(images.subarray(start, start + 3072), target);
const each = (performance.now() - started) / 500;
console.log(
  `\nSignatures of an image: ${each.toFixed(2)} ms, of 50,000: ${(50 * each).toFixed(0)} s`,
);

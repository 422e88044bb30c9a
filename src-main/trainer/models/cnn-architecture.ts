/**
 * The convolutional reference models as data (method F.5): what they are built of, from which their
 * parameters, their operations and their forward pass (cnn.ts) all follow.
 *
 * - ResNet-8/14/20 are He et al.'s CIFAR networks (2016, section 4.2) with zero-padded shortcuts.
 * - ResNet-50 is He et al.'s bottleneck network (2016, table 1) with projection shortcuts, its stride on the
 *   3x3 convolution as in torchvision ("v1.5"), and torchvision's parameter names.
 * - EfficientNetV2-micro is a small EfficientNetV2 (Tan and Le 2021) for images of 32 pixels.
 * - EfficientNetV2-S is Tan and Le's table 4 as torchvision builds it, with its parameter names.
 *   Stochastic depth, which both train with, is left out.
 *
 * The two large models are made for 224 pixels and more, where they halve the image before the first
 * block. Images of at most `smallImage` pixels keep their size there: ResNet-50 starts with a 3x3
 * convolution of stride 1 and no pool in place of 7x7 of stride 2 and the 3x3 max pool, EfficientNetV2-S
 * with stride 1 in place of 2.
 */
import type { ExperimentConfig } from '../../experiment-config.ts';
import { smallImage } from '../../experiment-config/model.ts';
import type { Initialiser, Parameter } from './parameters.ts';

export type CnnModel = Extract<
  ExperimentConfig['model'],
  { kind: 'resnet' | 'efficientnetv2-micro' | 'efficientnetv2-s' }
>;

export type Activation = 'relu' | 'silu' | null;

/** Squeeze and excitation (Hu et al. 2018): two linear layers on the image's mean. */
export interface Squeeze {
  /** Of the layer between the two. */
  width: number;
  /** Names of the layers. */
  reduce: string;
  expand: string;
  /** Stored as the 1x1 convolutions that torchvision has: [out, in, 1, 1]. */
  pointwise: boolean;
}

/** Convolution without bias, batch normalisation, activation; then squeeze and excitation if any. */
export interface Unit {
  /** Names of the convolution and of the normalisation. */
  conv: string;
  norm: string;
  input: number;
  output: number;
  kernel: 1 | 3 | 7;
  stride: 1 | 2;
  depthwise: boolean;
  activation: Activation;
  squeeze: Squeeze | null;
}

/** Units one after the other, then the block's own input added, then an activation, then a pool. */
export interface Block {
  units: readonly Unit[];
  /** `pad`: every other pixel of the input, new channels zero. A unit: the input projected by it. */
  shortcut: 'none' | 'identity' | 'pad' | Unit;
  activation: Activation;
  /** The largest of 3x3 pixels, at every other one. */
  pool: boolean;
}

export interface CnnArchitecture {
  blocks: readonly Block[];
  /** Channels that are averaged over the image and classified. */
  features: number;
  /** Name of the classifier. */
  head: string;
  batchNormEpsilon: number;
}

const plain = {
  kernel: 3,
  stride: 1,
  depthwise: false,
  activation: null,
  squeeze: null,
} satisfies Partial<Unit>;

interface Names {
  conv: string;
  norm: string;
}
const unit = (names: Names, input: number, output: number, options: Partial<Unit>): Unit => ({
  ...plain,
  ...names,
  input,
  output,
  ...options,
});

const named = (name: string): Names => ({ conv: `${name}.conv`, norm: `${name}.norm` });
/** As torchvision's Sequential of convolution, normalisation and activation. */
const numbered = (name: string): Names => ({ conv: `${name}.0`, norm: `${name}.1` });

const single = (only: Unit, pool = false): Block => ({
  units: [only],
  shortcut: 'none',
  activation: null,
  pool,
});

/** Depth 6 n + 2: a stem, three stages of n basic blocks of two convolutions, a classifier. */
function smallResnet(depth: number): CnnArchitecture {
  const perStage = (depth - 2) / 6;
  const blocks: Block[] = [single(unit(named('stem'), 3, 16, { activation: 'relu' }))];
  let input = 16;
  for (const [stage, width] of [16, 32, 64].entries())
    for (let i = 0; i < perStage; i++) {
      const name = `stage${stage + 1}.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      blocks.push({
        units: [
          unit(named(`${name}.0`), input, width, { stride, activation: 'relu' }),
          unit(named(`${name}.1`), width, width, {}),
        ],
        shortcut: stride === 2 ? 'pad' : 'identity',
        activation: 'relu',
        pool: false,
      });
      input = width;
    }
  return { blocks, features: 64, head: 'head', batchNormEpsilon: 1e-5 };
}

/** A stem; 3, 4, 6 and 3 bottlenecks of 64, 128, 256 and 512 channels inside and 4 times that outside. */
function resnet50(small: boolean): CnnArchitecture {
  const relu = { activation: 'relu' } as const;
  const stem: Partial<Unit> = small ? relu : { ...relu, kernel: 7, stride: 2 };
  const blocks: Block[] = [single(unit({ conv: 'conv1', norm: 'bn1' }, 3, 64, stem), !small)];
  let input = 64;
  for (const [stage, times] of [3, 4, 6, 3].entries()) {
    const inner = 64 * 2 ** stage;
    const output = 4 * inner;
    for (let i = 0; i < times; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const name = `layer${stage + 1}.${i}`;
      const names = (n: number): Names => ({ conv: `${name}.conv${n}`, norm: `${name}.bn${n}` });
      const shortcut = numbered(`${name}.downsample`);
      blocks.push({
        units: [
          unit(names(1), input, inner, { ...relu, kernel: 1 }),
          unit(names(2), inner, inner, { ...relu, stride }),
          unit(names(3), inner, output, { kernel: 1 }),
        ],
        shortcut: i === 0 ? unit(shortcut, input, output, { kernel: 1, stride }) : 'identity',
        activation: 'relu',
        pool: false,
      });
      input = output;
    }
  }
  return { blocks, features: input, head: 'fc', batchNormEpsilon: 1e-5 };
}

/** One row of Tan and Le's table 4. */
interface Stage {
  block: 'fused' | 'mb';
  /** Channels inside per channel of the input; a fused block of 1 is a single convolution. */
  expand: number;
  /** Of its first block; the others have 1. */
  stride: 1 | 2;
  width: number;
  times: number;
}

interface EfficientNet {
  stem: number;
  stemStride: 1 | 2;
  stages: readonly Stage[];
  top: number;
  /** torchvision's parameter names; else our own. */
  torchvision: boolean;
  batchNormEpsilon: number;
}

const stages = (rows: [Stage['block'], number, 1 | 2, number, number][]): Stage[] =>
  rows.map(([block, expand, stride, width, times]) => ({ block, expand, stride, width, times }));

/** Stem 24; 1x1 256. Squeeze and excitation in every MBConv, a quarter of the block's input wide. */
const micro: EfficientNet = {
  stem: 24,
  stemStride: 1,
  stages: stages([
    ['fused', 1, 1, 24, 2],
    ['fused', 4, 2, 48, 2],
    ['fused', 4, 2, 64, 2],
    ['mb', 4, 2, 128, 3],
  ]),
  top: 256,
  torchvision: false,
  batchNormEpsilon: 1e-5,
};

const small: Omit<EfficientNet, 'stemStride'> = {
  stem: 24,
  stages: stages([
    ['fused', 1, 1, 24, 2],
    ['fused', 4, 2, 48, 4],
    ['fused', 4, 2, 64, 4],
    ['mb', 4, 2, 128, 6],
    ['mb', 6, 1, 160, 9],
    ['mb', 6, 2, 256, 15],
  ]),
  top: 1280,
  torchvision: true,
  batchNormEpsilon: 1e-3,
};

function efficientNet(design: EfficientNet): CnnArchitecture {
  const { torchvision } = design;
  const silu = { activation: 'silu' } as const;
  const names = (own: string, theirs: string): Names =>
    torchvision ? numbered(`features.${theirs}`) : named(own);
  const stem = { ...silu, stride: design.stemStride };
  const blocks: Block[] = [single(unit(names('stem', '0'), 3, design.stem, stem))];
  let input = design.stem;
  design.stages.forEach(({ block, expand, stride: firstStride, width, times }, index) => {
    for (let i = 0; i < times; i++) {
      const stride = i === 0 ? firstStride : 1;
      const wide = expand * input;
      const at = (own: string, place: number): Names =>
        names(`stage${index + 1}.${i}.${own}`, `${index + 1}.${i}.block.${place}`);
      blocks.push({
        units:
          block === 'mb'
            ? [
                unit(at('expand', 0), input, wide, { ...silu, kernel: 1 }),
                unit(at('depthwise', 1), wide, wide, {
                  ...silu,
                  stride,
                  depthwise: true,
                  squeeze: squeezeOf(index + 1, i, input / 4),
                }),
                unit(at('project', 3), wide, width, { kernel: 1 }),
              ]
            : expand === 1
              ? [unit(at('conv', 0), input, width, { ...silu, stride })]
              : [
                  unit(at('expand', 0), input, wide, { ...silu, stride }),
                  unit(at('project', 1), wide, width, { kernel: 1 }),
                ],
        shortcut: stride === 1 && input === width ? 'identity' : 'none',
        activation: null,
        pool: false,
      });
      input = width;
    }
  });
  const top = names('top', `${design.stages.length + 1}`);
  blocks.push(single(unit(top, input, design.top, { ...silu, kernel: 1 })));
  return {
    blocks,
    features: design.top,
    head: torchvision ? 'classifier.1' : 'head',
    batchNormEpsilon: design.batchNormEpsilon,
  };

  function squeezeOf(stage: number, i: number, width: number): Squeeze {
    const theirs = `features.${stage}.${i}.block.2`;
    const own = `stage${stage}.${i}.depthwise`;
    return torchvision
      ? { width, reduce: `${theirs}.fc1`, expand: `${theirs}.fc2`, pointwise: true }
      : { width, reduce: `${own}.squeeze`, expand: `${own}.excite`, pointwise: false };
  }
}

export function cnnArchitecture(model: CnnModel): CnnArchitecture {
  const smallInput = model.image <= smallImage;
  switch (model.kind) {
    case 'resnet':
      return model.depth === 50 ? resnet50(smallInput) : smallResnet(model.depth);
    case 'efficientnetv2-micro':
      return efficientNet(micro);
    case 'efficientnetv2-s':
      return efficientNet({ ...small, stemStride: smallInput ? 1 : 2 });
  }
}

/** All units in the order of their parameters: a projection comes after the units it bypasses. */
const unitsOf = ({ blocks }: CnnArchitecture): Unit[] =>
  blocks.flatMap(({ units, shortcut }) => [
    ...units,
    ...(typeof shortcut === 'string' ? [] : [shortcut]),
  ]);

const weightShape = ({ input, output, kernel, depthwise }: Unit): number[] => [
  output,
  depthwise ? 1 : input,
  kernel,
  kernel,
];

/** All trained parameters in their order, named as in a PyTorch module. */
export function cnnParameters(model: CnnModel, classes: number): Parameter[] {
  const architecture = cnnArchitecture(model);
  const constant = (value: number): Initialiser => ({ kind: 'constant', value });
  const linear = (name: string, from: number, to: number, pointwise = false): Parameter[] => [
    {
      name: `${name}.weight`,
      shape: pointwise ? [to, from, 1, 1] : [to, from],
      init: fanIn(from),
      decay: true,
    },
    { name: `${name}.bias`, shape: [to], init: fanIn(from), decay: false },
  ];
  return [
    ...unitsOf(architecture).flatMap((unit): Parameter[] => {
      const { conv, norm, output, squeeze } = unit;
      const shape = weightShape(unit);
      const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
      return [
        // He et al. 2015
        {
          name: `${conv}.weight`,
          shape,
          init: { kind: 'normal', std: Math.sqrt(2 / inputs) },
          decay: true,
        },
        { name: `${norm}.weight`, shape: [output], init: constant(1), decay: false },
        { name: `${norm}.bias`, shape: [output], init: constant(0), decay: false },
        ...(squeeze === null
          ? []
          : [
              ...linear(squeeze.reduce, output, squeeze.width, squeeze.pointwise),
              ...linear(squeeze.expand, squeeze.width, output, squeeze.pointwise),
            ]),
      ];
    }),
    ...linear(architecture.head, architecture.features, classes),
  ];
}

const fanIn = (width: number): Initialiser => ({ kind: 'fan-in', fanIn: width });

/** Running statistics of all batch normalisations: not trained, but part of the model. */
export const cnnBuffers = (model: CnnModel): Parameter[] =>
  unitsOf(cnnArchitecture(model)).flatMap(({ norm, output }): Parameter[] =>
    (['running_mean', 'running_var'] as const).map((statistic) => ({
      name: `${norm}.${statistic}`,
      shape: [output],
      init: { kind: 'constant', value: statistic === 'running_var' ? 1 : 0 },
      decay: false,
    })),
  );

export interface CnnCost {
  /** Multiply-accumulates of one image forward: convolutions and linear layers. */
  macs: number;
  /** Numbers that convolutions put out for one image. */
  activations: number;
}

/** Exact, for square images of a side that all strides divide. */
export function cnnCost(model: CnnModel, classes: number): CnnCost {
  const { blocks, features } = cnnArchitecture(model);
  let side = model.image;
  let macs = features * classes;
  let activations = 0;
  const count = (unit: Unit, outputSide: number): void => {
    macs += weightShape(unit).reduce((a, b) => a * b, 1) * outputSide ** 2;
    macs += 2 * unit.output * (unit.squeeze?.width ?? 0);
    activations += unit.output * outputSide ** 2;
  };
  for (const { units, shortcut, pool } of blocks) {
    for (const unit of units) {
      side /= unit.stride;
      count(unit, side);
    }
    if (typeof shortcut !== 'string') count(shortcut, side);
    if (pool) side /= 2;
  }
  return { macs, activations };
}

/**
 * The convolutional reference models as data (method F.5): what they are built of, from which their
 * parameters, their operations and their forward pass (cnn.ts) all follow.
 *
 * ResNet-8/14/20 are He et al.'s CIFAR networks (2016, section 4.2) with zero-padded shortcuts.
 * EfficientNetV2-micro is a small EfficientNetV2 (Tan and Le 2021) for images of 32 pixels.
 */
import type { ExperimentConfig } from '../../experiment-config.ts';
import type { Initialiser, Parameter } from './parameters.ts';

export type CnnModel = Extract<
  ExperimentConfig['model'],
  { kind: 'resnet' | 'efficientnetv2-micro' }
>;

export type Activation = 'relu' | 'silu' | null;

/** Convolution without bias, batch normalisation, activation; then squeeze and excitation if any. */
export interface Unit {
  name: string;
  input: number;
  output: number;
  kernel: 1 | 3;
  stride: 1 | 2;
  depthwise: boolean;
  activation: Activation;
  /** Width of the squeezed layer (Hu et al. 2018). */
  squeeze: number | null;
}

/** Units one after the other, then the block's own input added, then an activation. */
export interface Block {
  units: readonly Unit[];
  /** `pad`: every other pixel of the input, new channels zero. */
  shortcut: 'none' | 'identity' | 'pad';
  activation: Activation;
}

export interface CnnArchitecture {
  blocks: readonly Block[];
  /** Channels that are averaged over the image and classified. */
  features: number;
}

export const batchNormEpsilon = 1e-5;

const unit = (
  name: string,
  input: number,
  output: number,
  { kernel = 3, stride = 1, depthwise = false, activation = null, squeeze = null }: Partial<Unit>,
): Unit => ({ name, input, output, kernel, stride, depthwise, activation, squeeze });

const single = (only: Unit): Block => ({ units: [only], shortcut: 'none', activation: null });

/** Depth 6 n + 2: a stem, three stages of n basic blocks of two convolutions, a classifier. */
function resnet(depth: number): CnnArchitecture {
  const perStage = (depth - 2) / 6;
  const blocks: Block[] = [single(unit('stem', 3, 16, { activation: 'relu' }))];
  let input = 16;
  for (const [stage, width] of [16, 32, 64].entries())
    for (let i = 0; i < perStage; i++) {
      const name = `stage${stage + 1}.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      blocks.push({
        units: [
          unit(`${name}.0`, input, width, { stride, activation: 'relu' }),
          unit(`${name}.1`, width, width, {}),
        ],
        shortcut: stride === 2 ? 'pad' : 'identity',
        activation: 'relu',
      });
      input = width;
    }
  return { blocks, features: 64 };
}

/** Stem 24; Fused-MBConv1 24 x2; Fused-MBConv4 48 x2 and 64 x2; MBConv4 with SE 0.25 128 x3; 1x1 256. */
function efficientNetV2Micro(): CnnArchitecture {
  const silu = { activation: 'silu' } as const;
  const blocks: Block[] = [single(unit('stem', 3, 24, silu))];
  let input = 24;
  const stage = (
    index: number,
    times: number,
    width: number,
    firstStride: 1 | 2,
    units: (name: string, input: number, stride: 1 | 2) => Unit[],
  ): void => {
    for (let i = 0; i < times; i++) {
      const stride = i === 0 ? firstStride : 1;
      const shortcut = stride === 1 && input === width ? 'identity' : 'none';
      const name = `stage${index}.${i}`;
      blocks.push({ units: units(name, input, stride), shortcut, activation: null });
      input = width;
    }
  };
  const fused = (width: number) => (name: string, input: number, stride: 1 | 2) => [
    unit(`${name}.expand`, input, 4 * input, { ...silu, stride }),
    unit(`${name}.project`, 4 * input, width, { kernel: 1 }),
  ];
  stage(1, 2, 24, 1, (name, from, stride) => [unit(`${name}.conv`, from, 24, { ...silu, stride })]);
  stage(2, 2, 48, 2, fused(48));
  stage(3, 2, 64, 2, fused(64));
  stage(4, 3, 128, 2, (name, from, stride) => {
    const wide = 4 * from;
    const squeeze = from / 4;
    return [
      unit(`${name}.expand`, from, wide, { ...silu, kernel: 1 }),
      unit(`${name}.depthwise`, wide, wide, { ...silu, stride, depthwise: true, squeeze }),
      unit(`${name}.project`, wide, 128, { kernel: 1 }),
    ];
  });
  blocks.push(single(unit('top', 128, 256, { ...silu, kernel: 1 })));
  return { blocks, features: 256 };
}

export const cnnArchitecture = (model: CnnModel): CnnArchitecture =>
  model.kind === 'resnet' ? resnet(model.depth) : efficientNetV2Micro();

const unitsOf = ({ blocks }: CnnArchitecture): Unit[] => blocks.flatMap(({ units }) => units);

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
  const linear = (name: string, from: number, to: number): Parameter[] => [
    { name: `${name}.weight`, shape: [to, from], init: fanIn(from), decay: true },
    { name: `${name}.bias`, shape: [to], init: fanIn(from), decay: false },
  ];
  return [
    ...unitsOf(architecture).flatMap((unit): Parameter[] => {
      const { name, output, squeeze } = unit;
      const shape = weightShape(unit);
      const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
      return [
        // He et al. 2015
        {
          name: `${name}.conv.weight`,
          shape,
          init: { kind: 'normal', std: Math.sqrt(2 / inputs) },
          decay: true,
        },
        { name: `${name}.norm.weight`, shape: [output], init: constant(1), decay: false },
        { name: `${name}.norm.bias`, shape: [output], init: constant(0), decay: false },
        ...(squeeze === null
          ? []
          : [
              ...linear(`${name}.squeeze`, output, squeeze),
              ...linear(`${name}.excite`, squeeze, output),
            ]),
      ];
    }),
    ...linear('head', architecture.features, classes),
  ];
}

const fanIn = (width: number): Initialiser => ({ kind: 'fan-in', fanIn: width });

/** Running statistics of all batch normalisations: not trained, but part of the model. */
export const cnnBuffers = (model: CnnModel): Parameter[] =>
  unitsOf(cnnArchitecture(model)).flatMap(({ name, output }): Parameter[] =>
    (['running_mean', 'running_var'] as const).map((statistic) => ({
      name: `${name}.norm.${statistic}`,
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
  const architecture = cnnArchitecture(model);
  let side = model.image;
  let macs = architecture.features * classes;
  let activations = 0;
  for (const unit of unitsOf(architecture)) {
    side /= unit.stride;
    macs += weightShape(unit).reduce((a, b) => a * b, 1) * side ** 2;
    macs += 2 * unit.output * (unit.squeeze ?? 0);
    activations += unit.output * side ** 2;
  }
  return { macs, activations };
}

/**
 * ImageSig's three heads as lists of parameters and operations (Ibrahim and Lyons 2022; method F.4). The
 * heads see a sequence of signatures, one per row of the image (and one per column, if asked).
 */
import type { ExperimentConfig } from '../../experiment-config.ts';
import type { Parameter } from './parameters.ts';
import { signatureCount, signatureSize } from './signature.ts';

export type ImageSigModel = Extract<ExperimentConfig['model'], { kind: 'imagesig' }>;

const colours = 3;
/** Width of the dense layer before the classifier. */
export const denseWidth = 50;
/** Of both pools of the `cnn` head, and of its convolutions' kernels. */
export const span = 3;
const convWidths = [32, 64] as const;

/** The encoder of the `transformer` head. */
export const headEncoder = { dim: 64, layers: 2, heads: 4, dimHead: 16, mlpRatio: 4 } as const;

export interface SequenceShape {
  length: number;
  width: number;
}

/** What the heads see of one image. */
export const sequenceShape = ({ image, columns }: ImageSigModel): SequenceShape => ({
  length: signatureCount({ image, columns }),
  width: signatureSize(colours),
});

/** Lengths of the sequence through the `cnn` head: before and after each convolution and pool. */
export function cnnLengths({ length }: SequenceShape): number[] {
  return convWidths.reduce<number[]>(
    (lengths) => {
      const convolved = lengths.at(-1)! - span + 1;
      return [...lengths, convolved, Math.floor(convolved / span)];
    },
    [length],
  );
}

/** Inputs and outputs of the linear layers; a convolution is one, applied at `times` places. */
interface Linear {
  name: string;
  input: number;
  output: number;
  times: number;
}

function linears(model: ImageSigModel, classes: number): Linear[] {
  const sequence = sequenceShape(model);
  const { length, width } = sequence;
  const tail = (input: number): Linear[] => [
    { name: 'dense', input, output: denseWidth, times: 1 },
    { name: 'head', input: denseWidth, output: classes, times: 1 },
  ];
  if (model.head === 'fc') return tail(length * width);
  const [, first, , second, left] = cnnLengths(sequence);
  const [narrow, wide] = convWidths;
  return [
    { name: 'conv1', input: span * width, output: narrow, times: first! },
    { name: 'conv2', input: span * narrow, output: wide, times: second! },
    ...tail(left! * wide),
  ];
}

/** Parameters of the heads `fc` and `cnn`; the encoder of `transformer` has a ViT's. */
export const denseHeadParameters = (model: ImageSigModel, classes: number): Parameter[] =>
  linears(model, classes).flatMap(({ name, input, output }): Parameter[] => [
    {
      name: `${name}.weight`,
      shape: [output, input],
      init: { kind: 'fan-in', fanIn: input },
      decay: true,
    },
    {
      name: `${name}.bias`,
      shape: [output],
      init: { kind: 'fan-in', fanIn: input },
      decay: false,
    },
  ]);

/** Exact counts of the heads `fc` and `cnn`, signatures excluded. Golden: `counts.imagesig_conv1d`. */
export function denseHeadCost(model: ImageSigModel, classes: number) {
  const all = linears(model, classes);
  const sum = (of: (layer: Linear) => number): number =>
    all.reduce((total, layer) => total + of(layer), 0);
  return {
    parameters: sum(({ input, output }) => (input + 1) * output),
    macs: sum(({ input, output, times }) => input * output * times),
    activations: sum(({ output, times }) => output * times),
  };
}

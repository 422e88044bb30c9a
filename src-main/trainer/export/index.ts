/**
 * A trained model as a file that other programs read: its inference graph as ONNX, or its weights as
 * safetensors. Both say what they are: classes, config, dataset, what the run measured and what it cost.
 */
import { AppError } from '../../contract.ts';
import { readModel, type SavedModel } from '../checkpoint.ts';
import { encodeModel, type OnnxGraph } from '../engine/onnx.ts';
import type { ExportFacts } from '../messages.ts';
import { stageEpochs } from '../../experiment-config/stage-epochs.ts';
import { routingOf } from '../../experiment-config/token-routing.ts';
import { encodeSafetensors, type FloatTensor } from '../safetensors.ts';
import { writeAtomically } from '../write-file.ts';
import { evaluationChoice, inferenceGraph, inferenceOf } from './inference.ts';
import { freeBatch } from './free-batch.ts';
import { standardOperators } from './standard-operators.ts';

export interface ExportJob {
  /** JSON of the checkpoint. */
  checkpoint: string;
  format: 'onnx' | 'safetensors';
  /** Where the file goes; its folder exists. */
  target: string;
  facts: ExportFacts;
}

/** The most that one ONNX file can hold: protobuf counts its bytes in 31 bits. */
const largestOnnx = 2 ** 31 - 1;

/**
 * Writes the file, whole or not at all.
 * @returns its bytes, and where in the run the weights are from.
 * @throws AppError where the checkpoint is damaged, is of no classifier, or cannot be said in ONNX
 */
export async function exportModel({
  checkpoint,
  format,
  target,
  facts,
}: ExportJob): Promise<{ bytes: number; step: number }> {
  const model = await readModel(checkpoint);
  refuseUnfinished(model);
  const pieces =
    format === 'onnx'
      ? [onnxFile(model, facts)]
      : encodeSafetensors(weightsOf(model), {
          // what transformers and others ask for
          format: 'pt',
          ...metadataOf(model, facts),
        });
  await writeAtomically(target, pieces, `The model ${target}`);
  const { step } = model.position;
  return { bytes: pieces.reduce((sum, piece) => sum + piece.byteLength, 0), step };
}

/** Before the last stage of its recipe there is an encoder, or a teacher, but not yet the model of the run. */
function refuseUnfinished({ config, position, file }: SavedModel): void {
  const stages = stageEpochs(config).length;
  if (position.stage === stages - 1) return;
  throw new AppError(
    'CONFLICT',
    `${file} is of stage ${position.stage + 1} of ${stages}: its model is trained in the last one.`,
    'Let the run go on, then try again.',
  );
}

function onnxFile(model: SavedModel, facts: ExportFacts): Uint8Array {
  const { images, tensors, file } = model;
  if (!images)
    throw new AppError(
      'BAD_INPUT',
      `${file} was written by an earlier version, which did not keep the mean and deviation of the images.`,
      'Train again, or resume the run for another epoch; the weights alone can be had as safetensors.',
    );
  const inference = inferenceOf({ ...model, images });
  const weights = inference.tensors.map(({ name, shape }) => {
    const tensor = tensors[name];
    if (!tensor || tensor.shape.join() !== shape.join()) throw notThisModel(model, name);
    return { name, type: 'float32' as const, shape, bytes: bytesOf(tensor) };
  });
  const size = weights.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  if (size > largestOnnx)
    throw new AppError(
      'UNAVAILABLE',
      `The weights take ${Math.round(size / 1e6)} MB; one ONNX file holds at most 2147 MB.`,
      'Take the weights as safetensors instead.',
    );
  const free = standardOperators(freeBatch((batch) => inferenceGraph(inference, batch)));
  const isWeight = new Set(weights.map(({ name }) => name));
  const used = new Set(free.nodes.flatMap(({ inputs }) => inputs));
  return encodeModel({
    ...free,
    name: 'inference',
    description: `${facts.name || 'A model'}, trained with HuggingGreen ${facts.version}`,
    producerVersion: facts.version,
    metadata: metadataOf(model, facts),
    inputs: free.inputs
      .filter(({ name }) => !isWeight.has(name))
      .map((port) => ({ ...port, description: descriptions[port.name] ?? '' })),
    outputs: free.outputs.map((port) => ({ ...port, description: descriptions[port.name] ?? '' })),
    constants: [...weights.filter(({ name }) => used.has(name)), ...free.constants],
  });
}

const descriptions: Record<string, string> = {
  images: 'Pixels 0..255 at the side of the dataset, channels first (red, green, blue)',
  noise: 'Uniform in (0, 1): which patches are kept is drawn by it',
  logits: 'One number per class, in the order of the metadata "classes"',
  probabilities: 'softmax of the logits',
  boxes: 'Corners x0, y0, x1, y1 of the object, in units of the image’s side',
};

/** Weights and buffers; a teacher's or another stage's tensors are not part of the model. */
function weightsOf(model: SavedModel): Record<string, FloatTensor> {
  const { images, tensors } = model;
  if (!images) return tensors;
  const names = inferenceOf({ ...model, images }).tensors.map(({ name }) => name);
  return Object.fromEntries(
    names.map((name) => {
      const tensor = tensors[name];
      if (!tensor) throw notThisModel(model, name);
      return [name, tensor];
    }),
  );
}

function metadataOf(
  { config, classes, position, images }: SavedModel,
  { version, runId, name, evaluations, energy }: ExportFacts,
): Record<string, string> {
  const { step, imagesSeen } = position;
  return {
    program: `HuggingGreen ${version}`,
    run: JSON.stringify({ id: runId, name }),
    classes: JSON.stringify(classes),
    dataset: JSON.stringify(config.dataset),
    config: JSON.stringify(config),
    checkpoint: JSON.stringify({ step, imagesSeen }),
    // of these very weights; other steps of the run had other results
    metrics: JSON.stringify(evaluations.filter((evaluation) => evaluation.step === step)),
    ...(images && { images: JSON.stringify(images) }),
    ...(energy && { energy: JSON.stringify(energy) }),
    patches: describePatches(config),
    // of these very weights: the schedule of the config may have gone further
    ...(config.routing.kind === 'prune' && {
      routing: JSON.stringify(routingOf(config, position)),
    }),
  };
}

function describePatches(config: SavedModel['config']): string {
  const { keep, sampled } = evaluationChoice(config);
  if (keep === null) return 'all';
  return sampled ? `${keep} drawn by the input noise` : `the ${keep} with the highest score`;
}

const bytesOf = ({ data }: FloatTensor): OnnxGraph['constants'][number]['bytes'] =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const notThisModel = ({ file }: SavedModel, name: string): AppError =>
  new AppError(
    'BAD_INPUT',
    `${file} does not hold the model of its config: "${name}" is missing or has another shape.`,
    'Choose another checkpoint, or run the config again.',
  );

/** A forward pass that is looked at: what the model says of images, and where its attention goes. */
import * as tf from '../engine/tf.ts';
import type { Specs, Tensors } from '../engine/engine.ts';
import { centreToCorners } from '../losses/box.ts';
import type { Model, ModelInput } from '../models/registry.ts';
import { GraphTrace } from '../pictures/trace.ts';
import type { StateLayout, StepDefinition } from './recipe.ts';

/**
 * Outputs `probabilities` [B, C]; `boxes` [B, 4] as corners where the model finds one; of a ViT also the way of its tokens
 * (pictures/trace.ts).
 */
export const pictureStep = (
  model: Model,
  state: StateLayout,
  {
    tokens,
    inputs,
    inputOf,
  }: {
    tokens: number | null;
    inputs: Specs;
    inputOf: (parameters: Tensors, inputs: Tensors) => ModelInput;
  },
): StepDefinition => ({
  tokens,
  specs: { state: state.evaluation, inputs },
  step: (tensors, fed) => {
    const parameters = { ...state.frozen(tensors), ...state.parameters(tensors) };
    const trace = model.vit ? new GraphTrace() : null;
    const { logits, boxes } = model.forward({
      parameters,
      buffers: state.buffers(tensors),
      input: inputOf(parameters, fed),
      training: false,
      ...(trace && { trace }),
    });
    return {
      outputs: {
        probabilities: tf.softmax(logits),
        ...(boxes && { boxes: centreToCorners(boxes) }),
        ...trace?.outputs,
      },
    };
  },
});

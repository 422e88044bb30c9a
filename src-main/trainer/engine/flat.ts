/**
 * All parameters in one flat tensor.
 *
 * A ViT has dozens of small tensors. Kept as one vector, the optimiser is a dozen nodes instead of a
 * dozen per tensor, state crosses a session as three tensors (parameters and Adam's two moments), and a
 * checkpoint is a slice table. Inside a step the vector is cut into views, gradients are taken with
 * respect to the *views* and concatenated: a gradient through a slice would pad every one to full length.
 */
import * as tf from './tf.ts';
import type { HostTensor, Tensors } from './engine.ts';
import type { Tensor } from './tf.ts';

export interface FlatEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** Position of the first element in the flat vector. */
  readonly offset: number;
  readonly size: number;
  /** Whether decoupled weight decay applies to it. */
  readonly decay: boolean;
}

export interface FlatLayout {
  readonly entries: readonly FlatEntry[];
  /** Elements in total. */
  readonly size: number;
}

/** Lays tensors out one after the other. Throws where a name occurs twice. */
export function flatLayout(
  tensors: readonly { name: string; shape: readonly number[]; decay: boolean }[],
): FlatLayout {
  const names = new Set<string>();
  const entries: FlatEntry[] = [];
  let offset = 0;
  for (const { name, shape, decay } of tensors) {
    if (names.has(name)) throw new Error(`Two parameters are called ${name}.`);
    names.add(name);
    const size = shape.reduce((product, side) => product * side, 1);
    entries.push({ name, shape, offset, size, decay });
    offset += size;
  }
  return { entries, size: offset };
}

/** Cuts a flat tensor [size] into named views of their own shapes. */
export function sliceFlat(layout: FlatLayout, flat: Tensor): Tensors {
  return Object.fromEntries(
    layout.entries.map(({ name, shape, offset, size }) => [
      name,
      tf.reshape(tf.slice(flat, [offset], [size]), [...shape]),
    ]),
  );
}

/** The reverse of `sliceFlat`: one flat tensor [size]. Throws where one is missing. */
export function concatFlat(layout: FlatLayout, tensors: Tensors): Tensor {
  const parts = layout.entries.map(({ name, size }) => {
    const tensor = tensors[name];
    if (!tensor) throw new Error(`There is no tensor called ${name}.`);
    return tf.reshape(tensor, [size]);
  });
  return parts.length === 1 ? parts[0]! : tf.concat(parts);
}

/**
 * Loss and its flat gradient. `loss` gets the views by name and returns a scalar, and whatever else the
 * step wants to keep (logits, say) beside it. Parameters the loss does not depend on get gradient 0.
 * @param flat [size]
 */
export function flatGradients<Extra extends Tensors>(
  layout: FlatLayout,
  flat: Tensor,
  loss: (parameters: Tensors) => { loss: Tensor } & Extra,
): { value: { loss: Tensor } & Extra; gradient: Tensor } {
  const views = sliceFlat(layout, flat);
  const names = layout.entries.map(({ name }) => name);
  let inner: ({ loss: Tensor } & Extra) | undefined;
  const { value: total, grads } = tf.engine().gradients(
    () => {
      inner = loss(views);
      // tfjs tidies the forward pass away, all but the loss
      for (const tensor of Object.values(inner)) tf.keep(tensor);
      return inner.loss;
    },
    names.map((name) => views[name]!),
    undefined,
    true,
  );
  const value = { ...inner!, loss: total };
  for (const [name, tensor] of Object.entries(inner!)) {
    Object.assign(value, { [name]: tf.clone(tensor) });
    tensor.dispose();
  }
  // `allowNoGradients` leaves the gradient of an unused view null
  const byName = Object.fromEntries(
    names.map((name, i) => [name, grads[i] ?? tf.zerosLike(views[name]!)]),
  );
  return { value, gradient: concatFlat(layout, byName) };
}

/** Copies named host tensors into one flat array. */
export function packFlat(layout: FlatLayout, tensors: Record<string, HostTensor>): Float32Array {
  const flat = new Float32Array(layout.size);
  for (const { name, offset, size } of layout.entries) {
    const tensor = tensors[name];
    if (!tensor) throw new Error(`There is no tensor called ${name}.`);
    if (tensor.data.length !== size)
      throw new Error(`${name} has ${tensor.data.length} elements instead of ${size}.`);
    flat.set(tensor.data, offset);
  }
  return flat;
}

/** Cuts a flat array into named host tensors; the data are views, not copies. */
export function unpackFlat(
  layout: FlatLayout,
  flat: Float32Array,
): Record<string, { shape: readonly number[]; data: Float32Array }> {
  return Object.fromEntries(
    layout.entries.map(({ name, shape, offset, size }) => [
      name,
      { shape, data: flat.subarray(offset, offset + size) },
    ]),
  );
}

/** 1 where weight decay applies, else 0: a constant of the optimiser, [size]. */
export function decayMask(layout: FlatLayout): Float32Array {
  const mask = new Float32Array(layout.size);
  for (const { decay, offset, size } of layout.entries)
    if (decay) mask.fill(1, offset, offset + size);
  return mask;
}

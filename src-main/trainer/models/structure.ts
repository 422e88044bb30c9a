/**
 * How wide each block of a ViT is once pruning has taken heads and neurons away, and the cutting of its
 * flat tensors on the host (method E.3, F.6).
 */
import { sizeOf, type NamedShape } from './parameters.ts';

/** Per layer: heads, and neurons of the MLP. */
export interface VitStructure {
  heads: readonly number[];
  hidden: readonly number[];
}

/** Per layer, the places of the heads and neurons that stay, ascending. */
export interface Staying {
  heads: readonly (readonly number[])[];
  neurons: readonly (readonly number[])[];
}

export const structureOf = ({ heads, neurons }: Staying): VitStructure => ({
  heads: heads.map(({ length }) => length),
  hidden: neurons.map(({ length }) => length),
});

/** All heads and neurons of a structure. */
export const everything = ({ heads, hidden }: VitStructure): Staying => ({
  heads: heads.map(upTo),
  neurons: hidden.map(upTo),
});
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Along which axis of which tensors of a block heads and neurons lie, and how many rows each has. */
const cutOf: Record<string, { by: keyof Staying; axis: 0 | 1 }> = {
  'q.weight': { by: 'heads', axis: 0 },
  'k.weight': { by: 'heads', axis: 0 },
  'v.weight': { by: 'heads', axis: 0 },
  'q.bias': { by: 'heads', axis: 0 },
  'k.bias': { by: 'heads', axis: 0 },
  'v.bias': { by: 'heads', axis: 0 },
  'out.weight': { by: 'heads', axis: 1 },
  gate: { by: 'heads', axis: 0 },
  'fc1.weight': { by: 'neurons', axis: 0 },
  'fc1.bias': { by: 'neurons', axis: 0 },
  'fc2.weight': { by: 'neurons', axis: 1 },
};

/**
 * What stays of a flat tensor that has a number per parameter: weights, moments, a mask.
 * @param before of the whole model, in the order of the flat tensor.
 * @param structure the widths the tensor has now.
 */
export function cutFlat(
  before: readonly NamedShape[],
  flat: Float32Array,
  structure: VitStructure,
  staying: Staying,
): Float32Array {
  let offset = 0;
  const pieces = before.map(({ name, shape }) => {
    const tensor = flat.subarray(offset, offset + sizeOf(shape));
    offset += tensor.length;
    const [, layer, part] = /^b(\d+)\.(.+)$/.exec(name) ?? [];
    const cut = cutOf[part ?? ''];
    if (!cut) return tensor;
    const count = (cut.by === 'heads' ? structure.heads : structure.hidden)[Number(layer)]!;
    return cutTensor(tensor, shape, cut.axis, count, staying[cut.by][Number(layer)]!);
  });
  const result = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const piece of pieces) {
    result.set(piece, end);
    end += piece.length;
  }
  return result;
}

/** The slices `places` of the `count` equal ones that a tensor has along an axis. */
function cutTensor(
  tensor: Float32Array,
  shape: readonly number[],
  axis: 0 | 1,
  count: number,
  places: readonly number[],
): Float32Array {
  const rows = axis === 0 ? 1 : shape[0]!;
  const slice = tensor.length / rows / count;
  const result = new Float32Array(rows * places.length * slice);
  for (let row = 0; row < rows; row++)
    places.forEach((place, i) => {
      const from = (row * count + place) * slice;
      result.set(tensor.subarray(from, from + slice), (row * places.length + i) * slice);
    });
  return result;
}

/**
 * From a graph of fixed shapes to one for any batch.
 *
 * Tensors of a captured step have sides that are numbers, and so have the constants its nodes take:
 * shapes, ends of slices, ranges. Captured at several batch sizes, the same step gives the same nodes, and
 * what differs between the captures is what depends on the batch. Each such number must be a whole
 * multiple of the batch plus a constant, at every size it was looked at; it is then computed from the
 * batch of the input. Whatever depends on the batch in another way is refused, not guessed.
 */
import { AppError } from '../../contract.ts';
import { ONNX_TYPE } from '../engine/onnx.ts';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxPort, OnnxValue } from '../engine/onnx.ts';

/** The name of the side that is free. */
export const batchSide = 'batch';

/** Primes, and larger than the usual small sides, so that a batch is not taken for something else. */
const probes = [53, 59, 61] as const;

type Constant = OnnxGraph['constants'][number];

/** Where a value comes from, said without its name: names count what came before. */
type Source =
  | { kind: 'input'; name: string }
  | { kind: 'constant'; constant: Constant }
  | { kind: 'node'; node: number; output: number }
  | { kind: 'none' };

/** a + c x batch. */
interface Affine {
  a: number;
  c: number;
}

/**
 * @param captureAt the graph of the step for a batch of that many
 * @throws AppError UNAVAILABLE where something depends on the batch in a way that cannot be told
 */
export function freeBatch(captureAt: (batch: number) => OnnxGraph): OnnxModel {
  const graphs = probes.map(captureAt);
  const [first, ...others] = graphs as [OnnxGraph, ...OnnxGraph[]];
  const odd = others.find(({ nodes }) => nodes.length !== first.nodes.length);
  if (odd)
    throw refuse(
      `it has ${first.nodes.length} nodes at one size and ${odd.nodes.length} at another`,
    );

  const inputs = ports(graphs.map(({ inputs }) => inputs));
  const batched = inputs.find(({ shape }) => shape[0] === batchSide);
  if (!batched) throw refuse('none of its inputs is a batch');
  const sizes = new BatchSizes(batched.name);
  const sources = graphs.map(sourcesOf);

  const nodes = first.nodes.map((node, i): OnnxNode => {
    const same = graphs.map(({ nodes }) => nodes[i]!);
    if (same.some((other) => signature(other) !== signature(node)))
      throw refuse(`node ${i} (${node.op}) is not the same at every size`);
    return {
      ...node,
      inputs: node.inputs.map((name, j) => {
        const from = same.map(({ inputs }, g) => sources[g]!.get(inputs[j]!)!);
        const place = `input ${j} of node ${i} (${node.op})`;
        const [source] = from;
        if (source?.kind !== 'constant') {
          if (from.some((other) => JSON.stringify(other) !== JSON.stringify(source)))
            throw refuse(`${place} is not the same at every size`);
          return name;
        }
        const constants = from.map((other) => {
          if (other.kind !== 'constant') throw refuse(`${place} is not always a constant`);
          return other.constant;
        });
        if (constants.every((other) => sameConstant(other, source.constant))) return name;
        return sizes.constant(constants, node.op === 'Reshape' && j === 1, place);
      }),
    };
  });

  const all = [...sizes.nodes, ...nodes];
  const used = new Set(all.flatMap(({ inputs }) => inputs));
  return {
    nodes: all,
    inputs,
    outputs: ports(graphs.map(({ outputs }) => outputs)),
    constants: [...first.constants, ...sizes.constants].filter(({ name }) => used.has(name)),
  };
}

/** Nodes and constants that work a number out from the batch of an input. */
class BatchSizes {
  readonly nodes: OnnxNode[] = [];
  readonly constants: Constant[] = [];
  readonly #input: string;
  /** Values by what they are, so that each is made once. */
  readonly #made = new Map<string, string>();

  constructor(input: string) {
    this.#input = input;
  }

  /** The value that a constant has at any batch. @param given the constant at each probe */
  constant(given: readonly Constant[], asTarget: boolean, place: string): string {
    const [{ type, shape }] = given as [Constant];
    const lengths = given.map((constant) => constant.shape[0] ?? 0);
    const rank = given.every((constant) => constant.shape.length === 1) ? 1 : shape.length;
    const values = given.map(numbersOf);
    if (rank === 1 && type === 'int64' && lengths.every((length) => length === lengths[0])) {
      const entries = values[0]!.map((_, i) =>
        affine(
          values.map((numbers) => numbers[i]!),
          `number ${i} in ${place}`,
        ),
      );
      return this.#vector(entries, asTarget);
    }
    if (rank === 1 && (type === 'int32' || type === 'int64'))
      return this.#range(values, type, affine(lengths, `the length of ${place}`), place);
    throw refuse(`${place} holds other ${type} numbers at every size`);
  }

  /** A vector of int64: a target shape, repeats, ends of a slice. */
  #vector(entries: readonly Affine[], asTarget: boolean): string {
    const free = entries.filter(({ c }) => c !== 0);
    // a reshape works one side out by itself; the others must then be sides that hold something
    if (asTarget && free.length === 1 && entries.every(({ a, c }) => c !== 0 || a > 0))
      return this.#ints(entries.map(({ a, c }) => (c === 0 ? a : -1)));
    const parts = entries.map((entry) => this.#number(entry));
    if (parts.length === 1) return parts[0]!;
    return this.#node('Concat', parts, { axis: { i: 0 } });
  }

  /** start, start + step, ... as many as the batch says. */
  #range(
    values: readonly number[][],
    type: 'int32' | 'int64',
    length: Affine,
    place: string,
  ): string {
    const [start = 0, next = 0] = values[0]!;
    const step = next - start;
    const even = values.every((numbers) => numbers.every((n, i) => n === start + i * step));
    if (!even || step === 0) throw refuse(`${place} is no even sequence`);
    const end = this.#number({ a: start + step * length.a, c: step * length.c });
    const limit = this.#node('Squeeze', [end]);
    const range = this.#node('Range', [this.#scalar(start), limit, this.#scalar(step)]);
    return type === 'int64' ? range : this.#node('Cast', [range], { to: { i: ONNX_TYPE.int32 } });
  }

  /** [a + c x batch] */
  #number({ a, c }: Affine): string {
    if (c === 0) return this.#ints([a]);
    const batch = this.#node('Shape', [this.#input], { start: { i: 0 }, end: { i: 1 } });
    const scaled = c === 1 ? batch : this.#node('Mul', [batch, this.#ints([c])]);
    return a === 0 ? scaled : this.#node('Add', [scaled, this.#ints([a])]);
  }

  #ints = (values: readonly number[]): string => this.#store([values.length], values);
  #scalar = (value: number): string => this.#store([], [value]);

  #store(shape: readonly number[], values: readonly number[]): string {
    return this.#once(`${shape.join()}: ${values.join()}`, (name) => {
      const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
      this.constants.push({ name, type: 'int64', shape, bytes });
    });
  }

  #node(op: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}): string {
    return this.#once(`${op} ${inputs.join()} ${JSON.stringify(attributes)}`, (name) => {
      this.nodes.push({ op, inputs, outputs: [name], attributes });
    });
  }

  #once(key: string, make: (name: string) => void): string {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const name = `size${this.#made.size}`;
    this.#made.set(key, name);
    make(name);
    return name;
  }
}

/** The line through one number per probe. @throws AppError where they lie on none, or on none of whole numbers */
function affine(values: readonly number[], what: string): Affine {
  const c = (values[1]! - values[0]!) / (probes[1] - probes[0]);
  const a = values[0]! - c * probes[0];
  if (!Number.isInteger(c) || values.some((value, i) => value !== a + c * probes[i]!))
    throw refuse(`${what} is ${values.join(', ')} for batches of ${probes.join(', ')}`);
  return { a, c };
}

/** Inputs or outputs with their batch made free. */
function ports(given: readonly (readonly OnnxValue[])[]): OnnxPort[] {
  return given[0]!.map(({ name, type, shape }, i) => ({
    name,
    type,
    shape: shape.map((side, axis) => {
      const { a, c } = affine(
        given.map((values) => values[i]!.shape[axis]!),
        `side ${axis} of ${name}`,
      );
      if (c === 0) return side;
      if (a === 0 && c === 1) return batchSide;
      throw refuse(`side ${axis} of ${name} is ${c} times the batch plus ${a}`);
    }),
  }));
}

function sourcesOf(graph: OnnxGraph): Map<string, Source> {
  const sources = new Map<string, Source>([['', { kind: 'none' }]]);
  for (const { name } of graph.inputs) sources.set(name, { kind: 'input', name });
  for (const constant of graph.constants)
    sources.set(constant.name, { kind: 'constant', constant });
  graph.nodes.forEach(({ outputs }, node) =>
    outputs.forEach((name, output) => sources.set(name, { kind: 'node', node, output })),
  );
  return sources;
}

const signature = ({ op, domain, attributes, inputs, outputs }: OnnxNode): string =>
  JSON.stringify([op, domain, attributes, inputs.length, outputs.length]);

const sameConstant = (a: Constant, b: Constant): boolean =>
  a.type === b.type && a.shape.join() === b.shape.join() && Buffer.compare(a.bytes, b.bytes) === 0;

function numbersOf({ type, bytes }: Constant): number[] {
  const { buffer } = bytes.slice();
  if (type === 'int64') return Array.from(new BigInt64Array(buffer), Number);
  return type === 'int32' ? [...new Int32Array(buffer)] : [];
}

const refuse = (reason: string): AppError =>
  new AppError(
    'UNAVAILABLE',
    `This model cannot be written as ONNX for any batch size: ${reason}.`,
    'Take the weights as safetensors instead, and please report this model.',
  );

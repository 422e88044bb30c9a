/**
 * The graph a step is recorded into: values with known shapes, nodes in the order they were called.
 *
 * It stays small by four rules, all local. A constant that repeats one number is that number, expanded
 * only where a node cannot broadcast it. Multiplying by such a 1 or adding such a 0 (tfjs gradients do
 * both) is nothing. A cast that only undoes another is the value before it. What no output needs is left out.
 */
import { ONNX_TYPE } from './onnx.ts';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxType, OnnxValue } from './onnx.ts';

export interface Value extends OnnxValue {
  /** The graph it belongs to: a value of another trace must not slip in. */
  readonly graph: Graph;
  /** Set on constants. */
  readonly data?: Float32Array | Int32Array | Uint8Array | BigInt64Array;
  /** This value is that one, broadcast to a larger shape. */
  readonly broadcastOf?: Value;
  /** This value is that one in another type, without loss. */
  readonly castOf?: Value;
}

export interface NodeOptions {
  domain?: string;
  attributes?: Record<string, OnnxAttribute>;
}

export type Result = Pick<OnnxValue, 'shape' | 'type'>;

export type Target = 'processor' | 'gpu';

export class Graph {
  /** Where it will run: a few kernels have a faster form on one of the two. */
  readonly target: Target;
  readonly #nodes: OnnxNode[] = [];
  readonly #inputs: Value[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #computed: Value[] = [];
  readonly #constantsByContent = new Map<string, Value>();
  #count = 0;

  constructor(target: Target = 'processor') {
    this.target = target;
  }

  input(name: string, type: OnnxType, shape: readonly number[]): Value {
    const value: Value = { graph: this, name, type, shape };
    this.#inputs.push(value);
    return value;
  }

  /** A constant; one that repeats one number is kept as that number, broadcast. */
  constant(type: OnnxType, shape: readonly number[], values: ArrayLike<number>): Value {
    const first = values[0];
    if (shape.length > 0 && first !== undefined && isUniform(values))
      return this.expand(this.#store(type, [], [first]), shape);
    return this.#store(type, shape, values);
  }

  scalar(value: number, type: OnnxType = 'float32'): Value {
    return this.#store(type, [], [value]);
  }

  /** A vector of int64, as shapes, axes and the like are handed to nodes. */
  ints(values: readonly number[]): Value {
    return this.#store('int64', [values.length], values);
  }

  node(
    op: string,
    inputs: readonly (Value | null)[],
    result: Result,
    options: NodeOptions = {},
  ): Value {
    return this.nodes(op, inputs, [result], options)[0]!;
  }

  /** A node with several outputs. */
  nodes(
    op: string,
    inputs: readonly (Value | null)[],
    results: readonly Result[],
    { domain, attributes = {} }: NodeOptions = {},
  ): Value[] {
    const outputs = results.map(({ shape, type }): Value => ({
      graph: this,
      name: `v${this.#count++}`,
      shape,
      type,
    }));
    this.#computed.push(...outputs);
    this.#nodes.push({
      op,
      ...(domain && { domain }),
      inputs: inputs.map((input) => input?.name ?? ''),
      outputs: outputs.map(({ name }) => name),
      attributes,
    });
    return outputs;
  }

  /** Broadcasts by the rules of numpy. */
  expand(value: Value, shape: readonly number[]): Value {
    if (sameShape(value.shape, shape)) return value;
    const source = value.broadcastOf ?? value;
    const expanded = this.node('Expand', [source, this.ints(shape)], { shape, type: value.type });
    return { ...expanded, broadcastOf: source };
  }

  cast(value: Value, type: OnnxType): Value {
    if (value.type === type) return value;
    const source = value.castOf ?? value;
    if (source.type === type) return source;
    if (value.broadcastOf) return this.expand(this.cast(value.broadcastOf, type), value.shape);
    if (value.data && value.type !== 'int64')
      return this.#store(
        type,
        value.shape,
        Array.from(value.data as ArrayLike<number>, castNumber(type)),
      );
    const cast = this.node(
      'Cast',
      [source],
      { shape: value.shape, type },
      { attributes: { to: { i: ONNX_TYPE[type] } } },
    );
    return LOSSLESS[source.type]?.includes(type) ? { ...cast, castOf: source } : cast;
  }

  /** Everything the outputs need, and nothing else. Input names that are not needed are missing. */
  finish(outputs: readonly { name: string; value: Value }[]): OnnxGraph {
    const needed = new Set(outputs.map(({ value }) => value.name));
    const nodes: OnnxNode[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((output) => needed.has(output))) continue;
      nodes.push(node);
      for (const input of node.inputs) needed.add(input);
    }
    // a node writes an output under its name; an input, a constant or a second name has to be copied
    const computed = new Set(nodes.flatMap((node) => node.outputs));
    const names = new Map<string, string>();
    for (const { name, value } of outputs)
      if (computed.has(value.name) && !names.has(value.name)) names.set(value.name, name);
    const named = (old: string) => names.get(old) ?? old;
    const copies = outputs
      .filter(({ name, value }) => named(value.name) !== name)
      .map(({ name, value }) => ({
        op: 'Identity',
        inputs: [named(value.name)],
        outputs: [name],
        attributes: {},
      }));
    return {
      nodes: [
        ...nodes.reverse().map((node) => ({
          ...node,
          inputs: node.inputs.map(named),
          outputs: node.outputs.map(named),
        })),
        ...copies,
      ],
      computed: this.#computed
        .filter(({ name }) => computed.has(name))
        .map(({ name, type, shape }) => ({ name: named(name), type, shape })),
      inputs: this.#inputs.filter(({ name }) => needed.has(name)),
      outputs: outputs.map(({ name, value }) => ({ name, type: value.type, shape: value.shape })),
      constants: [...this.#constants.values()]
        .filter(({ name }) => needed.has(name))
        .map(({ name, type, shape, data }) => ({
          name,
          type,
          shape,
          bytes: new Uint8Array(data!.buffer, data!.byteOffset, data!.byteLength),
        })),
    };
  }

  #store(type: OnnxType, shape: readonly number[], values: ArrayLike<number>): Value {
    const key = values.length <= 16 ? `${type} ${shape.join()} ${numbersKey(values)}` : null;
    const known = key === null ? undefined : this.#constantsByContent.get(key);
    if (known) return known;
    const value: Value = {
      graph: this,
      name: `c${this.#count++}`,
      type,
      shape,
      data: typedArray(type, values),
    };
    this.#constants.set(value.name, value);
    if (key !== null) this.#constantsByContent.set(key, value);
    return value;
  }
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, side) => product * side, 1);

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((side, i) => side === b[i]);

/** The number a value repeats, or undefined. */
export function uniformNumber(value: Value): number | undefined {
  const { data } = value.broadcastOf ?? value;
  return data?.length === 1 ? Number(data[0]) : undefined;
}

/** Casts after which the old value can be had back. */
const LOSSLESS: Partial<Record<OnnxType, OnnxType[]>> = {
  uint8: ['int32', 'int64', 'float32'],
  bool: ['int32', 'uint8', 'float32'],
};

function castNumber(type: OnnxType): (value: number) => number {
  if (type === 'float32') return Number;
  if (type === 'bool') return (value) => (value ? 1 : 0);
  return Math.trunc;
}

function isUniform(values: ArrayLike<number>): boolean {
  const first = values[0];
  for (let i = 1; i < values.length; i++) if (values[i] !== first) return false;
  return true;
}

/** Tells -0 from 0: 1 / x does. */
const numbersKey = (values: ArrayLike<number>): string =>
  Array.from(values, (value) => (Object.is(value, -0) ? '-0' : String(value))).join();

function typedArray(type: OnnxType, values: ArrayLike<number>): NonNullable<Value['data']> {
  switch (type) {
    case 'float32':
      return Float32Array.from(values);
    case 'int32':
      return Int32Array.from(values);
    case 'int64':
      return BigInt64Array.from(Array.from(values, (value) => BigInt(value)));
    default:
      return Uint8Array.from(values);
  }
}

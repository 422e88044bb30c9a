/**
 * Writes ONNX models. The message types are the few of onnx.proto that a graph of plain nodes needs,
 * with their field numbers (github.com/onnx/onnx, onnx/onnx.proto, IR version 8).
 */
import protobuf from 'protobufjs';

/** TensorProto.DataType, as far as captured graphs use them. */
export const ONNX_TYPE = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 } as const;
export type OnnxType = keyof typeof ONNX_TYPE;

/** Versions of the operator sets: `ai.onnx`, and ONNX Runtime's own fused operators. */
const OPSETS = [
  { domain: '', version: 18 },
  { domain: 'com.microsoft', version: 1 },
];
const IR_VERSION = 8;

/** One graph of plain nodes, as `capture` records it or as a trained model leaves the program. */
export interface OnnxModel extends Omit<OnnxGraph, 'inputs' | 'outputs'> {
  inputs: readonly OnnxPort[];
  outputs: readonly OnnxPort[];
  /** Name of the graph. */
  name?: string;
  /** What it is, for people. */
  description?: string;
  /** Of this program. */
  producerVersion?: string;
  metadata?: Readonly<Record<string, string>>;
}

/** An input or an output of a model; a side may be a name, which stands for any number. */
export interface OnnxPort extends Omit<OnnxValue, 'shape'> {
  readonly shape: readonly (number | string)[];
  readonly description?: string;
}

/** An attribute says its own type: 1 may be an int or a float. */
export type OnnxAttribute =
  { i: number } | { f: number } | { ints: readonly number[] } | { s: string };

export interface OnnxNode {
  readonly op: string;
  readonly domain?: string;
  /** Names of values; '' leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Record<string, OnnxAttribute>;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
}

export interface OnnxGraph {
  /** In an order in which every input is made before it is used. */
  nodes: readonly OnnxNode[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  /** Constants; the bytes are little-endian, as typed arrays are on every machine Node runs on. */
  constants: readonly (OnnxValue & { bytes: Uint8Array })[];
  /** What nodes compute, where it is known: not part of the model, but of what is said about it. */
  computed?: readonly OnnxValue[];
}

const field = (id: number, type: string, rule?: 'repeated') => ({
  id,
  type,
  ...(rule && { rule }),
});

const schema = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: field(1, 'int64'),
        producerName: field(2, 'string'),
        producerVersion: field(3, 'string'),
        docString: field(6, 'string'),
        graph: field(7, 'GraphProto'),
        opsetImport: field(8, 'OperatorSetIdProto', 'repeated'),
        metadataProps: field(14, 'StringStringEntryProto', 'repeated'),
      },
    },
    OperatorSetIdProto: { fields: { domain: field(1, 'string'), version: field(2, 'int64') } },
    StringStringEntryProto: { fields: { key: field(1, 'string'), value: field(2, 'string') } },
    GraphProto: {
      fields: {
        node: field(1, 'NodeProto', 'repeated'),
        name: field(2, 'string'),
        initializer: field(5, 'TensorProto', 'repeated'),
        input: field(11, 'ValueInfoProto', 'repeated'),
        output: field(12, 'ValueInfoProto', 'repeated'),
      },
    },
    NodeProto: {
      fields: {
        input: field(1, 'string', 'repeated'),
        output: field(2, 'string', 'repeated'),
        name: field(3, 'string'),
        opType: field(4, 'string'),
        attribute: field(5, 'AttributeProto', 'repeated'),
        domain: field(7, 'string'),
      },
    },
    AttributeProto: {
      fields: {
        name: field(1, 'string'),
        f: field(2, 'float'),
        i: field(3, 'int64'),
        s: field(4, 'bytes'),
        ints: field(8, 'int64', 'repeated'),
        type: field(20, 'int32'),
      },
    },
    TensorProto: {
      fields: {
        dims: field(1, 'int64', 'repeated'),
        dataType: field(2, 'int32'),
        name: field(8, 'string'),
        rawData: field(9, 'bytes'),
      },
    },
    ValueInfoProto: {
      fields: {
        name: field(1, 'string'),
        type: field(2, 'TypeProto'),
        docString: field(3, 'string'),
      },
    },
    TypeProto: { fields: { tensorType: field(1, 'TensorTypeProto') } },
    TensorTypeProto: {
      fields: { elemType: field(1, 'int32'), shape: field(2, 'TensorShapeProto') },
    },
    TensorShapeProto: { fields: { dim: field(1, 'DimensionProto', 'repeated') } },
    // one of the two
    DimensionProto: { fields: { dimValue: field(1, 'int64'), dimParam: field(2, 'string') } },
  },
});

const ModelProto = schema.lookupType('ModelProto');

/** AttributeProto.AttributeType. */
const ATTRIBUTE_TYPE = { f: 1, i: 2, s: 3, ints: 7 } as const;

/** The bytes of a model, ready for an inference session. */
export function encodeModel(graph: OnnxModel): Uint8Array {
  const domains = new Set(graph.nodes.map(({ domain }) => domain ?? ''));
  return ModelProto.encode({
    irVersion: IR_VERSION,
    producerName: 'HuggingGreen',
    ...(graph.producerVersion !== undefined && { producerVersion: graph.producerVersion }),
    ...(graph.description !== undefined && { docString: graph.description }),
    opsetImport: OPSETS.filter(({ domain }) => domain === '' || domains.has(domain)),
    metadataProps: Object.entries(graph.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: graph.name ?? 'step',
      node: graph.nodes.map((node, i) => ({
        input: node.inputs,
        output: node.outputs,
        // ORT's profiler and errors name nodes by this
        name: `${node.op}_${i}`,
        opType: node.op,
        domain: node.domain ?? '',
        attribute: Object.entries(node.attributes).map(([name, value]) =>
          encodeAttribute(name, value),
        ),
      })),
      input: graph.inputs.map(encodeValueInfo),
      output: graph.outputs.map(encodeValueInfo),
      initializer: graph.constants.map(({ name, type, shape, bytes }) => ({
        name,
        dims: shape,
        dataType: ONNX_TYPE[type],
        rawData: bytes,
      })),
    },
  }).finish();
}

function encodeAttribute(name: string, value: OnnxAttribute): Record<string, unknown> {
  if ('s' in value) return { name, type: ATTRIBUTE_TYPE.s, s: new TextEncoder().encode(value.s) };
  if ('f' in value) return { name, type: ATTRIBUTE_TYPE.f, f: value.f };
  if ('i' in value) return { name, type: ATTRIBUTE_TYPE.i, i: value.i };
  return { name, type: ATTRIBUTE_TYPE.ints, ints: value.ints };
}

const encodeValueInfo = ({ name, type, shape, description }: OnnxPort) => ({
  name,
  ...(description !== undefined && { docString: description }),
  type: {
    tensorType: {
      elemType: ONNX_TYPE[type],
      shape: {
        dim: shape.map((side) =>
          typeof side === 'number' ? { dimValue: side } : { dimParam: side },
        ),
      },
    },
  },
});

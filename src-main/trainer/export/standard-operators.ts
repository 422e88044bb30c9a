/**
 * Graphs in the operators of ONNX alone, so that a file runs wherever ONNX does. ONNX Runtime fuses what is
 * taken apart here again when it loads the file.
 */
import { AppError } from '../../contract.ts';
import type { OnnxModel, OnnxNode } from '../engine/onnx.ts';

type Scalars = (value: number) => string;

/** Operators of ONNX Runtime's own, said in standard ones. */
const forms: Record<string, (node: OnnxNode, scalar: Scalars) => OnnxNode[]> = {
  // x (1 + erf(x / sqrt 2)) / 2, in the order that ONNX Runtime knows as GELU
  Gelu: ({ inputs, outputs }, scalar) => {
    const [x, y] = [inputs[0]!, outputs[0]!];
    const steps: [string, string[], string][] = [
      ['Div', [x, scalar(Math.SQRT2)], `${y}.scaled`],
      ['Erf', [`${y}.scaled`], `${y}.erf`],
      ['Add', [`${y}.erf`, scalar(1)], `${y}.raised`],
      ['Mul', [x, `${y}.raised`], `${y}.doubled`],
      ['Mul', [`${y}.doubled`, scalar(0.5)], y],
    ];
    return steps.map(([op, from, to]) => ({ op, inputs: from, outputs: [to], attributes: {} }));
  },
};

/** @throws AppError UNAVAILABLE for an operator that has no standard form here */
export function standardOperators(model: OnnxModel): OnnxModel {
  const added = new Map<number, string>();
  const scalar: Scalars = (value) => {
    const name = added.get(value) ?? `scalar${added.size}`;
    added.set(value, name);
    return name;
  };
  const nodes = model.nodes.flatMap((node) => {
    if (!node.domain) return [node];
    const form = forms[node.op];
    if (form) return form(node, scalar);
    throw new AppError(
      'UNAVAILABLE',
      `This model cannot be written as ONNX: ${node.op} of ${node.domain} is no standard operator.`,
      'Take the weights as safetensors instead.',
    );
  });
  return {
    ...model,
    nodes: withoutStatistics(model, nodes),
    constants: [...model.constants, ...constants(added)],
  };
}

/** Mean and deviation of a layer normalisation are for gradients: nobody reads them here. */
function withoutStatistics(model: OnnxModel, nodes: readonly OnnxNode[]): OnnxNode[] {
  const used = new Set([
    ...nodes.flatMap(({ inputs }) => inputs),
    ...model.outputs.map(({ name }) => name),
  ]);
  return nodes.map((node) => {
    if (node.op !== 'LayerNormalization') return node;
    const last = node.outputs.findLastIndex((name) => used.has(name));
    return { ...node, outputs: node.outputs.slice(0, last + 1) };
  });
}

const constants = (scalars: ReadonlyMap<number, string>): OnnxModel['constants'] =>
  Array.from(scalars, ([value, name]) => ({
    name,
    type: 'float32',
    shape: [],
    bytes: new Uint8Array(Float32Array.of(value).buffer),
  }));

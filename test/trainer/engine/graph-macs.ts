/** Counts what a captured graph really multiplies. */
import type { Specs, Step } from '../../../src-main/trainer/engine/engine.ts';
import { capture } from '../../../src-main/trainer/engine/capture.ts';

/** Multiply-accumulates of all products of a step, of the whole batch: rows x inner x columns each. */
export function graphMacs(step: Step, specs: { state: Specs; inputs: Specs }): number {
  // for a GPU: there, sums over rows are no products with ones
  const { graph } = capture(step, specs, 'gpu');
  const shapes = new Map(
    [...graph.inputs, ...(graph.computed ?? []), ...graph.constants].map(({ name, shape }) => [
      name,
      shape,
    ]),
  );
  let macs = 0;
  for (const { op, inputs, outputs } of graph.nodes) {
    if (op === 'Gemm' || op === 'Conv' || op === 'Einsum') throw new Error(`${op} is not counted`);
    if (op !== 'MatMul') continue;
    const inner = shapes.get(inputs[0]!)!.at(-1)!;
    macs += inner * shapes.get(outputs[0]!)!.reduce((a, b) => a * b, 1);
  }
  return macs;
}

import { afterAll, describe, expect, it } from 'vitest';
import { openWasmEngine } from '../../../src-main/trainer/engine/eager.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import type { Tensor1D, Tensor2D } from '../../../src-main/trainer/engine/tf.ts';
import { classificationOutputs } from '../../../src-main/trainer/recipes/outputs.ts';

const engines = [openOrtEngine('cpu', { threads: 1 }), await openWasmEngine()];
afterAll(() => Promise.all(engines.map((engine) => engine.dispose())));

describe.each(engines.map((engine) => [engine.name, engine] as const))('%s', (_, engine) => {
  it('gives the likeliest class and the place of the true one, ties to the lower class', async () => {
    const rows: { logits: number[]; label: number; rank: number; prediction: number }[] = [
      { logits: [1, 3, 2, 0], label: 1, rank: 0, prediction: 1 },
      { logits: [1, 3, 2, 0], label: 2, rank: 1, prediction: 1 },
      { logits: [1, 3, 2, 0], label: 3, rank: 3, prediction: 1 },
      // a model that knows nothing is right for the first class only
      { logits: [5, 5, 5, 5], label: 0, rank: 0, prediction: 0 },
      { logits: [5, 5, 5, 5], label: 2, rank: 2, prediction: 0 },
      { logits: [-4, -4, -1, -4], label: 1, rank: 2, prediction: 2 },
    ];
    const program = await engine.compile(
      (_, { logits, labels }) => ({
        outputs: classificationOutputs(logits as Tensor2D, labels as Tensor1D),
      }),
      {
        state: {},
        inputs: {
          logits: { shape: [rows.length, 4], dtype: 'float32' },
          labels: { shape: [rows.length], dtype: 'int32' },
        },
      },
    );
    const outputs = await program.run(await engine.createState({}), {
      logits: Float32Array.from(rows.flatMap(({ logits }) => logits)),
      labels: Int32Array.from(rows.map(({ label }) => label)),
    });
    await program.dispose();
    expect([...outputs.ranks!]).toEqual(rows.map(({ rank }) => rank));
    expect([...outputs.predictions!]).toEqual(rows.map(({ prediction }) => prediction));
    const [first] = rows;
    const total = first!.logits.reduce((sum, x) => sum + Math.exp(x), 0);
    expect(outputs.losses![0]).toBeCloseTo(Math.log(total) - 3, 5);
  });
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWasmEngine } from '../../../src-main/trainer/engine/eager.ts';
import type { Engine } from '../../../src-main/trainer/engine/engine.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { largestError } from './reference.ts';
import { outcomeOf, sparseSteps } from './sparse-steps.ts';

const captured = openOrtEngine('cpu', { threads: 1 });
let eager: Engine;
beforeAll(async () => void (eager = await openWasmEngine()));
afterAll(() => Promise.all([captured.dispose(), eager.dispose()]));

it.each(Object.keys(sparseSteps))('%s: captured as eager, gradients too', async (name) => {
  const [one, other] = [await outcomeOf(captured, name), await outcomeOf(eager, name)];
  expect(one.every(Number.isFinite)).toBe(true);
  expect(one.some((value) => value !== 0)).toBe(true);
  expect(largestError(one, other)).toBeLessThan(1e-4);
});

/** Three training steps on any engine: their losses. */
import type { Engine } from '../../../src-main/trainer/engine/engine.ts';
import type { VitStep } from './vit-step.ts';

export async function threeSteps(engine: Engine, vit: VitStep): Promise<number[]> {
  const state = await engine.createState(vit.state());
  const program = await engine.compile(vit.step, vit.specs);
  const losses: number[] = [];
  for (let t = 1; t <= 3; t++) losses.push((await program.run(state, vit.feeds(t))).loss![0]!);
  await Promise.all([program.dispose(), state.dispose()]);
  return losses;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type ExperimentConfig } from '../../contract.ts';
import { lacks } from '../../core/experiments/availability.ts';
import type { Session } from '../session.ts';

/**
 * Sees to it that the engine that a config names works here, before anything is measured.
 * @throws AppError ENGINE where it does not
 */
export async function needEngine(session: Session, config: ExperimentConfig): Promise<void> {
  // these work everywhere: no need to wait until all have been tried
  if (config.compute.engine === 'auto' || config.compute.engine === 'cpu') return;
  for (;;) {
    const { engines, detecting } = await session.call('machine.get', {});
    const [lack] = lacks(config, [], engines);
    if (lack) throw new AppError(lack.code, lack.message, lack.fix);
    if (!detecting) return;
    await sleep(200);
  }
}

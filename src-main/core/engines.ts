/** Which engines work here: asked of a trainer process, which can afford to crash in a driver. */
import type { Machine } from '../contract.ts';
import type { FromTrainer, ToTrainer } from '../trainer/messages.ts';
import type { Spawn } from './spawn.ts';

export type Engines = Pick<Machine, 'engines' | 'autoEngine' | 'engineFailure'>;

export async function detectEngines(
  spawn: Spawn,
  entry: string,
  timeoutMs = 120_000,
): Promise<Engines> {
  let found: Engines | null = null;
  const worker = spawn<ToTrainer, FromTrainer>(entry, 'detect', (message) => {
    if (message.type === 'engines')
      found = { engines: message.engines, autoEngine: message.chosen, engineFailure: null };
  });
  worker.post({ type: 'detect' });
  const timer = setTimeout(() => worker.kill(), timeoutMs);
  const { code, signal } = await worker.exited;
  clearTimeout(timer);
  if (found) return found;
  const last = worker.lastLines().at(-1);
  const engineFailure = `Looking for engines ended with ${signal ?? `exit code ${code}`}${last ? `: ${last}` : '.'}`;
  return { engines: [], autoEngine: null, engineFailure };
}

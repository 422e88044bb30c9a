/** Which engines work here: asked of a trainer process, which can afford to crash in a driver. */
import type { EngineName, EngineStatus } from '../contract.ts';
import type { FromTrainer, ToTrainer } from '../trainer/messages.ts';
import type { Spawn } from './spawn.ts';

export interface Engines {
  engines: EngineStatus[];
  /** What `auto` takes; null where detection failed. */
  autoEngine: EngineName | null;
  /** Why nothing is known; null when detection went well. */
  failure: string | null;
}

export async function detectEngines(
  spawn: Spawn,
  entry: string,
  timeoutMs = 120_000,
): Promise<Engines> {
  let found: Engines | null = null;
  const worker = spawn<ToTrainer, FromTrainer>(entry, 'detect', (message) => {
    if (message.type === 'engines')
      found = { engines: message.engines, autoEngine: message.chosen, failure: null };
  });
  worker.post({ type: 'detect' });
  const timer = setTimeout(() => worker.kill(), timeoutMs);
  const { code, signal } = await worker.exited;
  clearTimeout(timer);
  if (found) return found;
  const last = worker.lastLines().at(-1);
  const failure = `Looking for engines ended with ${signal ?? `exit code ${code}`}${last ? `: ${last}` : '.'}`;
  return { engines: [], autoEngine: null, failure };
}

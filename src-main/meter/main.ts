/**
 * The meter process: reads power and tells its parent, nothing else.
 *
 * It is a process of its own because driver libraries are loaded into it: a crash in one of them takes
 * the meter down, never the window or the run. The parent starts it again.
 */
import { monotonicMicros, parentPort } from '../port.ts';
import { otherGpus, takeInventory } from './inventory.ts';
import type { FromMeter, Inventory, ToMeter } from './messages.ts';
import { takePrecedence } from './precedence.ts';
import { Sampler } from './sampler.ts';
import { messageOf } from './sources/source.ts';
import { sourcesFor } from './sources/index.ts';

const port = parentPort<ToMeter, FromMeter>();
takePrecedence();
let sampler: Sampler | null = null;
/** Outlives a new start: who is watched is no setting. */
let watched: ToMeter & { type: 'watch' } = { type: 'watch', run: [], program: [] };

const warn = (message: string): void =>
  port.post({ type: 'event', at: monotonicMicros(), level: 'warning', key: null, message });

function crash(cause: unknown): void {
  console.error(cause);
  warn(`The meter stopped on an error: ${messageOf(cause)}`);
  // let the message leave first
  setTimeout(() => process.exit(1), 50);
}
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);

async function describe(inventory: Inventory, named: Inventory['gpus']): Promise<void> {
  const gpus = named.length > 0 ? named : await otherGpus();
  port.post({ type: 'inventory', inventory: { ...inventory, gpus } });
}

async function obey(message: ToMeter): Promise<void> {
  switch (message.type) {
    case 'start': {
      sampler?.stop();
      const inventory = await takeInventory(message.settings);
      const { settings } = message;
      sampler = new Sampler(settings, inventory, sourcesFor(settings), (said) => port.post(said));
      sampler.watch(watched.run, watched.program);
      await sampler.start();
      // naming foreign cards takes seconds on some systems: marks need not wait for it
      void describe(inventory, sampler.gpus);
      break;
    }
    case 'rate':
      sampler?.rate(message.hz);
      break;
    case 'mark':
      port.post({
        type: 'marked',
        id: message.id,
        at: sampler?.mark() ?? monotonicMicros(),
      });
      break;
    case 'probe':
      await sampler?.probe();
      break;
    case 'watch':
      watched = message;
      sampler?.watch(message.run, message.program);
      break;
    case 'stop':
      sampler?.stop();
      port.close();
      // under Electron the port keeps the process alive; the last batch leaves first
      setTimeout(() => process.exit(0), 100);
  }
}

// one after the other: a mark that follows a start waits for the sensors
let last: Promise<void> = Promise.resolve();
port.listen((message) => {
  last = last.then(() => obey(message));
});

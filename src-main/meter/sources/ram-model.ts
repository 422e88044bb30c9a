/**
 * Memory power without a counter: 5 W for each DIMM, or the watts that the user gave; a constant either
 * way. Measured machines differ from 5 W by an order of magnitude in both directions, so its band is as
 * wide as the value.
 */
import { MemoryUse } from '../load.ts';
import { SampleFlag } from '../messages.ts';
import { emptyReading, idleSource, readerOf } from './source.ts';
import type { Component, Source, SourceContext, SourceDefinition } from './source.ts';

const wattsPerDimm = 5;
const memoryEveryMicros = 1_000_000;

/** DIMMs that a machine with this much memory is likely to have (CodeCarbon's guess, above 128 GB ours). */
export function guessDimms(totalBytes: number): number {
  const gb = totalBytes / 2 ** 30;
  if (gb <= 16) return 2;
  if (gb <= 64) return 4;
  if (gb <= 128) return 8;
  return gb <= 512 ? 16 : 32;
}

function open(context: SourceContext): Source {
  const reader = readerOf('ram', context);
  if (reader) return idleSource('unused', `${reader.definition.label} reads the memory.`);

  const { mode, watts: given } = context.settings.ram;
  if (mode === 'off') return idleSource('unused', 'Memory is left out: the settings say so.');
  if (mode === 'constant' && given === null)
    return idleSource(
      'unavailable',
      'Memory is to be a constant of your own, but no watts are given.',
      'Type the watts of the memory in the settings.',
    );
  const { totalBytes, dimms } = context.inventory.memory;
  const size = `${Math.round(totalBytes / 2 ** 30)} GiB`;
  const count = dimms ?? guessDimms(totalBytes);
  const own = mode === 'constant';
  const watts = own ? given! : count * wattsPerDimm;
  const method = own
    ? `${watts} W, constant, given in the settings`
    : `${count} DIMMs x ${wattsPerDimm} W, constant${dimms === null ? `; the number is guessed from ${size}` : ''}`;
  const energy = context.ledger.power('ram', 'ram-model');
  const memory = new MemoryUse();
  const reading = emptyReading();
  const component: Component = {
    info: {
      key: 'ram',
      kind: 'ram',
      name: `Memory, ${size}${own ? ', own figure' : ''}`,
      source: 'ram-model',
      provenance: 'constant',
      uncertaintyPercent: 100,
      uncertaintyWatts: null,
      method,
    },
    reading,
    alive: true,
  };

  let lastMemory = -Infinity;
  return {
    health: {
      state: 'reading',
      detail: `${method}.`,
      fix:
        dimms === null && !own
          ? 'Type the number of memory modules, or their watts, in the settings.'
          : null,
    },
    components: [component],
    read(now) {
      energy.charge(watts, now);
      reading.watts = watts;
      reading.joules = energy.joules(now, Infinity);
      reading.flags = energy.takeGap() ? SampleFlag.gap : 0;
      if (now - lastMemory >= memoryEveryMicros) {
        lastMemory = now;
        reading.memoryMb = memory.usedMb();
      }
    },
    close: () => memory.close(),
  };
}

export const ramModel: SourceDefinition = { name: 'ram-model', label: 'Memory model', open };

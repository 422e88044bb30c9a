/**
 * Memory power without a counter: 5 W for each DIMM, a constant. Measured machines differ from it by an
 * order of magnitude either way, so its band is as wide as the value.
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

  const { totalBytes, dimms } = context.inventory.memory;
  const count = dimms ?? guessDimms(totalBytes);
  const watts = count * wattsPerDimm;
  const size = `${Math.round(totalBytes / 2 ** 30)} GiB`;
  const method = `${count} DIMMs x ${wattsPerDimm} W, constant${dimms === null ? `; the number is guessed from ${size}` : ''}`;
  const energy = context.ledger.power('ram', 'ram-model');
  const memory = new MemoryUse();
  const reading = emptyReading();
  const component: Component = {
    info: {
      key: 'ram',
      kind: 'ram',
      name: `Memory, ${size}`,
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
      fix: dimms === null ? 'Type the number of memory modules in the settings.' : null,
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

/** The parts of an Apple chip that are read, whichever way: one key and one name each. */
import type { ComponentInfo, Inventory } from '../messages.ts';
import type { Gpu } from './source.ts';

export type AppleKey = 'cpu' | 'gpu:apple' | 'gpu:ane' | 'ram';

/** What `system_profiler` calls the graphics part is the chip's own name: say which part it is. */
export const appleGpu = (inventory: Inventory): Gpu => ({
  name: `${inventory.cpu.brand} GPU`,
  // shared with the processor, so it has none of its own
  memoryBytes: null,
  driver: null,
  uuid: null,
});

/**
 * @param key one of `AppleKey`. The Neural Engine, on which Core ML may compute, is shown beside the
 *   graphics as one more accelerator.
 */
export function appleInfo(key: string, inventory: Inventory): Pick<ComponentInfo, 'kind' | 'name'> {
  if (key === 'cpu') return { kind: 'cpu', name: inventory.cpu.brand };
  if (key === 'ram')
    return {
      kind: 'ram',
      name: `Memory, ${Math.round(inventory.memory.totalBytes / 2 ** 30)} GiB`,
    };
  return {
    kind: 'gpu',
    name: key === 'gpu:ane' ? `${inventory.cpu.brand} Neural Engine` : appleGpu(inventory).name,
  };
}

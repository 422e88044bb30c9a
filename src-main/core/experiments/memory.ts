/**
 * Whether a training step fits into the memory that its engine computes in. The need is modelled (cost.ts),
 * within a factor of about two; a need above all there is starts nothing unless a person insists.
 */
import { totalmem } from 'node:os';
import type { EngineName, ExperimentConfig, Forecast, Inventory, Refusal } from '../../contract.ts';

export interface Memory {
  bytes: number;
  /** In a sentence: "this machine", "the NVIDIA T4". */
  name: string;
}

/** Of this computer, or of the container that it runs in. */
export function mainMemory(): Memory {
  const allowed = process.constrainedMemory();
  const all = totalmem();
  return { bytes: allowed > 0 && allowed < all ? allowed : all, name: 'this machine' };
}

/** Engines that keep weights and activations on a graphics card with memory of its own. */
const onGpu: readonly EngineName[] = ['webgpu', 'cuda', 'dml', 'tensorflow'];

/**
 * Only the driver's own word (NVML, nvidia-smi) on a card's size counts: it comes with a uuid. What others tell
 * may be a window into the memory, or memory that a card shares with the processor.
 *
 * @param engine that will compute; null while it is not known: then the larger memory counts, so that
 *   nothing is refused that would have run
 * @param gpus null while they are not known
 */
export function memoryOf(
  engine: EngineName | null,
  gpus: Inventory['gpus'] | null,
  main: Memory = mainMemory(),
): Memory {
  if (engine !== null && !onGpu.includes(engine)) return main;
  const sized = (gpus ?? []).flatMap(({ name, memoryBytes, uuid }) =>
    memoryBytes === null || uuid === null ? [] : [{ bytes: memoryBytes, name: `the ${name}` }],
  );
  const [largest] = sized.sort((a, b) => b.bytes - a.bytes);
  if (!largest) return main;
  return engine === null && main.bytes > largest.bytes ? main : largest;
}

/** Why a run is not started; null where it may fit. */
export function memoryRefusal(
  { train }: Pick<ExperimentConfig, 'train'>,
  { memoryBytes }: Pick<Forecast, 'memoryBytes'>,
  { bytes, name }: Memory,
): Refusal | null {
  if (memoryBytes <= bytes) return null;
  return {
    message: `This run would need about ${gigabytes(memoryBytes)} of memory for one training step (modelled); ${name} has ${gigabytes(bytes)}.`,
    hint: `Make the batch (${train.batch}) or the model smaller.`,
  };
}

/** Of memory, which comes in powers of two. */
export const gigabytes = (bytes: number): string => {
  const count = bytes / 2 ** 30;
  return `${count.toFixed(count < 10 ? 1 : 0)} GiB`;
};

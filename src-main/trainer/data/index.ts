/**
 * Every dataset the program knows. Adding one is one file and one line in `kinds`.
 */
import type { DatasetConfig } from '../../experiment-config.ts';
import type { Dataset, OpenContext } from './dataset.ts';
import { openGreenSynth } from './synthetic.ts';

export type { Dataset, OpenContext, Split, SplitName } from './dataset.ts';

/**
 * Opens a dataset: reads, draws or verifies it, and holds it in memory.
 * @throws DatasetError naming the file, what was expected, what was found and what to do.
 */
export async function openDataset(config: DatasetConfig, context: OpenContext): Promise<Dataset> {
  if (config.kind === 'greensynth') return openGreenSynth(config, context);
  throw new Error(config.kind);
}

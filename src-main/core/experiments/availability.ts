/** What a config needs that this machine does not have, each with the way to get it. */
import {
  isPretrained,
  type DatasetConfig,
  type DatasetState,
  type EngineStatus,
  type ExperimentConfig,
} from '../../contract.ts';

export interface Lack {
  code: 'DATASET' | 'ENGINE';
  message: string;
  fix: string | null;
}

/** Datasets of the program's own folder that a run reads: its own and, in some recipes, one to pre-train on. */
export function datasetsNeeded({
  dataset,
  pretrain,
  train,
}: ExperimentConfig): DatasetConfig['kind'][] {
  const own = dataset.kind !== 'greensynth' && dataset.path !== null ? [] : [dataset.kind];
  const other = isPretrained(train.recipe) && pretrain.images !== 'same' ? [pretrain.images] : [];
  return [...new Set([...own, ...other])];
}

/** @param engines as detection found them; empty while it runs: nothing is said of them then */
export function lacks(
  config: ExperimentConfig,
  datasets: readonly DatasetState[],
  engines: readonly EngineStatus[],
): Lack[] {
  const found: Lack[] = datasetsNeeded(config).flatMap((kind) => {
    const data = datasets.find(({ id }) => id === kind);
    if (!data || data.state === 'ready') return [];
    return {
      code: 'DATASET',
      message:
        data.state === 'missing'
          ? `${data.title} is not on this computer: the run would fail at once.`
          : `${data.title} is not ready (${data.state}): ${sentence(data.detail)}`,
      fix: data.fix ?? 'Download it first, on the page of datasets or with --download.',
    };
  });
  const { compute } = config;
  const engine = engines.find(({ name }) => name === compute.engine);
  if (engine && !engine.available)
    found.push({
      code: 'ENGINE',
      message: `The engine ${engine.label} cannot be used on this machine: ${sentence(engine.detail)}`,
      fix: engine.fix ?? 'Choose another engine; auto takes the fastest that works.',
    });
  return found;
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

export const asWarning = ({ message, fix }: Lack): string =>
  fix === null ? message : `${message} ${sentence(fix)}`;

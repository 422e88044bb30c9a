/** What a config needs that this machine does not have, each with the way to get it. */
import type { DatasetState, EngineStatus, ExperimentConfig } from '../../contract.ts';

export interface Lack {
  code: 'DATASET' | 'ENGINE';
  message: string;
  fix: string | null;
}

/** @param engines as detection found them; empty while it runs: nothing is said of them then */
export function lacks(
  { dataset, compute }: ExperimentConfig,
  datasets: readonly DatasetState[],
  engines: readonly EngineStatus[],
): Lack[] {
  const found: Lack[] = [];
  const data =
    dataset.kind === 'greensynth' || dataset.path !== null
      ? undefined
      : datasets.find(({ id }) => id === dataset.kind);
  if (data && data.state !== 'ready')
    found.push({
      code: 'DATASET',
      message:
        data.state === 'missing'
          ? `${data.title} is not on this computer: the run would fail at once.`
          : `${data.title} is not ready (${data.state}): ${sentence(data.detail)}`,
      fix: data.fix ?? 'Download it first, on the page of datasets or with --download.',
    });
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

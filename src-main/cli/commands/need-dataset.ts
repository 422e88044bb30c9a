import {
  AppError,
  downloadableDatasets,
  type DatasetState,
  type DownloadableId,
  type ExperimentConfig,
} from '../../contract.ts';
import { datasetsNeeded } from '../../core/experiments/availability.ts';
import { progressLine } from '../progress.ts';
import type { Session } from '../session.ts';
import { bytes } from '../text.ts';

interface Options {
  /** Download what is missing, and wait for it. */
  fetch: boolean;
  quiet: boolean;
}

/**
 * Sees to it that the datasets of some configs are there before anything is measured.
 * @throws AppError DATASET where one is missing or cannot be had
 */
export async function needDatasets(
  session: Session,
  configs: readonly ExperimentConfig[],
  options: Options,
): Promise<void> {
  const needed = new Set(configs.flatMap(datasetsNeeded));
  for (const id of downloadableDatasets)
    if (needed.has(id)) await needDataset(session, id, options);
}

async function needDataset(
  session: Session,
  id: DownloadableId,
  { fetch, quiet }: Options,
): Promise<void> {
  const stateNow = async (): Promise<DatasetState | undefined> =>
    (await session.call('datasets.list', {})).find((state) => state.id === id);
  const found = await stateNow();
  if (!found || found.state === 'ready') return;
  if (!fetch && found.state === 'missing')
    throw new AppError(
      'DATASET',
      `${found.title} is not on this computer.`,
      `Add --download to fetch it first (${bytes(found.downloadBytes)}), or name its place as dataset.path.`,
    );
  if (!fetch) return;

  const line = progressLine(process.stderr, quiet);
  const ended = new Promise<DatasetState>((resolve) => {
    session.on('datasets', (state) => {
      if (state.id !== id) return;
      if (state.state !== 'downloading') return resolve(state);
      const { received = 0, total = null, label = '' } = state.progress ?? {};
      const share = total === null ? null : received / total;
      line.show(`${label} ${bytes(received)}${total === null ? '' : ` of ${bytes(total)}`}`, share);
    });
  });
  let reason: { message: string; hint: string | null } | null = null;
  session.on('notice', (notice) => {
    if (notice.level === 'error') reason = notice;
  });
  await session.call('datasets.download', { id });
  const { state, detail, fix } = await ended;
  line.end();
  if (state === 'ready') return;
  const { message, hint } = reason ?? { message: detail, hint: fix };
  throw new AppError('DATASET', message, hint);
}

import {
  AppError,
  downloadableDatasets,
  type DatasetState,
  type ExperimentConfig,
} from '../../contract.ts';
import { progressLine } from '../progress.ts';
import type { Session } from '../session.ts';
import { bytes } from '../text.ts';

/**
 * Sees to it that the dataset of a config is there before anything is measured.
 * @param fetch download it where it is missing, and wait for it
 * @throws AppError DATASET where it is missing or cannot be had
 */
export async function needDataset(
  session: Session,
  { dataset }: ExperimentConfig,
  { fetch, quiet }: { fetch: boolean; quiet: boolean },
): Promise<void> {
  const id = downloadableDatasets.find((known) => known === dataset.kind);
  if (id === undefined || ('path' in dataset && dataset.path !== null)) return;
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

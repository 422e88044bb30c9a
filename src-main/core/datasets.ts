/** Downloads of datasets: one at a time per dataset, told as they go, and to be cancelled. */
import {
  AppError,
  wireError,
  type DatasetState,
  type DownloadableId,
  type Events,
} from '../contract.ts';
import { datasetStates, downloadDataset, type DownloadProgress } from '../trainer/data/index.ts';

export interface Datasets {
  list(): Promise<DatasetState[]>;
  /** Returns at once; what happens is told by `changed`. */
  download(id: DownloadableId): void;
  cancel(id: DownloadableId): void;
  close(): Promise<void>;
}

interface Running {
  abort: AbortController;
  progress: DownloadProgress;
  ended: Promise<void>;
}

/** At most this often a progress is told, in ms. */
const tellEvery = 250;

export function createDatasets(
  dataDir: string,
  changed: (state: DatasetState) => void,
  notice: (notice: Events['notice']) => void,
): Datasets {
  const running = new Map<DatasetState['id'], Running>();

  const list = async (): Promise<DatasetState[]> =>
    (await datasetStates(dataDir)).map((state) => {
      const download = running.get(state.id);
      if (!download) return state;
      return { ...state, state: 'downloading', progress: download.progress, fix: null };
    });

  const tell = async (id: DownloadableId): Promise<void> => {
    // a folder that cannot be looked at is an error for who asks, not for the download
    const state = (await list().catch(() => [])).find((candidate) => candidate.id === id);
    if (state) changed(state);
  };

  const run = async (id: DownloadableId, own: Omit<Running, 'ended'>): Promise<void> => {
    let toldAt = 0;
    try {
      await downloadDataset(id, dataDir, {
        signal: own.abort.signal,
        onProgress: (progress) => {
          own.progress = progress;
          if (Date.now() - toldAt < tellEvery) return;
          toldAt = Date.now();
          void tell(id);
        },
      });
    } catch (cause) {
      if (!own.abort.signal.aborted) {
        const { message, hint } = wireError(cause);
        notice({ level: 'error', message, hint });
      }
    } finally {
      running.delete(id);
      await tell(id);
    }
  };

  return {
    list,
    download: (id) => {
      if (running.has(id)) throw new AppError('CONFLICT', `${id} is being downloaded already.`);
      const own: Running = {
        abort: new AbortController(),
        progress: { received: 0, total: null, label: 'Connecting' },
        ended: Promise.resolve(),
      };
      running.set(id, own);
      own.ended = run(id, own);
      void tell(id);
    },
    cancel: (id) => running.get(id)?.abort.abort(),
    close: async () => {
      for (const { abort } of running.values()) abort.abort();
      await Promise.allSettled([...running.values()].map(({ ended }) => ended));
    },
  };
}

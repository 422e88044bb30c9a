/**
 * Images of datasets and what selection keeps of them, asked of a trainer process that stays for a while: reading
 * a dataset takes seconds, and its images shall be in nobody's memory for longer than they are looked at.
 */
import { AppError, type ErrorCode } from '../contract.ts';
import type {
  FromTrainer,
  ImageSamples,
  PreviewRequest,
  SelectionPreview,
  ToTrainer,
} from '../trainer/messages.ts';
import type { Spawn, Worker } from './spawn.ts';

export interface Previews {
  images(request: Omit<PreviewRequest & { what: 'images' }, 'what'>): Promise<ImageSamples>;
  selection(
    request: Omit<PreviewRequest & { what: 'selection' }, 'what'>,
  ): Promise<SelectionPreview>;
  /** Frees processor and memory at once: a run begins. */
  rest(): void;
  close(): Promise<void>;
}

export interface PreviewOptions {
  spawn: Spawn;
  trainerEntry: string;
  dataDir: string;
  /** The process ends when nobody has asked for so long. */
  idleMs?: number;
  /** A process was started. */
  began(): void;
}

interface Own {
  worker: Worker<ToTrainer>;
  waiting: Map<number, PromiseWithResolvers<ImageSamples | SelectionPreview>>;
}

export function createPreviews(options: PreviewOptions): Previews {
  const { spawn, trainerEntry, dataDir, idleMs = 60_000 } = options;
  let own: Own | null = null;
  let next = 1;
  let idle: NodeJS.Timeout | undefined;

  const start = (): Own => {
    const waiting: Own['waiting'] = new Map();
    const take = (id: number) => {
      const found = waiting.get(id);
      waiting.delete(id);
      return found;
    };
    const worker = spawn<ToTrainer, FromTrainer>(trainerEntry, 'preview', (message) => {
      if (message.type === 'previewed') take(message.id)?.resolve(message.answer);
      if (message.type === 'refused') {
        const { code, message: words, hint } = message.error;
        const known: ErrorCode = code === 'DATASET' || code === 'DISK_FULL' ? code : 'INTERNAL';
        take(message.id)?.reject(new AppError(known, words, hint));
      }
    });
    const started = { worker, waiting };
    void worker.exited.then(() => {
      if (own === started) own = null;
      for (const { reject } of waiting.values())
        reject(
          new AppError(
            'CANCELLED',
            'The preview was broken off.',
            worker.lastLines().at(-1) ?? null,
          ),
        );
    });
    options.began();
    return started;
  };

  const rest = (): void => {
    clearTimeout(idle);
    own?.worker.kill();
    own = null;
  };

  const ask = (request: PreviewRequest): Promise<ImageSamples | SelectionPreview> => {
    const { worker, waiting } = (own ??= start());
    clearTimeout(idle);
    const id = next++;
    const answer = Promise.withResolvers<ImageSamples | SelectionPreview>();
    waiting.set(id, answer);
    worker.post({ type: 'preview', id, dataDir, request });
    const settled = (): void => {
      clearTimeout(idle);
      if (waiting.size === 0) idle = setTimeout(rest, idleMs).unref();
    };
    answer.promise.then(settled, settled);
    return answer.promise;
  };

  return {
    images: (request) => ask({ ...request, what: 'images' }) as Promise<ImageSamples>,
    selection: (request) => ask({ ...request, what: 'selection' }) as Promise<SelectionPreview>,
    rest,
    close: async () => {
      const last = own?.worker;
      rest();
      await last?.exited;
    },
  };
}

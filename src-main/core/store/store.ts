/**
 * The store as the rest of the program sees it: a promise per question.
 *
 * SQLite blocks the thread that calls it, so the file lives in a worker thread (`thread.ts`). This client
 * numbers each request and keeps its promise until the answer with that number comes. What can be asked
 * is `operations.ts`; the types here are derived from it.
 */
import { Worker } from 'node:worker_threads';
import { AppError, type WireError } from '../../contract.ts';
import type { operations } from './operations.ts';
import type { Opened } from './open.ts';
import { keepSqlite } from './sqlite.ts';

export type { Opened } from './open.ts';
export type { RungDecision, StartedMatrix } from './sweeps.ts';
export type * from './types.ts';

type Operations = typeof operations;

/** Every operation without its database argument, answered later. */
type Client = {
  [K in keyof Operations]: Operations[K] extends (
    db: never,
    ...values: infer Values
  ) => infer Answer
    ? (...values: Values) => Promise<Answer>
    : never;
};

export interface Store extends Client {
  /** What happened on opening: a damaged file set aside, a migration. */
  readonly opened: Opened;
  /** Everything asked before is done, then the file is closed. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** The database file; its folder must exist. */
  file: string;
  /** `thread.ts`, or its bundle. */
  threadEntry?: URL | string;
  /** Takes one line per slow query, where HUGGINGGREEN_LOG is `debug`. */
  log?: (line: string) => void;
}

/** From client to thread. */
export interface StoreRequest {
  id: number;
  name: string;
  values: unknown[];
}
/** From thread to client. */
export type StoreReply =
  | { type: 'opened'; opened: Opened; names: string[] }
  | { type: 'refused'; error: WireError }
  | { type: 'answer'; id: number; value: unknown }
  | { type: 'failure'; id: number; error: WireError }
  | { type: 'slow'; name: string; ms: number };

/**
 * Opens the file, making it where there is none and bringing it to the present schema.
 * @throws AppError STORE when the file is of a newer program, not writable, or in use.
 */
export async function openStore({
  file,
  threadEntry = new URL('./thread.ts', import.meta.url),
  log = (line) => console.warn(line),
}: StoreOptions): Promise<Store> {
  // why it cannot be loaded is told by the thread, with the file that could not be opened
  await keepSqlite().catch(() => {});
  const worker = new Worker(threadEntry, { workerData: { file } });
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let count = 0;
  let gone: AppError | null = null;

  const call = (name: string, values: unknown[]): Promise<unknown> => {
    if (gone) return Promise.reject(gone);
    const id = ++count;
    const waiting = Promise.withResolvers<unknown>();
    pending.set(id, waiting);
    worker.postMessage({ id, name, values } satisfies StoreRequest);
    return waiting.promise;
  };

  return new Promise<Store>((resolve, reject) => {
    const end = (reason: AppError) => {
      gone ??= reason;
      reject(gone);
      for (const { reject } of pending.values()) reject(gone);
      pending.clear();
    };
    const take = (id: number): PromiseWithResolvers<unknown> | undefined => {
      const waiting = pending.get(id);
      pending.delete(id);
      return waiting;
    };

    worker.on('message', (reply: StoreReply) => {
      switch (reply.type) {
        case 'opened':
          resolve(client(reply.opened, reply.names, call));
          break;
        case 'refused':
          end(appError(reply.error));
          break;
        case 'answer':
          take(reply.id)?.resolve(reply.value);
          break;
        case 'failure':
          take(reply.id)?.reject(appError(reply.error));
          break;
        case 'slow':
          // for whoever looks into it, not for a person's terminal
          if (process.env.HUGGINGGREEN_LOG === 'debug')
            log(`store: ${reply.name} took ${Math.round(reply.ms)} ms`);
      }
    });
    worker.on('error', (cause) => end(new AppError('STORE', `The store failed: ${cause.message}`)));
    worker.on('exit', () => end(new AppError('STORE', 'The store is closed.')));
  });
}

function client(
  opened: Opened,
  names: string[],
  call: (name: string, values: unknown[]) => Promise<unknown>,
): Store {
  const methods = Object.fromEntries(
    names.map((name) => [name, (...values: unknown[]) => call(name, values)]),
  );
  // the thread names exactly the operations from which `Client` is derived
  return { ...methods, opened, close: async () => void (await call('close', [])) } as Store;
}

const appError = ({ code, message, hint, issues }: WireError): AppError =>
  new AppError(code, message, hint, issues);

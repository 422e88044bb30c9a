/**
 * The parent's end of the line, seen from a worker process: the same two functions under Electron's
 * utilityProcess and under Node's child_process.
 */
export interface Port<In, Out> {
  post(message: Out): void;
  listen(hear: (message: In) => void): void;
  /** Stop listening, so that the process can end. */
  close(): void;
}

interface ElectronParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', hear: (event: { data: unknown }) => void): void;
  start(): void;
}

/**
 * @param orphaned what to do when the parent is gone; left out: end at once, because a worker whose
 * parent was killed must not go on drawing power for nobody.
 */
export function parentPort<In, Out>(orphaned = (): void => process.exit(1)): Port<In, Out> {
  const electron = (process as unknown as { parentPort?: ElectronParentPort }).parentPort;
  if (electron)
    return {
      post: (message) => electron.postMessage(message),
      listen: (hear) => electron.on('message', ({ data }) => hear(data as In)),
      close: () => {},
    };
  if (!process.send)
    throw new Error('This file is a worker process; it is started by the program.');
  let closing = false;
  process.once('disconnect', () => {
    if (!closing) orphaned();
  });
  return {
    post: (message) => {
      // the callback takes the error of a parent that goes away meanwhile
      if (process.connected) process.send?.(message, undefined, undefined, () => {});
    },
    listen: (hear) => void process.on('message', (message) => hear(message as In)),
    close: () => {
      closing = true;
      if (process.connected) process.disconnect?.();
    },
  };
}

/** The monotonic clock in microseconds: one clock for every process of the machine. */
export const monotonicMicros = (): number => Number(process.hrtime.bigint() / 1000n);

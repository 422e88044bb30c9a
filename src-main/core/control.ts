/**
 * The running program's door for the command line: the contract as JSON lines over a Unix socket (a
 * named pipe on Windows) that only the owner of the data folder can open. It is why `hugginggreen list`
 * works while the window is open: one program writes the data, the others ask it.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AppError,
  answer,
  parseCall,
  type Handlers,
  type Link,
  type WireEvent,
  type WireReply,
} from '../contract.ts';
import type { EventBus } from './events.ts';

/** A listener that is this far behind gets no events until it has caught up, as over WebSocket. */
const laggingBytes = 1_000_000;

/** How long a program that ends waits for the answers that it owes. */
const patienceMs = 2000;

/** Where the door of a data folder is. Unix socket paths end at about 104 bytes. */
export function controlPath(home: string): string {
  const hash = createHash('sha256').update(resolve(home)).digest('hex').slice(0, 16);
  if (process.platform === 'win32') return `\\\\.\\pipe\\hugginggreen-${hash}`;
  const path = join(resolve(home), 'control.sock');
  return Buffer.byteLength(path) <= 100 ? path : join(tmpdir(), `hugginggreen-${hash}.sock`);
}

/** Opens the door; the lock of the home must be held, so that no other program's door is removed. */
export async function serveControl(
  home: string,
  handlers: Handlers,
  events: Pick<EventBus, 'listen'>,
): Promise<{ close(): Promise<void> }> {
  const path = controlPath(home);
  const open = new Set<Socket>();
  const answering = new Set<Promise<void>>();
  let closing = false;
  const server = createServer((socket) => {
    if (closing) {
      socket.destroy();
      return;
    }
    send(socket, hello);
    open.add(socket);
    const stopListening = events.listen((event) => {
      if (socket.writableLength < laggingBytes) send(socket, event);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      stopListening();
      open.delete(socket);
    });
    onLine(socket, (line) => {
      if (closing) return;
      const call = parseCall(line);
      if (!call) {
        socket.destroy();
        return;
      }
      const sent = answer(handlers, call).then((reply) => send(socket, reply));
      answering.add(sent);
      void sent.finally(() => answering.delete(sent));
    });
  });
  if (process.platform !== 'win32') await rm(path, { force: true });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    // binding happens inside listen(), so the mask covers the socket's file and nothing else
    const mask = process.umask(0o177);
    try {
      server.listen(path, done);
    } finally {
      process.umask(mask);
    }
  });
  return {
    close: async () => {
      closing = true;
      const answered = await Promise.race([
        Promise.all(answering).then(() => true),
        sleep(patienceMs, false, { ref: false }),
      ]);
      for (const socket of open) {
        if (answered) send(socket, goodbye);
        socket.end();
      }
      await new Promise<void>((done) => {
        server.close(() => done());
        setTimeout(() => open.forEach((socket) => socket.destroy()), 500).unref();
      });
    },
  };
}

/** The first line of a program: without it nothing that it was asked has reached it. */
const hello = { hello: true } as const;
/** The last line of a program that ends in order: what has no answer by then has not been done. */
const goodbye = { goodbye: true } as const;

export type ControlLink = Link & {
  close(): void;
  readonly closed: Promise<void>;
  /**
   * A call that was left unanswered has not been done, and can be made again elsewhere: the program has said
   * that it ends, or was about to and never took up the connection.
   */
  readonly leftUndone: boolean;
};

/** Connects to the program that holds `home`; null where none listens. */
export async function connectControl(home: string): Promise<ControlLink | null> {
  const socket = connect(controlPath(home));
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  if (!connected) return null;
  const waiting = new Map<number, (reply: WireReply) => void>();
  const listeners = new Set<(event: WireEvent) => void>();
  let lastId = 0;
  let saidHello = false;
  let saidGoodbye = false;
  const closed = new Promise<void>((resolve) => {
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      for (const [id, settle] of waiting) settle(gone(id));
      resolve();
    });
  });
  onLine(socket, (line) => {
    const message = JSON.parse(line) as WireReply | WireEvent | typeof hello | typeof goodbye;
    if ('hello' in message) {
      saidHello = true;
      return;
    }
    if ('goodbye' in message) {
      saidGoodbye = true;
      return;
    }
    if ('event' in message) {
      for (const hear of listeners) hear(message);
      return;
    }
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  return {
    closed,
    get leftUndone() {
      return saidGoodbye || !saidHello;
    },
    call: (name, input) =>
      new Promise((resolve) => {
        const id = ++lastId;
        if (socket.destroyed) {
          resolve(gone(id));
          return;
        }
        waiting.set(id, resolve);
        send(socket, { id, name, input });
      }),
    listen: (hear) => {
      listeners.add(hear);
      return () => void listeners.delete(hear);
    },
    close: () => socket.end(),
  };
}

/** Readline hands the socket's errors on as its own; they are dealt with at the socket. */
function onLine(socket: Socket, hear: (line: string) => void): void {
  createInterface({ input: socket })
    .on('line', hear)
    .on('error', () => {});
}

function send(socket: Socket, message: unknown): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

const gone = (id: number): WireReply => {
  const { code, message, hint } = new AppError(
    'UNAVAILABLE',
    'The running program has ended meanwhile.',
    'Try again.',
  );
  return { id, error: { code, message, hint, issues: [] } };
};

/**
 * The command line's way to the data: through the program that is running on the data folder, or, where
 * none is, through a host of its own. Commands cannot tell the difference.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AppError,
  answer,
  type CallInput,
  type CallName,
  type CallOutput,
  type EventName,
  type Events,
  type Link,
} from '../contract.ts';
import { connectControl } from '../core/control.ts';
import { dataHome, lockOwner } from '../core/data-home.ts';
import { createHost, type Host, type HostOptions } from '../core/host.ts';
import { findBrowser, printWithBrowser } from '../core/print.ts';
import { spawnNode } from '../core/spawn.ts';
import { reportDir, root } from './build.ts';

export interface Session {
  /** @throws AppError as the host says it. */
  call<K extends CallName>(name: K, input: CallInput<K>): Promise<CallOutput<K>>;
  on<K extends EventName>(name: K, hear: (data: Events[K]) => void): void;
  /** Another program does the work; null when this one does. */
  readonly through: string | null;
  /** Resolves if the other program ends before this command has. */
  readonly lost: Promise<void>;
  close(): Promise<void>;
}

export const appVersion = (): string =>
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;

/** A host that runs from the sources, with Node's own processes. */
export async function nodeHost(program: string, options: Partial<HostOptions> = {}): Promise<Host> {
  const source = (...path: string[]): string => join(root, 'src-main', ...path);
  return createHost({
    home: dataHome(),
    resourcesDir: join(root, 'resources'),
    reportDir,
    entries: {
      trainer: source('trainer', 'main.ts'),
      meter: source('meter', 'main.ts'),
      store: source('core', 'store', 'thread.ts'),
    },
    spawn: spawnNode,
    appVersion: appVersion(),
    program,
    shell: 'server',
    can: { pdf: (await findBrowser()) !== null, revealInFolder: false, chooseFolder: false },
    printPdf: (html) => printWithBrowser(html),
    ...options,
  });
}

/** A program that is just starting or ending holds the lock for a moment without answering. */
const patience = { tries: 25, ms: 200 };

export async function openSession(command: string): Promise<Session> {
  const home = dataHome();
  for (let attempt = 1; ; attempt++) {
    const owner = await lockOwner(home);
    const link = owner && (await connectControl(home));
    if (owner && link) {
      const through = `${owner.program}, process ${owner.pid}`;
      return sessionOf(link, through, link.closed, async () => link.close());
    }
    try {
      const host = await nodeHost(`hugginggreen ${command}`, { background: false });
      const own: Link = {
        call: (name, input) => answer(host.handlers, { id: 0, name, input }),
        listen: (hear) => host.events.listen(hear),
      };
      return sessionOf(own, null, new Promise(() => {}), () => host.close());
    } catch (cause) {
      const busy = cause instanceof AppError && cause.code === 'CONFLICT';
      if (!busy || attempt >= patience.tries) throw cause;
      await sleep(patience.ms);
    }
  }
}

function sessionOf(
  link: Link,
  through: string | null,
  lost: Promise<void>,
  close: () => Promise<void>,
): Session {
  return {
    through,
    lost,
    close,
    call: async (name, input) => {
      const reply = (await link.call(name, input)) as Awaited<ReturnType<typeof answer>>;
      if ('ok' in reply) return reply.ok as never;
      const { code, message, hint, issues } = reply.error;
      throw new AppError(code, message, hint, issues);
    },
    on: (name, hear) => {
      link.listen(({ event, data }) => {
        if (event === name) hear(data as never);
      });
    },
  };
}

/** Does something with a session and closes it, whatever happens. */
export async function withSession<T>(
  command: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(command);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

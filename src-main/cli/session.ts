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
import { connectControl, type ControlLink } from '../core/control.ts';
import { dataHome, lockOwner } from '../core/data-home.ts';
import { createHost, type Host, type HostOptions } from '../core/host.ts';
import { findBrowser, printWithBrowser } from '../core/print.ts';
import { spawnNode } from '../core/spawn.ts';
import { reportDir, root } from './build.ts';
import { interruptionLine } from './interruption.ts';

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
  const host = await createHost({
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
    can: {
      pdf: (await findBrowser()) !== null,
      revealInFolder: false,
      chooseFolder: false,
      serve: false,
      commands: true,
    },
    printPdf: (html) => printWithBrowser(html),
    ...options,
  });
  if (host.remark) console.error(host.remark);
  for (const run of host.interrupted) console.error(interruptionLine(run));
  return host;
}

/** A program that is just starting or ending, or a short command, has the data folder for a moment. */
const patience = { tries: 25, ms: 200 };

/** Tries again for some seconds while another program has the data folder, unless it is there to stay. */
async function whenFree<T>(home: string, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (cause) {
      const busy = cause instanceof AppError && cause.code === 'CONFLICT';
      if (!busy || tries >= patience.tries || (await lockOwner(home))?.lasting) throw cause;
      await sleep(patience.ms);
    }
  }
}

/** The host of `serve`. */
export const lastingHost = (program: string): Promise<Host> =>
  whenFree(dataHome(), () => nodeHost(program));

/**
 * @param starts the command starts runs: they go to a program that stays, never to another command,
 *   which would end before them
 * @param terminal of a command that is to be measured, where no other program does that
 */
export async function openSession(
  command: string,
  starts = false,
  terminal?: HostOptions['terminal'],
): Promise<Session> {
  const home = dataHome();
  const linked = async (): Promise<Session | null> => {
    const owner = await lockOwner(home);
    if (!owner || (starts && !owner.lasting)) return null;
    const link = await connectControl(home);
    if (!link) return null;
    const through = `${owner.program}, process ${owner.pid}`;
    const session = sessionOf(link, through, link.closed, async () => link.close());
    return starts ? session : outliving(link, session, open);
  };
  const own = async (): Promise<Session> => {
    const host = await nodeHost(`hugginggreen ${command}`, {
      background: false,
      ...(terminal && { terminal }),
      // a line about a slow query is of no use to who asked for a list
      log: () => {},
    });
    const link: Link = {
      call: (name, input) => answer(host.handlers, { id: 0, name, input }),
      listen: (hear) => host.events.listen(hear),
    };
    return sessionOf(link, null, new Promise(() => {}), () => host.close());
  };
  const open = (): Promise<Session> => whenFree(home, async () => (await linked()) ?? own());
  return open();
}

/** A session that goes on through another when the program it began with ends before it has answered. */
function outliving(link: ControlLink, first: Session, reopen: () => Promise<Session>): Session {
  const heard: Parameters<Session['on']>[] = [];
  let next: Promise<Session> | null = null;
  const following = (): Promise<Session> =>
    (next ??= reopen().then((session) => {
      for (const [name, hear] of heard) session.on(name, hear);
      return session;
    }));
  return {
    ...first,
    call: async (name, input) => {
      if (next) return (await next).call(name, input);
      try {
        return await first.call(name, input);
      } catch (cause) {
        const gone = cause instanceof AppError && cause.code === 'UNAVAILABLE';
        if (!gone || !link.leftUndone) throw cause;
        return (await following()).call(name, input);
      }
    },
    on: (name, hear) => {
      heard.push([name, hear] as Parameters<Session['on']>);
      first.on(name, hear);
    },
    close: async () => {
      await first.close();
      await (await next)?.close();
    },
  };
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
  starts = false,
): Promise<T> {
  const session = await openSession(command, starts);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

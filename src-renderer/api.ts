/**
 * The typed client of the host, over Electron's `window.host` or over a WebSocket.
 *
 * Both links carry the same calls and events (`contract.ts`). Events are numbered; a hole in the
 * numbers, or a new connection, makes the client say `stale`: whoever shows data then asks again, so
 * that reconnecting, reloading and waking from sleep are one code path.
 */
import {
  AppError,
  type CallInput,
  type CallName,
  type CallOutput,
  type EventName,
  type Events,
  type Link,
  type WireEvent,
  type WireReply,
} from '../src-main/contract.ts';

declare global {
  interface Window {
    /** What the preload script exposes under Electron. Replies cross the bridge as plain data. */
    host?: {
      call(name: string, input: unknown): Promise<unknown>;
      on(hear: (event: WireEvent) => void): () => void;
      platform: string;
    };
  }
}

/** `refused`: the host does not know this page's token; trying again would not help. */
export type Connection = 'connecting' | 'open' | 'lost' | 'refused';

/**
 * A link whose calls resolve with a `WireReply` (errors too: they lose their fields when thrown across
 * Electron's bridge), and that can go away and come back, as a socket does.
 */
export interface WatchedLink extends Link {
  watch?(hear: (state: Connection) => void): () => void;
}

export interface Api {
  /** Rejects with an `AppError`, whatever the link. */
  call<K extends CallName>(name: K, input: CallInput<K>): Promise<CallOutput<K>>;
  on<K extends EventName>(name: K, hear: (data: Events[K]) => void): () => void;
  /** Events were missed: ask again. */
  onStale(hear: () => void): () => void;
  onConnection(hear: (state: Connection) => void): () => void;
}

/** A set of listeners; `add` gives back its undoing, to be returned from `$effect`. */
function listeners<T>() {
  const all = new Set<(value: T) => void>();
  return {
    add: (hear: (value: T) => void) => {
      all.add(hear);
      return () => void all.delete(hear);
    },
    tell: (value: T) => all.forEach((hear) => hear(value)),
  };
}

export function createApi(link: WatchedLink): Api {
  const events = listeners<{ name: EventName; data: unknown }>();
  const stale = listeners<void>();
  const connection = listeners<Connection>();
  let lastSeq: number | null = null;
  let opened = false;

  link.listen(({ event, seq, data }) => {
    const gap = lastSeq !== null && seq !== lastSeq + 1;
    lastSeq = seq;
    events.tell({ name: event, data });
    if (gap) stale.tell();
  });
  link.watch?.((state) => {
    if (state === 'open') {
      lastSeq = null;
      if (opened) stale.tell();
      opened = true;
    }
    connection.tell(state);
  });

  return {
    async call(name, input) {
      const reply = (await link.call(name, toPlain(input))) as WireReply;
      if ('error' in reply) {
        const { code, message, hint, issues } = reply.error;
        throw new AppError(code, message, hint, issues);
      }
      return reply.ok as CallOutput<typeof name>;
    },
    on: (name, hear) =>
      events.add((event) => {
        if (event.name === name) hear(event.data as Events[typeof name]);
      }),
    onStale: stale.add,
    onConnection: connection.add,
  };
}

/** Svelte's state proxies cannot be cloned across the bridge; inputs are JSON by contract. */
const toPlain = (input: unknown): unknown => JSON.parse(JSON.stringify(input));

/** The link this page was opened with: the preload's, or a socket to the server it came from. */
export function hostLink(): WatchedLink {
  const { host } = window;
  if (host) return { call: host.call, listen: host.on };
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const token = takeToken();
  // a browser cannot set headers on a socket; the token travels as a subprotocol instead
  const protocols = ['hugginggreen', `token.${token}`];
  const link = webSocketLink(() => new WebSocket(`${scheme}//${location.host}/link`, protocols));
  link.watch?.((state) => state === 'refused' && forgetToken(token));
  return link;
}

const tokenKey = 'hugginggreen.token';

/**
 * The token the server printed stands in the address' fragment, which no server ever sees. It moves
 * to the browser's storage for this address, so that it does not stay in the history and links work that
 * are opened in a new tab.
 */
export function takeToken(): string {
  const found = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (found) {
    localStorage.setItem(tokenKey, decodeURIComponent(found));
    history.replaceState(null, '', location.pathname);
  }
  return localStorage.getItem(tokenKey) ?? '';
}

/** After a refusal; a newer one, which another tab has brought since, stays. */
export function forgetToken(refused: string): void {
  if (localStorage.getItem(tokenKey) === refused) localStorage.removeItem(tokenKey);
}

/** The address of this page as it opens in another browser: with the token, where there is one. */
export function addressWithToken(): string {
  const token = localStorage.getItem(tokenKey);
  return token ? `${location.origin}/#token=${encodeURIComponent(token)}` : location.origin;
}

type Socket = Pick<WebSocket, 'send' | 'close' | 'addEventListener'>;

/** The server closes with this code when the token is wrong. */
export const unauthorizedCode = 4401;

/**
 * A link over a WebSocket that reconnects by itself. Calls made before the socket is open wait for it;
 * calls under way when it closes fail with `UNAVAILABLE`.
 */
export function webSocketLink(connect: () => Socket, retryMs = 500): WatchedLink {
  const heard = listeners<WireEvent>();
  const states = listeners<Connection>();
  const pending = new Map<number, (reply: WireReply) => void>();
  let waiting: string[] = [];
  let socket: Socket | null = null;
  let nextId = 1;
  let failures = 0;
  let state: Connection = 'connecting';

  const enter = (next: Connection) => {
    state = next;
    states.tell(next);
  };
  const unavailable = (id: number): WireReply => ({
    id,
    error: {
      code: 'UNAVAILABLE',
      message:
        state === 'refused'
          ? 'The server does not accept this page: its address has to carry the token.'
          : 'The connection to the program was lost.',
      hint:
        state === 'refused'
          ? 'Open the address that the server printed when it started.'
          : 'This page tries again by itself.',
      issues: [],
    },
  });

  function open() {
    const opening = connect();
    opening.addEventListener('open', () => {
      socket = opening;
      failures = 0;
      for (const message of waiting) opening.send(message);
      waiting = [];
      enter('open');
    });
    opening.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const message = JSON.parse(data) as WireReply | WireEvent;
      if ('event' in message) return heard.tell(message);
      pending.get(message.id)?.(message);
      pending.delete(message.id);
    });
    opening.addEventListener('close', ({ code }: CloseEvent) => {
      socket = null;
      waiting = [];
      enter(code === unauthorizedCode ? 'refused' : 'lost');
      for (const [id, settle] of pending) settle(unavailable(id));
      pending.clear();
      if (state === 'lost') setTimeout(open, Math.min(5000, retryMs * 2 ** failures++));
    });
  }
  open();

  return {
    call: (name, input) =>
      new Promise((resolve) => {
        const id = nextId++;
        if (state === 'refused' || state === 'lost') return resolve(unavailable(id));
        pending.set(id, resolve);
        const message = JSON.stringify({ id, name, input });
        if (socket) socket.send(message);
        else waiting.push(message);
      }),
    listen: heard.add,
    watch(hear) {
      hear(state);
      return states.add(hear);
    },
  };
}

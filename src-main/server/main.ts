/**
 * The second shell: the same page in a browser, for GPU machines without a screen.
 *
 * One port serves the built renderer over HTTP and the contract over a WebSocket at `/link`. Rules
 * (ux of the contract, rule 8): loopback unless asked otherwise, a random token that travels in the URL
 * fragment and so never in a log, compared in constant time; `Host` checked against DNS rebinding and
 * `Origin` against foreign pages; a size limit per message; events are skipped for a client that does
 * not keep up, which the page heals by asking again when it sees the gap in `seq`.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { pipeline } from 'node:stream';
import { networkInterfaces } from 'node:os';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { AppError, answer, parseCall, type Handlers } from '../contract.ts';
import type { EventBus } from '../core/events.ts';
import type { Host } from '../core/host.ts';
import { pageFile } from '../core/page.ts';
import { hostAllowed, originAllowed, sameToken } from '../core/request-guard.ts';

export interface ServerOptions {
  handlers: Handlers;
  events: Pick<EventBus, 'listen'>;
  /** Folder of the built renderer. */
  pageDir: string;
  /** Files that calls have made; their names are secrets, as the token does not come with a link. */
  download?: Host['download'];
  /** Default 127.0.0.1. */
  address?: string;
  /** Default 8765; taken: the next free one of ten, unless `exactPort`. 0: any. */
  port?: number;
  exactPort?: boolean;
  /** Default: 32 random bytes. */
  token?: string;
  /** Largest message of a client in bytes; the largest call is a CSV of 64 MB to import. */
  maxMessageBytes?: number;
  /** A page has shown the token and listens. */
  connected?: () => void;
}

export interface RunningServer {
  port: number;
  token: string;
  /** With the token in the fragment. */
  url: string;
  close(): Promise<void>;
}

/** Sent back to the page as the agreed subprotocol; the other one offered is `token.TOKEN`. */
const protocol = 'hugginggreen';
/** Close codes of our own (4000-4999 are free for applications). */
const tokenRefused = 4401;
/** A client that has this much unsent gets no more events until it has caught up. */
const laggingBytes = 1_000_000;
const heartbeatMs = 30_000;
/** Who has been refused has this long to hear why. */
const partingMs = 1000;

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const address = options.address ?? '127.0.0.1';
  const token = options.token ?? randomBytes(32).toString('base64url');
  const http = createServer((request, response) => {
    void (async () => {
      if (!hostAllowed(request.headers.host, address)) {
        response.writeHead(403).end('This address is not served.\n');
        return;
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
        return;
      }
      const path = (request.url ?? '/').split(/[?#]/, 1)[0] ?? '/';
      const download = (await options.download?.(path)) ?? null;
      if (download) {
        response.writeHead(200, download.headers);
        if (request.method === 'HEAD') response.end();
        // a browser that goes away in the middle ends the reading as well
        else pipeline(download.open(), response, () => {});
        return;
      }
      const file = await pageFile(options.pageDir, path);
      response.writeHead(file.status, file.headers);
      response.end(request.method === 'HEAD' ? undefined : file.body);
    })();
  });
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.maxMessageBytes ?? 80_000_000,
    handleProtocols: () => protocol,
  });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const refuse = refusal(request, address);
    if (refuse) {
      socket.end(`HTTP/1.1 ${refuse}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      // a page learns nothing from a refused upgrade; a close code tells it to ask for the token again
      if (knowsToken(request, token)) serve(client, options);
      else turnAway(client);
    });
  });
  const heartbeat = setInterval(() => dropTheDead(sockets), heartbeatMs);
  heartbeat.unref();

  const port = await listen(http, address, options.port ?? 8765, options.exactPort ?? false);
  const open = outside(address);
  const shown = open.includes(':') ? `[${open}]` : open;
  return {
    port,
    token,
    url: `http://${shown}:${port}/#token=${token}`,
    close: async () => {
      clearInterval(heartbeat);
      for (const client of sockets.clients) client.close(1001, 'The program ends.');
      await new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
        // a client that does not answer the close frame must not hold the program up
        setTimeout(() => sockets.clients.forEach((client) => client.terminate()), 500).unref();
      });
    },
  };
}

/** Where others find a server that listens on every address of this machine. */
function outside(address: string): string {
  if (address !== '0.0.0.0' && address !== '::') return address;
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}

/** A browser can send no header of its own with a WebSocket, but it can offer subprotocols. */
function knowsToken(request: IncomingMessage, token: string): boolean {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/);
  const given = offered.find((name) => name.startsWith('token.'));
  return given !== undefined && sameToken(given.slice('token.'.length), token);
}

function refusal(request: IncomingMessage, address: string): string | null {
  const { host, origin } = request.headers;
  if (!hostAllowed(host, address) || !originAllowed(origin, host)) return '403 Forbidden';
  if ((request.url ?? '').split(/[?#]/, 1)[0] !== '/link') return '404 Not Found';
  return null;
}

function turnAway(client: WebSocket): void {
  // what it sends meanwhile may be broken, and an error that nobody hears would end the program
  client.on('error', () => {});
  client.close(tokenRefused, 'The token is wrong.');
  setTimeout(() => client.terminate(), partingMs).unref();
}

/** One browser: calls in, replies and events out. */
function serve(client: WebSocket, { handlers, events, connected }: ServerOptions): void {
  const stopListening = events.listen((event) => {
    if (client.readyState === client.OPEN && client.bufferedAmount < laggingBytes)
      client.send(JSON.stringify(event));
  });
  const reply = async (text: string): Promise<void> => {
    const call = parseCall(text);
    if (!call) {
      client.close(1007, 'A message is not a call.');
      return;
    }
    const sent = await answer(handlers, call);
    if (client.readyState === client.OPEN) client.send(JSON.stringify(sent));
  };

  client.on('message', (data, binary) => {
    if (binary) client.close(1003, 'Messages are text.');
    else void reply(String(data));
  });
  client.on('pong', () => alive.add(client));
  alive.add(client);
  // 'error' comes before 'close', for an oversize message (1009) as well
  client.on('error', () => {});
  client.on('close', stopListening);
  connected?.();
}

const alive = new WeakSet<WebSocket>();

function dropTheDead(sockets: WebSocketServer): void {
  for (const client of sockets.clients) {
    if (!alive.delete(client)) client.terminate();
    else client.ping();
  }
}

async function listen(
  server: Server,
  address: string,
  port: number,
  exact: boolean,
): Promise<number> {
  const last = exact || port === 0 ? port : Math.min(port + 9, 65_535);
  for (let candidate = port; candidate <= last; candidate++) {
    const failure = await tryListen(server, address, candidate);
    if (!failure) return (server.address() as AddressInfo).port;
    if (failure.code !== 'EADDRINUSE') throw cannotListen(address, candidate, failure);
  }
  throw new AppError(
    'CONFLICT',
    port === last ? `Port ${port} is taken.` : `The ports ${port} to ${last} are all taken.`,
    'Choose another with --port; 0 takes any free one.',
  );
}

function cannotListen(address: string, port: number, cause: NodeJS.ErrnoException): AppError {
  const reasons: Record<string, string> = {
    EACCES: 'ports below 1024 need special rights',
    EADDRNOTAVAIL: 'this computer does not have that address',
    ENOTFOUND: 'that name is not known',
  };
  return new AppError(
    'UNAVAILABLE',
    `Cannot listen on ${address}, port ${port}: ${reasons[cause.code ?? ''] ?? cause.message}.`,
    'Choose others with --host and --port.',
  );
}

function tryListen(
  server: Server,
  address: string,
  port: number,
): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      server.off('listening', done);
      resolve(cause);
    };
    const done = (): void => {
      server.off('error', failed);
      resolve(null);
    };
    server.once('error', failed);
    server.once('listening', done);
    server.listen(port, address);
  });
}

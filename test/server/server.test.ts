import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  AppError,
  type Handlers,
  type WireEvent,
  type WireReply,
} from '../../src-main/contract.ts';
import { createEvents } from '../../src-main/core/events.ts';
import { startServer, type RunningServer } from '../../src-main/server/main.ts';

const token = 'a-token-for-the-test';
const events = createEvents();
const handlers = {
  'settings.get': () => ({ region: 'WORLD' }),
  'runs.list': () => {
    throw new AppError('STORE', 'The store is away.', 'Bring it back.');
  },
} as unknown as Handlers;

let folder: string;
let server: RunningServer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hg-server-'));
  await mkdir(join(folder, 'page', 'assets'), { recursive: true });
  await writeFile(join(folder, 'page', 'index.html'), '<!doctype html><title>page</title>');
  await writeFile(join(folder, 'page', 'assets', 'a.js'), 'export {}');
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await symlink(join(folder, 'secret.txt'), join(folder, 'page', 'link.txt'));
  server = await startServer({
    handlers,
    events,
    pageDir: join(folder, 'page'),
    download: async (path) =>
      path === '/download/secret'
        ? {
            headers: { 'content-disposition': 'attachment; filename="a.onnx"' },
            open: () => createReadStream(join(folder, 'secret.txt')),
          }
        : null,
    port: 0,
    token,
    maxMessageBytes: 10_000,
  });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** A GET with a path and headers as given: fetch would tidy both. */
function get(path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      request({ host: '127.0.0.1', port: server.port, path, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      })
        .on('error', reject)
        .end();
    },
  );
}

interface Knock {
  token?: string;
  origin?: string | null;
  host?: string;
  path?: string;
}

function knock({ token: given = token, origin, host, path = '/link' }: Knock = {}): WebSocket {
  const own = `http://127.0.0.1:${server.port}`;
  return new WebSocket(`ws://127.0.0.1:${server.port}${path}`, ['hugginggreen', `token.${given}`], {
    ...(origin === null ? {} : { origin: origin ?? own }),
    ...(host && { headers: { host } }),
  });
}

const opened = (socket: WebSocket) =>
  new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
const refusedWith = (socket: WebSocket) =>
  new Promise<string>((resolve) => socket.once('error', (cause) => resolve(cause.message)));
const closeCode = (socket: WebSocket) =>
  new Promise<number>((resolve) => socket.once('close', resolve));
const nextMessage = (socket: WebSocket) =>
  new Promise<WireReply & WireEvent>((resolve) =>
    socket.once('message', (data) => resolve(JSON.parse(String(data)) as WireReply & WireEvent)),
  );

async function ask(socket: WebSocket, name: string, input: unknown): Promise<WireReply> {
  const reply = nextMessage(socket);
  socket.send(JSON.stringify({ id: 7, name, input }));
  return reply;
}

test('serves the page with the content security policy and its assets for good', async () => {
  const page = await get('/');
  expect(page.status).toBe(200);
  expect(page.body).toContain('<title>page</title>');
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect(page.headers['content-security-policy']).toContain("script-src 'self'");
  expect(page.headers['x-content-type-options']).toBe('nosniff');
  const asset = await get('/assets/a.js?v=1');
  expect(asset.headers['content-type']).toContain('text/javascript');
  expect(asset.headers['cache-control']).toContain('immutable');
});

test.each([
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/assets/..%2f..%2fsecret.txt',
  '/link.txt',
  '/%00',
  '/%ff',
  '/assets',
  '/nothing.html',
])('does not serve %s', async (path) => {
  const answer = await get(path);
  expect(answer.status).toBe(404);
  expect(answer.body).not.toContain('secret');
});

test('refuses requests under a foreign host name (DNS rebinding)', async () => {
  expect((await get('/', { host: 'evil.example' })).status).toBe(403);
  expect((await get('/', { host: `localhost:${server.port}` })).status).toBe(200);
});

test('prints the token only in the fragment', () => {
  expect(server.url).toBe(`http://127.0.0.1:${server.port}/#token=${token}`);
});

test('answers calls and hands events on', async () => {
  const socket = knock();
  await opened(socket);
  expect(socket.protocol).toBe('hugginggreen');
  expect(await ask(socket, 'settings.get', {})).toEqual({ id: 7, ok: { region: 'WORLD' } });
  const event = nextMessage(socket);
  events.emit('run.removed', { ids: [3] });
  expect(await event).toMatchObject({ event: 'run.removed', data: { ids: [3] } });
  socket.close();
});

test('several clients hear the same events', async () => {
  const sockets = [knock(), knock()];
  await Promise.all(sockets.map(opened));
  const heard = Promise.all(sockets.map(nextMessage));
  events.emit('machine', {});
  const [first, second] = await heard;
  expect(first).toEqual(second);
  for (const socket of sockets) socket.close();
});

test('errors come back with code, sentence and hint', async () => {
  const socket = knock();
  await opened(socket);
  expect(await ask(socket, 'runs.list', {})).toEqual({
    id: 7,
    error: { code: 'STORE', message: 'The store is away.', hint: 'Bring it back.', issues: [] },
  });
  expect(await ask(socket, 'no.such', {})).toMatchObject({ error: { code: 'NOT_FOUND' } });
  expect(await ask(socket, '__proto__', {})).toMatchObject({ error: { code: 'NOT_FOUND' } });
  expect(await ask(socket, 'runs.get', { id: 'one' })).toMatchObject({
    error: { code: 'BAD_INPUT', issues: [{ path: 'id' }] },
  });
  socket.close();
});

test('a wrong or missing token is refused with close code 4401', async () => {
  expect(await closeCode(knock({ token: 'wrong' }))).toBe(4401);
  expect(await closeCode(knock({ token: `${token}x` }))).toBe(4401);
  const without = new WebSocket(`ws://127.0.0.1:${server.port}/link`, ['hugginggreen'], {
    origin: `http://127.0.0.1:${server.port}`,
  });
  expect(await closeCode(without)).toBe(4401);
});

test('foreign origins, hosts and paths get no socket', async () => {
  expect(await refusedWith(knock({ origin: 'http://evil.example' }))).toContain('403');
  expect(await refusedWith(knock({ origin: null }))).toContain('403');
  expect(await refusedWith(knock({ host: 'evil.example' }))).toContain('403');
  expect(await refusedWith(knock({ path: '/other' }))).toContain('404');
});

test('an oversize message, binary data and nonsense end the connection, the server goes on', async () => {
  const ends = async (data: string | Buffer): Promise<number> => {
    const socket = knock();
    await opened(socket);
    const code = closeCode(socket);
    socket.send(data);
    return code;
  };
  expect(await ends('x'.repeat(20_000))).toBe(1009);
  expect(await ends(Buffer.from([1, 2]))).toBe(1003);
  expect(await ends('not json')).toBe(1007);
  expect(await ends('{"id":"one"}')).toBe(1007);
  expect((await get('/')).status).toBe(200);
});

test('a taken port: the next one, or a clear sentence when it must be that one', async () => {
  const options = { handlers, events, pageDir: folder, port: server.port };
  const next = await startServer(options);
  expect(next.port).toBeGreaterThan(server.port);
  await next.close();
  await expect(startServer({ ...options, exactPort: true })).rejects.toThrow(
    `Port ${server.port} is taken.`,
  );
});

test('closing tells the clients that the server goes away', async () => {
  const socket = knock();
  await opened(socket);
  const code = closeCode(socket);
  await server.close();
  expect(await code).toBe(1001);
});

test('who has no token cannot end the program with a broken frame', async () => {
  const socket = connect(server.port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  socket.write(
    [
      'GET /link HTTP/1.1',
      `Host: 127.0.0.1:${server.port}`,
      `Origin: http://127.0.0.1:${server.port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: hugginggreen, token.wrong',
      '',
      '',
    ].join('\r\n'),
  );
  socket.once('data', () => socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff])));
  await closed;
  // an error that nobody hears would have ended this process by now
  expect((await get('/')).status).toBe(200);
});

test('what happened before a page was there is told to the first one', async () => {
  const connected: number[] = [];
  const other = await startServer({
    handlers,
    events,
    pageDir: join(folder, 'page'),
    port: 0,
    token,
    connected: () => connected.push(1),
  });
  const socket = new WebSocket(
    `ws://127.0.0.1:${other.port}/link`,
    ['hugginggreen', `token.${token}`],
    { origin: `http://127.0.0.1:${other.port}` },
  );
  await opened(socket);
  await ask(socket, 'settings.get', {});
  expect(connected).toHaveLength(1);
  socket.close();
  await other.close();
});

test('open to the network, it names an address at which others find it', async () => {
  const open = await startServer({
    handlers,
    events,
    pageDir: join(folder, 'page'),
    address: '0.0.0.0',
    port: 0,
    token,
  });
  expect(new URL(open.url).hostname).not.toBe('0.0.0.0');
  expect((await fetch(open.url)).status).toBe(200);
  await open.close();
});

test('a file that a call has made is fetched by its secret name, from this page only', async () => {
  expect(await get('/download/secret')).toMatchObject({
    status: 200,
    body: 'secret',
    headers: { 'content-disposition': 'attachment; filename="a.onnx"' },
  });
  expect((await get('/download/other')).status).toBe(404);
  expect((await get('/download/secret', { host: 'evil.example' })).status).toBe(403);
});

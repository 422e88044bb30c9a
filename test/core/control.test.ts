import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSession } from '../../src-main/cli/session.ts';
import type { Handlers } from '../../src-main/contract.ts';
import { connectControl, controlPath, serveControl } from '../../src-main/core/control.ts';
import { lockHome } from '../../src-main/core/data-home.ts';
import { removeHome, temporaryHome } from '../fixtures/host.ts';

let home: string;
beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await removeHome(home);
});

const noEvents = { listen: () => () => {} };

/** A program whose every answer takes until `answer()` is called. */
async function slowProgram() {
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const asked: unknown[] = [];
  const handlers = {
    'runs.list': async (input: unknown) => {
      asked.push(input);
      await answered;
      return [];
    },
  } as unknown as Handlers;
  const server = await serveControl(home, handlers, noEvents);
  return { server, asked, answer: () => answer() };
}

test('a program that ends gives the answers it owes, and says that it did not hear what came later', async () => {
  const program = await slowProgram();
  const link = (await connectControl(home))!;
  const early = link.call('runs.list', {});
  await vi.waitFor(() => expect(program.asked).toHaveLength(1));
  const closing = program.server.close();
  const late = link.call('runs.list', {});
  program.answer();
  expect(await early).toMatchObject({ ok: [] });
  expect(await late).toMatchObject({ error: { code: 'UNAVAILABLE' } });
  expect(link.leftUndone).toBe(true);
  await closing;
  expect(program.asked).toHaveLength(1);
});

test('a program that is torn away ends the calls that wait for it, and nothing else', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.write('{"hello":true}\n');
    sockets.push(socket);
  });
  await new Promise<void>((done) => server.listen(controlPath(home), done));
  const link = (await connectControl(home))!;
  await vi.waitFor(() => expect(link.leftUndone).toBe(false));
  sockets[0]!.destroy();
  // more than the socket's buffer: the write itself fails, as a broken pipe
  const calls = Array.from({ length: 20 }, () =>
    link.call('runs.list', { text: 'x'.repeat(100_000) } as never),
  );
  for (const reply of await Promise.all(calls))
    expect(reply).toMatchObject({ error: { code: 'UNAVAILABLE' } });
  await link.closed;
  // it may have been done
  expect(link.leftUndone).toBe(false);
  server.close();
});

test('a program that is about to end and takes up no connection has done nothing', async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => server.listen(controlPath(home), done));
  const link = (await connectControl(home))!;
  expect(await link.call('runs.list', {})).toMatchObject({ error: { code: 'UNAVAILABLE' } });
  expect(link.leftUndone).toBe(true);
  server.close();
});

test('a command goes on by itself when the program that it asked ends before it has answered', async () => {
  vi.stubEnv('HUGGINGGREEN_HOME', home);
  const lock = await lockHome(home, 'hugginggreen list', false);
  const program = await slowProgram();
  program.answer();
  const session = await openSession('show');
  expect(session.through).toContain('hugginggreen list');
  const closing = program.server.close();
  const list = session.call('runs.list', {});
  await closing;
  await lock.release();
  expect(await list).toEqual([]);
  expect(program.asked).toHaveLength(0);
  await session.close();
  await rm(controlPath(home), { force: true });
});

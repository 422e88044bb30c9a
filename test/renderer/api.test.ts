import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src-main/contract.ts';
import {
  addressWithToken,
  createApi,
  forgetToken,
  takeToken,
  webSocketLink,
  type Connection,
} from '../../src-renderer/api.ts';
import { mockLink } from '../mocks/link.ts';

const energy = { id: 7, time: 1, wh: 1, gCO2e: 1, watts: 1, wallWh: null, byKind: {} };

/** A socket whose other end the test holds. */
class FakeSocket extends EventTarget {
  sent: string[] = [];
  send(text: string) {
    this.sent.push(text);
  }
  close() {}
  opens = () => this.dispatchEvent(new Event('open'));
  says = (message: unknown) =>
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  closes = (code = 1006) => this.dispatchEvent(new CloseEvent('close', { code }));
}

function wired() {
  const sockets: FakeSocket[] = [];
  const link = webSocketLink(() => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket as unknown as WebSocket;
  }, 1);
  return { link, sockets, last: () => sockets.at(-1)! };
}

describe('the client', () => {
  it('answers with the value, and throws the host’s error with its hint', async () => {
    const api = createApi(mockLink());
    expect((await api.call('runs.list', {})).length).toBe(8);
    const failure = await api.call('runs.get', { id: 99 }).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(AppError);
    expect(failure).toMatchObject({ code: 'NOT_FOUND', message: 'There is no run 99.' });
  });

  it('hands an event to those who asked for its kind, until they stop', () => {
    const link = mockLink();
    const api = createApi(link);
    const heard: number[] = [];
    const stop = api.on('run.energy', ({ time }) => heard.push(time));
    link.emit('run.energy', energy);
    link.emit('run.removed', { ids: [1] });
    stop();
    link.emit('run.energy', { ...energy, time: 2 });
    expect(heard).toEqual([1]);
  });

  it('says stale once for a hole in the numbers, not for the first event', () => {
    const link = mockLink();
    const api = createApi(link);
    let stale = 0;
    api.onStale(() => stale++);
    link.skip();
    link.emit('run.energy', energy);
    link.emit('run.energy', energy);
    expect(stale).toBe(0);
    link.skip();
    link.emit('run.energy', energy);
    link.emit('run.energy', energy);
    expect(stale).toBe(1);
  });
});

describe('the socket', () => {
  it('holds calls back until it is open and matches replies by their number', async () => {
    const { link, last } = wired();
    const api = createApi(link);
    const info = api.call('app.info', {});
    const list = api.call('runs.list', {});
    expect(last().sent).toEqual([]);
    last().opens();
    const sent = last().sent.map((text) => JSON.parse(text) as { id: number; name: string });
    expect(sent.map(({ name }) => name)).toEqual(['app.info', 'runs.list']);
    last().says({ id: sent[1]!.id, ok: [] });
    last().says({ id: sent[0]!.id, ok: { version: '1' } });
    expect(await list).toEqual([]);
    expect(await info).toEqual({ version: '1' });
  });

  it('fails what was under way when it closes, comes back, and asks to be read again', async () => {
    const { link, sockets, last } = wired();
    const api = createApi(link);
    const states: Connection[] = [];
    let stale = 0;
    api.onConnection((state) => states.push(state));
    api.onStale(() => stale++);
    last().opens();
    const call = api.call('runs.list', {}).catch((cause: AppError) => cause.code);
    last().closes();
    expect(await call).toBe('UNAVAILABLE');
    await expect.poll(() => sockets.length).toBe(2);
    last().opens();
    expect(states).toEqual(['open', 'lost', 'open']);
    expect(stale).toBe(1);
    // a new connection counts from anywhere: that is no hole
    last().says({ event: 'run.energy', seq: 900, data: energy });
    expect(stale).toBe(1);
  });

  it('does not try again where its token is refused', async () => {
    const { link, sockets, last } = wired();
    const api = createApi(link);
    const states: Connection[] = [];
    api.onConnection((state) => states.push(state));
    last().closes(4401);
    const failure = await api.call('app.info', {}).catch((cause: AppError) => cause);
    expect(failure).toMatchObject({ code: 'UNAVAILABLE' });
    expect((failure as AppError).message).toContain('token');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sockets.length).toBe(1);
    expect(states).toEqual(['refused']);
  });
});

describe('the token of a served page', () => {
  afterEach(() => localStorage.clear());

  it('serves every tab of the address, and one in the address wins', () => {
    history.replaceState(null, '', '#token=first');
    expect(takeToken()).toBe('first');
    expect(location.hash).toBe('');
    expect(JSON.stringify({ ...sessionStorage })).not.toContain('first');
    // another tab shares nothing but the browser's storage
    expect(takeToken()).toBe('first');
    expect(addressWithToken()).toBe(`${location.origin}/#token=first`);
    history.replaceState(null, '', '#token=second');
    expect(takeToken()).toBe('second');
  });

  it('is forgotten once it is refused, but not a newer one', () => {
    history.replaceState(null, '', '#token=new');
    takeToken();
    forgetToken('old');
    expect(takeToken()).toBe('new');
    forgetToken('new');
    expect(takeToken()).toBe('');
    expect(addressWithToken()).toBe(location.origin);
  });
});

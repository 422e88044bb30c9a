import { EventEmitter } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Handlers, WireReply } from '../../src-main/contract.ts';
import type { HostOptions } from '../../src-main/core/host.ts';
import { createEvents } from '../../src-main/core/events.ts';
import {
  app,
  asked,
  BrowserWindow,
  dialog,
  FakeContents,
  ipcMain,
  nativeTheme,
  Notification,
  powerMonitor,
} from '../mocks/electron.ts';
import { protocol, session } from '../mocks/electron.ts';
import { removeHome, temporaryHome } from '../fixtures/host.ts';

vi.mock('electron', () => import('../mocks/electron.ts'));

/** The host has its own tests; here it is what the shell holds on to. */
const closing = Promise.withResolvers<void>();
let activity = (): void => {};
const gaps: string[] = [];
let notifying = true;
let look = { theme: 'dark', windowGpu: 'unless measured' };
let components: { kind: string }[] = [{ kind: 'cpu' }, { kind: 'gpu' }];
const host = {
  handlers: {
    'runs.list': () => [],
    'settings.get': () => ({ notify: notifying, ...look }),
    'machine.get': () => ({ components, sources: [{}], inventory: {} }),
  },
  events: createEvents(),
  download: async (path: string) =>
    path === '/download/ticket'
      ? {
          headers: { 'content-disposition': 'attachment; filename="a.onnx"' },
          open: () => Readable.from([Buffer.from('weights')]),
        }
      : null,
  remark: 'The database was damaged.',
  activeRun: null as number | null,
  onActivity: (changed: () => void) => {
    activity = changed;
  },
  recordGap: (message: string) => void gaps.push(message),
  close: () => closing.promise,
};
let hostOptions: Record<string, unknown> = {};
vi.mock('../../src-main/core/host.ts', () => ({
  createHost: (options: Record<string, unknown>) => {
    hostOptions = options;
    return Promise.resolve(host);
  },
}));

let folder: string;
let window: BrowserWindow;
beforeAll(async () => {
  folder = await temporaryHome();
  await mkdir(join(folder, 'out', 'renderer'), { recursive: true });
  app.appPath = folder;
  vi.stubEnv('HUGGINGGREEN_HOME', folder);
  await writeFile(join(folder, 'window.json'), JSON.stringify({ theme: 'dark', withoutGpu: true }));
  await import('../../src-main/electron/main.ts');
  app.ready.resolve();
  await vi.waitUntil(() => BrowserWindow.all.length === 1);
  window = BrowserWindow.all[0]!;
});
afterAll(() => {
  vi.unstubAllEnvs();
  return removeHome(folder);
});

test('before ready: look of the last time, sandbox, own scheme as a secure origin, local crash dumps', () => {
  expect(nativeTheme.themeSource).toBe('dark');
  expect(asked.slice(0, 4)).toEqual([
    'crashReporter keeps',
    'app.disableHardwareAcceleration',
    'app.enableSandbox',
    'protocol.registerSchemesAsPrivileged',
  ]);
  expect(protocol.privileged).toEqual([
    {
      scheme: 'app',
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    },
  ]);
});

test('the window: isolated, sandboxed, hidden until drawn, remembered, on our scheme', () => {
  expect(window.loaded).toBe('app://hugginggreen/');
  expect(window.options).toMatchObject({
    show: false,
    name: 'main',
    windowStatePersistence: true,
    webPreferences: { sandbox: true, contextIsolation: true, nodeIntegration: false },
  });
  const { preload, ...rest } = window.options['webPreferences'] as Record<string, unknown>;
  expect(String(preload)).toMatch(/preload\.cjs$/);
  expect(Object.keys(rest).sort()).toEqual(['contextIsolation', 'nodeIntegration', 'sandbox']);
  expect(asked).not.toContain('window.show');
  expect(asked).toContain('warning: The database was damaged.');
  window.emit('ready-to-show');
  expect(asked).toContain('window.show');
});

test('the look follows the settings, and what is measured decides who draws at the next start', async () => {
  const kept = async (): Promise<unknown> =>
    JSON.parse(await readFile(join(folder, 'window.json'), 'utf8'));
  look = { ...look, theme: 'light' };
  host.events.emit('machine', {});
  await vi.waitUntil(() => nativeTheme.themeSource === 'light');
  await expect.poll(kept).toEqual({ theme: 'light', withoutGpu: true });
  look = { ...look, windowGpu: 'always' };
  host.events.emit('machine', {});
  await expect.poll(kept).toEqual({ theme: 'light', withoutGpu: false });
  [look, components] = [{ ...look, windowGpu: 'unless measured' }, [{ kind: 'cpu' }]];
  host.events.emit('machine', {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await kept()).toEqual({ theme: 'light', withoutGpu: false });
});

test('the page comes with the policy, and nothing beside it is served', async () => {
  const serve = protocol.handlers.get('app')!;
  const outside = await serve({ url: 'app://hugginggreen/%2e%2e/%2e%2e/secret' });
  expect(outside.status).toBe(404);
  expect(outside.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect((await serve({ url: 'app://elsewhere/' })).status).toBe(404);
});

test('the page is served to a browser without what only the desk may do', async () => {
  const { servePage, chooseFolder } = hostOptions as Pick<
    HostOptions,
    'servePage' | 'chooseFolder'
  >;
  dialog.chosen = ['/data/green'];
  expect(await chooseFolder!('Folder')).toBe('/data/green');
  dialog.chosen = [];
  expect(await chooseFolder!('Folder')).toBeNull();

  const info = { can: { commands: true, chooseFolder: true, serve: true, pdf: true } };
  const handlers = { ...host.handlers, 'app.info': () => info } as unknown as Handlers;
  const server = await servePage!({ ...host, handlers }, 0);
  try {
    const { origin, hash } = new URL(server.url);
    const offered = ['hugginggreen', `token.${hash.slice('#token='.length)}`];
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/link`, offered, { origin });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const answers: WireReply[] = [];
    socket.on('message', (text) => answers.push(JSON.parse(String(text)) as WireReply));
    for (const [id, name, input] of [
      [1, 'app.info', {}],
      [2, 'app.chooseDataDir', { usual: true }],
      [3, 'runs.command', { command: ['true'], cwd: '/' }],
    ])
      socket.send(JSON.stringify({ id, name, input }));
    await vi.waitUntil(() => answers.length === 3);
    answers.sort((a, b) => a.id - b.id);
    expect(answers[0]).toMatchObject({
      ok: { can: { commands: false, chooseFolder: false, serve: false, pdf: true } },
    });
    for (const answer of answers.slice(1))
      expect(answer).toMatchObject({ error: { code: 'UNAVAILABLE' } });
    socket.close();
  } finally {
    await server.close();
  }
});

test('a file that a call has made is served to the page under its secret name', async () => {
  const serve = protocol.handlers.get('app')!;
  const made = await serve({ url: 'app://hugginggreen/download/ticket' });
  expect(made.headers.get('content-disposition')).toBe('attachment; filename="a.onnx"');
  expect(await made.text()).toBe('weights');
  expect((await serve({ url: 'app://hugginggreen/download/other' })).status).toBe(404);
});

test('messages are taken from the main frame of our page only', async () => {
  const call = ipcMain.handlers.get('call')!;
  const message = { id: 3, name: 'runs.list', input: {} };
  const ours = window.webContents;
  expect(await call({ sender: ours, senderFrame: ours.mainFrame }, message)).toEqual({
    id: 3,
    ok: [],
  });
  const refused = { error: { code: 'UNAUTHORIZED' } };
  const foreign = new FakeContents();
  foreign.mainFrame = { url: 'https://evil.example/' };
  const inner = { url: 'app://hugginggreen/' };
  expect(await call({ sender: foreign, senderFrame: foreign.mainFrame }, message)).toMatchObject(
    refused,
  );
  expect(await call({ sender: ours, senderFrame: inner }, message)).toMatchObject(refused);
  expect(await call({ sender: ours, senderFrame: null }, message)).toMatchObject(refused);
});

test('events reach our page and no other', () => {
  const other = new BrowserWindow({});
  other.webContents.mainFrame = { url: 'https://evil.example/' };
  host.events.emit('run.removed', { ids: [1] });
  expect(window.webContents.sent.at(-1)).toEqual([
    'event',
    { event: 'run.removed', seq: expect.any(Number) as number, data: { ids: [1] } },
  ]);
  expect(other.webContents.sent).toEqual([]);
  other.destroy();
});

test('permissions, navigation, windows and webviews are denied; known links open outside', () => {
  const decide = vi.fn();
  session.defaultSession.request!(null, 'media', decide);
  expect(decide).toHaveBeenCalledWith(false);
  const { check } = session.defaultSession;
  expect(check!(window.webContents, 'media')).toBe(false);
  // a button of ours may copy; another page may not
  expect(check!(window.webContents, 'clipboard-sanitized-write')).toBe(true);
  const foreign = new FakeContents();
  foreign.url = 'https://evil.example/';
  expect(check!(foreign, 'clipboard-sanitized-write')).toBe(false);
  expect(check!(null, 'clipboard-sanitized-write')).toBe(false);
  expect(session.defaultSession.device!()).toBe(false);

  const contents = window.webContents;
  for (const name of ['will-navigate', 'will-redirect']) {
    const away = { url: 'https://evil.example/', preventDefault: vi.fn() };
    contents.emit(name, away);
    expect(away.preventDefault).toHaveBeenCalled();
    const home = { url: 'app://hugginggreen/#runs', preventDefault: vi.fn() };
    contents.emit(name, home);
    expect(home.preventDefault).not.toHaveBeenCalled();
  }
  const webview = { preventDefault: vi.fn() };
  contents.emit('will-attach-webview', webview);
  expect(webview.preventDefault).toHaveBeenCalled();

  for (const url of [
    'https://arxiv.org/abs/1',
    'http://arxiv.org/',
    'https://evil.example/',
    'file:///x',
  ])
    expect(contents.openHandler!({ url })).toEqual({ action: 'deny' });
  expect(asked.filter((word) => word.startsWith('open '))).toEqual([
    'open https://arxiv.org/abs/1',
  ]);
});

test('the computer stays awake while a run is active, and its sleep is recorded', () => {
  host.activeRun = 1;
  activity();
  activity();
  host.activeRun = null;
  activity();
  expect(asked.filter((word) => /awake|sleep/.test(word))).toEqual([
    'awake prevent-app-suspension',
    'may sleep',
  ]);
  powerMonitor.emit('suspend');
  expect(gaps).toEqual(['The computer went to sleep.']);
});

test('the end of a run is told while nobody looks, its progress stands in the taskbar', async () => {
  const run = (status: string, rest = {}) => {
    const figures = { macroF1: 0.8123, wh: 12.34, gCO2e: 3.5, error: null, step: 5, steps: 10 };
    host.events.emit('run', { id: 3, name: 'Plain', status, ...figures, ...rest } as never);
  };
  run('queued');
  run('baseline', { step: null });
  run('running');
  run('done');
  await vi.waitUntil(() => Notification.shown.length === 1);
  expect(Notification.shown[0]!.words).toEqual({
    title: 'Plain is done',
    body: 'macro F1 0.812, 12.3 Wh, 3.5 gCO2e',
  });
  expect(window.progress).toEqual([-1, 2, 0.5, -1]);
  Notification.shown[0]!.emit('click');
  expect(asked.at(-1)).toBe('window.focus');

  BrowserWindow.focused = window;
  run('running');
  run('failed', { error: { message: 'The disk is full.' } });
  BrowserWindow.focused = null;
  notifying = false;
  run('running');
  run('stopped');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(Notification.shown).toHaveLength(1);
});

test('a page that died is loaded again; a second start shows the window', () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {});
  app.emit('render-process-gone', {}, window.webContents, { reason: 'crashed' });
  expect(asked).toContain('window.reload');
  expect(said).toHaveBeenCalledWith('The page ended (crashed).');
  said.mockRestore();
  app.emit('second-instance');
  expect(asked.at(-1)).toBe('window.focus');
});

test('files are saved where the last one was, as long as that folder is there', async () => {
  const save = (path: string, state: 'completed' | 'cancelled') => {
    let offered = '';
    const item = Object.assign(new EventEmitter(), {
      getFilename: () => 'runs.csv',
      getSavePath: () => path,
      setSaveDialogOptions: ({ defaultPath }: { defaultPath: string }) => (offered = defaultPath),
    });
    session.defaultSession.emit('will-download', {}, item);
    item.emit('done', {}, state);
    return offered;
  };
  await mkdir(join(folder, 'userData'));
  const [mine, other] = [join(folder, 'mine'), join(folder, 'other')];
  await mkdir(mine);
  expect(save(join(mine, 'a.csv'), 'completed')).toBe(join(folder, 'downloads', 'runs.csv'));
  expect(save(join(other, 'b.csv'), 'cancelled')).toBe(join(mine, 'runs.csv'));
  expect(save(join(other, 'c.csv'), 'completed')).toBe(join(mine, 'runs.csv'));
  expect(save('', 'cancelled')).toBe(join(folder, 'downloads', 'runs.csv'));
});

test('a file is shown in its folder, a folder is opened', async () => {
  const reveal = hostOptions['reveal'] as (path: string) => void;
  await writeFile(join(folder, 'run.log'), '');
  reveal(join(folder, 'run.log'));
  expect(asked.at(-1)).toBe(`show ${join(folder, 'run.log')}`);
  reveal(folder);
  expect(asked.at(-1)).toBe(`open folder ${folder}`);
});

test('the host gets bundles, not sources, and the folder of the data', () => {
  expect(hostOptions).toMatchObject({ shell: 'electron', program: 'desktop window' });
  expect(String((hostOptions['entries'] as Record<string, unknown>)['trainer'])).toMatch(
    /trainer\.js$/,
  );
});

test('quitting waits for the host, which stops a training with a checkpoint', async () => {
  app.quit();
  app.quit();
  await writeFile(join(folder, 'some-time-later'), '');
  expect(asked).not.toContain('app.ended');
  closing.resolve();
  await vi.waitUntil(() => asked.includes('app.ended'));
});

/**
 * The first shell: the desktop window. Start-up is the list at the end of this file; everything that
 * Electron may not do for the page is in security.ts, everything the program does is in core.
 */
import {
  app,
  BrowserWindow,
  crashReporter,
  dialog,
  powerMonitor,
  powerSaveBlocker,
  shell,
} from 'electron';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { wireError } from '../contract.ts';
import { dataHome } from '../core/data-home.ts';
import { createHost, type Host } from '../core/host.ts';
import { startServer } from '../server/main.ts';
import { restricted } from '../server/restricted.ts';
import { keepAppearance, takeAppearance } from './appearance.ts';
import { rememberSaveFolder } from './downloads.ts';
import { connectIpc } from './ipc.ts';
import { setMenu } from './menu.ts';
import { notifyDesktop } from './notify.ts';
import { printWithElectron } from './print.ts';
import { registerScheme, servePage } from './protocol.ts';
import { denyNavigation, denyPermissions } from './security.ts';
import { spawnUtility } from './spawn.ts';
import { openWindow, preloadPath } from './window.ts';

/** out/main, where the bundle of this file and of every worker lies. */
const mainDir = import.meta.dirname;
const resourcesDir = join(app.getAppPath(), 'resources');

function startCore(): Promise<Host> {
  return createHost({
    home: dataHome(),
    resourcesDir,
    reportDir: join(mainDir, '..', 'report'),
    entries: {
      trainer: join(mainDir, 'trainer.js'),
      meter: join(mainDir, 'meter.js'),
      store: join(mainDir, 'store.js'),
    },
    spawn: spawnUtility,
    appVersion: app.getVersion(),
    program: 'desktop window',
    shell: 'electron',
    can: { pdf: true, revealInFolder: true, chooseFolder: true, serve: true, commands: true },
    reveal: (path) => {
      if (statSync(path).isDirectory()) void shell.openPath(path);
      else shell.showItemInFolder(path);
    },
    printPdf: printWithElectron,
    chooseFolder,
    servePage: (served, port) =>
      startServer({
        ...served,
        handlers: restricted(served.handlers),
        pageDir: join(mainDir, '..', 'renderer'),
        port,
        exactPort: true,
      }),
  });
}

async function chooseFolder(title: string): Promise<string | null> {
  const { filePaths } = await dialog.showOpenDialog({
    title,
    properties: ['openDirectory', 'createDirectory'],
  });
  return filePaths[0] ?? null;
}

/** A computer that falls asleep ends a training; the display may sleep. */
function stayAwake(host: Host): void {
  let blocker: number | null = null;
  host.onActivity(() => {
    if (host.activeRun !== null) blocker ??= powerSaveBlocker.start('prevent-app-suspension');
    else if (blocker !== null) {
      powerSaveBlocker.stop(blocker);
      blocker = null;
    }
  });
  powerMonitor.on('suspend', () => host.recordGap('The computer went to sleep.'));
  powerMonitor.on('resume', () => host.recordGap('The computer woke up; power is missing since.'));
}

/** A page that dies again this soon after it was loaded again would go on so for ever. */
const crashLoopMs = 5000;

/** Dumps stay on this computer. A page that died is loaded again: training is another process. */
function surviveCrashes(): void {
  let reloadedAt = -Infinity;
  app.on('render-process-gone', (_event, contents, { reason }) => {
    console.error(`The page ended (${reason}).`);
    if (reason === 'clean-exit' || performance.now() - reloadedAt < crashLoopMs) return;
    reloadedAt = performance.now();
    BrowserWindow.fromWebContents(contents)?.reload();
  });
  app.on('child-process-gone', (_event, { type, name, reason }) => {
    if (reason !== 'clean-exit') console.error(`${name ?? type} ended (${reason}).`);
  });
}

function showWindow(): void {
  const [window] = BrowserWindow.getAllWindows();
  if (!window) {
    const opened = openWindow({
      preload: preloadPath(mainDir),
      icon: join(resourcesDir, 'icons', 'icon.png'),
    });
    opened.on('unresponsive', () => console.error('The page does not respond.'));
    return;
  }
  if (window.isMinimized()) window.restore();
  window.focus();
}

/** Quitting waits for the checkpoint of a running training. */
function closeInOrder(host: Host): void {
  let closed = false;
  app.on('before-quit', (event) => {
    if (closed) return;
    event.preventDefault();
    void host.close().finally(() => {
      closed = true;
      app.quit();
    });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => app.quit());
}

function sayWhyNot(cause: unknown): void {
  const { message, hint } = wireError(cause);
  dialog.showErrorBox('HuggingGreen cannot start', [message, hint].filter(Boolean).join('\n\n'));
  app.exit(1);
}

async function start(): Promise<void> {
  await app.whenReady();
  let host: Host | null = null;
  servePage(join(mainDir, '..', 'renderer'), () => host?.download ?? null);
  denyPermissions();
  rememberSaveFolder();
  host = await startCore();
  const { events } = host;
  setMenu((id) => events.emit('action', { id }));
  connectIpc(host.handlers, host.events);
  stayAwake(host);
  keepAppearance({ home: dataHome(), events, handlers: host.handlers });
  const { handlers } = host;
  notifyDesktop({ events, settings: () => handlers['settings.get']({}), show: showWindow });
  closeInOrder(host);
  showWindow();
  if (host.remark) void dialog.showMessageBox({ type: 'warning', message: host.remark });
  app.on('activate', showWindow);
  app.on('second-instance', showWindow);
  app.on('window-all-closed', () => app.quit());
}

if (!app.requestSingleInstanceLock()) app.quit();
else {
  crashReporter.start({ uploadToServer: false });
  takeAppearance(dataHome());
  app.enableSandbox();
  registerScheme();
  denyNavigation();
  surviveCrashes();
  start().catch(sayWhyNot);
}

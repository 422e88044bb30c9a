/** The one window. */
import { BrowserWindow, nativeTheme } from 'electron';
import { join } from 'node:path';
import { origin } from './protocol.ts';

export interface WindowOptions {
  preload: string;
  icon: string;
}

export function openWindow({ preload, icon }: WindowOptions): BrowserWindow {
  const window = new BrowserWindow({
    // with a name Electron remembers position and size by itself
    name: 'main',
    windowStatePersistence: true,
    width: 1360,
    height: 880,
    minWidth: 900,
    minHeight: 600,
    title: 'HuggingGreen',
    icon,
    show: false,
    // the colours of the page's ground (tokens.css), so that nothing flashes before the first paint
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#17191c' : '#ffffff',
    webPreferences: { preload, sandbox: true, contextIsolation: true, nodeIntegration: false },
  });
  window.once('ready-to-show', () => window.show());
  void window.loadURL(`${origin()}/`);
  return window;
}

export const preloadPath = (mainDir: string): string =>
  join(mainDir, '..', 'preload', 'preload.cjs');

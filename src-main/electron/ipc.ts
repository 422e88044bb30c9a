/** The contract over Electron's IPC: one channel in, one channel out. */
import { BrowserWindow, ipcMain, type WebContents } from 'electron';
import { AppError, answer, wireError, type Handlers, type WireCall } from '../contract.ts';
import type { EventBus } from '../core/events.ts';
import { trustedSender } from './security.ts';

export function connectIpc(handlers: Handlers, events: Pick<EventBus, 'listen'>): void {
  ipcMain.handle('call', (event, message: WireCall) => {
    if (!trustedSender(event.sender, event.senderFrame))
      return {
        id: 0,
        error: wireError(new AppError('UNAUTHORIZED', 'This page is not ours.')),
      };
    return answer(handlers, message);
  });
  events.listen((event) => {
    for (const { webContents } of BrowserWindow.getAllWindows())
      if (listens(webContents)) webContents.send('event', event);
  });
}

/** A page that is being loaded again misses events; it asks anew when it is there. */
const listens = (contents: WebContents): boolean =>
  !contents.isDestroyed() && !contents.isCrashed() && trustedSender(contents, contents.mainFrame);

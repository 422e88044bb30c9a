/** The whole bridge between the sandboxed page and the host: two functions and a word. */
import { contextBridge, ipcRenderer, type IpcRendererEvent } from 'electron';
import type { WireEvent, WireReply } from '../contract.ts';

let lastId = 0;

contextBridge.exposeInMainWorld('host', {
  call: (name: string, input: unknown): Promise<WireReply> =>
    ipcRenderer.invoke('call', { id: ++lastId, name, input }),
  on: (hear: (event: WireEvent) => void): (() => void) => {
    const listener = (_: IpcRendererEvent, event: WireEvent): void => hear(event);
    ipcRenderer.on('event', listener);
    return () => void ipcRenderer.off('event', listener);
  },
  platform: process.platform,
});

/**
 * A fake of the outside that is Electron: it records what the program asks of it. Only what the program
 * uses is here, so that a new use shows up as a failing test.
 */
import { EventEmitter } from 'node:events';

/** What was asked, in order: `app.enableSandbox`, `window.show`, ... */
export const asked: string[] = [];

export class FakeContents extends EventEmitter {
  mainFrame = { url: 'app://hugginggreen/' };
  sent: [string, unknown][] = [];
  openHandler: ((details: { url: string }) => { action: string }) | null = null;
  send(channel: string, value: unknown): void {
    this.sent.push([channel, value]);
  }
  setWindowOpenHandler(handler: typeof this.openHandler): void {
    this.openHandler = handler;
  }
  url = 'app://hugginggreen/';
  getURL = (): string => this.url;
  isDestroyed = (): boolean => false;
  isCrashed = (): boolean => false;
  printToPDF = (): Promise<Buffer> => Promise.resolve(Buffer.from('%PDF-1.7'));
}

export class BrowserWindow extends EventEmitter {
  static all: BrowserWindow[] = [];
  static getAllWindows = (): BrowserWindow[] => BrowserWindow.all;
  static focused: BrowserWindow | null = null;
  static getFocusedWindow = (): BrowserWindow | null => BrowserWindow.focused;
  static fromWebContents = (contents: FakeContents): BrowserWindow | undefined =>
    BrowserWindow.all.find(({ webContents }) => webContents === contents);
  webContents = new FakeContents();
  loaded: string | null = null;
  options: Record<string, unknown>;
  constructor(options: Record<string, unknown>) {
    super();
    this.options = options;
    BrowserWindow.all.push(this);
    app.emit('web-contents-created', {}, this.webContents);
  }
  loadURL(url: string): Promise<void> {
    this.loaded = url;
    return Promise.resolve();
  }
  loadFile = (path: string): Promise<void> => this.loadURL(path);
  show = (): void => void asked.push('window.show');
  focus = (): void => void asked.push('window.focus');
  reload = (): void => void asked.push('window.reload');
  progress: number[] = [];
  setProgressBar = (share: number): void => void this.progress.push(share);
  isMinimized = (): boolean => false;
  restore = (): void => {};
  destroy(): void {
    BrowserWindow.all = BrowserWindow.all.filter((window) => window !== this);
  }
}

class App extends EventEmitter {
  isPackaged = false;
  ready = Promise.withResolvers<void>();
  firstInstance = true;
  appPath = '';
  disableHardwareAcceleration = (): void => void asked.push('app.disableHardwareAcceleration');
  enableSandbox = (): void => void asked.push('app.enableSandbox');
  requestSingleInstanceLock = (): boolean => this.firstInstance;
  whenReady = (): Promise<void> => this.ready.promise;
  getAppPath = (): string => this.appPath;
  getPath = (name: string): string => `${this.appPath}/${name}`;
  getVersion = (): string => '0.0.0-test';
  exit = (code: number): void => void asked.push(`app.exit ${code}`);
  quit(): void {
    asked.push('app.quit');
    let prevented = false;
    this.emit('before-quit', { preventDefault: () => (prevented = true) });
    if (!prevented) asked.push('app.ended');
  }
}
export const app = new App();

type SchemeHandler = (request: { url: string }) => Promise<Response>;
interface Scheme {
  scheme: string;
  privileges: Record<string, boolean>;
}
class Protocol {
  privileged: Scheme[] = [];
  handlers = new Map<string, SchemeHandler>();
  registerSchemesAsPrivileged(schemes: Scheme[]): void {
    asked.push('protocol.registerSchemesAsPrivileged');
    this.privileged = schemes;
  }
  handle(scheme: string, handler: SchemeHandler): void {
    this.handlers.set(scheme, handler);
  }
}
export const protocol = new Protocol();

type Invoke = (event: { sender: FakeContents; senderFrame: unknown }, value: unknown) => unknown;
export const ipcMain = {
  handlers: new Map<string, Invoke>(),
  handle: (channel: string, handler: Invoke): void => void ipcMain.handlers.set(channel, handler),
};

export class Notification extends EventEmitter {
  static shown: Notification[] = [];
  static isSupported = (): boolean => true;
  words: { title: string; body: string };
  constructor(words: { title: string; body: string }) {
    super();
    this.words = words;
  }
  show = (): void => void Notification.shown.push(this);
}

type Decide = (contents: unknown, permission: string, decide: (allow: boolean) => void) => void;
class Session extends EventEmitter {
  request: Decide | null = null;
  check: ((contents: unknown, permission: string) => boolean) | null = null;
  device: (() => boolean) | null = null;
  setPermissionRequestHandler(handler: Decide): void {
    this.request = handler;
  }
  setPermissionCheckHandler(handler: (contents: unknown, permission: string) => boolean): void {
    this.check = handler;
  }
  setDevicePermissionHandler(handler: () => boolean): void {
    this.device = handler;
  }
}
export const session = { defaultSession: new Session() };

export const shell = {
  showItemInFolder: (path: string): void => void asked.push(`show ${path}`),
  openPath: (path: string): Promise<string> => {
    asked.push(`open folder ${path}`);
    return Promise.resolve('');
  },
  openExternal: (url: string): void => void asked.push(`open ${url}`),
};
export const dialog = {
  chosen: [] as string[],
  showOpenDialog: (): Promise<{ filePaths: string[] }> =>
    Promise.resolve({ filePaths: dialog.chosen }),
  showMessageBox: ({ type, message }: { type: string; message: string }): Promise<void> => {
    asked.push(`${type}: ${message}`);
    return Promise.resolve();
  },
  showErrorBox: (title: string, text: string): void => void asked.push(`${title}: ${text}`),
};
export const crashReporter = {
  start: ({ uploadToServer }: { uploadToServer: boolean }): void =>
    void asked.push(`crashReporter ${uploadToServer ? 'uploads' : 'keeps'}`),
};
export const nativeTheme = { shouldUseDarkColors: false, themeSource: 'system' };
export const Menu = {
  setApplicationMenu: (): void => void asked.push('menu'),
  buildFromTemplate: (template: unknown): unknown => template,
};
export const powerMonitor = new EventEmitter();
export const powerSaveBlocker = {
  start: (kind: string): number => asked.push(`awake ${kind}`),
  stop: (): void => void asked.push('may sleep'),
};
export const utilityProcess = {};

/**
 * Everything the page may not do, in one place (Electron's security checklist, tutorial/security.md):
 * no permissions, no navigation, no windows, no webviews, links to the outside only to known sites.
 */
import { app, session, shell, type WebContents, type WebFrameMain } from 'electron';
import { origin } from './protocol.ts';

/** Sites that the interface links to: they open in the person's own browser. */
const knownSites = new Set([
  'github.com',
  'arxiv.org',
  'doi.org',
  'www.cs.toronto.edu',
  'ember-energy.org',
  'codecarbon.io',
]);

/** What our page may do of what a page has to ask for: put text on the clipboard when a button says so. */
const granted = 'clipboard-sanitized-write';

export function denyPermissions(): void {
  const own = session.defaultSession;
  own.setPermissionRequestHandler((contents, permission, decide) =>
    decide(permission === granted && ownUrl(contents.getURL())),
  );
  own.setPermissionCheckHandler(
    (contents, permission) =>
      permission === granted && contents !== null && ownUrl(contents.getURL()),
  );
  own.setDevicePermissionHandler(() => false);
}

/** Applies to every page that will ever exist in this program. */
export function denyNavigation(): void {
  app.on('web-contents-created', (_event, contents) => {
    const stay = (event: { preventDefault(): void; url: string }): void => {
      if (!ownUrl(event.url)) event.preventDefault();
    };
    contents.on('will-navigate', stay);
    contents.on('will-redirect', stay);
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(({ url }) => {
      openOutside(url);
      return { action: 'deny' };
    });
  });
}

export function openOutside(url: string): void {
  if (URL.canParse(url)) {
    const { protocol, hostname } = new URL(url);
    if (protocol === 'https:' && knownSites.has(hostname)) void shell.openExternal(url);
  }
}

/** Messages are taken from the main frame of our own page and from nobody else. */
export const trustedSender = (contents: WebContents, frame: WebFrameMain | null): boolean =>
  frame !== null && frame === contents.mainFrame && ownUrl(frame.url);

export function ownUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}` === origin();
}

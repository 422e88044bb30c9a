/** The page's own scheme, `app://hugginggreen/`: a real origin, which file:// has not. */
import { Readable } from 'node:stream';
import { protocol } from 'electron';
import type { Host } from '../core/host.ts';
import { pageFile } from '../core/page.ts';

/** Where the page comes from: our scheme, or Vite's server while developing. */
export const origin = (): string =>
  process.env.ELECTRON_RENDERER_URL
    ? new URL(process.env.ELECTRON_RENDERER_URL).origin
    : 'app://hugginggreen';

/** Must be called before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    {
      scheme: 'app',
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    },
  ]);
}

/** Answers with files of `pageDir`, with what calls have made (once there is a host), and with the Content-Security-Policy. */
export function servePage(pageDir: string, download: () => Host['download'] | null): void {
  protocol.handle('app', async (request) => {
    const { host, pathname } = new URL(request.url);
    if (host !== 'hugginggreen') return new Response('Not found', { status: 404 });
    const file = await download()?.(pathname);
    if (file)
      return new Response(Readable.toWeb(file.open()) as ReadableStream, { headers: file.headers });
    const { status, headers, body } = await pageFile(pageDir, pathname);
    return new Response(body, { status, headers });
  });
}

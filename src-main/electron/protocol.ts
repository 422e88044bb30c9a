/** The page's own scheme, `app://hugginggreen/`: a real origin, which file:// has not. */
import { protocol } from 'electron';
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

/** Answers with files of `pageDir`, and with the Content-Security-Policy. */
export function servePage(pageDir: string): void {
  protocol.handle('app', async (request) => {
    const { host, pathname } = new URL(request.url);
    if (host !== 'hugginggreen') return new Response('Not found', { status: 404 });
    const { status, headers, body } = await pageFile(pageDir, pathname);
    return new Response(body, { status, headers });
  });
}

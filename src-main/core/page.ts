/**
 * The renderer's files and the rules that every shell sends with them. Electron's own scheme and the
 * HTTP server answer from here, so that both are equally strict.
 */
import { readFile, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';

/** `self` for scripts: nothing inline, nothing from elsewhere. Svelte sets styles inline. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  // the report, as its own view shows it
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const pageHeaders: Record<string, string> = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=()',
};

/**
 * For a page that is shown in a frame of ours and brings its own rules: it is of no origin, so that it can reach
 * neither the program nor what the program keeps in the browser.
 */
export const framedHeaders: Record<string, string> = {
  ...pageHeaders,
  'content-security-policy': "sandbox allow-scripts allow-modals; frame-ancestors 'self'",
};

const mime: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.map': 'application/json; charset=utf-8',
};

export interface PageFile {
  status: 200 | 404;
  headers: Record<string, string>;
  body: Buffer<ArrayBuffer>;
}

/**
 * The file behind a URL path (percent-encoded, `/` for the page itself). Whatever does not lie inside
 * `root`, by name or through a link, is not found.
 */
export async function pageFile(root: string, urlPath: string): Promise<PageFile> {
  const path = await inside(root, urlPath);
  if (!path) return missing();
  try {
    // Vite puts a hash of the content into the names of all but the page itself
    const lasting = urlPath.startsWith('/assets/');
    return {
      status: 200,
      headers: {
        ...pageHeaders,
        'content-type': mime[extname(path)] ?? 'application/octet-stream',
        'cache-control': lasting ? 'public, max-age=31536000, immutable' : 'no-cache',
      },
      body: await readFile(path),
    };
  } catch {
    return missing();
  }
}

async function inside(root: string, urlPath: string): Promise<string | null> {
  try {
    const name = decodeURIComponent(urlPath);
    if (name.includes('\0')) return null;
    const base = await realpath(root);
    const path = await realpath(join(base, name === '/' ? 'index.html' : name));
    return path.startsWith(base + sep) ? path : null;
  } catch {
    return null;
  }
}

const missing = (): PageFile => ({
  status: 404,
  headers: { ...pageHeaders, 'content-type': 'text/plain; charset=utf-8' },
  body: Buffer.from('Not found\n'),
});

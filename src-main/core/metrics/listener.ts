/**
 * The metrics page over HTTP, for Prometheus. It tells power and names of runs and can change nothing, so
 * it asks for no token; it listens on the loopback unless somebody gives another address.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '../../contract.ts';
import { hostAllowed } from '../request-guard.ts';
import { openMetricsType } from './exposition.ts';

export interface MetricsAddress {
  host: string;
  port: number;
}

export interface MetricsListener {
  url: string;
  /** What the person should know who opened it to others; null on the loopback. */
  warning: string | null;
  close(): Promise<void>;
}

export const defaultMetricsPort = 9797;

/**
 * `9797`, `127.0.0.1:9797`, `[::1]:9797`, `gpu-server:9797`; port 0 takes any free one.
 * @throws AppError BAD_INPUT
 */
export function metricsAddress(text: string): MetricsAddress {
  const match = /^(?:(\[[\da-f:]+\]|[^\s:/[\]]+):)?(\d{1,5})$/i.exec(text.trim());
  const port = Number(match?.[2]);
  if (!match || port > 65_535)
    throw new AppError(
      'BAD_INPUT',
      `"${text}" is no address for metrics.`,
      `Give a port (${defaultMetricsPort}) or an address and a port (127.0.0.1:${defaultMetricsPort}, [::1]:${defaultMetricsPort}).`,
    );
  return { host: (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port };
}

/**
 * @param text makes the page anew at every request
 * @throws AppError CONFLICT where the port is taken, UNAVAILABLE where the address cannot be had
 */
export async function listenForMetrics(
  { host, port }: MetricsAddress,
  text: () => Promise<string>,
): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    const say = (status: number, words: string, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
      response.end(request.method === 'HEAD' ? undefined : `${words}\n`);
    };
    if (!hostAllowed(request.headers.host, host)) return say(403, 'This address is not served.');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return say(405, 'Metrics can be read only.', { allow: 'GET, HEAD' });
    if ((request.url ?? '').split(/[?#]/, 1)[0] !== '/metrics')
      return say(404, 'The metrics are at /metrics.');
    text().then(
      (page) => {
        response.writeHead(200, {
          'content-type': openMetricsType,
          'content-length': Buffer.byteLength(page),
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
        });
        response.end(request.method === 'HEAD' ? undefined : page);
      },
      (cause: unknown) => say(503, `The metrics cannot be had: ${(cause as Error).message}`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(host, port, cause)));
    server.listen(port, host, resolve);
  });
  const { address, port: own } = server.address() as AddressInfo;
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shown}:${own}/metrics`,
    warning: isLoopback(address)
      ? null
      : `Everybody who reaches ${shown}, port ${own}, can read the metrics: power of this machine, names and results of its runs. They travel unencrypted.`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const isLoopback = (address: string): boolean =>
  address === '::1' || /^(::ffff:)?127\./.test(address);

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): AppError {
  if (cause.code === 'EADDRINUSE')
    return new AppError(
      'CONFLICT',
      `Port ${port} for metrics is taken.`,
      'Choose another; 0 takes any free one.',
    );
  const reasons: Record<string, string> = {
    EACCES: 'ports below 1024 need special rights',
    EADDRNOTAVAIL: 'this computer does not have that address',
    ENOTFOUND: 'that name is not known',
  };
  return new AppError(
    'UNAVAILABLE',
    `Metrics cannot be served on ${host}, port ${port}: ${reasons[cause.code ?? ''] ?? cause.message}.`,
  );
}

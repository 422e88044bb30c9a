/** Who may talk to the server: pure functions of what a request says about itself. */
import { createHash, timingSafeEqual } from 'node:crypto';

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * A page of another site can make a browser connect here under its own host name (DNS rebinding); the
 * Host header gives it away. Any port will do: an SSH tunnel ends on another one.
 */
export function hostAllowed(host: string | undefined, address: string): boolean {
  const name = hostName(host);
  if (name === null) return false;
  if (loopback.has(name)) return true;
  // opened to the network on purpose: the addresses of this machine are many, names are refused
  if (address === '0.0.0.0' || address === '::') return /^[\d.]+$|^\[[\da-f:]+\]$/i.test(name);
  return name === address.toLowerCase() || name === `[${address.toLowerCase()}]`;
}

/** The page that opens a WebSocket must be the one served here; programs must say so as well. */
export const originAllowed = (origin: string | undefined, host: string | undefined): boolean =>
  origin !== undefined && host !== undefined && origin === `http://${host}`;

/** Constant time whatever the lengths are: digests are compared. */
export function sameToken(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function hostName(host: string | undefined): string | null {
  const match = /^(\[[\da-f:.]+\]|[^:/@\s]+)(:\d+)?$/i.exec(host ?? '');
  return match?.[1]?.toLowerCase() ?? null;
}

/** JSON from a service: with a time limit, a size limit, no redirects (a key goes nowhere else), and errors in words. */
import { AppError } from '../../../contract.ts';

/** A run shall not wait long for a figure that it can do without. */
export const requestMs = 8000;
const mostBytes = 8_000_000;
const yearsFigure = "The year's figure of the region is used meanwhile.";

export interface Request {
  /** For sentences: `Electricity Maps`. */
  service: string;
  url: URL;
  headers?: Record<string, string>;
  /** What to do about a 401 or 403. */
  onRefusal?: string;
}

/** @throws AppError UNAVAILABLE; its sentence never has the headers in it. */
export async function getJson({ service, url, headers, onRefusal }: Request): Promise<unknown> {
  const fail = (what: string, hint: string | null = null): AppError =>
    new AppError('UNAVAILABLE', `${service} ${what}.`, hint ?? yearsFigure);
  let text: string;
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json', ...headers },
      redirect: 'error',
      signal: AbortSignal.timeout(requestMs),
    });
    const { status } = response;
    if (!response.ok) {
      await response.body?.cancel();
      if (status === 401 || status === 403)
        throw fail(`refused the request (HTTP ${status})`, onRefusal ?? null);
      if (status === 429)
        throw fail('has had too many requests (HTTP 429)', 'It is asked again later.');
      if (status === 400 || status === 404)
        throw fail(`does not know this place or time (HTTP ${status})`, 'Check the zone.');
      throw fail(`failed (HTTP ${status})`);
    }
    text = await limited(response);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    if (cause instanceof RangeError) throw fail('answered with more than was asked for');
    const { name } = cause as Error;
    throw name === 'TimeoutError'
      ? fail(`did not answer within ${requestMs / 1000} s`)
      : fail(`could not be reached at ${url.host}`, `Is this computer offline? ${yearsFigure}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw fail('answered with something that is no JSON');
  }
}

/** @throws RangeError beyond the size limit */
async function limited(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += (piece as Uint8Array).byteLength;
    if (bytes > mostBytes) throw new RangeError('too large');
    pieces.push(piece as Uint8Array);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/**
 * The address of a service: its own, or one from the environment (a mirror, a test).
 * @throws AppError BAD_INPUT where the variable holds no http address
 */
export function baseUrl(variable: string, own: string): string {
  const text = process.env[variable] ?? own;
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new AppError('BAD_INPUT', `${variable} is no http address: ${text}`);
  return text.replace(/\/+$/, '');
}

/**
 * Downloads a published file: with progress, going on where an earlier try ended, checked, atomic.
 *
 * Bytes go to `FILE.part`; the name `FILE` appears when length and checksum agree. `FILE.part.json`
 * keeps the server's validator, so that a file which changed in between is fetched anew (If-Range).
 * Node's own http is used, not fetch: fetch would unpack an archive that a server labels as gzip-encoded.
 */
import {
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, type Digest } from './checksum.ts';
import { DatasetError, explainDisk, throwIfCancelled } from './dataset.ts';
import { withLock } from './lock.ts';

export interface DownloadProgress {
  received: number;
  total: number | null;
  label: string;
}

export interface DownloadOptions {
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
  /** Milliseconds without a byte after which the connection counts as dead. */
  silenceMs?: number;
  /** Tries after a connection that died; each goes on where the last ended. */
  retries?: number;
  /** Milliseconds before the first retry; doubled for each further one. */
  pauseMs?: number;
}

export interface PublishedFile {
  url: string;
  bytes: number;
  digest: Digest;
}

/** A connection that died or a server that is busy: worth another try. */
class Interrupted extends Error {}

const progressEveryBytes = 1 << 20;
const maxRedirects = 5;

/**
 * Fetches `published` to `file`; returns at once when it is there already and whole.
 * @throws DatasetError (offline, refused, wrong content), AppError with CANCELLED, CONFLICT (another
 *   process downloads the same file) or DISK_FULL.
 */
export async function download(
  published: PublishedFile,
  file: string,
  options: DownloadOptions = {},
): Promise<void> {
  const { signal, retries = 4, pauseMs = 500 } = options;
  if ((await lengthOf(file)) === published.bytes && (await isWhole(published, file, signal)))
    return;
  await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw explainDisk(cause, file);
  });
  await withLock(file, 'downloaded', async () => {
    const part = `${file}.part`;
    for (let attempt = 0; ; attempt++) {
      throwIfCancelled(signal, `The download of ${basename(file)}`);
      try {
        await fetchRest(published, part, options);
        break;
      } catch (cause) {
        throwIfCancelled(signal, `The download of ${basename(file)}`);
        if (!(cause instanceof Interrupted)) throw explainDisk(cause, part);
        if (attempt >= retries)
          throw unreachable(published, file, cause.message, await lengthOf(part));
        await sleep(pauseMs * 2 ** attempt, null, { signal }).catch(() => {});
      }
    }
    options.onProgress?.({ received: published.bytes, total: published.bytes, label: 'checking' });
    const found = await digestOf(part, published.digest.algorithm, signal);
    await forget(part);
    if (found !== published.digest.hex) {
      await rm(part, { force: true });
      const { algorithm, hex } = published.digest;
      throw new DatasetError(
        `What ${published.url} sent is not the published file: ${algorithm} ${found} instead of ${hex}.`,
        'A proxy or a damaged mirror may be the cause. It was deleted; ' + byHand(published, file),
      );
    }
    await rename(part, file);
  });
}

/** One connection: appends what is missing to `part`. Returns when it has the full length. */
async function fetchRest(
  { url, bytes }: PublishedFile,
  part: string,
  { onProgress, signal, silenceMs = 30_000 }: DownloadOptions,
): Promise<void> {
  let have = (await lengthOf(part)) ?? 0;
  const validator = await readValidator(part, url);
  // without a validator the server could not say that the file has changed
  if (have > bytes || (have > 0 && validator === null)) have = 0;
  if (have === bytes) return;

  const headers: Record<string, string> =
    have > 0 && validator !== null ? { range: `bytes=${have}-`, 'if-range': validator } : {};
  const response = await connect(url, headers, silenceMs, signal);
  const status = response.statusCode ?? 0;
  if (status === 206 && !response.headers['content-range']?.startsWith(`bytes ${have}-`)) {
    response.destroy();
    throw new DatasetError(
      `The server of ${url} answered with another part of the file than was asked for.`,
      'Try again later, or use another mirror (HUGGINGGREEN_MIRROR).',
    );
  }
  if (status === 416) {
    response.destroy();
    await forget(part);
    throw new Interrupted('the part received so far did not fit; starting again');
  }
  if (status !== 200 && status !== 206) {
    response.destroy();
    const said = `the server answered ${status} ${response.statusMessage ?? ''}`.trim();
    if (status === 429 || status >= 500) throw new Interrupted(said);
    throw unreachable({ url }, part.replace(/\.part$/, ''), said, null);
  }
  if (status === 200) have = 0;

  await rememberValidator(part, url, response);
  const handle = await open(part, have > 0 ? 'r+' : 'w');
  try {
    let reported = -progressEveryBytes;
    const report = () => onProgress?.({ received: have, total: bytes, label: 'downloading' });
    for await (const chunk of chunksOf(response)) {
      if (have + chunk.byteLength > bytes)
        throw new DatasetError(
          `${url} sends more than the ${bytes} bytes of the published file.`,
          'A proxy or a damaged mirror may be the cause; use another (HUGGINGGREEN_MIRROR).',
        );
      await writeAll(handle, chunk, have);
      have += chunk.byteLength;
      if (have - reported >= progressEveryBytes) {
        reported = have;
        report();
      }
    }
    report();
  } finally {
    await handle.close();
  }
  if (have < bytes) throw new Interrupted('the connection ended early');
}

/** Writes all of `chunk` at a place of the file. */
export async function writeAll(handle: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  let written = 0;
  while (written < chunk.byteLength) {
    const left = chunk.byteLength - written;
    written += (await handle.write(chunk, written, left, at + written)).bytesWritten;
  }
}

/** The body; a broken connection is an `Interrupted`. */
async function* chunksOf(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  const body: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await body.next().catch((cause: unknown) => {
        throw new Interrupted(cause instanceof Error ? cause.message : String(cause));
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    response.destroy();
  }
}

/** Sends a GET and follows redirects; the answer's body has not been read. */
async function connect(
  url: string,
  headers: Record<string, string>,
  silenceMs: number,
  signal: AbortSignal | undefined,
  redirects = 0,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const request = send(url, { headers: { ...headers, 'accept-encoding': 'identity' }, signal });
  request.on('response', resolve);
  request.on('error', (cause) => reject(new Interrupted(plainWords(cause))));
  // silence of the connection, before the answer and within its body
  request.setTimeout(silenceMs, () => {
    request.destroy(new Error(`nothing came for ${Math.round(silenceMs / 1000)} s`));
  });
  request.end();
  const response = await promise;
  const { location } = response.headers;
  if (!location || (response.statusCode ?? 0) < 300 || (response.statusCode ?? 0) >= 400)
    return response;
  response.destroy();
  if (redirects >= maxRedirects)
    throw new DatasetError(`${url} redirects in circles.`, 'Use another mirror.');
  return connect(new URL(location, url).href, headers, silenceMs, signal, redirects + 1);
}

function plainWords(cause: Error): string {
  const code = 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'the name of the server was not found; this machine seems to be offline';
  if (code === 'ECONNREFUSED') return 'the server refused the connection';
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH')
    return 'there is no route to the server; this machine seems to be offline';
  return cause.message || code;
}

const byHand = ({ url }: Pick<PublishedFile, 'url'>, file: string): string =>
  `download ${url} with another machine or a browser and put the file at ${file}; or set HUGGINGGREEN_MIRROR to the address of a folder that has it.`;

function unreachable(
  published: Pick<PublishedFile, 'url'>,
  file: string,
  why: string,
  received: number | null,
): DatasetError {
  const kept = received
    ? `The ${received} bytes received are kept: try again, or `
    : 'Try again, or ';
  return new DatasetError(
    `${published.url} could not be downloaded: ${why}.`,
    kept + byHand(published, file),
  );
}

async function isWhole(
  { digest }: PublishedFile,
  file: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return (await digestOf(file, digest.algorithm, signal)) === digest.hex;
}

async function lengthOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ size }) => size,
    () => null,
  );
}

// --- what is known of an unfinished download -----------------------------------------------------

interface Validator {
  url: string;
  /** Entity tag or date of the version that the part belongs to. */
  validator: string;
}

async function readValidator(part: string, url: string): Promise<string | null> {
  try {
    const known = JSON.parse(await readFile(`${part}.json`, 'utf8')) as Validator;
    return known.url === url ? known.validator : null;
  } catch {
    return null;
  }
}

async function rememberValidator(part: string, url: string, response: IncomingMessage) {
  const { etag, 'last-modified': modified } = response.headers;
  // a weak tag does not promise equal bytes
  const validator = etag && !etag.startsWith('W/') ? etag : modified;
  if (validator === undefined) return forget(part);
  const known: Validator = { url, validator };
  await writeFile(`${part}.json`, JSON.stringify(known));
}

const forget = (part: string): Promise<void> => rm(`${part}.json`, { force: true });

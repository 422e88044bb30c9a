import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  download,
  type DownloadOptions,
  type DownloadProgress,
} from '../../../src-main/trainer/data/download.ts';
import { downloadDataset } from '../../../src-main/trainer/data/index.ts';
import { FileServer } from './file-server.ts';

let server: FileServer;
let folder: string;
let file: string;
beforeEach(async () => {
  server = new FileServer();
  await server.start();
  folder = await mkdtemp(join(tmpdir(), 'hg-download-'));
  file = join(folder, 'set.tar.gz');
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const published = () => ({
  url: `${server.url}/set.tar.gz`,
  bytes: server.content.length,
  digest: {
    algorithm: 'sha256' as const,
    hex: createHash('sha256').update(server.content).digest('hex'),
  },
});
/** Buffers are compared here, byte by byte in the assertion library would take longer than the rest. */
const expectWhole = async () => expect((await readFile(file)).equals(server.content)).toBe(true);
const fast: DownloadOptions = { pauseMs: 1 };

/** N of `bytes=N-`; NaN where no range was asked for. */
const startOf = (range: string | undefined) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]);

describe('download', () => {
  it('fetches, checks and leaves only the file', async () => {
    const seen: DownloadProgress[] = [];
    await download(published(), file, { ...fast, onProgress: (p) => seen.push(p) });
    await expectWhole();
    expect(await readdir(folder)).toEqual(['set.tar.gz']);
    expect(seen.map((p) => p.received)).toEqual(
      [...seen.map((p) => p.received)].sort((a, b) => a - b),
    );
    expect(seen.at(-1)).toEqual({ received: 3_000_000, total: 3_000_000, label: 'checking' });
    // there and whole: not asked for again
    await download(published(), file, fast);
    expect(server.ranges).toEqual([undefined]);
  });

  it('goes on where a connection died, without being told', async () => {
    server.cuts = [1_000_000, 500_000];
    await download(published(), file, fast);
    await expectWhole();
    // a connection that dies may take its last bytes along: it goes on from what arrived
    const [whole, first, second] = server.ranges;
    expect(server.ranges).toHaveLength(3);
    expect(whole).toBeUndefined();
    expect(startOf(first)).toBeGreaterThan(0);
    expect(startOf(first)).toBeLessThanOrEqual(1_000_000);
    expect(startOf(second)).toBeGreaterThan(startOf(first));
    expect(startOf(second)).toBeLessThanOrEqual(1_500_000);
  });

  it('keeps the part when it gives up, and goes on from it the next time', async () => {
    server.cuts = [1_000_000];
    await expect(download(published(), file, { retries: 0 })).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(/could not be downloaded/),
      hint: expect.stringMatching(/[1-9]\d+ bytes received are kept: try again, or .*set\.tar\.gz/),
    });
    expect((await readdir(folder)).sort()).toEqual(['set.tar.gz.part', 'set.tar.gz.part.json']);
    await download(published(), file, fast);
    await expectWhole();
    expect(startOf(server.ranges[1])).toBeGreaterThan(0);
    expect(startOf(server.ranges[1])).toBeLessThanOrEqual(1_000_000);
  });

  it('starts anew when the file on the server has changed in between', async () => {
    server.cuts = [1_000_000];
    await download(published(), file, { retries: 0 }).catch(() => {});
    server.content = randomBytes(2_000_000);
    server.etag = '"two"';
    await download(published(), file, fast);
    await expectWhole();
  });

  it('starts anew where the server gives nothing to tell versions by', async () => {
    server.etag = null;
    server.cuts = [1_000_000];
    await download(published(), file, fast);
    await expectWhole();
    expect(server.ranges).toEqual([undefined, undefined]);
  });

  it('refuses and deletes content that is not the published one', async () => {
    const wanted = published();
    server.content[5]! ^= 1;
    await expect(download(wanted, file, fast)).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(/sha256 [0-9a-f]{64} instead of [0-9a-f]{64}/),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses a body that is too long', async () => {
    const wanted = { ...published(), bytes: 1000 };
    await expect(download(wanted, file, fast)).rejects.toThrow(/more than the 1000 bytes/);
  });

  it('follows redirects and tries again when the server is busy', async () => {
    server.redirect = true;
    server.statuses = [503, 429];
    await download(published(), file, fast);
    await expectWhole();
  });

  it('does not try again what the server does not have', async () => {
    server.statuses = [404];
    await expect(download(published(), file, fast)).rejects.toMatchObject({
      message: expect.stringMatching(/the server answered 404/),
      hint: expect.stringContaining(file),
    });
    expect(server.ranges).toHaveLength(1);
  });

  it('says how to do it by hand when the server cannot be reached', async () => {
    const wanted = published();
    await server.stop();
    const failed = download(wanted, file, { ...fast, retries: 1 });
    await expect(failed).rejects.toMatchObject({
      code: 'DATASET',
      message: expect.stringMatching(/refused the connection/),
      hint: expect.stringContaining(`put the file at ${file}`),
    });
    await server.start();
  });

  it('gives up on a server that says nothing', async () => {
    server.silent = true;
    await expect(download(published(), file, { retries: 0, silenceMs: 50 })).rejects.toThrow(
      /nothing came for/,
    );
  });

  it('can be cancelled; what came so far stays for the next time', async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    await expect(
      download(published(), file, { ...fast, onProgress, signal: stop.signal }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await readdir(folder)).sort()).toEqual(['set.tar.gz.part', 'set.tar.gz.part.json']);
  });

  it('refuses a second download of the same file, but not the lock of a dead process', async () => {
    server.silent = true;
    const stop = new AbortController();
    const first = download(published(), file, { signal: stop.signal });
    const ended = expect(first).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect.poll(() => readdir(folder)).toContain('set.tar.gz.lock');
    await expect(download(published(), file, fast)).rejects.toMatchObject({ code: 'CONFLICT' });
    stop.abort();
    await ended;
    server.silent = false;
    // of a process that is gone, and of one that was killed and had the number of this one
    for (const pid of [999999999, process.pid]) {
      await rm(file, { force: true });
      await writeFile(`${file}.lock`, String(pid));
      await download(published(), file, fast);
    }
    expect((await stat(file)).size).toBe(3_000_000);
  });

  it('says what is wrong with a folder that cannot be written', async () => {
    await writeFile(join(folder, 'taken'), '');
    const wanted = download(published(), join(folder, 'taken', 'inside', 'file'), fast);
    await expect(wanted).rejects.toThrow(/a file is where a folder should be/);
  });

  it.skipIf(process.platform !== 'linux')('says when the disk is full', async () => {
    await symlink('/dev/full', `${file}.part`);
    await expect(download(published(), file, fast)).rejects.toMatchObject({
      code: 'DISK_FULL',
      hint: expect.stringContaining('HUGGINGGREEN_HOME'),
    });
  });
});

describe('download of a dataset', () => {
  it('comes from the mirror, and a wrong archive leaves nothing', async () => {
    process.env['HUGGINGGREEN_MIRROR'] = `${server.url}/mirror/`;
    try {
      await expect(downloadDataset('cifar10', folder, { retries: 0 })).rejects.toMatchObject({
        code: 'DATASET',
        message: expect.stringContaining(`${server.url}/mirror/cifar-10-binary.tar.gz`),
      });
      expect(server.ranges).toHaveLength(1);
    } finally {
      delete process.env['HUGGINGGREEN_MIRROR'];
    }
  });
});

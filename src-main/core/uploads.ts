/** Files on their way in, piece by piece over the same link as every call. */
import { randomBytes } from 'node:crypto';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { AppError } from '../contract.ts';

export interface Uploads {
  /** @param bytes that will come; more is refused */
  begin(bytes: number): Promise<{ upload: string }>;
  add(upload: string, base64: string): Promise<void>;
  /** Hands over the whole file, in a folder that it has to itself and that is removed afterwards. */
  take<T>(upload: string, use: (path: string, folder: string) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** At a time; the oldest of more is one whose page has gone. */
const kept = 4;

interface Upload {
  folder: string;
  path: string;
  stream: WriteStream;
  left: number;
}

/** @param folder for the files; made when needed, removed at the end */
export function createUploads(folder: string): Uploads {
  const open = new Map<string, Upload>();
  const ready = rm(folder, { recursive: true, force: true }).catch(() => {});

  const drop = async (ticket: string, { stream, folder }: Upload): Promise<void> => {
    open.delete(ticket);
    if (!stream.closed) {
      const gone = new Promise<void>((resolve) => stream.once('close', () => resolve()));
      stream.destroy();
      await gone;
    }
    await rm(folder, { recursive: true, force: true });
  };
  const find = (ticket: string): Upload => {
    const upload = open.get(ticket);
    if (!upload) throw new AppError('NOT_FOUND', 'There is no such upload.', 'Begin it once more.');
    return upload;
  };

  return {
    begin: async (bytes) => {
      await ready;
      for (const [ticket, upload] of [...open].slice(0, Math.max(0, open.size + 1 - kept)))
        await drop(ticket, upload);
      const ticket = randomBytes(24).toString('base64url');
      const own = join(folder, ticket);
      await mkdir(own, { recursive: true });
      const path = join(own, 'upload');
      const stream = createWriteStream(path, { flags: 'wx' });
      // told by the write that fails
      stream.on('error', () => {});
      open.set(ticket, { folder: own, path, stream, left: bytes });
      return { upload: ticket };
    },
    add: async (ticket, base64) => {
      const upload = find(ticket);
      const bytes = Buffer.from(base64, 'base64');
      if (bytes.length > upload.left) {
        await drop(ticket, upload);
        throw new AppError('BAD_INPUT', 'The file is longer than was said.');
      }
      upload.left -= bytes.length;
      try {
        await new Promise<void>((resolve, reject) =>
          upload.stream.write(bytes, (cause) => (cause ? reject(cause) : resolve())),
        );
      } catch (cause) {
        await drop(ticket, upload);
        throw cause;
      }
    },
    take: async (ticket, use) => {
      const upload = find(ticket);
      try {
        if (upload.left > 0)
          throw new AppError('BAD_INPUT', 'The file did not arrive whole.', 'Send it once more.');
        open.delete(ticket);
        upload.stream.end();
        await finished(upload.stream);
        return await use(upload.path, upload.folder);
      } finally {
        await drop(ticket, upload);
      }
    },
    close: async () => {
      for (const [ticket, upload] of [...open]) await drop(ticket, upload);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

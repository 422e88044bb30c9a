/**
 * Files on their way out: made in the data folder under a name nobody can guess, fetched by a page over the
 * link that the page itself came by, copied by the command line. They can be larger than any message.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ExportedFile } from '../contract.ts';
import { framedHeaders, pageHeaders } from './page.ts';

export interface Download {
  headers: Record<string, string>;
  open(): Readable;
}

export interface Downloads {
  /**
   * Has a file made; one after the other, as each may take much memory and disk.
   * @param write makes it at the path that it is given; the folder holds nothing else
   * @param framed it is a page to be shown in a frame, not a file to be kept
   */
  make<T>(
    name: string,
    mime: string,
    write: (path: string) => Promise<T>,
    framed?: boolean,
  ): Promise<{ file: ExportedFile; made: T }>;
  /** The file behind a path of the page's own origin; null where that is no download. */
  find(urlPath: string): Promise<Download | null>;
  /** Removes all files. */
  close(): Promise<void>;
}

/** Files that are kept at a time; a download of an older one has long begun. */
const kept = 4;
const prefix = '/download/';

/** @param folder for the files; made when needed, removed at the end */
export function createDownloads(folder: string): Downloads {
  /** By ticket, oldest first. */
  const files = new Map<string, { name: string; mime: string; path: string; framed: boolean }>();
  let turn: Promise<unknown> = rm(folder, { recursive: true, force: true }).catch(() => {});

  const make: Downloads['make'] = async (name, mime, write, framed = false) => {
    const ticket = randomBytes(24).toString('base64url');
    const path = join(folder, ticket, name);
    await mkdir(join(folder, ticket), { recursive: true });
    try {
      const made = await write(path);
      const { size } = await stat(path);
      files.set(ticket, { name, mime, path, framed });
      for (const old of [...files.keys()].slice(0, -kept)) {
        files.delete(old);
        await rm(join(folder, old), { recursive: true, force: true });
      }
      return { file: { name, mime, bytes: size, url: prefix + ticket, path }, made };
    } catch (cause) {
      await rm(join(folder, ticket), { recursive: true, force: true });
      throw cause;
    }
  };

  return {
    make: (...file) => {
      const made = turn.then(() => make(...file));
      turn = made.catch(() => {});
      return made;
    },
    find: async (urlPath) => {
      if (!urlPath.startsWith(prefix)) return null;
      const file = files.get(urlPath.slice(prefix.length));
      const found = file && (await stat(file.path).catch(() => null));
      if (!file || !found) return null;
      return {
        headers: {
          ...(file.framed ? framedHeaders : pageHeaders),
          'content-type': file.mime,
          'content-length': String(found.size),
          // letters, digits, dashes and dots: fileName() saw to it
          'content-disposition': `${file.framed ? 'inline' : 'attachment'}; filename="${file.name}"`,
          'cache-control': 'no-store',
        },
        open: () => createReadStream(file.path),
      };
    },
    close: async () => {
      files.clear();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

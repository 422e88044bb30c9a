/** A file that somebody else writes, read as it grows: it may come later, be cut short or be replaced. */
import { open, stat } from 'node:fs/promises';

export interface GrowingFile {
  /** Hands on what has come since the last time. A file that is not there has nothing new. */
  read(): Promise<void>;
}

/** Read at once, so that a large file never lies in memory as a whole. */
const pieceBytes = 1 << 20;

/**
 * @param from bytes at the beginning that are old: what stood there before
 * @param hear takes the bytes in order
 * @param again the file begins anew (it is shorter than before, or another one under its name)
 */
export function growingFile(
  path: string,
  from: { size: number; ino: number } | null,
  hear: (bytes: Uint8Array) => void,
  again: () => void,
): GrowingFile {
  let at = from?.size ?? 0;
  let ino = from?.ino ?? null;
  return {
    read: async () => {
      // asked first: opening a pipe would wait for its writer
      if (!(await stateOf(path))) return;
      const file = await open(path, 'r').catch(() => null);
      if (!file) return;
      try {
        const now = await file.stat();
        const replaced = ino !== null && now.ino !== ino;
        if (replaced || now.size < at) {
          at = 0;
          again();
        }
        ino = now.ino;
        while (at < now.size) {
          const piece = Buffer.alloc(Math.min(pieceBytes, now.size - at));
          const { bytesRead } = await file.read(piece, 0, piece.length, at);
          if (bytesRead === 0) break;
          at += bytesRead;
          hear(piece.subarray(0, bytesRead));
        }
      } finally {
        await file.close();
      }
    },
  };
}

/** Size and identity of a file now; null where there is none. */
export async function stateOf(path: string): Promise<{ size: number; ino: number } | null> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? { size: found.size, ino: found.ino } : null;
}

/**
 * Files that are whole or do not count: a line of JSON (what it is, its length and the SHA-256 of the
 * rest), then the rest. A file appears under its name only when it is complete, and is read only when
 * length and hash agree.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { explainDisk } from './dataset.ts';

interface Header {
  key: string;
  bytes: number;
  sha256: string;
}

/** Where the rest begins. */
export const headerBytes = 512;
const chunkBytes = 16 << 20;

/** The bytes of a typed array, without a copy. */
export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Writes such a file piece by piece; whoever reads it meanwhile sees the old one or none. */
export class CheckedWriter {
  readonly #file: string;
  readonly #part: string;
  readonly #key: string;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  private constructor(file: string, part: string, key: string, handle: FileHandle) {
    this.#file = file;
    this.#part = part;
    this.#key = key;
    this.#handle = handle;
  }

  /** @throws AppError with DISK_FULL, or DatasetError where the folder cannot be written; so do the others. */
  static async create(file: string, key: string): Promise<CheckedWriter> {
    const part = `${file}.${process.pid}.part`;
    try {
      await mkdir(dirname(file), { recursive: true });
      const writer = new CheckedWriter(file, part, key, await open(part, 'w'));
      await writer.#handle.writeFile(' '.repeat(headerBytes));
      return writer;
    } catch (cause) {
      throw explainDisk(cause, file);
    }
  }

  async append(array: ArrayBufferView): Promise<void> {
    try {
      for (const chunk of chunks(bytesOf(array))) {
        this.#hash.update(chunk);
        await this.#handle.writeFile(chunk);
        this.#bytes += chunk.byteLength;
      }
    } catch (cause) {
      await this.abort();
      throw explainDisk(cause, this.#file);
    }
  }

  async commit(): Promise<void> {
    const sha256 = this.#hash.digest('hex');
    const header: Header = { key: this.#key, bytes: this.#bytes, sha256 };
    try {
      const line = Buffer.from(JSON.stringify(header).padEnd(headerBytes - 1) + '\n');
      await this.#handle.write(line, 0, headerBytes, 0);
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#part, this.#file);
    } catch (cause) {
      await this.abort();
      throw explainDisk(cause, this.#file);
    }
  }

  /** Leaves nothing behind. */
  async abort(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await rm(this.#part, { force: true }).catch(() => {});
  }
}

/**
 * Fills `targets`, one after the other, with what is behind the header.
 * @returns false where there is no such file that is whole; the targets may have been written to.
 */
export async function readChecked(
  file: string,
  key: string,
  targets: readonly Uint8Array[],
): Promise<boolean> {
  const handle = await open(file, 'r').catch(() => null);
  if (!handle) return false;
  try {
    const bytes = targets.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const header = await readHeader(handle);
    const { size } = await handle.stat();
    if (header?.key !== key || header.bytes !== bytes || size !== headerBytes + bytes) return false;
    const hash = createHash('sha256');
    let position = headerBytes;
    for (const target of targets)
      for (const chunk of chunks(target)) {
        const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, position);
        if (bytesRead !== chunk.byteLength) return false;
        hash.update(chunk);
        position += bytesRead;
      }
    return hash.digest('hex') === header.sha256;
  } catch {
    return false;
  } finally {
    await handle.close();
  }
}

async function readHeader(handle: FileHandle): Promise<Header | null> {
  const bytes = Buffer.alloc(headerBytes);
  const { bytesRead } = await handle.read(bytes, 0, headerBytes, 0);
  if (bytesRead !== headerBytes) return null;
  return JSON.parse(bytes.toString('utf8')) as Header;
}

function* chunks(part: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < part.byteLength; start += chunkBytes)
    yield part.subarray(start, Math.min(start + chunkBytes, part.byteLength));
}

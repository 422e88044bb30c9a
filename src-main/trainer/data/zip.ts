/**
 * A zip archive, read in place: single members by their path, nothing is unpacked onto the disk.
 *
 * The directory is read by yauzl, which refuses damaged ones and names that lead out of the folder. A
 * member may claim any length: what it unpacks to is bounded by its claim, and the claim by a limit.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';
import { fromRandomAccessReaderPromise, RandomAccessReader, type Entry, type ZipFile } from 'yauzl';
import { DatasetError } from './dataset.ts';
import { cannotRead } from './local-files.ts';

/** No member of a dataset is longer. */
const maxBytes = 16 << 20;
const stored = 0;
const deflated = 8;

export class Zip {
  readonly #zip: ZipFile;
  readonly #file: FileHandle;
  readonly #members: ReadonlyMap<string, Entry>;

  private constructor(zip: ZipFile, file: FileHandle, members: ReadonlyMap<string, Entry>) {
    this.#zip = zip;
    this.#file = file;
    this.#members = members;
  }

  /**
   * Reads the directory. @param again what to do about an archive that is damaged.
   * @throws DatasetError where it is no zip archive or one that tries to escape.
   */
  static async open(path: string, again: string): Promise<Zip> {
    const file = await open(path, 'r').catch((cause: unknown) => {
      throw cannotRead(path, cause, again);
    });
    let zip: ZipFile | null = null;
    try {
      const { size } = await file.stat();
      zip = await fromRandomAccessReaderPromise(new BufferedReader(file), size, {
        lazyEntries: true,
        autoClose: false,
        strictFileNames: true,
      });
      const members = new Map<string, Entry>();
      for await (const entry of zip.eachEntry()) members.set(entry.fileName, entry);
      return new Zip(zip, file, members);
    } catch (cause) {
      zip?.close();
      await file.close();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DatasetError(`${path} is not the archive it should be: ${reason}.`, again);
    }
  }

  /** @throws Error whose message says in a few words, to follow the path, why it cannot be had. */
  async read(path: string): Promise<Buffer> {
    const entry = this.#members.get(path);
    if (!entry) throw new Error('is not in the archive');
    const { compressionMethod: method, compressedSize, uncompressedSize: length } = entry;
    if (entry.isEncrypted()) throw new Error('is encrypted');
    if (method !== stored && method !== deflated)
      throw new Error(`is compressed by method ${method}, which is not supported`);
    if (Math.max(compressedSize, length) > maxBytes)
      throw new Error(`claims a length of ${length} bytes`);
    const { fileDataStart } = await this.#zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const packed = Buffer.alloc(compressedSize);
    const { bytesRead } = await this.#file.read(packed, 0, compressedSize, fileDataStart);
    if (bytesRead < compressedSize) throw new Error('is cut off');
    const bytes =
      method === stored ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(1, length) });
    if (bytes.length !== length) throw new Error('has another length than the archive says');
    if (crc32(bytes) !== entry.crc32) throw new Error('has another checksum than the archive says');
    return bytes;
  }

  async close(): Promise<void> {
    this.#zip.close();
    await this.#file.close();
  }
}

/** Reads ahead: a directory is 100,000 records of 100 bytes, asked for one by one. */
class BufferedReader extends RandomAccessReader {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.alloc(1 << 20);
  #start = 0;
  #length = 0;
  /** One read at a time fills the buffer. */
  #last: Promise<void> = Promise.resolve();

  constructor(file: FileHandle) {
    super();
    this.#file = file;
  }

  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.#last = this.#last
      .then(() => this.#copy(target, offset, length, position))
      .then(
        () => done(null),
        (cause: unknown) => done(cause instanceof Error ? cause : new Error(String(cause))),
      );
  }

  async #copy(target: Buffer, offset: number, length: number, position: number): Promise<void> {
    if (length > this.#buffer.length) {
      const { bytesRead } = await this.#file.read(target, offset, length, position);
      if (bytesRead < length) throw new Error('unexpected end of the file');
      return;
    }
    if (position < this.#start || position + length > this.#start + this.#length) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, this.#buffer.length, position);
      this.#start = position;
      this.#length = bytesRead;
      if (bytesRead < length) throw new Error('unexpected end of the file');
    }
    const from = position - this.#start;
    this.#buffer.copy(target, offset, from, from + length);
  }
}

/**
 * A zip file, written member by member (PKWARE APPNOTE 6.3). Members stream through deflate, so that none of
 * them is in memory; one that may pass 4 GB, and a directory that does, get the fields of zip64.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';

export interface Written {
  name: string;
  bytes: number;
  sha256: string;
}

interface Member extends Written {
  crc: number;
  method: number;
  packed: number;
  offset: number;
}

const deflated = 8;
const stored = 0;
/** Names are UTF-8. */
const flags = 0x0800;
const limit = 0xffff_ffff;
/** Deflate makes what cannot be made smaller a little larger. */
const mayPass = 0xf000_0000;

export class ZipWriter {
  readonly #file: FileHandle;
  readonly #members: Member[] = [];
  readonly #when: number;
  readonly #zip64: boolean;
  readonly #signal: AbortSignal | undefined;
  #at = 0;

  private constructor(
    file: FileHandle,
    when: Date,
    zip64: boolean,
    signal: AbortSignal | undefined,
  ) {
    this.#file = file;
    this.#zip64 = zip64;
    this.#signal = signal;
    this.#when = dosTime(when);
  }

  /**
   * @param zip64 takes the fields for what passes 4 GB in any case
   * @param signal aborted, it makes the member that is being added fail
   * @throws Error where there is a file already
   */
  static async create(
    path: string,
    {
      when = new Date(),
      zip64 = false,
      signal,
    }: { when?: Date; zip64?: boolean; signal?: AbortSignal } = {},
  ): Promise<ZipWriter> {
    return new ZipWriter(await open(path, 'wx'), when, zip64, signal);
  }

  /** @param pack false for what deflate would not make smaller: weights, pictures */
  async addFile(name: string, path: string, pack = true): Promise<Written> {
    const { size } = await stat(path);
    const source = createReadStream(path);
    const large = this.#zip64 || size > mayPass;
    const member: Member = {
      name,
      bytes: 0,
      sha256: '',
      crc: 0,
      method: pack ? deflated : stored,
      packed: 0,
      offset: this.#at,
    };
    await this.#write(localHeader(member, this.#when, large));
    const start = this.#at;
    const hash = createHash('sha256');
    const look = new Transform({
      transform(chunk: Buffer, _encoding, done: TransformCallback) {
        member.bytes += chunk.length;
        member.crc = crc32(chunk, member.crc);
        hash.update(chunk);
        done(null, chunk);
      },
    });
    const write = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of chunks) await this.#write(chunk);
    };
    const until = { ...(this.#signal && { signal: this.#signal }) };
    if (pack) await pipeline(source, look, createDeflateRaw(), write, until);
    else await pipeline(source, look, write, until);
    member.sha256 = hash.digest('hex');
    member.packed = this.#at - start;
    if (!large && Math.max(member.packed, member.bytes) >= limit)
      throw new Error(`${name} grew beyond 4 GB while it was written`);
    // the sizes are known now
    const header = localHeader(member, this.#when, large);
    await this.#file.write(header, 0, header.length, member.offset);
    this.#members.push(member);
    return { name, bytes: member.bytes, sha256: member.sha256 };
  }

  /** Of a text, or a picture, that is in memory anyway. */
  async addText(name: string, text: string | Buffer): Promise<Written> {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    const packed = deflateRawSync(bytes);
    const member: Member = {
      name,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      crc: crc32(bytes),
      method: deflated,
      packed: packed.length,
      offset: this.#at,
    };
    await this.#write(Buffer.concat([localHeader(member, this.#when, false), packed]));
    this.#members.push(member);
    return { name, bytes: member.bytes, sha256: member.sha256 };
  }

  /** Writes the directory and closes the file. */
  async finish(): Promise<void> {
    const start = this.#at;
    for (const member of this.#members)
      await this.#write(directoryRecord(member, this.#when, this.#zip64));
    const size = this.#at - start;
    const count = this.#members.length;
    const large = this.#zip64 || count >= 0xffff || start >= limit || size >= limit;
    if (large) {
      const at = this.#at;
      await this.#write(
        fields(
          [4, 0x06064b50],
          [8, 44],
          [2, 45],
          [2, 45],
          [4, 0],
          [4, 0],
          [8, count],
          [8, count],
          [8, size],
          [8, start],
        ),
      );
      await this.#write(fields([4, 0x07064b50], [4, 0], [8, at], [4, 1]));
    }
    const few = large ? 0xffff : count;
    await this.#write(
      fields(
        [4, 0x06054b50],
        [2, 0],
        [2, 0],
        [2, few],
        [2, few],
        [4, large ? limit : size],
        [4, large ? limit : start],
        [2, 0],
      ),
    );
    await this.#file.close();
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#at);
      done += bytesWritten;
      this.#at += bytesWritten;
    }
  }
}

/** Little-endian numbers: width in bytes, value. */
function fields(...parts: [width: 2 | 4 | 8, value: number][]): Buffer {
  const buffer = Buffer.alloc(parts.reduce((sum, [width]) => sum + width, 0));
  let at = 0;
  for (const [width, value] of parts) {
    if (width === 8) buffer.writeBigUInt64LE(BigInt(value), at);
    else buffer.writeUIntLE(value, at, width);
    at += width;
  }
  return buffer;
}

function localHeader(member: Member, when: number, large: boolean): Buffer {
  const name = Buffer.from(member.name);
  const extra = large
    ? fields([2, 1], [2, 16], [8, member.bytes], [8, member.packed])
    : Buffer.alloc(0);
  return Buffer.concat([
    fields(
      [4, 0x04034b50],
      [2, large ? 45 : 20],
      [2, flags],
      [2, member.method],
      [4, when],
      [4, member.crc],
      [4, large ? limit : member.packed],
      [4, large ? limit : member.bytes],
      [2, name.length],
      [2, extra.length],
    ),
    name,
    extra,
  ]);
}

function directoryRecord(member: Member, when: number, zip64: boolean): Buffer {
  const name = Buffer.from(member.name);
  const passes = (value: number): boolean => zip64 || value >= limit;
  const shown = (value: number): number => (passes(value) ? limit : value);
  const long = [member.bytes, member.packed, member.offset].filter(passes);
  const extra =
    long.length > 0
      ? fields([2, 1], [2, 8 * long.length], ...long.map((value): [8, number] => [8, value]))
      : Buffer.alloc(0);
  const needed = long.length > 0 ? 45 : 20;
  return Buffer.concat([
    fields(
      [4, 0x02014b50],
      [2, needed],
      [2, needed],
      [2, flags],
      [2, member.method],
      [4, when],
      [4, member.crc],
      [4, shown(member.packed)],
      [4, shown(member.bytes)],
      [2, name.length],
      [2, extra.length],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, shown(member.offset)],
    ),
    name,
    extra,
  ]);
}

/** Date and time as zip has them: local, from 1980, in steps of two seconds. */
function dosTime(when: Date): number {
  const date =
    ((Math.max(1980, when.getFullYear()) - 1980) << 9) |
    ((when.getMonth() + 1) << 5) |
    when.getDate();
  const time = (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
  return date * 0x1_0000 + time;
}

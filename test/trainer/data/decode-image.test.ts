import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage, UnreadableImage } from '../../../src-main/trainer/data/decode-image.ts';

/** A plain picture. */
const plain = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: background.length > 7 ? 4 : 3, background } });

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG of 4x4 pixels, chunk by chunk. */
function pngOf(
  depth: number,
  colourType: number,
  rows: Buffer[],
  before: Buffer[] = [],
  after: Buffer[] = [],
): Buffer {
  const header = Buffer.from([0, 0, 0, 4, 0, 0, 0, 4, depth, colourType, 0, 0, 0]);
  const lines = rows.map((row) => Buffer.concat([Buffer.from([0]), row]));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    ...before,
    pngChunk('IDAT', deflateSync(Buffer.concat(lines))),
    ...after,
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The control chunk of an animation's frame of 4x4 pixels. */
function frameOf(sequence: number): Buffer {
  const control = Buffer.alloc(26);
  control.writeUInt32BE(sequence, 0);
  control.writeUInt32BE(4, 4);
  control.writeUInt32BE(4, 8);
  return control;
}

/** The first pixel of every plane. */
const firstPixel = (planes: Uint8Array) => [0, 1, 2].map((c) => planes[(c * planes.length) / 3]!);

describe('decoding an image', () => {
  it('gives planes in the order red, green, blue', async () => {
    const pixels = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const png = await sharp(pixels, { raw: { width: 2, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    expect([...(await decodeImage(png, { side: 2, fit: 'exact' }))]).toEqual([
      1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12,
    ]);
  });

  it('replicates grey, reduces 16 bits, blends transparency onto white', async () => {
    const grey = await plain(4, 4, '#505050').greyscale().jpeg().toBuffer();
    const [red, green, blue] = firstPixel(await decodeImage(grey, { side: 4, fit: 'exact' }));
    expect([green, blue]).toEqual([red, red]);
    expect(red).toBeCloseTo(0x50, -0.5);

    const deep = await plain(4, 4, '#ff8000').toColourspace('rgb16').png().toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe('ushort');
    expect(firstPixel(await decodeImage(deep, { side: 4, fit: 'exact' }))).toEqual([255, 128, 0]);

    const clear = await plain(4, 4, '#00000000').png().toBuffer();
    expect(firstPixel(await decodeImage(clear, { side: 4, fit: 'exact' }))).toEqual([
      255, 255, 255,
    ]);
  });

  it('takes greys of 16 and 1 bits, palettes and CMYK; of an animation, the first frame', async () => {
    const first = async (bytes: Buffer) =>
      firstPixel(await decodeImage(bytes, { side: 4, fit: 'exact' }));
    const rows = (...row: number[]) => Array.from({ length: 4 }, () => Buffer.from(row));
    const deep = [0x80, 0x40];
    expect(await first(pngOf(16, 0, rows(...deep, ...deep, ...deep, ...deep)))).toEqual([
      128, 128, 128,
    ]);
    expect(await first(pngOf(1, 0, rows(0b10100000)))).toEqual([255, 255, 255]);
    const palette = pngChunk('PLTE', Buffer.from([10, 20, 30, 200, 210, 220]));
    expect(await first(pngOf(8, 3, rows(1, 0, 0, 0), [palette]))).toEqual([200, 210, 220]);
    // grey 100 of which half shows, on white
    expect((await first(pngOf(8, 4, rows(100, 128, 0, 0, 0, 0, 0, 0))))[0]).toBeCloseTo(177, -0.5);

    const print = await plain(4, 4, '#c82a5a').toColourspace('cmyk').jpeg().toBuffer();
    expect((await sharp(print).metadata()).space).toBe('cmyk');
    const [red = 0, green = 0, blue = 0] = await first(print);
    expect([red > 150, green < 90, blue > 40 && blue < 140]).toEqual([true, true, true]);

    const frames = Buffer.alloc(8);
    frames.writeUInt32BE(2);
    const colour = rows(...Array.from({ length: 4 }, () => [1, 2, 3]).flat());
    const second = Buffer.concat([
      Buffer.from([0, 0, 0, 2]),
      deflateSync(Buffer.concat(colour.map((row) => Buffer.from([0, ...row.map(() => 99)])))),
    ]);
    const animated = pngOf(
      8,
      2,
      colour,
      [pngChunk('acTL', frames), pngChunk('fcTL', frameOf(0))],
      [pngChunk('fcTL', frameOf(1)), pngChunk('fdAT', second)],
    );
    expect(await first(animated)).toEqual([1, 2, 3]);
  });

  it('keeps the middle square or squeezes the whole', async () => {
    // black, red, black side by side
    const wide = await plain(12, 4, '#000000')
      .composite([{ input: await plain(4, 4, '#ff0000').png().toBuffer(), left: 4, top: 0 }])
      .png()
      .toBuffer();
    const reds = async (fit: 'crop' | 'stretch') =>
      (await decodeImage(wide, { side: 4, fit })).subarray(0, 4);
    expect([...(await reds('crop'))]).toEqual([255, 255, 255, 255]);
    expect((await reds('stretch'))[0]).toBeLessThan(64);
  });

  it('turns a photograph upright', async () => {
    const pixels = Uint8Array.from([255, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 255]);
    const sideways = await sharp(pixels, { raw: { width: 2, height: 2, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    // red was left: turned by a quarter, it is on top
    const planes = await decodeImage(sideways, { side: 2, fit: 'exact' });
    expect([...planes.subarray(0, 4)]).toEqual([255, 255, 0, 0]);
  });

  it('refuses what is no picture, is damaged or has another size', async () => {
    const exact = { side: 8, fit: 'exact' } as const;
    const refused = (bytes: Uint8Array) => expect(decodeImage(bytes, exact)).rejects;
    await refused(new Uint8Array()).toThrow('is empty');
    await refused(Buffer.from('<html></html>')).toThrow(
      'is neither JPEG nor PNG: it begins with 3c68746d',
    );
    // an SVG would be drawn, a GIF would be read: neither was asked for
    await refused(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')).toThrow(/neither/);
    await refused(await plain(8, 8, '#123456').gif().toBuffer()).toThrow(/neither/);
    await refused(await plain(9, 8, '#123456').png().toBuffer()).toThrow(
      'has 9x8 pixels instead of 8x8',
    );
    const noise = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (i * i * 31) % 256);
    const jpeg = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    await expect(
      decodeImage(jpeg.subarray(0, jpeg.length / 2), { side: 64, fit: 'exact' }),
    ).rejects.toBeInstanceOf(UnreadableImage);
    await refused(jpeg.subarray(0, 4)).toThrow(/cannot be decoded/);
  });
});

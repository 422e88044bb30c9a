import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage, UnreadableImage } from '../../../src-main/trainer/data/decode-image.ts';

/** A plain picture. */
const plain = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: background.length > 7 ? 4 : 3, background } });

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

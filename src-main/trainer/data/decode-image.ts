/**
 * One JPEG or PNG to uint8 planes.
 *
 * By sharp (libvips with libjpeg-turbo): prebuilt for every platform this program runs on, fetched by
 * npm without an install script, and it decodes in the threads of Node's pool, so that all cores work
 * while the trainer's own thread only copies. It is loaded when first needed: the host never is.
 */
import { DatasetError } from './dataset.ts';

/** How an image that is not square becomes one. */
export type Fit = 'crop' | 'stretch';

/** Why an image is of no use, in a few words that follow its name. */
export class UnreadableImage extends Error {}

export interface DecodeOptions {
  /** Side of the result in pixels. */
  side: number;
  /** `exact` refuses images of another size. */
  fit: Fit | 'exact';
}

/** A picture of 64 megapixels takes 200 MB while it is decoded. */
const maxPixels = 64e6;

/**
 * Planes [3, side, side], red, green, blue. Grey is replicated, transparency is blended onto white,
 * EXIF orientation is applied.
 * @throws UnreadableImage where it is no JPEG or PNG, is damaged or has the wrong size.
 */
export async function decodeImage(
  bytes: Uint8Array,
  { side, fit }: DecodeOptions,
): Promise<Uint8Array> {
  if (!isJpeg(bytes) && !isPng(bytes))
    throw new UnreadableImage(
      bytes.length === 0
        ? 'is empty'
        : `is neither JPEG nor PNG: it begins with ${Buffer.from(bytes.subarray(0, 4)).toString('hex')}`,
    );
  const open = await loadSharp();
  try {
    // complaints of the decoder are let pass, missing data are not
    const image = open(bytes, { failOn: 'error', limitInputPixels: maxPixels }).autoOrient();
    if (fit !== 'exact')
      image.resize(side, side, { fit: fit === 'crop' ? 'cover' : 'fill', position: 'centre' });
    const { data, info } = await image
      .flatten({ background: 'white' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.width !== side || info.height !== side)
      throw new UnreadableImage(
        `has ${info.width}x${info.height} pixels instead of ${side}x${side}`,
      );
    return planar(data, side * side, info.channels);
  } catch (cause) {
    if (cause instanceof UnreadableImage) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UnreadableImage(`cannot be decoded: ${reason.split('\n')[0]}`);
  }
}

const startsWith = (bytes: Uint8Array, ...signature: number[]): boolean =>
  signature.every((byte, i) => bytes[i] === byte);
const isJpeg = (bytes: Uint8Array) => startsWith(bytes, 0xff, 0xd8, 0xff);
const isPng = (bytes: Uint8Array) =>
  startsWith(bytes, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Interleaved pixels, of which one or three channels are used, to three planes. */
function planar(pixels: Uint8Array, area: number, channels: number): Uint8Array {
  const planes = new Uint8Array(3 * area);
  const step = channels >= 3 ? 1 : 0;
  for (let i = 0, from = 0; i < area; i++, from += channels) {
    planes[i] = pixels[from]!;
    planes[area + i] = pixels[from + step]!;
    planes[2 * area + i] = pixels[from + 2 * step]!;
  }
  return planes;
}

type Sharp = (typeof import('sharp'))['default'];
let sharp: Promise<Sharp> | null = null;

function loadSharp(): Promise<Sharp> {
  sharp ??= import('sharp').then(
    ({ default: loaded }) => {
      // many small images at once: one thread each, and none is seen twice
      loaded.concurrency(1);
      loaded.cache(false);
      return loaded;
    },
    (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
      throw new DatasetError(
        `The decoder of JPEG and PNG files does not load on this machine: ${reason}`,
        'Run npm ci again, with optional dependencies.',
      );
    },
  );
  return sharp;
}

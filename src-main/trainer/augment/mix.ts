/**
 * Two images in one: mixup (Zhang, Cisse, Dauphin & Lopez-Paz 2018, arXiv 1710.09412) and CutMix (Yun et al.
 * 2019, arXiv 1905.04899). Their labels are mixed in the same proportion.
 *
 * As in the authors' code there is one draw per batch: the share lambda ~ Beta(alpha, alpha), the partners
 * (image b and image b + shift of the batch, which has been shuffled) and the rectangle of CutMix. Where
 * both are on, an even draw decides between them. Pixels are mixed as stored, in bytes; lambda is rounded to
 * what the pixels can show (256ths; the area of a rectangle of whole pixels), so that labels and pixels agree.
 */
import type { ExperimentConfig } from '../../experiment-config.ts';
import { Sfc32 } from '../data/prng.ts';
import { epochSeed, randomStreams } from '../random-streams.ts';
import type { Box } from './operations.ts';

type MixOptions = Pick<ExperimentConfig['augment'], 'mixup' | 'cutmix'>;

/** What is done to the images of one batch. */
export interface Mix {
  /** Image b is mixed with image (b + shift) mod batch; never with itself where there are two. */
  shift: number;
  /** lambda: how much of an image, and of its label, is its own; 0..1. */
  share: number;
  /** The rectangle that comes from the partner; null where all pixels are mixed. */
  box: Box | null;
}

export const mixes = ({ mixup, cutmix }: MixOptions): boolean => mixup > 0 || cutmix > 0;

/**
 * The mix of one batch; null where neither kind is on.
 * @param size side of the stored images. @param batch images in it.
 */
export function mixOf(
  options: MixOptions,
  size: number,
  batch: number,
  place: { seed: number; epoch: number; stepInEpoch: number },
): Mix | null {
  if (!mixes(options)) return null;
  const { mixup, cutmix } = options;
  const seed = epochSeed(place.seed, place.epoch);
  const random = new Sfc32(seed, randomStreams.mix, place.stepInEpoch);
  // always drawn, so that switching one kind on does not change the draws of the other
  const heads = random.randint(2) === 1;
  const shift = batch > 1 ? 1 + random.randint(batch - 1) : 0;
  const cuts = cutmix > 0 && (mixup === 0 || heads);
  const share = symmetricBeta(cuts ? cutmix : mixup, random);
  if (!cuts) return { shift, share: Math.round(share * 256) / 256, box: null };

  // a rectangle of the area 1 - lambda around any point, cut off at the edges
  const side = Math.floor(size * Math.sqrt(1 - share));
  const [left, top] = [random, random].map((r) => r.randint(size) - (side >> 1)) as Two;
  const within = (value: number): number => Math.min(size, Math.max(0, value));
  const box: Box = [within(left), within(top), within(left + side), within(top + side)];
  const area = (box[2] - box[0]) * (box[3] - box[1]);
  return { shift, share: 1 - area / size ** 2, box };
}
type Two = [number, number];

/**
 * Mixes the images of a batch in place.
 * @param images [batch, 3, size, size]. @param before room for as many bytes.
 */
export function mixImages(
  images: Uint8Array,
  before: Uint8Array,
  { shift, share, box }: Mix,
  batch: number,
  size: number,
): void {
  before.set(images);
  const length = images.length / batch;
  const own = Math.round(share * 256);
  for (let b = 0; b < batch; b++) {
    const at = b * length;
    const from = ((b + shift) % batch) * length;
    if (!box) {
      for (let i = 0; i < length; i++)
        images[at + i] = (before[at + i]! * own + before[from + i]! * (256 - own) + 128) >> 8;
      continue;
    }
    const [x0, y0, x1, y1] = box;
    for (let channel = 0; channel < 3; channel++)
      for (let y = y0; y < y1; y++) {
        const row = (channel * size + y) * size;
        images.set(before.subarray(from + row + x0, from + row + x1), at + row + x0);
      }
  }
}

/**
 * Beta(alpha, alpha). Above 1/2 by Ulrich's formula for the coordinate of a point on a sphere (1984), below
 * by Jöhnk's rejection (1964), in logarithms, so that no small alpha underflows.
 */
export function symmetricBeta(alpha: number, random: Pick<Sfc32, 'unit'>): number {
  if (alpha > 0.5) {
    const radius = Math.sqrt(1 - random.unit() ** (2 / (2 * alpha - 1)));
    return 0.5 + 0.5 * radius * Math.cos(2 * Math.PI * random.unit());
  }
  for (;;) {
    const x = Math.log(random.unit()) / alpha;
    const y = Math.log(random.unit()) / alpha;
    if (Math.exp(x) + Math.exp(y) <= 1) return 1 / (1 + Math.exp(y - x));
  }
}

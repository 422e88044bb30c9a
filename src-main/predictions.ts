/**
 * What an evaluation said of every image of its split, small enough to be kept: 10 bytes per image, 20 with a
 * box. The trainer packs it, the store keeps the bytes as they are, the host unpacks them.
 *
 * The bytes are columns of unsigned 16-bit numbers, little-endian, one number per image: true class, predicted
 * class, probability of the predicted class, probability of the true class, place of the true class; with boxes
 * also IoU and x0, y0, x1, y1. Images are in the order of the split.
 */

export interface Predictions {
  images: number;
  /** Whether a box was predicted of every image. */
  boxes: boolean;
  /** Side of the stored images in pixels, the unit of the boxes. */
  side: number;
  /** Of the images and their order: runs with the same were asked about the same images. */
  fingerprint: string;
  cells: Uint8Array;
}

/** One image as it was judged. */
export interface Prediction {
  /** Classes, from 0. */
  truth: number;
  predicted: number;
  /** Softmax of the predicted and of the true class, 0..1; null where the model computed no number. */
  confidence: number | null;
  trueProbability: number | null;
  /** Place of the true class by its probability, 1 for the likeliest. */
  rank: number;
  /** x0, y0, x1, y1 in pixels, x1 and y1 just outside; null for runs that predict none. */
  box: [number, number, number, number] | null;
  /** Of the predicted with the true box; null where there is none. */
  iou: number | null;
}

/** More classes than fit into a cell have no data set. */
const most = 0xffff;
/** 65,534 steps, so that a half is one of them; 65,535 is "no number". */
const steps = 0xfffe;
const columnsOf = (boxes: boolean): number => (boxes ? 10 : 5);

/** Corners lie in -1..2 of the side: a box whose centre is in the image may reach out of it. */
const [cornerLow, cornerSpan] = [-1, 3];

const share = (value: number | null): number =>
  value === null || !Number.isFinite(value) ? most : Math.round(clamp(value, 0, 1) * steps);
/** Rounded down, so that what has not reached an IoU of 0.5 does not do so here; its last bits aside. */
const overlap = (value: number | null): number =>
  value === null || !Number.isFinite(value) ? most : Math.floor(clamp(value, 0, 1) * steps + 1e-6);
const corner = (fraction: number): number =>
  Number.isFinite(fraction)
    ? Math.round(clamp((fraction - cornerLow) / cornerSpan, 0, 1) * steps)
    : most;
const clamp = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, value));

const shareOf = (cell: number): number | null => (cell === most ? null : cell / steps);

/** Length of `cells` in bytes. */
export const predictionBytes = (images: number, boxes: boolean): number =>
  2 * images * columnsOf(boxes);

/** @param of the images in the order of the split */
export function packPredictions(
  of: readonly Prediction[],
  { boxes, side, fingerprint }: Pick<Predictions, 'boxes' | 'side' | 'fingerprint'>,
): Predictions {
  const images = of.length;
  const cells = new Uint8Array(predictionBytes(images, boxes));
  const view = new DataView(cells.buffer);
  of.forEach(({ truth, predicted, confidence, trueProbability, rank, box, iou }, i) => {
    const row = [truth, predicted, share(confidence), share(trueProbability), Math.min(rank, most)];
    if (boxes) row.push(overlap(iou), ...(box ?? []).map((value) => corner(value / side)));
    row.forEach((value, column) => view.setUint16(2 * (column * images + i), value, true));
  });
  return { images, boxes, side, fingerprint, cells };
}

/** @throws RangeError where the bytes are fewer or more than those of so many images */
export function unpackPredictions({ images, boxes, side, cells }: Predictions): Prediction[] {
  if (cells.byteLength !== predictionBytes(images, boxes))
    throw new RangeError(`${cells.byteLength} bytes are not the predictions of ${images} images`);
  const view = new DataView(cells.buffer, cells.byteOffset, cells.byteLength);
  const at = (column: number, i: number): number => view.getUint16(2 * (column * images + i), true);
  const cornerAt = (column: number, i: number): number =>
    ((at(column, i) / steps) * cornerSpan + cornerLow) * side;
  return Array.from({ length: images }, (_, i) => ({
    truth: at(0, i),
    predicted: at(1, i),
    confidence: shareOf(at(2, i)),
    trueProbability: shareOf(at(3, i)),
    rank: at(4, i),
    iou: boxes ? shareOf(at(5, i)) : null,
    box:
      boxes && at(6, i) !== most
        ? [cornerAt(6, i), cornerAt(7, i), cornerAt(8, i), cornerAt(9, i)]
        : null,
  }));
}

/** What makes a prediction right: its class, its box (IoU of at least 0.5), or both. */
export const judges = ['class', 'box', 'both'] as const;
export type Judge = (typeof judges)[number];

/** The IoU from which on a box counts as found, as in localisation accuracy. */
export const foundIou = 0.5;

/** Null where there is no box to judge by. */
export function isRight({ truth, predicted, iou }: Prediction, judge: Judge): boolean | null {
  if (judge === 'class') return truth === predicted;
  if (iou === null) return null;
  return iou >= foundIou && (judge === 'box' || truth === predicted);
}

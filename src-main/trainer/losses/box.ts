/**
 * Losses of a predicted box (method G.4). Boxes are in units of the image's side, 0..1: as corners
 * (x0, y0, x1, y1), or as centre and size (cx, cy, w, h). Golden: `giou`.
 */
import * as tf from '../engine/tf.ts';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '../engine/tf.ts';

/** DETR's weights of the two parts (Carion et al. 2020, arXiv 2005.12872). */
export const boxWeights = { l1: 5, giou: 2 } as const;

/** Keeps a quotient of areas finite for boxes of no area. */
const smallestArea = 1e-7;

/**
 * 5 Σ|b - b̂| of centre and size + 2 (1 - GIoU), per image.
 * @param predicted [B, 4] centre and size
 * @param target [B, 4] corners
 * @returns [B]
 */
export function boxLoss(predicted: Tensor2D, target: Tensor2D): Tensor1D {
  const l1 = predicted.sub(cornersToCentre(target)).abs().sum<Tensor1D>(1);
  const { giou } = overlap(centreToCorners(predicted), target);
  return l1
    .mul(tf.scalar(boxWeights.l1))
    .add(tf.scalar(1).sub(giou).mul<Tensor1D>(tf.scalar(boxWeights.giou)));
}

/**
 * `boxLoss` as a mean over the boxes that have an area; 0 where none has.
 * @returns a scalar
 */
export function meanBoxLoss(predicted: Tensor2D, target: Tensor2D): Scalar {
  const counts = hasArea(target);
  const total = boxLoss(predicted, target).mul(counts).sum();
  return total.div(counts.sum().maximum(tf.scalar(1)));
}

/** The boxes that have an area: [B], 1 or 0. A box that was cropped away has none. @param target [B, 4] corners */
export function hasArea(target: Tensor2D): Tensor1D {
  const [x0, y0, x1, y1] = columns(target);
  const wide = x1.greater(x0).cast<Tensor>('float32');
  const high = y1.greater(y0).cast<Tensor>('float32');
  return wide.mul(high).reshape([-1]);
}

/**
 * Intersection over union, and its generalisation that still has a slope where boxes do not touch:
 * GIoU = I/U - (|C| - U)/|C|, C the smallest box around both (Rezatofighi et al. 2019, arXiv 1902.09630).
 * @param a [B, 4] corners
 * @param b [B, 4] corners
 * @returns [B] each
 */
export function overlap(a: Tensor2D, b: Tensor2D): { iou: Tensor1D; giou: Tensor1D } {
  const [ax0, ay0, ax1, ay1] = columns(a);
  const [bx0, by0, bx1, by1] = columns(b);
  const area = (x0: Tensor, y0: Tensor, x1: Tensor, y1: Tensor): Tensor =>
    x1.sub(x0).mul(y1.sub(y0));
  const common = tf
    .relu(tf.minimum(ax1, bx1).sub(tf.maximum(ax0, bx0)))
    .mul(tf.relu(tf.minimum(ay1, by1).sub(tf.maximum(ay0, by0))));
  const union = area(ax0, ay0, ax1, ay1)
    .add(area(bx0, by0, bx1, by1))
    .sub(common);
  const around = area(
    tf.minimum(ax0, bx0),
    tf.minimum(ay0, by0),
    tf.maximum(ax1, bx1),
    tf.maximum(ay1, by1),
  ).maximum(tf.scalar(smallestArea));
  const iou = common.div(union.maximum(tf.scalar(smallestArea)));
  const giou = iou.sub(around.sub(union).div(around));
  return { iou: iou.reshape([-1]), giou: giou.reshape([-1]) };
}

/** (cx, cy, w, h) to (x0, y0, x1, y1): [B, 4]. */
export function centreToCorners(box: Tensor2D): Tensor2D {
  const [cx, cy, w, h] = columns(box);
  const [halfWidth, halfHeight] = [w.mul(tf.scalar(0.5)), h.mul(tf.scalar(0.5))];
  return tf.concat(
    [cx.sub(halfWidth), cy.sub(halfHeight), cx.add(halfWidth), cy.add(halfHeight)],
    1,
  ) as Tensor2D;
}

/** (x0, y0, x1, y1) to (cx, cy, w, h): [B, 4]. */
export function cornersToCentre(box: Tensor2D): Tensor2D {
  const [x0, y0, x1, y1] = columns(box);
  const half = tf.scalar(0.5);
  return tf.concat(
    [x0.add(x1).mul(half), y0.add(y1).mul(half), x1.sub(x0), y1.sub(y0)],
    1,
  ) as Tensor2D;
}

/** The four numbers of every box, [B, 1] each. */
const columns = (box: Tensor2D): [Tensor, Tensor, Tensor, Tensor] =>
  tf.split(box, 4, 1) as [Tensor, Tensor, Tensor, Tensor];

/**
 * Supervised contrastive losses with hard negatives (method G.2): images of one class are drawn together,
 * images of others pushed apart. Golden: `contrastive`.
 *
 * An anchor counts when the batch holds another image of its class and one of another class; the loss is
 * the mean over such anchors, and 0 where a batch has none.
 */
import { detach } from '../engine/ops.ts';
import * as tf from '../engine/tf.ts';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '../engine/tf.ts';

export interface ContrastiveOptions {
  /** τ: cosines are divided by it. */
  temperature: number;
  /** β: how much more near negatives weigh than far ones; 0, all the same. */
  hardness: number;
}

/** Stands for minus infinity in a logarithm of float32 without making NaN of a difference. */
const nothing = -1e30;

/**
 * Supervised contrastive loss whose negatives are weighted by their hardness (Khosla et al. 2020, arXiv
 * 2004.11362, with the weights of Robinson et al. 2021, arXiv 2010.04592):
 * -1/|P| Σ_p log e^{s_ip} / (e^{s_ip} + Σ_n w_in e^{s_in}), w_in = |N| softmax_n(β s_in), no gradient through w.
 * @param z [B, D] embeddings; their length does not matter.
 * @param labels [B] int32
 */
export function hardNegativeContrastive(
  z: Tensor2D,
  labels: Tensor1D,
  { temperature, hardness }: ContrastiveOptions,
): Scalar {
  const pairs = pairsOf(labels);
  const similarity = similarities(z, temperature);
  // in logarithms: log w_in = log |N| + β s_in - log Σ e^{β s}
  const steep = detach(similarity).mul(tf.scalar(hardness));
  const logWeights = steep
    .sub(logSumExp(steep, pairs.negative))
    .add(pairs.negatives.maximum(tf.scalar(1)).log());
  const others = logSumExp(similarity.add(logWeights), pairs.negative); // [B, 1]
  return meanOverAnchors(softplus(others.sub(similarity)), pairs);
}

/** The loss of Khosla et al. as published: the denominator runs over all other images, same class or not. */
export function khoslaContrastive(z: Tensor2D, labels: Tensor1D, temperature: number): Scalar {
  const pairs = pairsOf(labels);
  const similarity = similarities(z, temperature);
  const all = logSumExp(similarity, pairs.positive.add(pairs.negative));
  return meanOverAnchors(all.sub(similarity), pairs);
}

/**
 * Margin loss with the nearest negative (Hadsell et al. 2006): mean_p d² + max(0, m - min_n d)², d the
 * distance of embeddings as they are given.
 */
export function marginContrastive(z: Tensor2D, labels: Tensor1D, margin: number): Scalar {
  const pairs = pairsOf(labels);
  const lengths = z.square().sum(1, true);
  const squared = tf.relu(
    lengths.add(lengths.transpose()).sub(tf.matMul(z, z, false, true).mul(tf.scalar(2))),
  );
  const far = tf.scalar(-nothing);
  const nearest = squared.add(tf.scalar(1).sub(pairs.negative).mul(far)).min(1, true);
  // the root has no slope at 0
  const distance = nearest.maximum(tf.scalar(1e-12)).sqrt();
  const push = tf.relu(tf.scalar(margin).sub(distance)).square();
  return meanOverAnchors(squared.add(push), pairs);
}

interface Pairs {
  /** [B, B] 1 where two different images share a class. */
  positive: Tensor;
  /** [B, B] 1 where classes differ. */
  negative: Tensor;
  /** [B, 1] */
  positives: Tensor;
  negatives: Tensor;
}

function pairsOf(labels: Tensor1D): Pairs {
  const [batch] = labels.shape;
  const same = labels
    .reshape([batch, 1])
    .equal(labels.reshape([1, batch]))
    .cast('float32');
  const places = tf.range(0, batch, 1, 'int32');
  const itself = places
    .reshape([batch, 1])
    .equal(places.reshape([1, batch]))
    .cast('float32');
  const positive = same.sub(itself);
  const negative = tf.scalar(1).sub(same);
  return {
    positive,
    negative,
    positives: positive.sum(1, true),
    negatives: negative.sum(1, true),
  };
}

/** Cosines over τ: [B, B]. */
function similarities(z: Tensor2D, temperature: number): Tensor {
  const unit = z.div(z.square().sum(1, true).add(tf.scalar(1e-12)).sqrt());
  return tf.matMul(unit, unit, false, true).mul(tf.scalar(1 / temperature));
}

/** log Σ_j m_ij e^{x_ij} over the places where the mask is 1: [B, 1]; `nothing` where there are none. */
function logSumExp(x: Tensor, mask: Tensor): Tensor {
  const masked = x.add(tf.scalar(1).sub(mask).mul(tf.scalar(nothing)));
  const top = detach(masked).max(1, true);
  return masked.sub(top).exp().sum(1, true).log().add(top);
}

/** log(1 + e^x) that does not overflow. */
function softplus(x: Tensor): Tensor {
  const top = tf.relu(detach(x));
  return x.sub(top).exp().add(top.neg().exp()).log().add(top);
}

/** Per anchor the mean over its positives, then the mean over the anchors that count. */
function meanOverAnchors(losses: Tensor, { positive, positives, negatives }: Pairs): Scalar {
  const perAnchor = losses
    .mul(positive)
    .sum(1, true)
    .div(positives.maximum(tf.scalar(1)));
  const counts = tf.minimum(positives, negatives).minimum(tf.scalar(1));
  return perAnchor
    .mul(counts)
    .sum()
    .div(counts.sum().maximum(tf.scalar(1)));
}

/**
 * What a model wants computed once per image (ImageSig's signatures), made for all images of a dataset
 * while the run prepares, so that its time and energy belong to the run, and kept in memory.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { splitNames } from './data/dataset.ts';
import type { Dataset, Split, SplitName } from './data/index.ts';
import type { FeatureTransform } from './models/registry.ts';

/** Images between two looks at the clock and at the wish to stop. */
const stretch = 64;

/** What was taken off every column of the features, and what it was multiplied with then. */
export interface Scaling {
  mean: readonly number[];
  scale: readonly number[];
}

/** By split: [count, ...shape of one image]; and how they were standardised. */
export type Features = Record<SplitName, Float32Array> & { scaling: Scaling };

/** @returns what was computed until `stop`; a stopped run takes no step with it. */
export async function computeFeatures(
  transform: FeatureTransform,
  { splits }: Pick<Dataset, 'splits'>,
  { onProgress, stop }: { onProgress: (fraction: number) => void; stop: AbortSignal },
): Promise<Features> {
  const size = transform.shape[0] * transform.shape[1];
  const total = splitNames.reduce((sum, name) => sum + splits[name].count, 0);
  let done = 0;
  const featuresOf = async ({ count, images }: Split): Promise<Float32Array> => {
    const features = new Float32Array(count * size);
    const bytes = images.length / count;
    for (let image = 0; image < count && !stop.aborted; image++, done++) {
      if (done % stretch === 0) {
        onProgress(done / total);
        await turn();
      }
      const source = images.subarray(image * bytes, (image + 1) * bytes);
      transform.of(source, features.subarray(image * size, (image + 1) * size));
    }
    return features;
  };
  const train = await featuresOf(splits.train);
  const validation = await featuresOf(splits.validation);
  const test = await featuresOf(splits.test);
  const scaling = standardise(train, [train, validation, test], transform.shape[1]);
  return { train, validation, test, scaling };
}

/**
 * Every column to mean 0 and variance 1 over `source`: a signature's fourth level is thousands of times
 * smaller than its first, and no optimiser would find it.
 */
function standardise(source: Float32Array, all: Float32Array[], width: number): Scaling {
  const rows = source.length / width;
  const [mean, variance] = [new Float64Array(width), new Float64Array(width)];
  source.forEach((value, i) => (mean[i % width]! += value / rows));
  source.forEach((value, i) => (variance[i % width]! += (value - mean[i % width]!) ** 2 / rows));
  const scale = variance.map((value) => (value > 0 ? 1 / Math.sqrt(value) : 0));
  for (const values of all)
    for (let i = 0; i < values.length; i++)
      values[i] = (values[i]! - mean[i % width]!) * scale[i % width]!;
  return { mean: [...mean], scale: [...scale] };
}

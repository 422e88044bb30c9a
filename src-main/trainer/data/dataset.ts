/**
 * What a dataset is to the rest of the trainer, and how it fails.
 *
 * Images stay uint8 at their stored size, one plane per channel; casting, normalising and resizing
 * happen on the training device (design, section 1).
 */
import { totalmem } from 'node:os';
import { AppError } from '../../contract.ts';

/** The name of a part of a dataset. Models are chosen on `validation`; `test` is looked at once. */
export type SplitName = 'train' | 'validation' | 'test';
export const splitNames: readonly SplitName[] = ['train', 'validation', 'test'];

export interface Split {
  count: number;
  /** [count, 3, size, size], planes in the order red, green, blue. */
  images: Uint8Array;
  /** [count], 0..classes-1. */
  labels: Int32Array;
  /** [count, 4]: x0, y0, x1, y1 of the object in pixels, x1 and y1 just outside; null where unknown. */
  boxes: Int16Array | null;
}

export interface Dataset {
  name: string;
  /** Names of the classes, in the order of the labels. */
  classes: string[];
  channels: 3;
  /** Side of the square images in pixels. */
  size: number;
  splits: Record<SplitName, Split>;
  /** Per channel, of the training split, in units of 0..1. */
  mean: [number, number, number];
  std: [number, number, number];
}

/** Zeros for `count` images of `size` pixels; boxes where `boxed`. */
export const emptySplit = (count: number, size: number, boxed = false): Split => ({
  count,
  images: new Uint8Array(count * 3 * size * size),
  labels: new Int32Array(count),
  boxes: boxed ? new Int16Array(count * 4) : null,
});

/**
 * Sets published without a validation split lose every 20th training image (index 19, 39, ...) to one:
 * the same 5 % in every run, so that models are never chosen on the test images.
 */
const holdOutEvery = 20;

/** Images held out of `count`. */
export const heldOut = (count: number): number => Math.floor(count / holdOutEvery);

/** Where a published training image goes. */
export function splitPlace(index: number): { split: 'train' | 'validation'; at: number } {
  const before = heldOut(index);
  return index % holdOutEvery === holdOutEvery - 1
    ? { split: 'validation', at: before }
    : { split: 'train', at: index - before };
}

/** What is on this machine of a dataset. */
export interface LocalState {
  state: 'ready' | 'missing' | 'broken';
  detail: string;
  fix: string | null;
  bytes: number | null;
}

/** What opening a dataset needs from its surroundings. */
export interface OpenContext {
  /** Where datasets and their caches lie; made when missing. */
  dataDir: string;
  /** 0..1, or null when the length is not known. */
  onProgress?: (label: string, fraction: number | null) => void;
  /** A sentence that does not stop the run, such as a cache that could not be written. */
  onNote?: (message: string) => void;
  signal?: AbortSignal;
}

/** Data that are missing, broken or not what they claim to be. */
export class DatasetError extends AppError {
  constructor(message: string, hint: string) {
    super('DATASET', message, hint);
    this.name = 'DatasetError';
  }
}

/** Refuses images that would leave no memory for training. @param what takes `bytes`. */
export function requireMemory(what: string, bytes: number): void {
  const limit = Math.min(totalmem() / 2, 2 ** 36);
  if (bytes > limit)
    throw new DatasetError(
      `${what} takes ${gigabytes(bytes)} GB; at most ${gigabytes(limit)} GB can be held in memory here.`,
      'Choose fewer or smaller images.',
    );
}

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);

/** Stops work that was cancelled; `what` was going on. */
export function throwIfCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new AppError('CANCELLED', `${what} was cancelled.`);
}

/** Turns a full disk into a sentence; every other error stays as it is. */
export function explainDisk(cause: unknown, path: string): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError(
      'DISK_FULL',
      `The disk is full: ${path} could not be written.`,
      'Free some space, or set HUGGINGGREEN_HOME to a folder on another disk, and try again.',
    );
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new DatasetError(
      `There is no permission to write ${path}.`,
      'Change the permissions of the folder, or set HUGGINGGREEN_HOME to one that can be written.',
    );
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return new DatasetError(
      `${path} cannot be written: a file is where a folder should be.`,
      'Move that file away, or set HUGGINGGREEN_HOME to another folder.',
    );
  return cause;
}

/** Mean and standard deviation per channel of planar images, in units of 0..1. */
export function channelStatistics(images: Uint8Array, size: number): Pick<Dataset, 'mean' | 'std'> {
  const plane = size * size;
  // counts of each of the 256 values: exact, and one addition per pixel
  const counts = [new Float64Array(256), new Float64Array(256), new Float64Array(256)] as const;
  for (let start = 0, channel = 0; start < images.length; start += plane, channel++) {
    const count = counts[channel % 3]!;
    for (let i = start; i < start + plane; i++) count[images[i]!]!++;
  }
  const total = images.length / 3;
  const moments = counts.map((count) => {
    let sum = 0;
    let squares = 0;
    for (let value = 0; value < 256; value++) {
      sum += count[value]! * value;
      squares += count[value]! * value * value;
    }
    const mean = sum / total;
    return { mean: mean / 255, std: Math.sqrt(Math.max(0, squares / total - mean * mean)) / 255 };
  });
  const [red, green, blue] = moments as [Moments, Moments, Moments];
  return { mean: [red.mean, green.mean, blue.mean], std: [red.std, green.std, blue.std] };
}

interface Moments {
  mean: number;
  std: number;
}

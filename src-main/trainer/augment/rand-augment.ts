/**
 * RandAugment (Cubuk, Zoph, Shlens & Le 2020, arXiv 1909.13719): every image goes through `count` operations
 * drawn from fourteen with equal chances, all of one magnitude.
 */
import { Sfc32 } from '../data/prng.ts';
import { randomStreams } from '../random-streams.ts';
import {
  movedBox,
  operationNames,
  OperationRunner,
  type Box,
  type Operation,
} from './operations.ts';

export class RandAugment {
  readonly #count: number;
  readonly #magnitude: number;
  readonly #size: number;
  readonly #seed: number;
  readonly #runner: OperationRunner;

  /** @param size side of the images. @param seed of the epoch. */
  constructor(count: number, magnitude: number, size: number, seed: number) {
    this.#count = count;
    this.#magnitude = magnitude;
    this.#size = size;
    this.#seed = seed;
    this.#runner = new OperationRunner(size);
  }

  /** What is done to an image in this epoch; the same however often it is asked. */
  operationsOf(image: number): Operation[] {
    const random = new Sfc32(this.#seed, randomStreams.randAugment, image);
    return Array.from({ length: this.#count }, () => ({
      name: operationNames[random.randint(operationNames.length)]!,
      magnitude: this.#magnitude,
      negative: random.randint(2) === 1,
    }));
  }

  /** Changes the planes [3, size, size] of an image in place. */
  apply(image: number, planes: Uint8Array): void {
    for (const operation of this.operationsOf(image)) this.#runner.apply(planes, operation);
  }

  /** The bounds of a box in the changed image; not of whole pixels where it was turned or sheared. */
  box(image: number, box: Box): Box {
    return this.operationsOf(image).reduce<Box>(
      (moved, operation) => movedBox(moved, operation, this.#size),
      box,
    );
  }
}

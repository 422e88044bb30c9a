/**
 * GreenSynth: shapes on shaded ground, made from a seed (method I.2). It needs no download, every image
 * has a box, and most patches are background, so that patch selection has something to select.
 *
 * Integer arithmetic only: the bytes are the same everywhere. The order of the random draws is part of
 * the definition; a change of it makes another dataset.
 */
import type { DatasetConfig } from '../../experiment-config.ts';
import { Sfc32 } from './prng.ts';
import { readCache, writeCache, type CacheSplit } from './cache.ts';
import {
  channelStatistics,
  requireMemory,
  splitNames,
  throwIfCancelled,
  type Dataset,
  type OpenContext,
} from './dataset.ts';

export type GreenSynthConfig = Extract<DatasetConfig, { kind: 'greensynth' }>;
/** What defines one image, but for its split and index. */
export type ImageParameters = Pick<
  GreenSynthConfig,
  'seed' | 'size' | 'classes' | 'noise' | 'distractors'
>;

// --- one image -----------------------------------------------------------------------------------

/** Bands of a bounding square of half side s: which of `n` stripes the coordinate lies in. */
const stripe = (u: number, s: number, n: number) => Math.floor(((u + s) * n) / (2 * s + 1));

/**
 * The ten shapes: whether a pixel belongs to one. (u, v) runs from -(s-1) to s-1 in steps of 2 over a
 * square of s pixels, so that pixel centres are whole numbers.
 */
const shapes: { name: string; covers: (u: number, v: number, s: number) => boolean }[] = [
  { name: 'disc', covers: (u, v, s) => u * u + v * v <= s * s },
  { name: 'square', covers: () => true },
  { name: 'triangle', covers: (u, v, s) => 2 * Math.abs(u) <= v + s },
  { name: 'diamond', covers: (u, v, s) => Math.abs(u) + Math.abs(v) <= s },
  { name: 'plus', covers: (u, v, s) => 3 * Math.abs(u) <= s || 3 * Math.abs(v) <= s },
  { name: 'cross', covers: (u, v, s) => 3 * Math.abs(Math.abs(u) - Math.abs(v)) <= s },
  {
    name: 'ring',
    covers: (u, v, s) => u * u + v * v <= s * s && 4 * (u * u + v * v) >= s * s,
  },
  { name: 'hbars', covers: (_u, v, s) => stripe(v, s, 5) % 2 === 0 },
  { name: 'vbars', covers: (u, _v, s) => stripe(u, s, 5) % 2 === 0 },
  { name: 'checker', covers: (u, v, s) => (stripe(u, s, 3) + stripe(v, s, 3)) % 2 === 0 },
];

/** The ten textures of the 100-class variant: 1 where the second colour goes, from the object's corner. */
const textures: { name: string; at: (x: number, y: number) => number }[] = [
  { name: 'plain', at: () => 0 },
  { name: 'rows', at: (_x, y) => y & 1 },
  { name: 'columns', at: (x) => x & 1 },
  { name: 'checks', at: (x, y) => (x + y) & 1 },
  { name: 'wide rows', at: (_x, y) => (y >> 1) & 1 },
  { name: 'wide columns', at: (x) => (x >> 1) & 1 },
  { name: 'wide checks', at: (x, y) => ((x >> 1) + (y >> 1)) & 1 },
  { name: 'rising stripes', at: (x, y) => ((x + y) >> 1) & 1 },
  { name: 'falling stripes', at: (x, y) => ((x - y + 64) >> 1) & 1 },
  { name: 'dots', at: (x, y) => x & 1 & (y & 1) },
];

const luma = (r: number, g: number, b: number) => (77 * r + 150 * g + 29 * b) >> 8;

/** Draws images one after the other; keeps one scratch image between them. */
export class GreenSynth {
  readonly classNames: string[];
  readonly #parameters: ImageParameters;
  /** [size, size, 3], the order in which the definition draws; values may leave 0..255 until the end. */
  readonly #scratch: Int32Array;

  constructor(parameters: ImageParameters) {
    this.#parameters = parameters;
    this.#scratch = new Int32Array(parameters.size * parameters.size * 3);
    this.classNames =
      parameters.classes === 10
        ? shapes.map(({ name }) => name)
        : shapes.flatMap((shape) => textures.map((texture) => `${shape.name}, ${texture.name}`));
  }

  /**
   * Draws image `index` of a split (0 train, 1 validation, 2 test) into `planes`, [3, size, size], and
   * its box into `box`, [4]. Returns the label.
   */
  draw(split: number, index: number, planes: Uint8Array, box: Int16Array): number {
    const { seed, size, classes, noise, distractors } = this.#parameters;
    const pixels = this.#scratch;
    const random = new Sfc32(seed, split, index);

    const label = index % classes;
    const shape = shapes[classes === 10 ? label : Math.floor(label / 10)]!;
    const texture = textures[classes === 10 ? 0 : label % 10]!;

    const ground = colour(() => 32 + random.randint(192));
    const shaded = random.randint(2) === 1;
    const slopeX = random.randint(17) - 8;
    const slopeY = random.randint(17) - 8;
    for (let y = 0, at = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const shade = shaded
          ? Math.floor(((slopeX * (2 * x - size + 1) + slopeY * (2 * y - size + 1)) * 4) / size)
          : 0;
        for (let c = 0; c < 3; c++) pixels[at++] = ground[c]! + shade;
      }

    for (let i = 0; i < distractors; i++) {
      const left = random.randint(size - 2);
      const top = random.randint(size - 2);
      const bits = random.u32();
      for (let j = 0; j < 9; j++) {
        const at = ((top + Math.floor(j / 3)) * size + left + (j % 3)) * 3;
        pixels.fill((bits >>> j) & 1 ? 255 : 0, at, at + 3);
      }
    }

    const side = Math.floor((size * (30 + random.randint(31))) / 100);
    const left = random.randint(size - side + 1);
    const top = random.randint(size - side + 1);
    const first = contrasting(random, ground);
    const second = first.map((value, c) => (value + ground[c]!) >> 1);
    let [x0, y0, x1, y1] = [size, size, 0, 0];
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        if (!shape.covers(2 * x + 1 - side, 2 * y + 1 - side, side)) continue;
        const paint = texture.at(x, y) ? second : first;
        const at = ((top + y) * size + left + x) * 3;
        for (let c = 0; c < 3; c++) pixels[at + c] = paint[c]!;
        x0 = Math.min(x0, left + x);
        y0 = Math.min(y0, top + y);
        x1 = Math.max(x1, left + x + 1);
        y1 = Math.max(y1, top + y + 1);
      }
    box.set([x0, y0, x1, y1]);

    const plane = size * size;
    const choices = 2 * noise + 1;
    for (let i = 0, at = 0; i < plane; i++)
      for (let c = 0; c < 3; c++, at++) {
        const value = pixels[at]! + (noise > 0 ? random.randint(choices) - noise : 0);
        planes[c * plane + i] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    return label;
  }
}

type Colour = [red: number, green: number, blue: number];
const colour = (channel: () => number): Colour => [channel(), channel(), channel()];

/** A colour whose luma differs from the ground's by at least 64; after 16 tries white or black. */
function contrasting(random: Sfc32, ground: Colour): Colour {
  const groundLuma = luma(...ground);
  for (let attempt = 0; attempt < 16; attempt++) {
    const candidate = colour(() => random.randint(256));
    if (Math.abs(luma(...candidate) - groundLuma) >= 64) return candidate;
  }
  return groundLuma < 128 ? [255, 255, 255] : [0, 0, 0];
}

// --- the dataset ---------------------------------------------------------------------------------

/** Images between two looks at the clock and the signal. */
const imagesPerTurn = 512;

/** Opens GreenSynth: from the cache in `dataDir/greensynth`, or drawn and then cached. */
export async function openGreenSynth(
  config: GreenSynthConfig,
  context: OpenContext,
): Promise<Dataset> {
  const { size } = config;
  const bytes = (config.train + config.validation + config.test) * 3 * size * size;
  requireMemory('GreenSynth with these settings', bytes);

  const generator = new GreenSynth(config);
  const key = cacheKey(config);
  const layout = Object.fromEntries(
    splitNames.map((name) => [name, emptySplit(config[name], size)]),
  ) as Record<(typeof splitNames)[number], CacheSplit>;
  const list = splitNames.map((name) => layout[name]);

  context.onProgress?.('reading GreenSynth', null);
  if (!(await readCache(context.dataDir, key, list))) {
    await draw(generator, list, context);
    await writeCache(context.dataDir, key, list).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      context.onNote?.(`GreenSynth is not cached and will be drawn again next time: ${reason}`);
    });
  }
  return {
    name: `GreenSynth-${config.classes}`,
    classes: generator.classNames,
    channels: 3,
    size,
    splits: layout,
    ...channelStatistics(layout.train.images, size),
  };
}

/** Every parameter is in the name, so that a change of any makes another file. */
const cacheKey = (config: GreenSynthConfig): string =>
  [
    'greensynth-1',
    `seed${config.seed}`,
    `${config.train}+${config.validation}+${config.test}`,
    `${config.size}px`,
    `${config.classes}classes`,
    `noise${config.noise}`,
    `distractors${config.distractors}`,
  ].join('_');

const emptySplit = (count: number, size: number): CacheSplit => ({
  count,
  images: new Uint8Array(count * 3 * size * size),
  labels: new Int32Array(count),
  boxes: new Int16Array(count * 4),
});

async function draw(
  generator: GreenSynth,
  splits: readonly CacheSplit[],
  { onProgress, signal }: OpenContext,
): Promise<void> {
  const total = splits.reduce((sum, { count }) => sum + count, 0);
  let done = 0;
  for (const [number, { count, images, labels, boxes }] of splits.entries()) {
    const bytes = images.length / count;
    for (let index = 0; index < count; index++) {
      if (done++ % imagesPerTurn === 0) {
        throwIfCancelled(signal, 'Drawing GreenSynth');
        onProgress?.('drawing GreenSynth', done / total);
        await new Promise((resume) => setImmediate(resume));
      }
      labels[index] = generator.draw(
        number,
        index,
        images.subarray(index * bytes, (index + 1) * bytes),
        boxes.subarray(index * 4, (index + 1) * 4),
      );
    }
  }
}

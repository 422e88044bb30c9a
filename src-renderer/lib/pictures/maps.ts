/** What is read off a picture of a watched image, for the eye and in words. */
import type { PatchMap, Picture, Snapshot, WatchedImage } from '../../../src-main/contract.ts';
import { percent, significant } from '../format/number.ts';

/** All layers together, or one of them, from 0. */
export type Depth = 'all' | number;

/** What is laid over an image. */
export type Layer = 'image' | 'kept' | 'attention' | 'both';

/** By patch: null where there is none. */
export function valuesOf({ cells, min, max }: PatchMap): (number | null)[] {
  return Array.from(atob(cells), (cell) => {
    const code = cell.charCodeAt(0);
    return code === 0 ? null : min + ((code - 1) / 254) * (max - min);
  });
}

/** The attention of a picture; null for a model without, or with fewer layers. */
export function mapOf(picture: Picture, depth: Depth): PatchMap | null {
  return depth === 'all' ? picture.rollout : (picture.layers[depth]?.received ?? null);
}

/** From the least (0) to the most attended patch (1); one colour throughout where all are alike. */
export function heatOf(picture: Picture, depth: Depth): (number | null)[] | null {
  const map = mapOf(picture, depth);
  return map && valuesOf({ ...map, min: 0, max: map.max > map.min ? 1 : 0 });
}

/** How often the least and the most attended patch got an even share, and where the latter is. */
export interface Reading {
  least: number;
  most: number;
  /** Of the most attended patch, from 1. */
  row: number;
  column: number;
  /** Tokens that there were, class token included. */
  tokens: number;
}

export function readingOf(picture: Picture, depth: Depth): Reading | null {
  const map = mapOf(picture, depth);
  if (!map) return null;
  const values = valuesOf(map);
  const tokens = picture.layers[depth === 'all' ? 0 : depth]?.tokens ?? 1;
  const side = Math.round(Math.sqrt(values.length));
  const place = Math.max(0, values.indexOf(Math.max(...values.map((value) => value ?? -Infinity))));
  return {
    least: map.min * tokens,
    most: map.max * tokens,
    row: Math.floor(place / side) + 1,
    column: (place % side) + 1,
    tokens,
  };
}

export const isRight = ({ predicted }: Picture, { label }: WatchedImage): boolean =>
  predicted === label;

/** `right, 83 %`, `wrong: square, 41 %; disc 12 %` */
export function verdict(picture: Picture, image: WatchedImage): string {
  const own = percent(picture.probability, 0);
  if (isRight(picture, image)) return `right, ${own}`;
  return `wrong: ${picture.predicted}, ${own}; ${image.label} ${percent(picture.trueProbability, 0)}`;
}

/** `0.81 to 2.1 × even share` */
export const shares = ({ least, most }: Reading): string =>
  `${significant(least, 2)} to ${significant(most, 2)} × even share`;

/** For who cannot see it. */
export function described(picture: Picture, image: WatchedImage, depth: Depth): string {
  const reading = readingOf(picture, depth);
  return [
    `${image.label}: ${verdict(picture, image)}`,
    ...(picture.kept ? [`${picture.kept.length} patches kept`] : []),
    ...(reading
      ? [
          `most attended: row ${reading.row}, column ${reading.column}, ${significant(reading.most, 2)} times an even share`,
        ]
      : []),
  ].join('; ');
}

/** Layers that all pictures of a snapshot have; 0 of a model without attention. */
export const layersOf = ({ pictures }: Snapshot): number =>
  Math.min(...pictures.map(({ layers }) => layers.length));

export const rightOf = ({ pictures }: Snapshot, images: readonly WatchedImage[]): number =>
  pictures.filter((picture, i) => images[i] && isRight(picture, images[i])).length;

/** What can be shown of pictures, whatever was chosen for others. */
export function showable(
  layer: Layer,
  { layers, selects }: { layers: number; selects: boolean },
): Layer {
  const [kept, attention] = [selects, layers > 0];
  if (layer === 'both')
    return kept && attention ? 'both' : showable('attention', { layers, selects });
  if (layer === 'kept') return kept ? 'kept' : showable('attention', { layers, selects });
  return layer === 'attention' && !attention ? (kept ? 'kept' : 'image') : layer;
}

/** `Before training`, `After epoch 3` */
export const momentOf = ({ epoch, step }: Snapshot): string =>
  step === 0 ? 'Before training' : `After epoch ${epoch}`;

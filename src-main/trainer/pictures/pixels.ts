/** Images and maps as a page takes them. */
import type { Split } from '../data/index.ts';
import type { PatchMap, WatchedImage } from '../messages.ts';

/** Of a watched picture, at most: larger than it is ever shown beside others. */
const mostPixels = 128;

/** An image of a split for a page, smaller where it is large. @param size side of the stored images */
export function watchedImage(
  { images, labels, boxes }: Split,
  index: number,
  { classes, size }: { classes: readonly string[]; size: number },
): WatchedImage {
  const plane = size * size;
  const side = Math.min(size, mostPixels);
  const rgb = new Uint8Array(3 * side * side);
  const edge = (at: number): number => Math.round((at * size) / side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let c = 0; c < 3; c++) {
        let [sum, count] = [0, 0];
        for (let row = edge(y); row < edge(y + 1); row++)
          for (let column = edge(x); column < edge(x + 1); column++, count++)
            sum += images[(3 * index + c) * plane + row * size + column]!;
        rgb[3 * (y * side + x) + c] = Math.round(sum / count);
      }
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes?.subarray(4 * index, 4 * index + 4) ?? [];
  return {
    index,
    label: classes[labels[index]!] ?? String(labels[index]),
    side,
    rgb: Buffer.from(rgb).toString('base64'),
    box: x1 > x0 && y1 > y0 ? [x0 / size, y0 / size, x1 / size, y1 / size] : null,
  };
}

/** NaN becomes 0, numbers 1 to 255 from the smallest to the largest. */
export function patchMap(values: Float32Array): PatchMap {
  const there = values.filter((value) => !Number.isNaN(value));
  if (there.length === 0)
    return { cells: Buffer.alloc(values.length).toString('base64'), min: 0, max: 0 };
  const [min, max] = [Math.min(...there), Math.max(...there)];
  const step = (max - min) / 254;
  const cells = Uint8Array.from(values, (value) =>
    Number.isNaN(value) ? 0 : 1 + (step > 0 ? Math.round((value - min) / step) : 0),
  );
  return { cells: Buffer.from(cells).toString('base64'), min: short(min), max: short(max) };
}

/** Six digits, as many as a float32 has: JSON would write fifteen. */
export const short = (value: number): number => Number(value.toPrecision(6));

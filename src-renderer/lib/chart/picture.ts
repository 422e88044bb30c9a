/** Charts as files and for the clipboard. */
import { resolveColour } from './colours.ts';
import { chartSvg } from './chart-svg.ts';
import type { ChartLook, Plot } from './plot.ts';

const fileName = (title: string, ending: string) =>
  `${title.toLowerCase().replaceAll(/\W+/g, '-')}.${ending}`;

/** A chart by itself: with title, legend and ground. */
export const standaloneSvg = (
  plot: Plot,
  look: ChartLook,
  title: string,
  width: number,
  height: number,
) => chartSvg(plot, look, { width, height, resolve: resolveColour, id: 'chart', title });

function save(blob: Blob, name: string) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.download = name;
  link.href = url;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export function saveSvg(svg: string, title: string) {
  save(new Blob([svg], { type: 'image/svg+xml' }), fileName(title, 'svg'));
}

/** Twice the pixels of the drawing: sharp on a slide and in a document. */
export async function pngOf(svg: string): Promise<Blob> {
  const image = new Image();
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width * 2, image.height * 2];
    const ctx = canvas.getContext('2d');
    if (!ctx) throw new Error('This browser gives no canvas to draw the picture on.');
    ctx.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) =>
      canvas.toBlob(
        (blob) => (blob ? resolve(blob) : reject(new Error('The picture came to nothing.'))),
        'image/png',
      ),
    );
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * A chart that is dragged out of the window as a file. The browser wants it at once when dragging begins, and a PNG
 * takes a moment: it is made when the button goes down, and where that was too short the drawing goes instead.
 */
export class DraggedPicture {
  #png: { name: string; url: string } | null = null;
  /** Changes with what is wanted: a picture that comes too late is kept by nobody. */
  #wanted = {};

  async prepare(svg: string, title: string) {
    this.forget();
    const own = this.#wanted;
    const png = await pngOf(svg);
    if (own === this.#wanted)
      this.#png = { name: fileName(title, 'png'), url: URL.createObjectURL(png) };
  }

  /**
   * Puts it into a drag that begins.
   * @param svg asked for only where the PNG is not ready
   */
  give(transfer: DataTransfer, svg: () => string, title: string) {
    const file = this.#png
      ? `image/png:${this.#png.name}:${this.#png.url}`
      : `image/svg+xml:${fileName(title, 'svg')}:data:image/svg+xml,${encodeURIComponent(svg())}`;
    // what Chromium, and with it Electron, makes a file of where it is dropped
    transfer.setData('DownloadURL', file);
    transfer.effectAllowed = 'copy';
  }

  /** Also what is still being made. */
  forget() {
    this.#wanted = {};
    if (this.#png) URL.revokeObjectURL(this.#png.url);
    this.#png = null;
  }
}

export async function savePng(svg: string, title: string) {
  save(await pngOf(svg), fileName(title, 'png'));
}

/** @throws where the browser allows no pictures on the clipboard (a page that is not on this machine) */
export async function copyPng(svg: string) {
  // the promise goes in unresolved: the browser asks for the person's gesture at once
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': pngOf(svg) })]);
}

/** How a chart leaves the page: on the clipboard, as a file, dragged out by its title. */
import { copyPng, DraggedPicture, savePng, saveSvg } from './picture.ts';

export class Leaving {
  /** Told to a reader. */
  said = $state('');
  readonly #title: () => string;
  readonly #svg: () => string;

  constructor(title: () => string, svg: () => string) {
    this.#title = title;
    this.#svg = svg;
  }

  copy = async () => {
    try {
      await copyPng(this.#svg());
      this.said = `${this.#title()} copied as a picture.`;
    } catch {
      this.said = `The browser does not let this page copy pictures; save it as PNG instead.`;
    }
  };

  savePng = async () => {
    try {
      await savePng(this.#svg(), this.#title());
    } catch {
      this.said = `${this.#title()} came to nothing as PNG; save it as SVG instead.`;
    }
  };

  saveSvg = () => saveSvg(this.#svg(), this.#title());

  /** The title that it is dragged by; by keyboard it is copied or saved. */
  handle = (title: HTMLElement) => {
    const dragged = new DraggedPicture();
    title.draggable = true;
    title.title = 'Drag it out of the window to save the chart as a picture';
    /** As it was drawn when the button went down: the drag that follows need not draw it again. */
    let pressed: string | null = null;
    title.onpointerdown = ({ button }) => {
      if (button !== 0) return;
      pressed = this.#svg();
      void dragged.prepare(pressed, this.#title()).catch(() => {});
    };
    title.ondragstart = ({ dataTransfer }) => {
      if (dataTransfer) dragged.give(dataTransfer, () => pressed ?? this.#svg(), this.#title());
    };
    title.ondragend = () => (pressed = null);
    return () => dragged.forget();
  };
}

export const isCopy = ({ key, ctrlKey, metaKey }: KeyboardEvent): boolean =>
  key.toLowerCase() === 'c' && (ctrlKey || metaKey);

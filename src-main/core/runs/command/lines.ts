/** Bytes into lines, as they come: a line may arrive in pieces, be far too long or no text at all. */

const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Returns what takes the pieces. Lines end at `\n`, and at `\r`: progress bars write over themselves. Of a
 * line longer than `longest` bytes only the beginning is told, marked as cut.
 * @returns `push` for pieces, `end` for what is left without an end
 */
export function lineSplitter(
  longest: number,
  hear: (line: string, cut: boolean) => void,
): { push(piece: Uint8Array): void; end(): void } {
  let kept: Uint8Array[] = [];
  let size = 0;
  let cut = false;

  const keep = (piece: Uint8Array): void => {
    const room = longest - size;
    if (piece.length > room) cut = true;
    if (room <= 0 || piece.length === 0) return;
    // a copy: a stream may use its buffer again
    const part = Uint8Array.prototype.slice.call(piece, 0, room);
    kept.push(part);
    size += part.length;
  };
  const tell = (): void => {
    if (size > 0) hear(Buffer.concat(kept).toString('utf8'), cut);
    kept = [];
    size = 0;
    cut = false;
  };

  return {
    push: (piece) => {
      let from = 0;
      for (let at = 0; at < piece.length; at++) {
        if (piece[at] !== newline && piece[at] !== carriageReturn) continue;
        keep(piece.subarray(from, at));
        tell();
        from = at + 1;
      }
      keep(piece.subarray(from));
    },
    end: tell,
  };
}

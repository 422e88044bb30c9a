/** What a person meant who mistyped a word. */

/** The word that differs in the fewest letters, whatever their case, if in few; null where none is near. */
export function nearest(word: string, words: readonly string[]): string | null {
  const ranked = words
    .map((candidate) => ({
      candidate,
      edits: edits(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best && best.edits <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : null;
}

/** `; did you mean run?`, to end a sentence; a full stop where no word is near. */
export function didYouMean(word: string, words: readonly string[], prefix = ''): string {
  const near = nearest(word, words);
  return near === null ? '.' : `; did you mean ${prefix}${near}?`;
}

/** Levenshtein's distance with two neighbours that changed places as one edit, a row at a time. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(
        next[j - 1]! + 1,
        row[j]! + 1,
        row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
        swapped ? before[j - 2]! + 1 : Infinity,
      );
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}

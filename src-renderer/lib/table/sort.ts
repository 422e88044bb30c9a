/** What a cell is sorted by: numbers by size, words without regard to case, numbers within them by size. */
export type Cell = number | string | boolean | null | undefined;

/** Comparable by `<` with others of its column; null is missing. */
export function sortKey(cell: Cell): number | string | null {
  if (cell == null || cell === '' || Number.isNaN(cell)) return null;
  if (typeof cell === 'number') return cell;
  if (typeof cell === 'boolean') return cell ? 1 : 0;
  return cell.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, '0'));
}

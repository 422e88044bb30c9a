/** The rows of a comparison that say something, the same in the window, in reports and on the command line. */
import type { Comparison, ComparisonRow } from './comparison.ts';

/**
 * The rows without the options of a selection that is off, which say nothing of that run, and without those of
 * which nothing is known of any.
 */
export function meaningfulRows({ rows }: Pick<Comparison, 'rows'>): ComparisonRow[] {
  const modes = rows.find(({ key }) => key === 'selection.mode')?.values ?? [];
  const selects = modes.some((mode) => mode !== null && mode !== 'off');
  const told = rows.filter(({ values }) => values.some((value) => value !== null));
  return told.flatMap((row) => {
    if (!row.key.startsWith('selection.') || row.key === 'selection.mode') return [row];
    const values = row.values.map((value, i) => (modes[i] === 'off' ? null : value));
    return selects ? [{ ...row, values }] : [];
  });
}

/** How it is said everywhere that a run is of the built-in example. */
import type { RunSummary } from './runs.ts';

export const exampleMeaning = 'Example run: a demonstration, not a result.';

/** For a comparison or a report; null where none of its runs is of the example. */
export function exampleCaution(runs: readonly RunSummary[]): string | null {
  const names = runs.filter(({ example }) => example).map(({ name }) => name);
  if (names.length === 0) return null;
  if (names.length === runs.length)
    return runs.length === 1 ? exampleMeaning : 'Example runs: a demonstration, not a result.';
  return `Of the built-in example, a demonstration and no result: ${names.join(', ')}.`;
}

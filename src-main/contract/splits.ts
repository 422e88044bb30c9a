/** Scores of validation beside scores of the test: marked where they stand, and not judged against each other. */
import type { RunSummary } from './runs.ts';

/** After a score of validation. */
export const validationMark = 'v';
export const validationMeaning = 'v: of the last validation, as no test was evaluated';

/** Of several runs: a test outweighs any validation, and a mean is of one split only. */
export const splitOf = (splits: readonly RunSummary['f1Split'][]): RunSummary['f1Split'] =>
  splits.includes('test') ? 'test' : splits.includes('validation') ? 'validation' : null;

/** Names up to here; more runs are counted. */
const mostNamed = 3;

/** Says which scores stand apart; null where all are of one split. */
export function splitsCaution(
  runs: readonly Pick<RunSummary, 'id' | 'name' | 'f1Split'>[],
): string | null {
  const of = (split: RunSummary['f1Split']) => runs.filter(({ f1Split }) => f1Split === split);
  const validated = of('validation');
  if (validated.length === 0 || of('test').length === 0) return null;
  const which =
    validated.length > mostNamed
      ? `${validated.length} runs`
      : validated.map(({ id, name }) => name || `run ${id}`).join(', ');
  return `Scores of ${which} are of validation, those of the others of the test: they are not judged against each other.`;
}

/**
 * Work of other programs during a run. A run notes it in words; a comparison finds it again by them, for runs
 * of any version.
 */

/** @param percent of all processors */
export const othersNoteText = (percent: number): string =>
  `Other programs used about ${Math.round(percent)} % of the processor during this run: it took longer, and its energy is not its own alone.`;

const told = /^Other programs used about (\d+) % of the processor/;

/** Percent of all processors by a run's notes; null where none says so. */
export function othersPercent(notes: readonly { message: string }[]): number | null {
  const shares = notes.flatMap(({ message }) => {
    const share = told.exec(message)?.[1];
    return share === undefined ? [] : [Number(share)];
  });
  return shares.length > 0 ? Math.max(...shares) : null;
}

/** What follows of it for a comparison; null: nothing. */
export function othersCaution(
  others: readonly { id: number; percent: number }[],
  runs: number,
): string | null {
  if (others.length === 0) return null;
  const shares = others.map(({ percent }) => percent);
  const [least, most] = [Math.min(...shares), Math.max(...shares)];
  const share = least === most ? `${least} %` : `${least} to ${most} %`;
  const which =
    others.length === runs
      ? 'these runs'
      : others.length === 1
        ? `run ${others[0]!.id}`
        : `${others.length} of these ${runs} runs`;
  return `Other programs used ${share} of the processor during ${which}: time, throughput and energy there are not the run’s own alone, and differences may be theirs.`;
}

/** The line as it is shown: the runs of one matrix that follow each other are a group. */
import type { RunSummary } from '../../../src-main/contract.ts';

export interface Block {
  /** Of the first run. */
  key: number;
  /** Of the matrix; null for a run on its own. */
  title: string | null;
  runs: RunSummary[];
}

export function blocksOf(waiting: readonly RunSummary[]): Block[] {
  const blocks: Block[] = [];
  for (const run of waiting) {
    const last = blocks.at(-1);
    const group = run.matrix?.group;
    if (last && group !== undefined && last.runs[0]!.matrix?.group === group) last.runs.push(run);
    else blocks.push({ key: run.id, title: run.matrix?.title ?? null, runs: [run] });
  }
  return blocks;
}

/**
 * Before which run some must be put to move by one place; a group moves past the whole neighbour.
 * @returns null for the end of the line, undefined where they cannot move further
 */
export function placeBeside(
  blocks: readonly Block[],
  ids: readonly number[],
  by: -1 | 1,
): number | null | undefined {
  const line = blocks.flatMap(({ runs }) => runs.map(({ id }) => id));
  const whole = blocks.findIndex(
    ({ runs }) => runs.length === ids.length && runs.every(({ id }) => ids.includes(id)),
  );
  // a run within its group, or a run or group among others
  const units =
    whole >= 0 ? blocks.map(({ runs }) => runs.map(({ id }) => id)) : line.map((id) => [id]);
  const at = units.findIndex(([first]) => first === ids[0]);
  if (at < 0) return undefined;
  if (by < 0) return units[at - 1]?.[0];
  if (at + 1 >= units.length) return undefined;
  return units[at + 2]?.[0] ?? null;
}

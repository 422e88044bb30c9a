/** Processor time of processes on Linux, for the benches. */
import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds that all threads of a process have run so far (schedstat(5)); 0 once it has ended. */
export function runTime(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce(
      (sum, task) =>
        sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
      0,
    );
  } catch {
    return 0;
  }
}

/** A process and everything below it. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      // the command may hold spaces and brackets: the parent follows the last bracket and the state
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // it ended while we looked
    }
  }
  const tree = [root];
  for (const parent of tree)
    for (const [pid, above] of parents) if (above === parent) tree.push(pid);
  return tree;
}

export const treeRunTime = (root: number): number =>
  processTree(root).reduce((sum, pid) => sum + runTime(pid), 0);

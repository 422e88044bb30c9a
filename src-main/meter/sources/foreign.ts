/**
 * Whose process is it: the program's own (its trainers), or somebody else's on the same card?
 *
 * Own are the process that started the meter and all its descendants. A pid that is not to be seen here
 * (another namespace, just ended) is not called foreign: a wrong accusation would exclude good runs.
 */
import { readFileSync } from 'node:fs';

/** Parent of a process, null when it cannot be told. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // the command in brackets may itself hold brackets and spaces
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    return Number.isInteger(parent) ? parent : null;
  } catch {
    return null;
  }
}

/** Name of a process's command, null when it cannot be told. */
export function commandOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() || null;
  } catch {
    return null;
  }
}

export class Family {
  readonly #root: number;
  /** Processes that were looked up since the last `forget`. */
  readonly #known = new Map<number, boolean>();

  /** @param root the process whose descendants are ours; usually the meter's parent */
  constructor(root: number) {
    this.#root = root;
  }

  /** True where it is known that the process does not belong to this program. */
  isForeign(pid: number): boolean {
    const known = this.#known.get(pid);
    if (known !== undefined) return known;
    const foreign = this.#trace(pid);
    this.#known.set(pid, foreign);
    return foreign;
  }

  /** Process ids are used again: look everything up afresh. */
  forget(): void {
    this.#known.clear();
  }

  #trace(pid: number): boolean {
    if (process.platform !== 'linux') return false;
    let at: number | null = pid;
    for (let depth = 0; at !== null && depth < 64; depth++) {
      if (at === this.#root || at === process.pid) return false;
      if (at <= 1) return true;
      at = parentOf(at);
    }
    return false;
  }
}

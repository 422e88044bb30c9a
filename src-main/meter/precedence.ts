/**
 * The meter before all others: it needs a core for a few hundred microseconds at a time, and needs it on
 * time. A training that saturates every core may otherwise keep it waiting for tens of milliseconds.
 *
 * Raising a priority takes rights on Linux and macOS (root, CAP_SYS_NICE, or a limit that allows it); without
 * them everything stays as it is. Linux shares the processor out between sessions first (autogroup(7)),
 * where the priority of a process counts only within its own: so the session's is raised as well. The
 * meter has a session of its own (spawn.ts), but not under Electron, whose session is left alone.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

const priority = constants.priority.PRIORITY_HIGH;

function leadsItsSession(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // after the name in brackets: state, parent, group, session (proc(5))
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]) === process.pid;
}

/** Raises the meter's priority where that is allowed. @returns whether it was */
export function takePrecedence(): boolean {
  try {
    setPriority(priority);
  } catch {
    return false;
  }
  try {
    if (process.platform === 'linux' && leadsItsSession())
      writeFileSync('/proc/self/autogroup', String(priority));
  } catch {
    // a kernel without sessions' groups: the process's own priority is all there is
  }
  return true;
}

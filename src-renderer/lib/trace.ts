/** Joining pieces of a power trace: the newest part wins, what is older than the window falls off. */
import type { PowerTrace } from '../../src-main/contract.ts';

export function appendTrace(old: PowerTrace, piece: PowerTrace, windowMs: number): PowerTrace {
  const last = piece.at.at(-1);
  const first = piece.at[0];
  if (last === undefined || first === undefined) return old;
  const start = old.at.findIndex((at) => at >= last - windowMs);
  const from = start < 0 ? old.at.length : start;
  const overlap = old.at.findIndex((at) => at >= first);
  const to = overlap < 0 ? old.at.length : overlap;
  const keep = Math.max(0, to - from);
  const keys = new Set([...Object.keys(old.watts), ...Object.keys(piece.watts)]);
  const watts = Object.fromEntries(
    [...keys].map((key) => [
      key,
      [
        ...(old.watts[key]?.slice(from, from + keep) ?? Array<null>(keep).fill(null)),
        ...(piece.watts[key] ?? Array<null>(piece.at.length).fill(null)),
      ],
    ]),
  );
  const latest = { ...old.latest };
  for (const [key, now] of Object.entries(piece.latest ?? {})) {
    const before = latest[key];
    latest[key] = {
      ...now,
      utilPercent: now.utilPercent ?? before?.utilPercent ?? null,
      memoryMb: now.memoryMb ?? before?.memoryMb ?? null,
      tempC: now.tempC ?? before?.tempC ?? null,
      clockMhz: now.clockMhz ?? before?.clockMhz ?? null,
    };
  }
  return { at: [...old.at.slice(from, from + keep), ...piece.at], watts, latest };
}

/** A reading stands for its component until the next, for this long at most. */
const holdsMs = 3000;

/** Power of all components together; null where none was read. */
export function totalPower({ at, watts }: PowerTrace): { at: number[]; watts: (number | null)[] } {
  const last = new Map<string, { at: number; watts: number }>();
  const total = at.map((now, i) => {
    for (const [key, column] of Object.entries(watts)) {
      const value = column[i];
      if (value != null) last.set(key, { at: now, watts: value });
    }
    const present = [...last.values()].filter((reading) => now - reading.at <= holdsMs);
    return present.length === 0 ? null : present.reduce((sum, reading) => sum + reading.watts, 0);
  });
  return { at, watts: total };
}

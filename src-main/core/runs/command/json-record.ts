/**
 * One line of a JSON-lines file as training scripts and W&B-style loggers write it:
 *
 *     {"_step": 120, "_timestamp": 1764000000.5, "epoch": 3, "train": {"loss": 0.53}}
 *
 * Numbers at any depth become values, named by their path (`train/loss`); everything else is left out.
 */
import { countOf, epochOf, longestName, type Values } from './said.ts';

export interface JsonRecord extends Values {
  /** Milliseconds since 1970 when the script says so; else null. */
  utc: number | null;
}

const stepKeys = ['_step', 'step', 'global_step', 'iteration', 'iter'];
const timeKeys = ['_timestamp', 'timestamp', 'time'];
const deepest = 4;
const mostValues = 500;
/** 2001-09-09 to 2286-11-20 in seconds since 1970: smaller numbers are durations. */
const epochSeconds: [number, number] = [1e9, 1e10];

/** Null for what is no JSON object with a number in it. */
export function readJsonRecord(line: string): JsonRecord | null {
  const parsed = parseLoosely(line);
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return null;
  const values = new Map<string, number | null>();
  collect(parsed, '', 0, values);

  const take = (keys: readonly string[], fits: (value: number) => number | null) => {
    for (const key of keys) {
      const fitting = fits(values.get(key) ?? NaN);
      if (fitting === null) continue;
      values.delete(key);
      return fitting;
    }
    return null;
  };
  const step = take(stepKeys, countOf);
  const epoch = take(['epoch'], epochOf);
  const seconds = take(timeKeys, (value) =>
    value >= epochSeconds[0] && value <= epochSeconds[1] ? value : null,
  );
  values.delete('_runtime');
  if (values.size === 0) return null;
  return { step, epoch, values, utc: seconds === null ? null : seconds * 1000 };
}

/** Loggers written in Python let NaN and Infinity through, which JSON does not know. */
function parseLoosely(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // not JSON, or not quite
  }
  try {
    // strings are matched as a whole, so that words in them stay; one without an end is matched to the
    // end of the line, so that nothing is looked at twice
    return JSON.parse(
      line.replace(/"(?:[^"\\]+|\\[^])*(?:"|\\?$)|-?\b(?:NaN|Infinity)\b/g, (word) =>
        word.startsWith('"') ? word : 'null',
      ),
    );
  } catch {
    return null;
  }
}

function collect(
  value: object,
  prefix: string,
  depth: number,
  into: Map<string, number | null>,
): void {
  for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
    if (into.size >= mostValues) return;
    const name = `${prefix}${key}`;
    if (name.length > longestName) continue;
    if (typeof inner === 'number') into.set(name, Number.isFinite(inner) ? inner : null);
    else if (
      inner !== null &&
      typeof inner === 'object' &&
      !Array.isArray(inner) &&
      depth < deepest
    )
      collect(inner, `${name}/`, depth + 1, into);
    // a null may have been a NaN: the point is missing
    else if (inner === null) into.set(name, null);
  }
}

/**
 * The thermal design power of a processor, by its model string.
 *
 * Both sides are stripped of what only marketing needs; then an exact match, or else the longest model
 * of the table all of whose words occur in the string. Nothing fuzzier: a wrong TDP is worse than a
 * question to the user.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TdpMatch {
  watts: number;
  /** The model of the table. */
  model: string;
}

/** Watts of an unknown processor, per thread: a starting point for the user, as in CodeCarbon. */
export const unknownWattsPerThread = 4;

/** `Intel(R) Core(TM) i7-9700K CPU @ 3.60GHz` -> `intel core i7-9700k`. */
export const normaliseModel = (model: string): string =>
  model
    .toLowerCase()
    .replace(/\((r|tm|c)\)|[®™]/g, ' ')
    .replace(/@.*$/, ' ')
    .replace(/\b(with|w\/)\s*radeon.*$/, ' ')
    .replace(/\b(\d+|dual|quad|six|eight|twelve|sixteen)-core\b/g, ' ')
    .replace(/\b(cpu|processor)\b/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

/** Words that make another chip of the same name: `E5-2620 v3`, `M1 Max`. */
const setsApart = /^(v\d+|pro|max|ultra)$/;

/**
 * @param models watts by model name
 * @param brand the processor as the system names it
 */
export function matchTdp(models: Record<string, number>, brand: string): TdpMatch | null {
  const wanted = normaliseModel(brand);
  if (wanted === '') return null;
  const words = new Set(wanted.split(' '));
  let best: (TdpMatch & { words: number; length: number }) | null = null;
  for (const [model, watts] of Object.entries(models)) {
    const name = normaliseModel(model);
    if (name === wanted) return { watts, model };
    // a name without a number is a family, not a model
    if (!/\d/.test(name)) continue;
    const parts = name.split(' ');
    if (!parts.every((part) => words.has(part))) continue;
    const better =
      best === null ||
      parts.length > best.words ||
      (parts.length === best.words && name.length > best.length);
    if (better) best = { watts, model, words: parts.length, length: name.length };
  }
  if (best === null) return null;
  const matched = new Set(normaliseModel(best.model).split(' '));
  for (const word of words) {
    // "PRO" in an AMD name is the management feature, the silicon is the same
    if (word === 'pro' && words.has('ryzen')) continue;
    if (setsApart.test(word) && !matched.has(word)) return null;
  }
  return { watts: best.watts, model: best.model };
}

/** The shipped table; empty where it cannot be read, so that the user is asked. */
export function tdpTable(resourcesDir: string): Record<string, number> {
  try {
    const table: unknown = JSON.parse(readFileSync(join(resourcesDir, 'cpu-tdp.json'), 'utf8'));
    const models = (table as { models?: Record<string, unknown> } | null)?.models ?? {};
    return Object.fromEntries(
      Object.entries(models).filter(
        (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] > 0,
      ),
    );
  } catch {
    return {};
  }
}

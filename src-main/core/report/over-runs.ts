/** What is said of many runs at once: once, with the range of what differs, instead of once for each. */
import { list, quantity } from './words.ts';

/** `6.04 W`, or `2.75 to 6.04 W` over several runs. */
export function spread(values: readonly number[], unit: string): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [from, to] = [quantity(low, ''), quantity(high, unit)];
  return `${from.trim()} ${unit}` === to ? to : `${from.trim()} to ${to}`;
}

/** Names that are told one by one up to here. */
const mostNamed = 3;

/** `plain and dropping`, `all 6 runs`, `a, b, c and 4 more`. */
export function named(names: readonly string[], all: number): string {
  if (names.length === all && all > 1) return all === 2 ? 'both runs' : `all ${all} runs`;
  return list(
    names.length > mostNamed + 1
      ? [...names.slice(0, mostNamed), `${names.length - mostNamed} more`]
      : names,
  );
}

/** A quantity: not a part of a name, such as `RTX 3090`, `i7-9700` or `A100`, of which there is no range. */
const number = /(?<![\w.,-])(?<!\p{Lu}[\w-]*\s)\d+(?:,\d{3})*(?:\.\d+)?(?![\w-])/gu;

/**
 * Texts that are alike but for their numbers as one, with the range of each number that differs:
 * `busy (41 to 92 %)`. What each was said of comes along, in the order of the first of them.
 */
export function merged<Of>(
  texts: readonly { text: string; of: Of }[],
): { text: string; of: Of[] }[] {
  return [...Map.groupBy(texts, ({ text }) => text.replace(number, '#')).values()].map((alike) => {
    const [first] = alike as [{ text: string; of: Of }];
    const found = alike.map(({ text }) => text.match(number) ?? []);
    let place = 0;
    const text = first.text.replace(number, (own) => {
      const at = place++;
      const written = found.map((all) => all[at]!);
      const value = (one: string): number => Number(one.replaceAll(',', ''));
      const sorted = [...new Set(written)].sort((a, b) => value(a) - value(b));
      return sorted.length === 1 ? own : `${sorted[0]} to ${sorted.at(-1)}`;
    });
    return { text, of: alike.map(({ of }) => of) };
  });
}

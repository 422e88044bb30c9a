/** A region of the grid as a person writes it on a command line. */
import type { Region } from '../contract.ts';
import { regions } from '../core/energy/regions.ts';
import { nearest } from '../nearest.ts';
import { UsageError } from './command.ts';

/** Names in a message. */
const mostNamed = 6;

/**
 * The code of the region with this code or exact name, in any case of letters; `custom` is itself.
 * @throws UsageError on what is neither, with those that may be meant, and on a name of several
 */
export function regionCode(words: string): string {
  const word = words.trim().toLowerCase();
  if (word === 'custom') return word;
  const all = regions();
  const coded = all.find(({ code }) => code.toLowerCase() === word);
  if (coded) return coded.code;
  const named = all.filter(({ name }) => name.toLowerCase() === word);
  if (named.length > 1)
    throw new UsageError(`"${words}" names several regions: ${listed(named)}. Give the code.`);
  if (named[0]) return named[0].code;
  const meant = near(word, all);
  throw new UsageError(
    `There is no region "${words}"${meant.length > 0 ? `; near are ${listed(meant)}.` : '.'}\n` +
      'Give a code or a name: world, EU27, a country (ITA or Italy), a US state (US-CA), a Canadian\n' +
      'province (CA-QC), or a region of a cloud (gcp:europe-north1, aws:eu-west-1, azure:francecentral).',
  );
}

function near(word: string, all: readonly Region[]): Region[] {
  const mistyped = nearest(
    word,
    all.flatMap(({ code, name }) => [code, name]),
  );
  return all
    .filter(
      ({ code, name }) =>
        code === mistyped ||
        name === mistyped ||
        (word.length > 2 && `${code} ${name}`.toLowerCase().includes(word)),
    )
    .slice(0, mostNamed);
}

const listed = (some: readonly Region[]): string =>
  some.map(({ code, name }) => `${code} (${name})`).join(', ');

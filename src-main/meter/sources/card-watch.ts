/**
 * What happens to a card that a reader of its energy should know: its clock held down, too hot, shared
 * with somebody else. Each is said when it begins and when it is over, not with every sample.
 */
import type { SourceContext } from './source.ts';

/** Clock event reasons that hold the clock down, by bit, in the order of their weight. */
const throttleBits: readonly [bit: number, words: string, harmless: boolean][] = [
  [0x40, 'hardware thermal slowdown', false],
  [0x20, 'software thermal slowdown', false],
  [0x80, 'the power brake', false],
  [0x8, 'hardware slowdown', false],
  [0x4, 'the power cap', true],
];
/** The bits of NVIDIA's clock event reasons that count as held down; idle and chosen clocks do not. */
export const throttleReasons = throttleBits.reduce((all, [bit]) => all | bit, 0);

/** A condition that flickers is one condition: it is over when it was away this long. */
const overMicros = 30_000_000;
/** Degrees below the limit at which a card is no longer called hot. */
const coolDegrees = 3;

export interface Stranger {
  pid: number;
  /** Name of its command, null when it cannot be read. */
  name: string | null;
  /** Of the card, null when the driver does not tell. */
  memoryBytes: number | null;
}

export class CardWatch {
  readonly #key: string;
  readonly #name: string;
  readonly #event: SourceContext['event'];
  #throttled: { since: number; seen: number; bits: number } | null = null;
  #hotSince: number | null = null;
  #strangers = new Set<number>();

  constructor(key: string, name: string, event: SourceContext['event']) {
    this.#key = key;
    this.#name = name;
    this.#event = event;
  }

  /** @param reasons bits as NVIDIA's; others than those that hold the clock down are ignored */
  clock(reasons: number, now: number): void {
    const bits = reasons & throttleReasons;
    const episode = this.#throttled;
    if (bits !== 0) {
      const known = episode?.bits ?? 0;
      this.#throttled = { since: episode?.since ?? now, seen: now, bits: known | bits };
      const fresh = bits & ~known;
      if (fresh !== 0)
        this.#say(
          isHarmless(fresh) ? 'info' : 'warning',
          `the clock is held down by ${throttleWords(fresh)}`,
        );
    } else if (episode !== null && now - episode.seen >= overMicros) {
      this.#throttled = null;
      this.#say(
        'info',
        `the clock is free again; it was held down by ${throttleWords(episode.bits)} on and off for ${duration(episode.seen - episode.since)}`,
      );
    }
  }

  /** @param slowdown degrees at which the card slows itself down; null: not known */
  temperature(celsius: number | null, slowdown: number | null, now: number, what = ''): void {
    if (celsius === null || slowdown === null) return;
    if (this.#hotSince === null && celsius >= slowdown) {
      this.#hotSince = now;
      this.#say('warning', `${what}${celsius} °C, its slowdown temperature is ${slowdown} °C`);
    } else if (this.#hotSince !== null && celsius <= slowdown - coolDegrees) {
      this.#say('info', `${celsius} °C again, after ${duration(now - this.#hotSince)} too hot`);
      this.#hotSince = null;
    }
  }

  /** All processes on the card that are not ours; one that stays is said once. */
  strangers(present: readonly Stranger[]): void {
    const fresh = present.filter(({ pid }) => !this.#strangers.has(pid));
    if (fresh.length > 0 || present.length !== this.#strangers.size)
      this.#strangers = new Set(present.map(({ pid }) => pid));
    if (fresh.length === 0) return;
    const list = fresh.slice(0, 3).map(strangerWords).join(', ');
    const more = fresh.length > 3 ? ` and ${fresh.length - 3} more` : '';
    this.#say(
      'warning',
      `another program computes on this card: ${list}${more}. Its energy is in the card's`,
    );
  }

  #say(level: 'info' | 'warning', what: string): void {
    this.#event(level, this.#key, `${this.#name}: ${what}.`);
  }
}

const isHarmless = (bits: number): boolean =>
  throttleBits.every(([bit, , harmless]) => harmless || (bits & bit) === 0);

const throttleWords = (bits: number): string =>
  throttleBits
    .filter(([bit]) => (bits & bit) !== 0)
    .map(([, words]) => words)
    .join(' and ');

const strangerWords = ({ pid, name, memoryBytes }: Stranger): string => {
  const held = memoryBytes === null ? '' : `, ${(memoryBytes / 1e9).toFixed(1)} GB`;
  return `${name ?? 'a process'} (pid ${pid}${held})`;
};

/** `12 s`, `4 min`. */
export const duration = (micros: number): string => {
  const seconds = Math.round(micros / 1e6);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
};

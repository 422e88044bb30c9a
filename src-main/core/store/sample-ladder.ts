/**
 * The lowest and the highest power of every pixel column, without looking at every sample again.
 *
 * Samples are taken in once, in the order in which they are stored, and summed up in blocks of equally many:
 * where a block lies in one column, its extremes are all that is asked of it; only the few blocks that lie
 * across an edge are read again. There are never more than `mostBlocks`: when they are used up, two become
 * one. So a page that watches a run for days pays for the samples since its last question, and for its pixels.
 */
import type { ReadableDb } from './database.ts';

export const mostBlocks = 32_768;
const fewBlocks = 64;

/** One of a component from a moment on. Times are monotonic µs. */
export class SampleLadder {
  readonly #component: number;
  readonly #from: number;
  /** Samples in a block; the last one may have fewer. */
  #size = 1;
  #blocks = 0;
  #inLast = 0;
  #first = new Float64Array(fewBlocks);
  #last = new Float64Array(fewBlocks);
  /** Time and watts of the first lowest and first highest; watts are NaN where none was read. */
  #lowAt = new Float64Array(fewBlocks);
  #low = new Float64Array(fewBlocks);
  #highAt = new Float64Array(fewBlocks);
  #high = new Float64Array(fewBlocks);

  constructor(component: number, from: number) {
    this.#component = component;
    this.#from = from;
  }

  /** Time of the last sample that was taken in; before the first: -Infinity. */
  get upTo(): number {
    return this.#blocks === 0 ? -Infinity : this.#last[this.#blocks - 1]!;
  }

  /**
   * Takes in what was stored since, up to a moment.
   * @param limit samples that are taken at most
   * @returns how many were taken; fewer than the limit: all are there
   */
  climb(db: ReadableDb, to: number, limit = Infinity): number {
    let taken = 0;
    while (taken < limit) {
      const most = Math.min(readAtOnce, limit - taken);
      const rows = db.rows<[t: number, watts: number | null]>(
        `select t, watts from power_sample
         where component = ? and t >= ? and t > ? and t <= ? order by t limit ?`,
        this.#component,
        this.#from,
        Math.max(this.upTo, -Number.MAX_VALUE),
        to,
        most,
      );
      for (const [t, watts] of rows) this.#take(t, watts ?? NaN);
      taken += rows.length;
      if (rows.length < most) break;
    }
    return taken;
  }

  #take(t: number, watts: number): void {
    if (this.#blocks === 0 || this.#inLast === this.#size) {
      if (this.#blocks === mostBlocks) this.#halve();
      else if (this.#blocks === this.#first.length) this.#grow();
      const at = this.#blocks++;
      this.#first[at] = this.#last[at] = this.#lowAt[at] = this.#highAt[at] = t;
      this.#low[at] = this.#high[at] = watts;
      this.#inLast = 1;
      return;
    }
    const at = this.#blocks - 1;
    this.#last[at] = t;
    this.#inLast++;
    this.#heed(at, t, watts, t, watts);
  }

  /** The extremes of what follows go into a block: what was read goes before what was not, the earlier of two. */
  #heed(at: number, lowAt: number, low: number, highAt: number, high: number): void {
    if (Number.isNaN(low)) return;
    const unread = Number.isNaN(this.#low[at]!);
    if (unread || low < this.#low[at]!) [this.#lowAt[at], this.#low[at]] = [lowAt, low];
    if (unread || high > this.#high[at]!) [this.#highAt[at], this.#high[at]] = [highAt, high];
  }

  #grow(): void {
    this.#first = doubled(this.#first);
    this.#last = doubled(this.#last);
    this.#lowAt = doubled(this.#lowAt);
    this.#low = doubled(this.#low);
    this.#highAt = doubled(this.#highAt);
    this.#high = doubled(this.#high);
  }

  #halve(): void {
    for (let pair = 0; pair < mostBlocks / 2; pair++) {
      const [a, b] = [2 * pair, 2 * pair + 1];
      for (const column of [this.#first, this.#lowAt, this.#low, this.#highAt, this.#high])
        column[pair] = column[a]!;
      this.#heed(pair, this.#lowAt[b]!, this.#low[b]!, this.#highAt[b]!, this.#high[b]!);
      this.#last[pair] = this.#last[b]!;
    }
    this.#blocks /= 2;
    this.#size *= 2;
    this.#inLast = this.#size;
  }

  /**
   * Times of the samples with the lowest and the highest power of each column, ascending; of a column in which
   * nothing was read, of its first sample.
   * @param size µs of a column; the first begins where the ladder does
   */
  extremes(db: ReadableDb, size: number): number[] {
    const columnOf = (t: number): number => Math.floor((t - this.#from) / size);
    const times: number[] = [];
    let [column, lowAt, low, highAt, high] = [-1, 0, NaN, 0, NaN];
    const keep = (): void => {
      if (column < 0) return;
      times.push(Math.min(lowAt, highAt));
      if (lowAt !== highAt) times.push(Math.max(lowAt, highAt));
    };
    const take = (
      own: number,
      ownLowAt: number,
      ownLow: number,
      ownHighAt: number,
      ownHigh: number,
    ): void => {
      if (own !== column) {
        keep();
        [column, lowAt, low, highAt, high] = [own, ownLowAt, ownLow, ownHighAt, ownHigh];
      } else if (!Number.isNaN(ownLow)) {
        const unread = Number.isNaN(low);
        if (unread || ownLow < low) [lowAt, low] = [ownLowAt, ownLow];
        if (unread || ownHigh > high) [highAt, high] = [ownHighAt, ownHigh];
      }
    };
    for (let at = 0; at < this.#blocks; at++) {
      const [first, last] = [this.#first[at]!, this.#last[at]!];
      const own = columnOf(first);
      if (own === columnOf(last)) {
        take(own, this.#lowAt[at]!, this.#low[at]!, this.#highAt[at]!, this.#high[at]!);
        continue;
      }
      const rows = db.rows<[t: number, watts: number | null]>(
        `select t, watts from power_sample
         where component = ? and t >= ? and t <= ? order by t`,
        this.#component,
        first,
        last,
      );
      for (const [t, watts] of rows) take(columnOf(t), t, watts ?? NaN, t, watts ?? NaN);
    }
    keep();
    return times;
  }
}

/** Rows that are in memory at a time. */
const readAtOnce = 20_000;

/** Of runs that go on, and of those whose curves are being made; the latest asked for last. */
const ladders = new Map<string, SampleLadder>();
/** Each takes up to 1.5 MB. */
export const mostLadders = 256;

/**
 * The ladder of a component from a moment on, climbed up to another one.
 * @param limit samples that are read at most; where it is met, there may be more
 */
export function climbedLadder(
  db: ReadableDb,
  component: number,
  { from, to }: { from: number; to: number },
  limit = Infinity,
): { ladder: SampleLadder; taken: number } {
  const key = `${component} ${from}`;
  const known = ladders.get(key);
  // the end may lie before samples that were taken meanwhile: then all are taken anew
  const ladder = known && known.upTo <= to ? known : new SampleLadder(component, from);
  const taken = ladder.climb(db, to, limit);
  ladders.delete(key);
  if (ladder.upTo > -Infinity) ladders.set(key, ladder);
  for (const oldest of ladders.keys()) {
    if (ladders.size <= mostLadders) break;
    ladders.delete(oldest);
  }
  return { ladder, taken };
}

/** What has ended is asked for once. */
export const dropLadder = (component: number, { from }: { from: number }): void =>
  void ladders.delete(`${component} ${from}`);

function doubled(from: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const to = new Float64Array(from.length * 2);
  to.set(from);
  return to;
}

/** The log of a run as it grows: what was there, then what comes. */
import { mostLogLines, type LogLine } from '../../../src-main/contract.ts';
import type { Session } from '../session.svelte.ts';

export type NumberedLine = LogLine & {
  /** Its place, for as long as the page is open: lines themselves may be alike. */
  n: number;
};

export class LogLines {
  /** The last, oldest first; null until they are known. */
  lines = $state.raw<NumberedLine[] | null>(null);
  readonly #session: Session;
  readonly #id: number;
  #next = 0;

  constructor(session: Session, id: number) {
    this.#session = session;
    this.#id = id;
  }

  /** Starts watching; gives back the end of it. */
  start(): () => void {
    const { api } = this.#session;
    let closed = false;
    const ask = () =>
      this.#session.attempt(async () => {
        const known = await api.call('runs.log', { id: this.#id, lines: mostLogLines });
        if (!closed) this.#take(known);
      });
    const stops = [
      api.on('run.log', ({ id, lines }) => {
        // what comes before the answer is part of it
        if (id !== this.#id || this.lines === null) return;
        const fresh = lines.map((line) => this.#numbered(line));
        this.lines = [...this.lines, ...fresh].slice(-mostLogLines);
      }),
      api.onStale(() => void ask()),
    ];
    void ask();
    return () => {
      closed = true;
      for (const stop of stops) stop();
    };
  }

  /** What is known anew; lines that were there before keep their numbers. */
  #take(known: readonly LogLine[]) {
    const last = this.lines?.at(-1);
    const at = last ? known.findLastIndex((line) => isSame(line, last)) : -1;
    if (last && at >= 0) this.#next = last.n - at;
    this.lines = known.map((line) => this.#numbered(line));
  }

  #numbered(line: LogLine): NumberedLine {
    return { ...line, n: this.#next++ };
  }
}

const isSame = (a: LogLine, b: LogLine): boolean =>
  a.at === b.at && a.kind === b.kind && a.text === b.text;

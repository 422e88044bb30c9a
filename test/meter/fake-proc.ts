/** A `/proc` of one's own: some processes with their times, `/proc/stat` and `/proc/meminfo`. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FakeProcess {
  parent?: number;
  /** Ticks after boot. */
  start?: number;
  /** Ticks of its own and of children that it has waited for. */
  own?: number;
  waited?: number;
  pages?: number;
  children?: number[];
  /** Children of a second thread. */
  threadChildren?: number[];
}

export class FakeProc {
  readonly path: string;
  readonly #lists: boolean;

  /** @param lists whether this kernel keeps lists of children */
  constructor(path: string, lists = true) {
    this.path = path;
    this.#lists = lists;
    mkdirSync(path, { recursive: true });
    this.machine(0, 0);
  }

  /** Ticks of all processors together, and memory in MiB. */
  machine(busy: number, idle: number, memory = { total: 1024, available: 512 }): void {
    writeFileSync(
      join(this.path, 'stat'),
      `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\nintr 1\n`,
    );
    writeFileSync(
      join(this.path, 'meminfo'),
      `MemTotal: ${memory.total * 1024} kB\nMemFree: 1 kB\nMemAvailable: ${memory.available * 1024} kB\n`,
    );
  }

  set(pid: number, process: FakeProcess): void {
    const { parent = 1, start = 1, own = 0, waited = 0, pages = 0 } = process;
    const threads = process.threadChildren ? 2 : 1;
    const folder = join(this.path, String(pid));
    mkdirSync(folder, { recursive: true });
    const before = `${pid} (a (odd) name) S ${parent} 1 1 0 -1 0 0 0 0 0`;
    const times = `${own} 0 ${waited} 0 20 0 ${threads} 0 ${start} 99999 ${pages}`;
    writeFileSync(join(folder, 'stat'), `${before} ${times} 1 1 1\n`);
    for (const [thread, list] of [
      [pid, process.children ?? []],
      [pid + 1, process.threadChildren],
    ] as const) {
      if (!list) continue;
      const task = join(folder, 'task', String(thread));
      mkdirSync(task, { recursive: true });
      if (this.#lists) writeFileSync(join(task, 'children'), list.map((one) => `${one} `).join(''));
    }
  }

  end(pid: number): void {
    rmSync(join(this.path, String(pid)), { recursive: true });
  }
}

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ProcessTree, sharesOf } from '../../src-main/meter/process-tree.ts';
import { FakeProc } from './fake-proc.ts';
import { temporaryFolder } from './fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let count = 0;
const fake = (lists = true): FakeProc => new FakeProc(join(folder.path, `proc-${count++}`), lists);

const watching = (proc: FakeProc, run: number[], program: number[]): ProcessTree => {
  const tree = new ProcessTree(proc.path, null);
  expect(tree.watch(run, program)).toBe(true);
  return tree;
};

describe('shares of two trees in a machine', () => {
  it.each([true, false])('follow the processor time of every process (lists: %s)', (lists) => {
    const proc = fake(lists);
    proc.machine(1000, 1000);
    // the host, its meter, and the trainer with a helper; another program beside them
    proc.set(10, { children: [20, 30], own: 100 });
    proc.set(20, { parent: 10, own: 5 });
    proc.set(30, { parent: 10, own: 500, children: [31] });
    proc.set(31, { parent: 30, own: 70 });
    proc.set(99, { own: 300 });
    const tree = watching(proc, [30], [10]);
    expect([10, 20, 30, 31, 99].map((pid) => tree.groupOf(pid))).toEqual([
      'program',
      'program',
      'run',
      'run',
      null,
    ]);
    expect([tree.sees(99), tree.sees(12345)]).toEqual([true, false]);

    proc.machine(1100, 1100);
    proc.set(10, { children: [20, 30], own: 102 });
    proc.set(20, { parent: 10, own: 8 });
    proc.set(30, { parent: 10, own: 530, children: [31] });
    proc.set(31, { parent: 30, own: 90 });
    proc.set(99, { own: 345 });
    const { cpu, programCores } = tree.read()!;
    expect(cpu).toEqual({ run: 0.5, program: 0.05 });
    // 5 of 200 ticks on two processors
    expect(programCores).toBeCloseTo(0.05, 12);
  });

  it('keep the time of a process that ended, in the group in which it worked', () => {
    const proc = fake();
    proc.machine(0, 0);
    proc.set(10, { children: [30] });
    proc.set(30, { parent: 10, own: 500, children: [31] });
    proc.set(31, { parent: 30, own: 200 });
    const tree = watching(proc, [30], [10]);
    // the helper worked 40 more and was waited for by the trainer, which worked 10 more
    proc.machine(100, 0);
    proc.end(31);
    proc.set(30, { parent: 10, own: 510, waited: 240 });
    proc.set(10, { children: [30] });
    expect(tree.read()!.cpu).toEqual({ run: 0.5, program: 0 });
    // the trainer worked 30 more and ended; the host inherits it all, and did 20 itself
    proc.machine(200, 0);
    proc.end(30);
    proc.set(10, { own: 20, waited: 780 });
    expect(tree.read()!.cpu).toEqual({ run: 0.3, program: 0.2 });
    // nothing of it comes again
    proc.machine(300, 0);
    expect(tree.read()!.cpu).toEqual({ run: 0, program: 0 });
  });

  it('leave out a stranger with the number of a process that was asked for and has ended', () => {
    const proc = fake();
    proc.machine(0, 0);
    proc.set(10, {});
    proc.set(30, { start: 5, children: [31] });
    proc.set(31, { parent: 30, start: 6 });
    const tree = watching(proc, [30], [10]);
    proc.machine(100, 0);
    proc.set(30, { start: 900, own: 60 });
    proc.set(31, { parent: 1, start: 6, own: 20 });
    expect(tree.read()!.cpu).toEqual({ run: 0.2, program: 0 });
    expect(tree.groupOf(30)).toBeNull();
    // the number comes round to a process of the program's own
    proc.machine(200, 0);
    proc.set(10, { children: [30] });
    proc.set(30, { parent: 10, start: 950, own: 50 });
    expect(tree.read()!.cpu).toEqual({ run: 0, program: 0.5 });
  });

  it('count a child that came and went unseen, and one that is new', () => {
    const proc = fake();
    proc.machine(0, 0);
    proc.set(30, {});
    const tree = watching(proc, [30], []);
    proc.machine(100, 0);
    proc.set(30, { waited: 25, children: [40] });
    proc.set(40, { parent: 30, own: 50, start: 7 });
    expect(tree.read()!.cpu!.run).toBe(0.75);
  });

  it('do not follow a process id that is used again', () => {
    const proc = fake();
    proc.machine(0, 0);
    proc.set(30, { children: [31] });
    proc.set(31, { parent: 30, own: 900 });
    const tree = watching(proc, [30], []);
    proc.machine(100, 0);
    proc.set(30, { waited: 910 });
    proc.set(31, { parent: 1, start: 5000, own: 90 });
    expect(tree.read()!.cpu!.run).toBe(0.1);
    expect(tree.groupOf(31)).toBeNull();
  });

  it('hold on to a process whose parent went away, and find the children of other threads', () => {
    const proc = fake();
    proc.machine(0, 0);
    proc.set(30, { children: [31] });
    proc.set(31, { parent: 30, threadChildren: [33] });
    proc.set(33, { parent: 31 });
    const tree = watching(proc, [30], []);
    expect(tree.groupOf(33)).toBe('run');
    proc.machine(100, 0);
    proc.end(31);
    proc.set(30, {});
    proc.set(33, { parent: 1, own: 60 });
    expect(tree.read()!.cpu!.run).toBe(0.6);
  });

  it('of memory are what is resident in what is in use', () => {
    const proc = fake();
    proc.machine(0, 0, { total: 1000, available: 500 });
    const [mib, page] = [2 ** 20, 4096];
    proc.set(10, { pages: (50 * mib) / page });
    proc.set(30, { pages: (200 * mib) / page });
    const tree = watching(proc, [30], [10]);
    const { ram, programBytes } = tree.read()!;
    expect([ram!.run, ram!.program]).toEqual([expect.closeTo(0.4, 9), expect.closeTo(0.1, 9)]);
    expect(programBytes).toBe(50 * mib);
  });

  it('are not known without /proc', () => {
    const tree = new ProcessTree(join(folder.path, 'nowhere'), null);
    expect(tree.watch([1], [])).toBe(false);
    expect(tree.read()).toBeNull();
  });

  it('are at most the whole', () => {
    expect(sharesOf({ run: 30, program: 10 }, 20)).toEqual({ run: 0.75, program: 0.25 });
    expect(sharesOf({ run: 0, program: 0 }, 0)).toEqual({ run: 0, program: 0 });
  });
});

describe.skipIf(process.platform !== 'linux')('a real tree', () => {
  it('is charged for a grandchild that works', async () => {
    // the child stays idle and waits for its own child, which works until it is told to end
    const worker =
      'process.stdin.on("data", () => process.exit()); const f = () => { for (let i = 0; i < 1e6; i++) Math.sqrt(i); setImmediate(f); }; f();';
    const parent = `const c = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(worker)}], { stdio: ['inherit', 'ignore', 'inherit'] }); c.on('spawn', () => console.log(c.pid));`;
    const child = spawn(process.execPath, ['-e', parent], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const grandchild = Number(
        await new Promise<Buffer>((resolve) => child.stdout.once('data', resolve)),
      );
      const tree = new ProcessTree(null, null);
      expect(tree.watch([child.pid!], [process.pid])).toBe(true);
      expect(tree.groupOf(grandchild)).toBe('run');
      expect(tree.groupOf(process.pid)).toBe('program');
      let shares = { run: 0, program: 0 };
      // however busy the machine is, the worker gets a few ticks in the end
      while (shares.run === 0) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        shares = tree.read()?.cpu ?? shares;
      }
      expect(shares.run).toBeLessThanOrEqual(1);
      expect(shares.run + shares.program).toBeLessThanOrEqual(1 + 1e-9);
      const { ram, programBytes } = tree.read()!;
      expect(ram!.run).toBeGreaterThan(0);
      expect(programBytes).toBeGreaterThan(1e6);
      tree.close();
    } finally {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.stdin.write('end\n');
      await ended;
    }
  });
});

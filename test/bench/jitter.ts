/**
 * How far from their due moments the meter reads, at 10 Hz with 8 stub cards and 2 packages, while busy
 * threads (at the usual priority) take every core. Target: 99 of 100 samples within 20 ms. The first line
 * is the same machine without them; the last with the priority that the meter took (where it may) taken
 * away again. Whatever else runs on the machine is in the figures: look at its load first.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, getPriority, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { MeterChild } from '../meter/child.ts';
import { stubMachine } from './stub-machine.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 20);
const targetMs = 20;
const hz = 10;

/** Sorted distances of the samples from the grid that begins at the first one, ms; and ticks left out. */
function lateness(t: readonly number[]): { late: number[]; missed: number } {
  const period = 1e6 / hz;
  const late: number[] = [];
  let last = 0;
  let missed = 0;
  for (const at of t) {
    // a timer may fire up to a millisecond early, the rest is lateness
    const tick = Math.floor((at - t[0]! + 2000) / period);
    late.push(Math.abs(at - t[0]! - tick * period) / 1000);
    missed += Math.max(0, tick - last - 1);
    last = tick;
  }
  return { late: late.sort((a, b) => a - b), missed };
}

const busyLoop = `for (let i = 0; ; i++) if (i % 1e9 === 0) globalThis.sink = Math.sqrt(i);`;

async function measure(name: string, busy: number, priority: number | null): Promise<number> {
  const machine = stubMachine(hz);
  if (machine === null) return 0;
  const meter = new MeterChild(machine.env);
  const workers: Worker[] = [];
  try {
    await meter.start(machine.settings);
    await sleep(2000);
    const pid = meter.process.pid!;
    if (priority !== null) {
      setPriority(pid, priority);
      writeFileSync(`/proc/${pid}/autogroup`, String(priority));
    }
    for (let i = 0; i < busy; i++) workers.push(new Worker(busyLoop, { eval: true }));
    await sleep(1000 * seconds);
    const t = meter.of('samples').flatMap(({ batch }) => batch.t);
    // the first seconds are those of finding sources, without the load
    const from = t.findIndex((at) => at - t[0]! > 3e6);
    const { late, missed } = lateness([t[0]!, ...t.slice(from)]);
    const at = (share: number): number => late[Math.floor(share * (late.length - 1))]!;
    const skipped = missed - (from - 1);
    console.log(
      `  ${name.padEnd(44)} p50 ${at(0.5).toFixed(1).padStart(5)}  p95 ${at(0.95).toFixed(1).padStart(5)}  p99 ${at(0.99).toFixed(1).padStart(5)}  most ${late.at(-1)!.toFixed(1).padStart(5)} ms; ${skipped} of ${late.length} ticks missed; priority ${getPriority(pid)}`,
    );
    return at(0.99);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
    await meter.stop();
    machine.remove();
  }
}

const cores = availableParallelism();
console.log(`jitter: distance from the due moment over ${seconds} s at ${hz} Hz, ${cores} core(s)`);
await measure('nothing else', 0, null);
const p99 = await measure(`${cores} busy threads`, cores, null);
await measure(`${2 * cores} busy threads`, 2 * cores, null);
try {
  await measure(`${cores} busy threads, meter at the usual priority`, cores, 0);
} catch (cause) {
  console.log(`  priorities may not be set here: ${String(cause)}`);
}
const met = p99 < targetMs;
console.log(`jitter: p99 under ${targetMs} ms on a saturated machine: ${met ? 'met' : 'MISSED'}`);
if (!met) process.exitCode = 1;

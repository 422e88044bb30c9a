/**
 * What measuring costs: processor time of the meter process at 10 Hz with 8 stub GPUs and 2 RAPL
 * packages with memory, and beside it that of a process with nothing but a timer of 10 Hz, in the same
 * seconds. Target: under 0.3 % of one core. Processor time, not time on the clock: other work on the
 * machine still shows in it, through cold caches, so the lowest round says most about the code. A real
 * driver adds its own time per call.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeterChild } from '../meter/child.ts';
import { runTime } from './process-time.ts';
import { median } from './race.ts';
import { stubMachine } from './stub-machine.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 10);
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const warmUpSeconds = 10;
const targetPercent = 0.3;

async function main(): Promise<void> {
  const machine = stubMachine(10);
  if (machine === null) return;
  const meter = new MeterChild(machine.env);
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 100)'], { stdio: 'ignore' });
  try {
    const { components } = await meter.start(machine.settings);
    await sleep(1000 * warmUpSeconds);
    const ours: number[] = [];
    const floor: number[] = [];
    let samples = 0;
    for (let round = 0; round < rounds; round++) {
      const heard = meter.heard.length;
      const before = [runTime(meter.process.pid!), runTime(bare.pid!)] as const;
      const began = process.hrtime.bigint();
      await sleep(1000 * seconds);
      const elapsed = Number(process.hrtime.bigint() - began);
      ours.push((100 * (runTime(meter.process.pid!) - before[0])) / elapsed);
      floor.push((100 * (runTime(bare.pid!) - before[1])) / elapsed);
      for (const message of meter.heard.slice(heard))
        if (message.type === 'samples') samples += message.batch.t.length;
    }
    const line = (name: string, all: readonly number[]): void =>
      console.log(
        `  ${name.padEnd(28)} median ${median(all).toFixed(3)} %   (${Math.min(...all).toFixed(3)} - ${Math.max(...all).toFixed(3)})`,
      );
    const rate = samples / (seconds * rounds);
    console.log(
      `meter: ${components.length} components at ${rate.toFixed(1)} Hz, share of one core over ${rounds} rounds of ${seconds} s`,
    );
    line('the meter', ours);
    line('a bare timer of 10 Hz', floor);
    const met = median(ours) < targetPercent;
    console.log(`meter: target under ${targetPercent} %: ${met ? 'met' : 'MISSED'}`);
    if (!met) process.exitCode = 1;
  } finally {
    bare.kill();
    await meter.stop();
    machine.remove();
  }
}

await main();

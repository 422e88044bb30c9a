/**
 * What the meter costs a training: steps with it reading at 10 Hz (8 stub cards, 2 packages) against steps
 * while it is stopped (SIGSTOP), in turn and in changing order, so that whatever else the machine does
 * meets both alike. Target: less than 1 % slower. The engine uses every core, so the meter has to take
 * its time from the training.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { MeterChild } from '../meter/child.ts';
import { green32, vitStep } from '../trainer/engine/vit-step.ts';
import { captured, median } from './race.ts';
import { stubMachine } from './stub-machine.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 2);
const rounds = Number(process.env.BENCH_ROUNDS ?? 20);
const targetPercent = 1;

async function main(): Promise<void> {
  const machine = stubMachine(10);
  if (machine === null) return;
  const meter = new MeterChild(machine.env);
  const engine = openOrtEngine('cpu', { threads: availableParallelism() });
  try {
    await meter.start(machine.settings);
    const contender = await captured(engine, 'training', vitStep({ ...green32, batch: 16 }));
    for (let i = 0; i < 10; i++) await contender.step();
    /** ms per step. */
    const round = async (on: boolean): Promise<number> => {
      meter.process.kill(on ? 'SIGCONT' : 'SIGSTOP');
      await sleep(50);
      const steps: number[] = [];
      const end = performance.now() + 1000 * seconds;
      while (performance.now() < end) steps.push(await contender.step());
      return steps.reduce((sum, ms) => sum + ms, 0) / steps.length;
    };
    const slower: number[] = [];
    const all = { on: [] as number[], off: [] as number[] };
    for (let i = 0; i < rounds; i++) {
      // there and back: a machine that grows slower favours neither
      const order = i % 2 === 0 ? [true, false, false, true] : [false, true, true, false];
      const times = { on: 0, off: 0 };
      for (const on of order) times[on ? 'on' : 'off'] += (await round(on)) / 2;
      all.on.push(times.on);
      all.off.push(times.off);
      slower.push(100 * (times.on / times.off - 1));
    }
    meter.process.kill('SIGCONT');
    await contender.close();
    const sorted = slower.toSorted((a, b) => a - b);
    const quartile = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!;
    const spread = quartile(0.75) - quartile(0.25);
    // half width of a 95 % interval of a median, from the middle half
    const doubt = (1.96 * 1.2533 * spread) / 1.349 / Math.sqrt(rounds);
    console.log(
      `overhead: ${median(all.on).toFixed(2)} ms per step with the meter, ${median(all.off).toFixed(2)} ms without`,
    );
    console.log(
      `overhead: ${median(slower).toFixed(2)} % slower, ± ${doubt.toFixed(2)} (95 %) over ${rounds} rounds; middle half ${quartile(0.25).toFixed(2)} to ${quartile(0.75).toFixed(2)} %`,
    );
    const met = median(slower) + doubt < targetPercent;
    const missed = median(slower) - doubt > targetPercent;
    console.log(
      `overhead: target under ${targetPercent} %: ${met ? 'met' : missed ? 'MISSED' : 'not settled, other work on this machine hides it: more rounds, or a quiet machine'}`,
    );
    if (missed) process.exitCode = 1;
  } finally {
    meter.process.kill('SIGCONT');
    await meter.stop();
    await engine.dispose();
    machine.remove();
  }
}

await main();

/**
 * What measuring costs: processor time of the meter process at 10 Hz with 8 stub GPUs and 2 RAPL
 * packages with memory. Target: under 0.5 % of one core. A real driver adds its own time per call.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeterChild, nowhere } from '../meter/child.ts';
import { compileNvml, powercap, replaceFile, temporaryFolder } from '../meter/fakes.ts';
import { runTime } from './process-time.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 20);
const warmUpSeconds = 5;
const targetPercent = 0.5;

async function main(): Promise<void> {
  if (process.platform !== 'linux') {
    console.log('meter: skipped, the stub driver and /proc need Linux');
    return;
  }
  const folder = temporaryFolder();
  const library = compileNvml(folder.path);
  if (library === null) return;
  const script = join(folder.path, 'cards');
  replaceFile(script, 'gpus 8\n');
  const root = join(folder.path, 'powercap');
  const zone = (name: string) => ({
    name,
    energy: 1_000_000,
    range: 262_143_328_850,
    children: [{ name: 'dram', energy: 1_000_000, range: 65_712_999_613 }],
  });
  powercap(root, { 'intel-rapl:0': zone('package-0'), 'intel-rapl:1': zone('package-1') });

  const meter = new MeterChild({ FAKE_NVML: script });
  try {
    const { components } = await meter.start(
      nowhere({ nvml: library, powercap: root }, { hz: 10 }),
    );
    await sleep(1000 * warmUpSeconds);
    const pid = meter.process.pid!;
    const before = { run: runTime(pid), at: process.hrtime.bigint(), heard: meter.heard.length };
    await sleep(1000 * seconds);
    const elapsed = Number(process.hrtime.bigint() - before.at);
    const percent = (100 * (runTime(pid) - before.run)) / elapsed;
    const samples = meter
      .of('samples')
      .filter((message) => meter.heard.indexOf(message) >= before.heard)
      .reduce((sum, { batch }) => sum + batch.t.length, 0);
    console.log(
      `meter: ${percent.toFixed(3)} % of one core at ${((samples * 1e9) / elapsed).toFixed(1)} Hz, ` +
        `${components.length} components (target under ${targetPercent} %): ` +
        (percent < targetPercent ? 'met' : 'MISSED'),
    );
    if (percent >= targetPercent) process.exitCode = 1;
  } finally {
    await meter.stop();
    folder.remove();
  }
}

await main();

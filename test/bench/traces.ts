/**
 * Traces with a known integral (test/fixtures/traces.ts) through the meter's own sums at 10 Hz with
 * jitter, and beside them power every 15 s, the last value for the whole interval, as CodeCarbon does.
 * Errors in percent of the truth; the worst of several phases and jitters. Virtual time: takes no seconds.
 */
import { counted, counters, everyFifteenSeconds, integrated, traces } from '../fixtures/traces.ts';

const seeds = Array.from({ length: 20 }, (_, i) => i + 1);
const limits = { counted: 0.1, integrated: 1 };

const worst = (errors: readonly number[]): number =>
  errors.reduce((most, error) => (Math.abs(error) > Math.abs(most) ? error : most), 0);
const cell = (percent: number): string =>
  `${percent >= 0 ? '+' : ''}${percent.toFixed(3)} %`.padStart(15);

console.log(
  [
    'worst error of 20'.padEnd(40),
    ...counters.map(({ name }) => name.padStart(15)),
    'power, 10 Hz'.padStart(15),
    'covered'.padStart(9),
    'power, 15 s'.padStart(15),
  ].join(''),
);
let missed = 0;
for (const trace of traces) {
  const byCounter = counters.map((counter) =>
    worst(seeds.map((seed) => counted(trace, counter, seed).errorPercent)),
  );
  const byPower = seeds.map((seed) => integrated(trace, seed));
  const power = worst(byPower.map(({ errorPercent }) => errorPercent));
  const rare = worst(seeds.map((seed) => everyFifteenSeconds(trace, 0.73 * seed).errorPercent));
  if (byCounter.some((error) => Math.abs(error) > limits.counted)) missed++;
  if (Math.abs(power) > limits.integrated) missed++;
  const covered = Math.min(...byPower.map(({ coverage }) => coverage));
  console.log(
    [
      trace.name.padEnd(40),
      ...byCounter.map(cell),
      cell(power),
      `${(100 * covered).toFixed(1)} %`.padStart(9),
      cell(rare),
    ].join(''),
  );
}
console.log(
  `traces: counted within ${limits.counted} %, power at 10 Hz within ${limits.integrated} %: ${missed === 0 ? 'met' : 'MISSED'}`,
);
if (missed > 0) process.exitCode = 1;

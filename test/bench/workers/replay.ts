/**
 * In the place of the meter, for the bench `replay`: says what a recorded file holds, batch by batch, at so
 * many times its speed, and at each mark how many readings it has said. HUGGINGGREEN_REPLAY names the
 * file, BENCH_SPEED the speed.
 */
import { readFileSync } from 'node:fs';
import type { FromMeter, ToMeter } from '../../../src-main/meter/messages.ts';
import { monotonicMicros, parentPort } from '../../../src-main/port.ts';

const port = parentPort<ToMeter, FromMeter>();
const speed = Number(process.env.BENCH_SPEED);

function play(): void {
  const messages = readFileSync(process.env.HUGGINGGREEN_REPLAY!, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as FromMeter);
  const start = monotonicMicros();
  let first: number | null = null;
  let next = 0;
  let said = 0;
  const step = (): void => {
    const now = monotonicMicros();
    for (; next < messages.length; next++) {
      const message = messages[next]!;
      if (message.type === 'samples') {
        const { t, series } = message.batch;
        first ??= t[0]!;
        if ((t.at(-1)! - first) / speed > now - start) break;
        said += t.length * series.length;
      }
      if (message.type === 'sources' || message.type === 'samples') port.post(message);
    }
    if (next < messages.length) setTimeout(step, 5);
    else port.post({ type: 'event', at: now, level: 'info', key: null, message: `said ${said}` });
  };
  step();
}

port.listen((message) => {
  if (message.type === 'start') play();
  if (message.type === 'mark') port.post({ type: 'marked', id: message.id, at: monotonicMicros() });
  if (message.type === 'stop') {
    port.close();
    process.exit(0);
  }
});

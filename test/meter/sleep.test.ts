import { expect, it } from 'vitest';
import { SleepWatch } from '../../src-main/meter/sleep.ts';

it('tells sleep from a clock that was set', () => {
  let wall = 1_700_000_000_000;
  let uptime = 5000;
  const watch = new SleepWatch({ wall: () => wall, uptime: () => uptime });
  expect(watch.since(0)).toBeNull();

  wall += 10_000; // 10 s pass, awake
  uptime += 10;
  expect(watch.since(10e6)).toBeNull();

  wall += 3_600_000; // the clock is set an hour ahead
  expect(watch.since(10e6)).toBeNull();

  wall += 61_000; // 60 s of sleep, 1 s awake
  uptime += 61;
  expect(watch.since(11e6)).toBeCloseTo(60, 6);

  wall += 1000;
  uptime += 1;
  expect(watch.since(12e6)).toBeNull();

  wall -= 3_600_000; // and set back
  expect(watch.since(12e6)).toBeNull();
});

import { expect, test } from 'vitest';
import { presentIdle, rememberedIdle } from '../../../src-main/core/runs/idle.ts';
import { othersNote } from '../../../src-main/core/runs/processor-load.ts';

const cpu = {
  key: 'cpu',
  source: 'cpu-model',
  provenance: 'modelled',
  method: 'TDP of 100 W',
} as const;
const gpu = { key: 'gpu', source: 'nvml', provenance: 'counted', method: 'counter' } as const;

test('idle power is remembered of the sensor that measured it, not of another', () => {
  const idle: unknown = JSON.parse(
    JSON.stringify(rememberedIdle({ cpu: 10, gpu: 70 }, [cpu, gpu])),
  );
  expect(presentIdle(idle, [cpu, gpu])?.watts).toEqual({ cpu: 10, gpu: 70 });
  expect(presentIdle(idle, [{ ...cpu, method: 'TDP of 65 W' }, gpu])?.watts).toEqual({ gpu: 70 });
  expect(presentIdle(idle, [{ ...cpu, source: 'rapl' }])).toBeNull();
  // a period that was probed otherwise at this start, or not yet; and a counter that does not count any more
  const probed = { ...gpu, method: 'counter, a new value every 100 ms' };
  expect(presentIdle(idle, [probed])?.watts).toEqual({ gpu: 70 });
  expect(presentIdle(idle, [{ ...gpu, provenance: 'integrated' }])).toBeNull();
  expect(presentIdle({ at: 1, watts: { cpu: 10 } }, [cpu])).toBeNull();
  expect(presentIdle(null, [cpu])).toBeNull();
});

test('what other programs took is what the processors did beyond the run itself', () => {
  // 2 of 4 processors for the run, 90 % busy: 40 % are of others
  expect(othersNote(90, 20e6, 10e6, 4)).toContain(
    'Other programs used about 40 % of the processor',
  );
  expect(othersNote(60, 20e6, 10e6, 4)).toBeNull();
  expect(othersNote(null, 0, 10e6, 4)).toBeNull();
});

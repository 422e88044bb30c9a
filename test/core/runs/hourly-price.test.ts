import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { utcOf } from '../../../src-main/core/clock.ts';
import { besideRegion, plainPricing } from '../../../src-main/core/energy/account.ts';
import { createIntensity } from '../../../src-main/core/energy/intensity/index.ts';
import { hourMs } from '../../../src-main/core/energy/intensity/steps.ts';
import { hourlyPrice } from '../../../src-main/core/runs/hourly-price.ts';
import { LiveEnergy } from '../../../src-main/core/runs/live-energy.ts';
import type { Store } from '../../../src-main/core/store/store.ts';
import { monotonicMicros } from '../../../src-main/port.ts';
import { batch, gpu, meter, newRun, openScene, seconds, steady, world } from '../store/scene.ts';

const choice = { provider: 'uk', zone: '' } as const;
const pricing = plainPricing(world, 2);

/** A service that knows every half hour around now, or answers with a status. */
async function serve(status = 200): Promise<{ asked: () => number }> {
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    const data = Array.from({ length: 8 }, (_, i) => ({
      from: new Date(Math.floor(Date.now() / hourMs) * hourMs + (i - 4) * (hourMs / 2)),
      intensity: { actual: 100, forecast: null },
    }));
    response.statusCode = status;
    response.end(JSON.stringify({ data }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    vi.unstubAllEnvs();
  });
  vi.stubEnv(
    'HUGGINGGREEN_UK_INTENSITY_URL',
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  );
  return { asked: () => asked };
}

/** 100 W for ten seconds that end now. */
async function running(store: Store): Promise<{ id: number; from: number; live: LiveEnergy }> {
  const from = monotonicMicros() - seconds(10);
  await meter(store, 'a', [gpu]);
  const id = await store.createRun(newRun('live', { pue: 2 }));
  await store.startSegment(id, { micros: from, utc: utcOf(from) });
  const samples = batch('a', from / 1e6, from / 1e6 + 10, { [gpu.key]: steady(100) });
  await store.addSamples(samples);
  const live = new LiveEnergy();
  live.append(samples, [gpu]);
  return { id, from: samples.t[0]!, live };
}

it('a run is priced by the hours as they come, while it goes on and in the end', async () => {
  const { asked } = await serve();
  const store = await openScene();
  const { id, from, live } = await running(store);
  const notes: string[] = [];
  const start = { pricing, choice, earlier: null };
  const price = hourlyPrice(store, createIntensity(store), id, start, (_, text) =>
    notes.push(text),
  );
  const none = { wh: null, uncertaintyWh: null, gCO2e: null, whByKind: {} };
  const kwh = 1000 / 3.6e6;
  // nothing is known yet: the year's figure
  expect(live.since(from, none, price.pricing).gCO2e).toBeCloseTo(kwh * 2 * 500, 9);
  await store.updateRun(id, { pricing: besideRegion(price.pricing) });

  price.tick();
  await vi.waitFor(() => expect(price.pricing.hourly!.at.length).toBeGreaterThan(0));
  expect(live.since(from, none, price.pricing).gCO2e).toBeCloseTo(kwh * 2 * 100, 9);
  // what the run took before it was resumed comes on top, at its own price
  const before = { wh: 1, uncertaintyWh: null, gCO2e: 7, whByKind: {} };
  expect(live.since(from, before, price.pricing)).toMatchObject({
    gCO2e: expect.closeTo(7 + kwh * 2 * 100, 9) as number,
    wh: expect.closeTo(1 + kwh * 1000, 9) as number,
  });
  price.tick();
  expect(asked()).toBe(1);

  await price.settle();
  await store.endRun(id, { at: from + seconds(10), status: 'done' });
  const { energy } = await store.getRun(id);
  expect(energy!.emissions).toMatchObject({
    gCO2e: expect.closeTo(kwh * 2 * 100, 6) as number,
    hourly: { name: 'UK Carbon Intensity API, Great Britain', coverage: 1 },
  });
  expect(notes).toEqual([]);
});

it('a service that fails costs the run a note, said once, and nothing else', async () => {
  await serve(503);
  const store = await openScene();
  const { id, from } = await running(store);
  const notes: string[] = [];
  const start = { pricing, choice, earlier: null };
  const price = hourlyPrice(store, createIntensity(store), id, start, (_, text) =>
    notes.push(text),
  );
  await store.updateRun(id, { pricing: besideRegion(price.pricing) });
  price.tick();
  await vi.waitFor(() => expect(notes).toHaveLength(1));
  await price.settle();
  expect(notes).toEqual([
    'UK Carbon Intensity API failed (HTTP 503). Emissions of those hours use 500 gCO2e/kWh, World, 2025.',
  ]);
  await store.endRun(id, { at: from + seconds(10), status: 'done' });
  expect((await store.getRun(id)).energy!.emissions).toMatchObject({
    gPerKwh: 500,
    hourly: { coverage: 0 },
  });
});

it('without a choice nothing is asked, and hours of before a resume are kept', async () => {
  const { asked } = await serve();
  const store = await openScene();
  const { id } = await running(store);
  const plain = hourlyPrice(
    store,
    createIntensity(store),
    id,
    { pricing, choice: null, earlier: null },
    () => {},
  );
  plain.tick();
  await plain.settle();
  expect(plain.pricing).toEqual(pricing);
  expect(asked()).toBe(0);

  const intensity = createIntensity(store);
  const earlier = { ...intensity.nothingYet(choice), at: [0], gPerKwh: [1] };
  const of = (kept: typeof earlier) =>
    hourlyPrice(store, intensity, id, { pricing, choice, earlier: kept }, () => {}).pricing.hourly!;
  expect(of(earlier).gPerKwh).toEqual([1]);
  expect(of({ ...earlier, zone: 'EH8' }).gPerKwh).toEqual([]);
});

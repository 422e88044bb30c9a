/**
 * An hour of the meter's messages (10 Hz, 11 components) at 100 times its speed through the host's end of
 * the meter, the recorder of a run and SQLite: as many readings stored as were said, none lost. And the
 * same hour as a replay of the real meter process (HUGGINGGREEN_REPLAY), which reads it at its own 10 Hz.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { startMetering } from '../../src-main/core/metering.ts';
import { recordRun } from '../../src-main/core/runs/recorder.ts';
import { sampleHub } from '../../src-main/core/runs/samples.ts';
import { spawnNode } from '../../src-main/core/spawn.ts';
import { openStore } from '../../src-main/core/store/store.ts';
import type { ComponentInfo } from '../../src-main/meter/messages.ts';
import { nowhere } from '../meter/child.ts';
import { temporaryFolder } from '../meter/fakes.ts';

const hours = Number(process.env.BENCH_HOURS ?? 1);
const speed = 100;
const hz = 10;
const perBatch = 5;

/** Cards under a wave of power, packages, memory. */
function record(path: string): void {
  const component = (key: string, kind: ComponentInfo['kind']): ComponentInfo => ({
    key,
    kind,
    name: key,
    source: kind === 'gpu' ? 'nvml' : 'rapl',
    provenance: 'counted',
    uncertaintyPercent: 5,
    uncertaintyWatts: null,
    method: 'made up for a bench',
  });
  const components = [
    ...Array.from({ length: 8 }, (_, i) => component(`gpu:GPU-${i}`, 'gpu')),
    component('cpu:package-0', 'cpu'),
    component('cpu:package-1', 'cpu'),
    component('ram:dram-0', 'ram'),
  ];
  const lines = [
    { type: 'trace', about: 'a made-up hour', speed },
    { type: 'sources', session: 'bench', components, sources: [] },
  ].map((line) => JSON.stringify(line));
  const joules = components.map(() => 0);
  for (let tick = 0; tick < hours * 3600 * hz; tick += perBatch) {
    const t = Array.from({ length: perBatch }, (_, i) => ((tick + i) * 1e6) / hz);
    const series = components.map(({ key }, index) => {
      const watts = t.map((at) => Math.round(300 + 200 * Math.sin(at / 7e6 + index)));
      return {
        key,
        watts,
        joules: watts.map((power) => (joules[index]! += power / hz)),
        flags: t.map(() => 0),
        utilPercent: t.map(() => 90),
        memoryMb: t.map(() => 20_000),
        tempC: t.map(() => 60),
        clockMhz: t.map(() => 1980),
      };
    });
    lines.push(JSON.stringify({ type: 'samples', batch: { session: 'bench', t, series } }));
  }
  writeFileSync(path, lines.join('\n'));
}

/** @returns readings said, or null where the sender does not count; received; stored. */
async function run(folder: string, name: string, entry: string, trace: string) {
  mkdirSync(join(folder, name));
  const file = join(folder, name, 'store.sqlite');
  const store = await openStore({ file });
  const hub = sampleHub();
  let received = 0;
  let ticks = 0;
  const ended = Promise.withResolvers<string>();
  const began = performance.now();
  const own = { cpu: process.cpuUsage() };
  const metering = startMetering({
    spawn: (script, title, hear) => spawnNode(script, title, hear),
    entry,
    settings: nowhere({ replay: trace }, { hz }),
    changed: () => {},
    samples: (batch) => {
      received += batch.t.length * batch.series.length;
      ticks += batch.t.length;
      hub.push(batch);
    },
    notice: (_, message) => {
      if (/^said |has ended/.test(message)) ended.resolve(message);
    },
  });
  let failure: unknown = null;
  const recorder = recordRun({ store, metering, samples: hub }, (cause) => (failure = cause));
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 200);
  const message = await ended.promise;
  await metering.mark();
  const heard = (performance.now() - began) / 1000;
  recorder.close();
  await recorder.flush();
  await metering.close();
  await store.close();
  clearInterval(watch);
  if (failure) throw failure;
  const db = new Database(file, { readonly: true });
  const { stored, joules } = db
    .prepare('select count(*) as stored, max(joules) as joules from power_sample')
    .get() as { stored: number; joules: number };
  db.close();
  const { user, system } = process.cpuUsage(own.cpu);
  const said = /^said (\d+)$/.exec(message)?.[1];
  console.log(
    `  ${name.padEnd(14)} ${said ?? '-'} readings said, ${received} received, ${stored} stored, at ${(ticks / heard).toFixed(0)} ticks/s; ` +
      `${heard.toFixed(1)} s, stored ${((performance.now() - began) / 1000 - heard).toFixed(1)} s later; host ${((user + system) / 1e6).toFixed(1)} s of processor, ${(most / 1e6).toFixed(0)} MB at most; last counter ${joules.toFixed(0)} J`,
  );
  return { said: said === undefined ? null : Number(said), received, stored };
}

const folder = temporaryFolder();
try {
  const trace = join(folder.path, 'hour.jsonl');
  record(trace);
  process.env.HUGGINGGREEN_REPLAY = trace;
  process.env.BENCH_SPEED = String(speed);
  console.log(`replay: ${hours} h at ${hz} Hz, 11 components, ${speed} times as fast`);
  const here = import.meta.dirname;
  const whole = await run(folder.path, 'every sample', join(here, 'workers', 'replay.ts'), trace);
  const meter = join(here, '..', '..', 'src-main', 'meter', 'main.ts');
  const real = await run(folder.path, 'the meter', meter, trace);
  const met =
    whole.said === whole.received &&
    whole.received === whole.stored &&
    whole.stored === hours * 3600 * hz * 11;
  // at the end of the recording its components fall silent; of a silence one sample is stored
  const silent = real.received - real.stored;
  const kept = silent >= 0 && silent <= 11 * hz * 2;
  console.log(`replay: none lost: ${met && kept ? 'met' : 'MISSED'}`);
  if (!met || !kept) process.exitCode = 1;
} finally {
  folder.remove();
}

/** A store in a folder of its own, and a meter whose counters are plain functions of time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfig,
  type Region,
} from '../../../src-main/contract.ts';
import type { ComponentInfo, SampleBatch } from '../../../src-main/meter/messages.ts';
import { openStore, type NewRun, type Store } from '../../../src-main/core/store/store.ts';

export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'hugginggreen-store-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function openScene(file = join(folder(), 'data.sqlite')): Promise<Store> {
  const store = await openStore({ file, log: () => {} });
  onTestFinished(() => store.close().catch(() => {}));
  return store;
}

export const world: Region = {
  code: 'world',
  name: 'World',
  kind: 'world',
  gPerKwh: 500,
  year: 2025,
  source: 'Ember',
  basis: 'lifecycle',
};

export function config(input: object = {}): ExperimentConfig {
  const parsed = parseExperimentConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

export const newRun = (name: string, more: Partial<NewRun> = {}): NewRun => ({
  name,
  config: config(),
  machine: null,
  appVersion: '0.1.0',
  node: '24.0.0',
  intensity: world,
  pue: 1,
  forecast: null,
  hz: 10,
  ...more,
});

export const gpu: ComponentInfo = {
  key: 'gpu:GPU-1',
  kind: 'gpu',
  name: 'Test GPU',
  source: 'nvml',
  provenance: 'counted',
  uncertaintyPercent: 5,
  uncertaintyWatts: null,
  method: 'energy counter',
};
export const cpu: ComponentInfo = {
  key: 'cpu',
  kind: 'cpu',
  name: 'Test CPU',
  source: 'cpu-model',
  provenance: 'modelled',
  uncertaintyPercent: null,
  uncertaintyWatts: 10,
  method: 'model',
};

export const seconds = (s: number): number => Math.round(s * 1e6);
export const utc = Date.UTC(2026, 0, 1);

export async function meter(store: Store, session: string, components = [gpu, cpu]): Promise<void> {
  await store.addSession(session, { micros: 0, utc });
  await store.addComponents(session, components);
}

/** Samples every 100 ms from `from` to `to` (s); joules and watts as functions of time in seconds. */
export function batch(
  session: string,
  from: number,
  to: number,
  series: Record<
    string,
    {
      joules: (s: number) => number | null;
      watts?: (s: number) => number | null;
      flags?: (s: number) => number;
      /** The parts of the run's processes and of the program; left out: nobody was watched. */
      run?: (s: number) => number | null;
      program?: (s: number) => number | null;
    }
  >,
): SampleBatch {
  const times = Array.from({ length: Math.round((to - from) * 10) + 1 }, (_, i) => from + i / 10);
  const none = times.map(() => null);
  return {
    session,
    t: times.map(seconds),
    series: Object.entries(series).map(
      ([key, { joules, watts = () => null, flags = () => 0, run, program }]) => ({
        key,
        joules: times.map(joules),
        watts: times.map(watts),
        flags: times.map(flags),
        utilPercent: none,
        memoryMb: none,
        tempC: none,
        ...(run && { runJoules: times.map(run) }),
        ...(program && { programJoules: times.map(program) }),
      }),
    ),
  };
}

/** Steady power. */
export const steady = (watts: number) => ({ joules: (s: number) => watts * s, watts: () => watts });

export const steps = (from: number, to: number, t: (step: number) => number, perEpoch = 10) => {
  const step = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return {
    step,
    t: step.map((n) => seconds(t(n))),
    epoch: step.map((n) => Math.ceil(n / perEpoch)),
    loss: step.map((n) => 10 / n),
    lr: step.map(() => 0.001),
    tokens: step.map(() => 64),
    stepMs: step.map(() => 100),
    waitMs: step.map(() => 1),
  };
};

export const scores = (split: 'validation' | 'test', macroF1: number) => ({
  split,
  images: 100,
  loss: 1,
  accuracy: macroF1,
  microF1: macroF1,
  macroF1,
  weightedF1: macroF1,
  top5: null,
  detection: null,
  patchRecall: null,
  attentionSupport: null,
  attentionIdle: null,
  deltaSparsity: null,
  perClass: [],
  confusion: [],
});

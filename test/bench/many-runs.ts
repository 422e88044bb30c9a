/**
 * A data folder with as many finished runs as asked for, made by the store; what trainings would have left in their
 * rows is written by SQL, for a bench has no hours. Four seeds of each config; some failed, starred and tagged.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { parseExperimentConfig } from '../../src-main/experiment-config.ts';
import { openStore } from '../../src-main/core/store/store.ts';

/** Repeatable numbers in 0..1. */
let state = 11;
const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;

/** @returns the folder, and how long `runs.list` took, ms */
export async function manyRuns(many: number): Promise<{ home: string; listMs: number }> {
  const home = await mkdtemp(join(tmpdir(), 'hugginggreen-runs-'));
  const file = join(home, 'hugginggreen.sqlite');
  const store = await openStore({ file });
  const region = {
    code: 'DEU',
    name: 'Germany',
    kind: 'country' as const,
    gPerKwh: 344,
    year: 2024,
    source: 'bench',
    basis: 'bench',
  };
  const waiting: Promise<number>[] = [];
  for (let i = 0; i < many; i++) {
    const variant = Math.floor(i / 4);
    const keepRatio = [0.3, 0.5, 0.7, 0.9][variant % 4]!;
    const name = `${['Plain ViT', 'Drop patches', 'Merge tokens', 'Linear attention'][variant % 4]} ${variant}`;
    const parsed = parseExperimentConfig({
      name,
      dataset: { kind: (['cifar10', 'cifar100', 'greensynth'] as const)[variant % 3] },
      selection: { mode: variant % 4 ? 'drop' : 'off', keepRatio },
      train: { seed: i % 4, epochs: 10 + (variant % 50), lr: 1e-4 * (1 + (variant % 20)) },
    });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
    waiting.push(
      store.createRun({
        name,
        config: parsed.config,
        status: i % 37 === 0 ? 'failed' : 'done',
        machine: null,
        appVersion: 'bench',
        node: process.version,
        intensity: region,
        pue: 1,
        forecast: null,
        hz: 10,
      }),
    );
  }
  const ids = await Promise.all(waiting);
  for (const tag of ['paper', 'ablation', 'old'])
    await store.annotateRuns(
      ids.filter(() => next() < 0.1),
      { addTags: [tag] },
    );
  await store.annotateRuns(
    ids.filter(() => next() < 0.02),
    { star: true, note: 'Looked at twice.\nThe second card was warmer.' },
  );
  const begin = performance.now();
  await store.listRuns();
  const listMs = performance.now() - begin;
  await store.close();

  // what trainings would have left, written as they would write it
  const db = new Database(file);
  const update = db.prepare(
    `update run set started_ms = @at, ended_ms = @at + @seconds * 1000, seconds = @seconds, wh = @wh,
       uncertainty_wh = @wh * 0.05, g_co2e = @wh * 0.344, wh_by_kind = @kinds, macro_f1 = @f1, micro_f1 = @f1,
       f1_split = 'test', loss = @loss, epoch = epochs, engine = 'cuda', images_per_second = 800, error = @error
     where id = @id`,
  );
  const fillAll = db.transaction(() => {
    for (const id of ids) {
      const base = 20 + (Math.floor((id - 1) / 4) % 97) * 6;
      const wh = base * (0.97 + 0.06 * next());
      const failed = (id - 1) % 37 === 0;
      const error = {
        code: 'ENGINE',
        message: 'The graphics card has no memory left.',
        hint: 'Take a smaller batch.',
      };
      update.run({
        id,
        at: Date.UTC(2026, 9, 1) + id * 300_000,
        seconds: wh * 24,
        wh,
        kinds: JSON.stringify({ gpu: wh * 0.7, cpu: wh * 0.25, ram: wh * 0.05 }),
        f1: failed ? null : 0.7 + 0.25 * (1 - Math.exp(-base / 200)) + 0.01 * next(),
        loss: 0.2 + next(),
        error: failed ? JSON.stringify(error) : null,
      });
    }
  });
  fillAll();
  db.close();
  return { home, listMs };
}

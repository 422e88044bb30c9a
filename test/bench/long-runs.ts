/**
 * A data folder with runs as long as a night: the store's own tables, its runs made by the store, their
 * samples and steps by SQL, for a bench has no hours. Three components at 10 Hz.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { EvaluationResult } from '../../src-main/contract.ts';
import type { ComponentInfo } from '../../src-main/meter/messages.ts';
import { keepCurves } from '../../src-main/core/runs/curve-keeper.ts';
import { openStore, type Store } from '../../src-main/core/store/store.ts';
import { classificationMetrics } from '../../src-main/trainer/metrics/classification.ts';
import { cpu, gpu, newRun, scores, seconds, steps } from '../core/store/scene.ts';

const ram: ComponentInfo = {
  ...cpu,
  key: 'ram',
  kind: 'ram',
  name: 'Test RAM',
  source: 'ram-model',
  provenance: 'constant',
};
const components = [gpu, cpu, ram];
const epochs = 30;

export interface LongRuns {
  home: string;
  file: string;
  ids: number[];
}

/**
 * @param samples of each run, over all its components
 * @param metrics steps of each run
 * @param kept with their curves thinned, as the program leaves a run that has ended
 */
export async function longRuns(
  count: number,
  samples: number,
  metrics: number,
  kept = true,
): Promise<LongRuns> {
  const home = await mkdtemp(join(tmpdir(), 'hugginggreen-bench-'));
  const file = join(home, 'hugginggreen.sqlite');
  const perComponent = Math.floor(samples / components.length);
  const length = perComponent / 10;
  const ids: number[] = [];
  const store = await openStore({ file });
  for (let i = 0; i < count; i++) ids.push(await addRun(store, i, length, metrics));
  await store.close();

  const db = new Database(file);
  db.pragma('synchronous = off');
  const wave = `100 + 40 * (n % 50 > 5) + (n * 7919 % 101) / 10.0`;
  db.transaction(() => {
    for (const { id, session } of db
      .prepare<[], { id: number; session: number }>('select id, session from component')
      .all()) {
      const from = db
        .prepare<[number], { t: number }>('select micros as t from session where id = ?')
        .get(session)!.t;
      db.prepare(
        `with recursive c (n) as (select 0 union all select n + 1 from c where n < ?)
         insert into power_sample (component, t, joules, watts, flags, temp_c, clock_mhz)
         select ?, ? + n * 100000.0, n * 13.7, ${wave}, 0, 60, 1500 from c`,
      ).run(perComponent, id, from);
    }
    for (const id of ids) {
      const { segment, from } = db
        .prepare<[number], { segment: number; from: number }>(
          'select id as segment, from_t as "from" from segment where run = ?',
        )
        .get(id)!;
      db.prepare(
        `with recursive c (n) as (select 2 union all select n + 1 from c where n < ?)
         insert into metric (run, step, segment, epoch, t, loss, lr, tokens, step_ms, wait_ms)
         select ?, n, ?, cast(1 + n * ${epochs} / ? as integer), ? + n * ?, 2.3 / (1 + n / 9000.0) + (n * 7919 % 101) / 500.0,
           0.001, 64, 300, 1 from c`,
      ).run(metrics, id, segment, metrics, from, (length * 1e6) / metrics);
      db.prepare('update run set step = ?, steps = ?, steps_per_epoch = ? where id = ?').run(metrics, metrics, Math.ceil(metrics / epochs), id); // prettier-ignore
    }
  })();
  db.close();
  if (kept) await keepAll(file, ids);
  return { home, file, ids };
}

async function keepAll(file: string, ids: readonly number[]): Promise<void> {
  const store = await openStore({ file });
  for (const id of ids) await keepCurves(store, id);
  await store.close();
}

async function addRun(
  store: Store,
  index: number,
  length: number,
  metrics: number,
): Promise<number> {
  const session = `night ${index}`;
  // runs do not overlap
  const start = seconds(index * (length + 100));
  const utc = Date.UTC(2026, 0, 1) + start / 1000;
  await store.addSession(session, { micros: start, utc });
  await store.addComponents(session, components);
  const id = await store.createRun(newRun(`Night ${index + 1}`, {}));
  await store.startSegment(id, { micros: start, utc });
  const [first] = [steps(1, 1, () => start / 1e6 + length / metrics)];
  await store.addSteps(id, first);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const end = start + (seconds(length) * epoch) / epochs;
    // an epoch ends with its evaluation
    const turn = end - seconds(length) / epochs / 20;
    await store.startPhase(id, 'train', epoch, end - seconds(length) / epochs);
    await store.endPhase(id, 'train', epoch, turn);
    await store.startPhase(id, 'evaluate', epoch, turn);
    await store.addEvaluation(id, {
      at: end,
      epoch,
      step: Math.floor((metrics * epoch) / epochs),
      result: evaluated(0.9 - 0.6 / epoch + index / 100),
    });
    await store.endPhase(id, 'evaluate', epoch, end);
  }
  await store.endRun(id, { at: start + seconds(length), status: 'done' });
  return id;
}

/** Scores of ten classes with 500 images each, of which this share is right. */
function evaluated(share: number): EvaluationResult {
  const classes = Array.from({ length: 10 }, (_, i) => `class ${i}`);
  const wrong = Math.round((500 * (1 - share)) / 9);
  const confusion = classes.map((_, truth) =>
    classes.map((_, told) => (told === truth ? 500 - 9 * wrong : wrong)),
  );
  return { ...scores('validation', share), ...classificationMetrics(confusion, classes) };
}

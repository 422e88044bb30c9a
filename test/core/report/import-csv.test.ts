import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { runsCsv } from '../../../src-main/core/report/csv.ts';
import { besideOf, importCsvText } from '../../../src-main/core/report/import-csv.ts';
import { importCsv } from '../../../src-main/core/report/index.ts';
import {
  batch,
  cpu,
  gpu,
  meter,
  newRun,
  openScene,
  scores,
  seconds,
  steady,
  utc,
} from '../store/scene.ts';

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, '../../fixtures/csv', name), 'utf8');
const old = fixture('codecarbon-2.2.1.csv');

/** The older file's first row with some cells changed. */
function altered(cells: Record<string, string>): string {
  const [header, row] = parse(old) as string[][];
  const quoted = header!.map((name, i) => `"${(cells[name] ?? row![i]!).replaceAll('"', '""')}"`);
  return `${header!.join()}\n${quoted.join()}\n`;
}
const reasonFor = (cells: Record<string, string>): string | undefined =>
  importCsvText('x.csv', altered(cells)).refused[0]?.reason;

describe('files of CodeCarbon', () => {
  it('of version 2.2.1, with 30 columns', async () => {
    const store = await openScene();
    const { ids, taken, refused } = await importCsv(store, 'C:\\runs\\emissions.csv', old);
    expect({ taken, refused }).toEqual({ taken: 2, refused: [] });
    const first = await store.getRun(ids[0]!);
    expect(first.summary).toMatchObject({
      name: 'runs 1',
      status: 'imported',
      seconds: 3600.5,
      gCO2e: 41.2,
    });
    expect(first.summary.wh).toBeCloseTo(112.2, 9);
    expect(first.summary.endedAt! - first.summary.startedAt!).toBe(3_600_500);
    expect(first.energy!.emissions).toMatchObject({ gCO2e: 41.2, regionCode: 'NLD', pue: 1 });
    expect(first.energy!.emissions.gPerKwh).toBeCloseTo(41.2 / 0.1122, 6);
    expect(first.circumstances.imported).toMatchObject({
      gpu_model: '1 x Tesla T4',
      python_version: '3.9.16',
    });
    expect(first.energy!.components.map(({ kind, provenance }) => [kind, provenance])).toEqual([
      ['gpu', 'counted'],
      ['cpu', 'modelled'],
      ['ram', 'modelled'],
    ]);
    expect(first.energy!.coverage).toBeNull();
    // the same file once more brings nothing new
    expect(await importCsv(store, 'copy.csv', old)).toEqual({
      ids: [],
      taken: 0,
      known: [
        { row: 2, run: ids[0] },
        { row: 3, run: ids[1] },
      ],
      refused: [],
      beside: null,
    });
    const second = await store.getRun(ids[1]!);
    // the file has 0 for a GPU that it does not have
    expect(second.summary).toMatchObject({ name: 'runs vit-no-gpu 2', whByKind: { gpu: null } });
    expect(second.summary.group).not.toBe(first.summary.group);
    expect((await store.compare(ids)).rows.find(({ key }) => key === 'wh')!.values[0]).toBeCloseTo(
      112.2,
      9,
    );
  });

  it('of version 3.3.0, whose energy contains the PUE', async () => {
    const { runs, refused } = importCsvText('e.csv', fixture('codecarbon-3.3.0.csv'));
    expect(refused).toEqual([]);
    expect(runs[0]).toMatchObject({ name: 'bench', pue: 1.5, seconds: 600.25 });
    expect(runs[0]!.wh.gpu).toBeCloseTo(40, 9);
    expect(runs[0]!.columns).toMatchObject({ longitude: '-13.4', gpu_utilization_percent: '98' });
  });

  it('that tell the sum of the energy and not its parts', async () => {
    const store = await openScene();
    const csv =
      'timestamp,project_name,run_id,duration,emissions,energy_consumed\n' +
      '2024-05-06T07:08:09,bench,x1,600,0.02,0.05\n';
    const { ids } = await importCsv(store, 'e.csv', csv);
    const { energy, summary } = await store.getRun(ids[0]!);
    expect(energy).toMatchObject({ wh: 50, uncertaintyWh: null, components: [] });
    expect(summary).toMatchObject({ wh: 50, gCO2e: 20, whByKind: {} });
  });

  it('with columns in another order and with semicolons', () => {
    const rows = parse(old) as string[][];
    const turned = rows.map((row) => [...row].reverse().join(';')).join('\n');
    expect(importCsvText('x', turned).runs.map(({ seconds }) => seconds)).toEqual([3600.5, 120]);
  });
});

describe('rows that are not taken', () => {
  it('are named with their number and reason; the others are taken', () => {
    const [header, first, second] = old.trim().split('\n');
    const shifted = first!.split(',').slice(5).join();
    const { runs, refused } = importCsvText('x', [header, first, shifted, '', second].join('\n'));
    expect(runs).toHaveLength(2);
    expect(refused).toEqual([
      { row: 3, reason: 'it has 25 cells under 30 columns: they have shifted' },
      { row: 4, reason: 'the row is empty' },
    ]);
  });

  it.each([
    [{ duration: '3600,5' }, /duration is "3600,5": decimals need a point/],
    [{ duration: '3.600,5' }, /no separators/],
    [{ energy_consumed: 'nan' }, /energy_consumed is nan/],
    [{ emissions: '' }, /emissions is empty/],
    [{ emissions: 'Infinity' }, /infinite/],
    [{ duration: '1e999' }, /too large/],
    [{ duration: '-5' }, /duration is negative/],
    [{ gpu_power: 'Netherlands' }, /not a number: cells may have shifted/],
    [{ timestamp: '3600.5' }, /not a time/],
    [{ gpu_energy: '0.5' }, /parts add up to/],
    [{ project_name: 'x\u0000y' }, /control characters/],
    [{ os: 'x'.repeat(20_000) }, /20000 characters/],
  ])('%j', (cells, reason) => {
    expect(reasonFor(cells)).toMatch(reason);
  });

  it('do not make a file of something else', () => {
    expect(() => importCsvText('x', 'a,b\n1,2\n')).toThrow(
      /not a CodeCarbon file: its first row lacks timestamp/,
    );
    expect(() => importCsvText('x', '')).toThrow(/not a CodeCarbon file/);
    expect(() => importCsvText('x', '"open\n')).toThrow(/not a CSV file/);
    // no binary rubbish on the screen
    expect(() => importCsvText('x', 'a\u0007\u001b"b\n')).toThrow(/^[\x20-\x7e]+$/);
    expect(() => importCsvText('x', old.replace('cloud_region', 'cloud_provider'))).toThrow(
      /there twice/,
    );
  });
});

describe('our own file', () => {
  it('of samples, metrics or predictions is told from one of runs, and nothing of it is taken', async () => {
    expect(besideOf('run_id,run_name,kind,t_rel_s\n')).toBe('metrics');
    // as a spreadsheet saves it
    expect(besideOf('\uFEFFsep=;\r\n"run_id";"true_class";"predicted_class"\r\n')).toBe(
      'predictions',
    );
    expect(besideOf(old)).toBeNull();
    const store = await openScene();
    expect(await importCsv(store, 'a-samples.csv', 'run_id,t_utc,t_rel_s,component\n')).toEqual({
      ids: [],
      taken: 0,
      known: [],
      refused: [],
      beside: 'samples',
    });
  });

  it('comes back as it went out', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu, cpu]);
    const id = await store.createRun(newRun('=round trip, "1"', { pue: 1.3 }));
    await store.setIdle(id, { [gpu.key]: 10, cpu: 3 });
    await store.startSegment(id, { micros: 0, utc });
    const own = (watts: number) => ({
      ...steady(watts),
      run: (s: number) => 0.8 * watts * s,
      program: (s: number) => 0.01 * watts * s,
    });
    await store.addSamples(batch('a', 0, 40, { [gpu.key]: own(71.3), cpu: own(33.7) }));
    await store.addEvaluation(id, {
      at: seconds(9),
      epoch: 1,
      step: 1,
      result: scores('test', 0.7),
    });
    await store.endRun(id, { at: seconds(36.6), status: 'done', imagesSeen: 999 });
    const before = await store.getRun(id);
    const csv = runsCsv([before]);
    const known = [{ row: 2, run: id }];
    expect(await importCsv(store, 'x.csv', csv)).toEqual({
      ids: [],
      taken: 0,
      known,
      refused: [],
      beside: null,
    });
    const other = await openScene();
    const { ids, refused } = await importCsv(other, 'x.csv', csv);
    expect(refused).toEqual([]);
    const after = await other.getRun(ids[0]!);
    const kept = [
      'name',
      'group',
      'dataset',
      'model',
      'selection',
      'method',
      'seed',
      'epochs',
      'startedAt',
      'endedAt',
      'seconds',
      'macroF1',
      'imagesSeen',
    ] as const;
    for (const key of kept) expect([key, after.summary[key]]).toEqual([key, before.summary[key]]);
    expect(after.summary.wh).toBeCloseTo(before.summary.wh!, 12);
    expect(after.summary.gCO2e).toBeCloseTo(before.summary.gCO2e!, 12);
    expect(after.summary.uncertaintyWh).toBeCloseTo(before.summary.uncertaintyWh!, 12);
    expect(after.energy!.uncertaintyWh).toBeCloseTo(before.energy!.uncertaintyWh!, 12);
    expect(after.energy!.netWh).toBeCloseTo(before.energy!.netWh!, 12);
    expect(after.energy!.processWh).toBeCloseTo(before.energy!.processWh!, 12);
    expect(after.energy!.programWh).toBeCloseTo(before.energy!.programWh!, 12);
    expect(after.energy!.components.map(({ provenance }) => provenance)).toEqual([
      'counted',
      'modelled',
    ]);

    // and out again: the same cells, but for what only the first program could know
    const [first, again] = [before, after].map(
      (run) => parse(runsCsv([run]), { columns: true })[0] as Record<string, string>,
    );
    for (const name of [
      'run_id',
      'experiment_id',
      'duration',
      'hg_run_name',
      'hg_model',
      'hg_started_at_utc',
      'country_name',
      'on_cloud',
    ])
      expect([name, again![name]]).toEqual([name, first![name]]);
    expect(Number(again!.energy_consumed)).toBeCloseTo(Number(first!.energy_consumed), 14);
  });

  it('keeps the warm-up of a matrix apart from the runs that repeat its config', async () => {
    const store = await openScene();
    const order = {
      id: 'rq1',
      dataset: 'greensynth' as const,
      geometry: 'native' as const,
      repeats: 1,
      seeds: [42],
      epochs: 1,
      arms: ['standard'],
      warmUp: true,
    };
    const group = await store.createMatrix({ id: 'rq1', title: 'RQ1', order });
    const place = { group, arm: 'standard', armTitle: 'standard', baseline: null, repeat: 1 };
    await meter(store, 'a', [gpu, cpu]);
    await store.addSamples(batch('a', 0, 60, { [gpu.key]: steady(70), cpu: steady(33) }));
    const details = [];
    for (const [i, warmUp] of [true, false].entries()) {
      const id = await store.createRun(newRun('same', { place: { ...place, warmUp } }));
      const from = seconds(10 + 20 * i);
      await store.startSegment(id, { micros: from, utc: utc + from / 1000 });
      await store.endRun(id, { at: from + seconds(10), status: 'done' });
      details.push(await store.getRun(id));
    }
    const csv = runsCsv(details);
    const rows: Record<string, string>[] = parse(csv, { columns: true });
    expect(rows.map((row) => [row.hg_matrix, row.hg_arm, row.hg_repeat, row.hg_warm_up])).toEqual([
      ['rq1', 'standard', '1', 'Y'],
      ['rq1', 'standard', '1', 'N'],
    ]);
    expect(rows[0]!.experiment_id).toBe(rows[1]!.experiment_id);
    const other = await openScene();
    const { ids } = await importCsv(other, 'x.csv', csv);
    const groups = (await other.listRuns()).map(({ group }) => group);
    expect([ids.length, new Set(groups).size]).toEqual([2, 2]);
  });
});

import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { csvAbout } from '../../../src-main/core/report/csv-columns.ts';
import {
  codeCarbonColumns,
  metricsCsv,
  csvColumns,
  phasesCsv,
  type CsvFormat,
  ownColumns,
  runsCsv,
  samplesCsv,
} from '../../../src-main/core/report/csv.ts';
import {
  batch,
  config,
  cpu,
  gpu,
  meter,
  newRun,
  openScene,
  scores,
  seconds,
  steady,
  steps,
  utc,
} from '../store/scene.ts';
import { samplePages } from '../../../src-main/core/report/index.ts';
import type { MetricRow, Store } from '../../../src-main/core/store/store.ts';
import type { Inventory } from '../../../src-main/contract.ts';

const inventory: Inventory = {
  hostname: 'desk',
  os: 'Debian 12',
  cpu: {
    brand: 'Xeon "E5", 2620',
    sockets: 1,
    physicalCores: 8,
    cores: 16,
    tdpWatts: 85,
    tdpMatch: null,
  },
  memory: { totalBytes: 32 * 2 ** 30, dimms: 4 },
  gpus: [{ name: 'Tesla T4', memoryBytes: 16e9, driver: '590.1', uuid: 'GPU-1' }],
  board: null,
  virtual: false,
};

async function finishedRun(store: Store, name: string, pue = 1.2): Promise<number> {
  await meter(store, 'a', [gpu, cpu]);
  const id = await store.createRun(
    newRun(name, { pue, machine: inventory, config: config({ selection: { mode: 'drop' } }) }),
  );
  await store.setIdle(id, { [gpu.key]: 10, cpu: 3 });
  await store.startSegment(id, { micros: seconds(10), utc });
  await store.addSamples(batch('a', 0, 60, { [gpu.key]: steady(70), cpu: steady(33) }));
  await store.addSteps(
    id,
    steps(1, 5, (n) => 10 + n),
  );
  await store.addEvaluation(id, {
    at: seconds(40),
    epoch: 1,
    step: 5,
    result: scores('test', 0.8),
  });
  await store.endRun(id, { at: seconds(46), status: 'done', imagesSeen: 2000 });
  return id;
}

const read = (text: string): Record<string, string>[] => parse(text, { columns: true });

describe('the runs file', () => {
  it('begins with the 38 columns of CodeCarbon 3.3.0, in order, then ours', async () => {
    const header = runsCsv([]).trim().split(',');
    expect(header.slice(0, 38)).toEqual([...codeCarbonColumns]);
    expect(codeCarbonColumns).toHaveLength(38);
    expect(header.slice(0, 7).join()).toBe(
      'timestamp,project_name,run_id,experiment_id,duration,emissions,emissions_rate',
    );
    expect(header.slice(38)).toEqual([...ownColumns]);
    expect(header.slice(38).every((name) => name.startsWith('hg_'))).toBe(true);
  });

  it('has memory in GiB, as CodeCarbon has', async () => {
    const store = await openScene();
    const detail = await store.getRun(await finishedRun(store, 'memory'));
    const { circumstances } = detail;
    const load = { ...circumstances.load!, memoryMb: { ram: (8 * 2 ** 30) / 1e6 } };
    const [row] = read(runsCsv([{ ...detail, circumstances: { ...circumstances, load } }]));
    expect(Number(row!['ram_used_gb'])).toBeCloseTo(8, 9);
    expect(Number(row!['ram_utilization_percent'])).toBeCloseTo(25, 9);
  });

  it('has power, energy, duration, PUE and emissions that agree', async () => {
    const store = await openScene();
    const id = await finishedRun(store, 'agreeing');
    const [row] = read(runsCsv([await store.getRun(id)]));
    const n = (name: string) => Number(row![name]);
    expect(n('duration')).toBe(36);
    expect(n('gpu_energy')).toBeCloseTo(0.7e-3 * 1.2, 12);
    expect(n('energy_consumed')).toBeCloseTo(n('cpu_energy') + n('gpu_energy'), 15);
    for (const part of ['cpu', 'gpu'])
      expect(n(`${part}_power`)).toBeCloseTo((n(`${part}_energy`) * 3.6e6) / (36 * 1.2), 9);
    expect(n('gpu_power')).toBeCloseTo(70, 9);
    expect(n('emissions')).toBeCloseTo(n('energy_consumed') * 0.5, 12);
    expect(n('emissions_rate')).toBeCloseTo(n('emissions') / 36, 15);
    expect(n('hg_gpu_energy_net_wh')).toBeCloseTo(0.7 - 0.1, 9);
    expect(n('hg_f1_per_wh')).toBeCloseTo(80 / 1.03, 9);
    expect(n('hg_wh_per_1k_images')).toBeCloseTo(1.03 / 2, 9);
    expect(row).toMatchObject({
      country_name: 'World',
      on_cloud: 'N',
      gpu_model: '1 x Tesla T4',
      cpu_model: 'Xeon "E5", 2620',
      ram_total_size: '32',
      tracking_mode: 'machine',
      hg_gpu_source: 'counter',
      hg_cpu_source: 'model',
      hg_ram_source: 'off',
      hg_gpu_uuid: 'GPU-1',
      hg_started_at_utc: '2026-01-01T00:00:00.000Z',
      hg_model: 'ViT 32/4, D 64, L 4, h 4, selection drop to 45 of 64, variance',
    });
    // what is not known is an empty cell
    for (const name of [
      'ram_energy',
      'ram_power',
      'water_consumed',
      'longitude',
      'python_version',
      'hg_wall_b',
    ])
      expect([name, row![name]]).toEqual([name, '']);
    expect(row!.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
    expect(row!.run_id).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  it('quotes what needs it and lets no name become a formula', async () => {
    const store = await openScene();
    const names = ['=HYPERLINK("http://x")', '+1', '-1', '@sum', 'a "b", c\nd', '  plain ünïcode'];
    const runs = [];
    for (const name of names) {
      const id = await store.createRun(newRun(name));
      runs.push(await store.getRun(id));
    }
    const text = runsCsv(runs);
    const rows = read(text);
    expect(rows.map((row) => row.hg_run_name)).toEqual([
      `'=HYPERLINK("http://x")`,
      `'+1`,
      `'-1`,
      `'@sum`,
      'a "b", c\nd',
      '  plain ünïcode',
    ]);
    expect(text).not.toMatch(/NaN|null|undefined|Infinity/);
    expect(text.endsWith('\r\n')).toBe(true);
    // a run that never started has no energy: empty, not 0
    expect(rows[0]).toMatchObject({
      duration: '',
      energy_consumed: '',
      emissions: '',
      gpu_energy: '',
    });
  });

  it('writes numbers so that they are read back exactly', async () => {
    const store = await openScene();
    const id = await finishedRun(store, 'exact', 1.1);
    const detail = await store.getRun(id);
    const [row] = read(runsCsv([detail]));
    expect(Number(row!.emissions)).toBe(detail.energy!.emissions.gCO2e! / 1000);
    expect(Number(row!.hg_f1_per_wh)).toBe(detail.summary.f1PerWh);
  });
});

const joined = async (pieces: AsyncIterable<string>): Promise<string> => {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
};

describe('the long files', () => {
  it('have one row per sample with the energy since the start, and one per step and evaluation', async () => {
    const store = await openScene();
    const id = await finishedRun(store, 'long');
    const run = await store.getRun(id);
    const text = async (limit: number) =>
      joined(
        samplesCsv([
          {
            run,
            components: await store.sampledComponents(id),
            pages: samplePages(store, id, limit),
          },
        ]),
      );
    const samples = read(await text(10_000));
    expect(samples).toHaveLength(2 * 361);
    expect(Object.keys(samples[0]!)).toEqual(
      'run_id,t_utc,t_rel_s,component,source,power_w,energy_wh_cum,util_percent,mem_mb,temp_c,valid,clock_mhz'.split(
        ',',
      ),
    );
    const last = samples.findLast(({ component }) => component === 'gpu0')!;
    expect(last).toMatchObject({
      t_rel_s: '36',
      power_w: '70',
      valid: 'true',
      util_percent: '',
      t_utc: '2026-01-01T00:00:36.000Z',
    });
    expect(Number(last.energy_wh_cum)).toBeCloseTo(0.7, 9);
    expect(new Set(samples.map(({ component }) => component))).toEqual(new Set(['gpu0', 'cpu']));

    // where the pages end changes nothing but the last digits of a sum
    for (const limit of [2, 7, 100]) {
      const paged = read(await text(limit));
      for (const [i, row] of paged.entries()) {
        const { energy_wh_cum: wh, ...rest } = row;
        const { energy_wh_cum: whole, ...other } = samples[i]!;
        expect(rest).toEqual(other);
        expect(Number(wh)).toBeCloseTo(Number(whole), 12);
      }
      expect(paged).toHaveLength(samples.length);
    }

    const metrics = read(await joined(metricsCsv([{ run, metrics: await store.metrics(id) }])));
    expect(metrics.map(({ kind, step }) => [kind, step])).toEqual([
      ['step', '1'],
      ['step', '2'],
      ['step', '3'],
      ['step', '4'],
      ['step', '5'],
      ['test', '5'],
    ]);
    expect(metrics[5]).toMatchObject({ f1_macro: '0.8', lr: '', t_rel_s: '30' });
    expect(metrics[0]!.run_id).toBe(samples[0]!.run_id);
  });

  it('tell what each epoch took, phase by phase, and an image in it', async () => {
    const store = await openScene();
    await meter(store, 'a', [gpu, cpu]);
    const id = await store.createRun(
      newRun('phases', { config: config({ train: { batch: 50 } }) }),
    );
    await store.startSegment(id, { micros: seconds(10), utc });
    await store.addSamples(batch('a', 0, 60, { [gpu.key]: steady(70), cpu: steady(30) }));
    await store.startPhase(id, 'train', 1, seconds(10));
    await store.addSteps(
      id,
      steps(1, 4, (n) => 10 + n),
    );
    await store.endPhase(id, 'train', 1, seconds(20));
    await store.startPhase(id, 'test', null, seconds(20));
    await store.endPhase(id, 'test', null, seconds(25));
    await store.addEvaluation(id, {
      at: seconds(25.001),
      epoch: 1,
      step: 4,
      result: { ...scores('test', 0.8), images: 100 },
    });
    await store.startPhase(id, 'train', 2, seconds(26));
    const open = read(await joined(phasesCsv([await store.getRun(id)])));
    expect(open[2]).toMatchObject({ epoch: '2', duration_s: '', images: '', j_per_image: '' });
    await store.endRun(id, { at: seconds(46), status: 'done' });
    const [train, test] = read(await joined(phasesCsv([await store.getRun(id)])));
    expect(train).toMatchObject({
      run_name: 'phases',
      phase: 'train',
      epoch: '1',
      t_rel_s: '0',
      duration_s: '10',
      ram_wh: '',
      images: '200',
    });
    expect(Number(train!.energy_wh)).toBeCloseTo(1000 / 3600, 9);
    expect(Number(train!.gpu_wh)).toBeCloseTo(700 / 3600, 9);
    expect(Number(train!.j_per_image)).toBeCloseTo(1000 / 200, 9);
    expect(test).toMatchObject({ phase: 'test', epoch: '', images: '100' });
    expect(Number(test!.j_per_image)).toBeCloseTo(500 / 100, 9);
  });

  it('are explained column by column, in their order', () => {
    for (const [format, columns] of Object.entries(csvColumns)) {
      const about = csvAbout('a.csv', format as CsvFormat, {
        appVersion: '1.2.3',
        runs: [3, 4],
        writtenAt: new Date(0),
      });
      expect(about).toMatchObject({
        file: 'a.csv',
        program: 'HuggingGreen 1.2.3',
        runs: [3, 4],
        writtenAt: '1970-01-01T00:00:00.000Z',
        columns: columns.map((name) => ({ name, meaning: expect.any(String) as string })),
      });
    }
    const { columns } = csvAbout('a.csv', 'phases', {
      appVersion: '1',
      runs: [1],
      writtenAt: new Date(),
    }) as { columns: object[] };
    expect(columns).toContainEqual({
      name: 'j_per_image',
      unit: 'J',
      meaning: 'Energy over images',
    });
  });

  it('carry what only some runs measure, and empty cells for the others', async () => {
    const store = await openScene();
    const plain = await finishedRun(store, 'plain');
    const boxes = await finishedRun(store, 'boxes');
    const detection = { boxes: 9, meanIou: 0.5, locAcc50: 0.6, clsLoc50: 0.4, ap: 0.2, ap50: 0.3, ap75: 0.1 }; // prettier-ignore
    const detail = await store.getRun(boxes);
    const evaluations = detail.evaluations.map((evaluation) => ({
      ...evaluation,
      result: { ...evaluation.result, top5: 0.9, detection, patchRecall: 0.7 },
    }));
    const [found, none] = read(runsCsv([{ ...detail, evaluations }, await store.getRun(plain)]));
    const cells = {
      hg_top5_accuracy: '0.9',
      hg_mean_iou: '0.5',
      hg_loc_acc50: '0.6',
      hg_cls_loc50: '0.4',
      hg_ap: '0.2',
      hg_ap50: '0.3',
      hg_ap75: '0.1',
      hg_patch_recall: '0.7',
    };
    expect(found).toMatchObject(cells);
    for (const name of Object.keys(cells)) expect([name, none![name]]).toEqual([name, '']);
  });

  it('of a long run leave the program time for everything else', async () => {
    const store = await openScene();
    const run = await store.getRun(await finishedRun(store, 'day'));
    const row = { run: 1, epoch: 1, seconds: 1, kind: 'step', loss: 1, lr: 1 } as MetricRow;
    const metrics = Array.from({ length: 10_000 }, (_, i) => ({ ...row, step: i + 1 }));
    let turns = 0;
    const ticking = setInterval(() => turns++, 0);
    const text = await joined(metricsCsv([{ run, metrics }]));
    clearInterval(ticking);
    expect(read(text)).toHaveLength(10_000);
    expect(turns).toBeGreaterThan(0);
  });
});

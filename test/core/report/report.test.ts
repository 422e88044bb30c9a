import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ReportData } from '../../../src-main/contract.ts';
import { reportHtml } from '../../../src-main/core/report/html.ts';
import { exportRuns } from '../../../src-main/core/report/index.ts';
import { reportData } from '../../../src-main/core/report/report-data.ts';
import { quantity } from '../../../src-main/core/report/words.ts';
import type { Store } from '../../../src-main/core/store/store.ts';
import type { NewRun } from '../../../src-main/core/store/types.ts';
import {
  batch,
  config,
  cpu,
  folder,
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

async function run(
  store: Store,
  name: string,
  start: number,
  mode: 'off' | 'drop',
  place?: NewRun['place'],
): Promise<number> {
  await meter(store, 'a', [gpu, cpu]);
  const id = await store.createRun(
    newRun(name, {
      pue: 1.4,
      ...(place && { place }),
      config: config({ selection: { mode }, augment: { flip: mode === 'drop', crop: 4 } }),
    }),
  );
  await store.startPhase(id, 'baseline', null, seconds(start - 10));
  await store.endPhase(id, 'baseline', null, seconds(start));
  await store.setIdle(id, { [gpu.key]: 10, cpu: null });
  await store.startSegment(id, { micros: seconds(start), utc });
  await store.addSamples(
    batch('a', start - 11, start + 36, { [gpu.key]: steady(100), cpu: steady(50) }),
  );
  await store.addSteps(
    id,
    steps(1, 5, (n) => start + n),
  );
  await store.addEvaluation(id, {
    at: seconds(start + 30),
    epoch: 1,
    step: 5,
    result: scores('validation', 0.75),
  });
  await store.endRun(id, { at: seconds(start + 36), status: 'done' });
  return id;
}

describe('the data of a report', () => {
  it('tells what was done and what it cannot tell, from the runs themselves', async () => {
    const store = await openScene();
    const ids = [await run(store, 'plain', 100, 'off'), await run(store, 'dropping', 300, 'drop')];
    const data = await reportData(store, ids, '0.1.0');
    expect(data.title).toBe('plain against dropping');
    expect(data.runs[0]!.series.find(({ name }) => name === 'loss')!.y).toHaveLength(5);
    expect(data.comparison!.rows.find(({ key }) => key === 'selection.mode')!.differs).toBe(true);
    const methods = data.methods.join('\n');
    for (const fact of [
      'Patch selection: off and drop to 45 of 64, variance',
      'Augmentation: crops padded by 4 pixels and crops padded by 4 pixels with random mirroring',
      'Random seed: 42',
      'differ in Patch selection',
      'Test GPU: counted (± 5 %), energy counter',
      'Test CPU: modelled (± 10 W), model',
      'at 10 Hz',
      'Before each run the idle power was measured for 10 s: Test GPU 10 W.',
      'Its images are synthetic, drawn from seed 42: 10,000 images for training',
      '500 gCO2e/kWh (World, 2025, lifecycle; source: Ember) with a PUE of 1.4',
      'validation split of 100 images',
      'HuggingGreen 0.1.0 on Node 24.0.0',
    ])
      expect(methods).toContain(fact);
    const limits = data.limits.join('\n');
    expect(limits).toMatch(/Test CPU is modelled, not measured/);
    expect(limits).toMatch(/n = 1: every configuration was run once/);
    expect(limits).toMatch(/scores of both runs are of the validation split/);
    expect(limits).not.toMatch(/only .* % of the time|No GPU power/);
    expect(methods + limits).not.toMatch(/undefined|null|NaN/);
  });

  it('names what was trained beside the model, and the stages with their epochs', async () => {
    const store = await openScene();
    const write = async (name: string, input: object): Promise<number> => {
      const id = await store.createRun(newRun(name, { config: config(input) }));
      await store.startSegment(id, { micros: seconds(1), utc });
      await store.endRun(id, { at: seconds(2), status: 'done' });
      return id;
    };
    const methods = async (...inputs: object[]): Promise<string> => {
      const ids = [];
      for (const input of inputs) ids.push(await write('a', input));
      return (await reportData(store, ids, '1')).methods.join('\n');
    };
    const train = { recipe: 'pt+cl+ft', epochs: 10 };
    const staged = await methods({ train });
    expect(staged).toMatch(/ Method: standard; pt\+cl\+ft; simmim [\d.]+\./);
    expect(staged).toContain(
      'Stages of pt+cl+ft: 4 epochs of masked pre-training, 2 epochs of contrastive training and 4 epochs of fine-tuning.',
    );
    const taught = await methods(
      { attention: { kind: 'mgk' }, pruning: { neurons: 0.5 } },
      { train: { recipe: 'distil', epochs: 10 } },
    );
    expect(taught).toContain('Method: (mgk; pruning neurons 0.5) and (standard; distil).');
    expect(taught).toContain(
      'Stages of distil: 5 epochs of training of the teacher and 5 epochs of training of the student.',
    );
    const cnn = await methods({ model: { kind: 'resnet', image: 32 } });
    expect(cnn).not.toMatch(/Method|Stages/);
  });

  it('leaves out warm-ups beside other runs, and says so', async () => {
    const store = await openScene();
    const order = {
      id: 'rq2',
      dataset: 'greensynth' as const,
      geometry: 'native' as const,
      repeats: 1,
      seeds: [42],
      epochs: 1,
      arms: ['none', 'drop'],
      warmUp: true,
    };
    const group = await store.createMatrix({
      id: 'rq2',
      title: 'RQ2',
      order,
    });
    const place = { group, arm: 'none', armTitle: 'none', baseline: null, repeat: 1 };
    const ids = [
      await run(store, 'cold', 100, 'off', { ...place, warmUp: true }),
      await run(store, 'plain', 300, 'off', { ...place, warmUp: false }),
      await run(store, 'dropping', 500, 'drop', { ...place, arm: 'drop', warmUp: false }),
    ];
    const data = await reportData(store, ids, '1');
    expect(data.title).toBe('plain against dropping');
    expect(data.runs).toHaveLength(2);
    const limits = data.limits.join('\n');
    expect(limits).toContain('n = 1: every configuration was run once');
    expect(limits).toContain('Left out as a warm-up, which counts for nothing: cold.');
    const comparison = await store.compare(ids);
    expect(comparison.runs.map(({ name }) => name)).toEqual(['plain', 'dropping']);
    expect(comparison.warmUps).toEqual([{ id: ids[0], name: 'cold' }]);
    // on its own it is a run like any other
    const alone = await reportData(store, ids.slice(0, 1), '1');
    expect(alone.runs).toHaveLength(1);
    expect(alone.limits.join()).not.toContain('Left out');
  });

  it('speaks of repeats, of missing baselines and of gaps only where there are such', async () => {
    const store = await openScene();
    const ids = [await run(store, 'a', 100, 'off'), await run(store, 'b', 300, 'off')];
    await meter(store, 'b', [gpu]);
    const blind = await store.createRun(newRun('half blind'));
    await store.startSegment(blind, { micros: seconds(500), utc });
    await store.addSamples(batch('b', 500, 510, { [gpu.key]: steady(5) }));
    await store.endRun(blind, { at: seconds(520), status: 'stopped' });
    const repeats = await reportData(store, ids, '1');
    expect(repeats.limits.join()).not.toContain('n = 1');
    // of another run of the same name it was not measured
    await store.renameRun(blind, 'b');
    const mixed = await reportData(store, [...ids, blind], '1');
    expect(mixed.methods.join('\n')).toContain(
      'Before 2 of the runs the idle power was measured for 10 s: Test GPU 10 W. Not before b.',
    );
    await store.renameRun(blind, 'half blind');
    const one = await reportData(store, [blind], '1');
    expect(one.comparison).toBeNull();
    expect(one.methods.join()).toContain('No idle baseline was measured');
    expect(one.limits.join('\n')).toMatch(
      /half blind: at least one sensor was read for only .* % of the time/,
    );
    expect(one.limits.join('\n')).toContain('did not run to its end (stopped)');
  });
});

describe('the HTML', () => {
  const hostile = `</script><script>alert(1)</script><!-- & "q" 'a'`;
  const bundle = {
    js: 'const end = "</script>";\r\ndocument.title += end;',
    css: 'a { color: red }',
  };

  async function html(): Promise<{ text: string; data: ReportData }> {
    const store = await openScene();
    const data = await reportData(store, [await run(store, hostile, 100, 'off')], '1');
    return { text: reportHtml(data, bundle), data };
  }

  it('lets no name end a script or become markup, and gives the data back whole', async () => {
    const { text, data } = await html();
    expect(text).not.toContain('<script>alert');
    // the data, and the page's script
    expect(text.match(/<script/g)).toHaveLength(2);
    expect(text.match(/<\/script/g)).toHaveLength(2);
    const json = /<script type="application\/json" id="report-data">(.*?)<\/script>/s.exec(
      text,
    )![1]!;
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(data)));
    expect(text).toContain('&lt;/script&gt;&lt;script&gt;alert(1)');
    expect(text).toContain('<div id="report"></div>');
    expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
  });

  it('allows its own script by hash and nothing from outside', async () => {
    const { text } = await html();
    const script = /<script>(.*?)<\/script>/s.exec(text)![1]!;
    expect(script).toBe('const end = "<\\/script>";\ndocument.title += end;');
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(text)![1]!;
    expect(policy).toContain(
      `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    );
    expect(policy).toContain("default-src 'none'");
    expect(text).not.toMatch(/(src|href)=/);
  });

  it('is for the paper, and under the title, that was asked for', async () => {
    const { data } = await html();
    const look = { js: '', css: '' };
    expect(reportHtml(data, look)).toContain('@page { size: A4; margin: 0 }');
    expect(reportHtml({ ...data, paper: 'letter' }, look)).toContain(
      '@page { size: letter; margin: 0 }',
    );
    const store = await openScene();
    const id = await run(store, 'plain', 100, 'off');
    const own = await reportData(store, [id], '1', { title: 'For the board', paper: 'letter' });
    expect(own).toMatchObject({ title: 'For the board', paper: 'letter' });
  });

  it('has the figures in a table for a reader without scripts', async () => {
    const { text } = await html();
    const plain = /<noscript>(.*?)<\/noscript>/s.exec(text)![1]!;
    expect(plain).toContain('<td>1.50 ± 0.11 Wh</td>');
    expect(plain).toContain('<h2>Limits</h2>');
  });

  it('needs the built page, and says so', async () => {
    const store = await openScene();
    const id = await run(store, 'My run: n° 1/2', 100, 'off');
    const dir = folder();
    const options = { appVersion: '1', reportDir: dir };
    await expect(exportRuns(store, [id], 'report', options)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    writeFileSync(join(dir, 'report.js'), 'void 0;');
    writeFileSync(join(dir, 'report.css'), '');
    const report = await exportRuns(store, [id], 'report', options);
    expect(report).toMatchObject({
      name: 'my-run-n-1-2-report.html',
      mime: 'text/html;charset=utf-8',
    });
    expect((await exportRuns(store, [id], 'samples', options)).name).toBe(
      'my-run-n-1-2-samples.csv',
    );
    const text = async (bom: boolean) => {
      const { pieces } = await exportRuns(store, [id], 'runs', { ...options, bom });
      let whole = '';
      for await (const piece of pieces) whole += piece;
      return whole;
    };
    expect(await text(true)).toBe(`\uFEFF${await text(false)}`);
    await expect(exportRuns(store, [77], 'runs', options)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

it.each([
  [12.43, 0.62, '12.4 ± 0.6 Wh'],
  [12.43, 0.12, '12.43 ± 0.12 Wh'],
  [1234.5, 40, '1235 ± 40 Wh'],
  [0.477, 0.366, '0.48 ± 0.37 Wh'],
  [0.001, 4, '0 ± 4 Wh'],
  [0.001234, null, '0.00123 Wh'],
  [null, 1, 'not known'],
  [0, null, '0 Wh'],
])('%s ± %s is written %s', (value, band, text) => {
  expect(quantity(value, 'Wh', band)).toBe(text);
});

/** The report as it leaves on paper and without a browser: the real page, printed by a real browser. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buffer } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { openPromise } from 'yauzl';
import { ensureBuilt, reportDir } from '../../../src-main/cli/build.ts';
import { papers, type Paper, type ReportData } from '../../../src-main/contract.ts';
import { findBrowser, printWithBrowser } from '../../../src-main/core/print.ts';
import { reportCharts, writeCharts } from '../../../src-main/core/report/charts.ts';
import { reportHtml } from '../../../src-main/core/report/html.ts';
import { reportMarkdown } from '../../../src-main/core/report/markdown.ts';
import { merged, named, spread } from '../../../src-main/core/report/over-runs.ts';
import { reportData } from '../../../src-main/core/report/report-data.ts';
import { list } from '../../../src-main/core/report/words.ts';
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

beforeAll(() => ensureBuilt('report'), 240_000);

let made: Promise<ReportData> | null = null;
/** Two configurations, three runs of each; made by the first test that asks. */
const sixRuns = (): Promise<ReportData> => (made ??= makeSixRuns());

async function makeSixRuns(): Promise<ReportData> {
  const store = await openScene();
  const ids: number[] = [];
  for (const [i, mode] of (['off', 'drop', 'off', 'drop', 'off', 'drop'] as const).entries()) {
    await meter(store, `meter ${i}`, [gpu, cpu]);
    const start = 100 + 200 * i;
    const id = await store.createRun(
      newRun(`${mode === 'off' ? 'plain' : 'dropping'} <b> | seed ${i}`, {
        config: config({ selection: { mode }, train: { seed: i >> 1 } }),
      }),
    );
    await store.startSegment(id, { micros: seconds(start), utc });
    const watts = mode === 'off' ? 100 + i : 60 + i;
    await store.addSamples(
      batch(`meter ${i}`, start - 1, start + 36, { [gpu.key]: steady(watts), cpu: steady(50) }),
    );
    await store.addSteps(
      id,
      steps(1, 5, (n) => start + n),
    );
    for (const epoch of [1, 2])
      await store.addEvaluation(id, {
        at: seconds(start + 10 * epoch),
        epoch,
        step: 2 * epoch,
        result: scores('validation', 0.6 + 0.05 * epoch + 0.01 * i),
      });
    await store.endRun(id, { at: seconds(start + 36), status: 'done' });
    ids.push(id);
  }
  return reportData(store, ids, '0.1.0', {
    title: 'Six runs',
    notes: 'What was asked.\n\nWhat was found.',
  });
}

const page = (data: ReportData, paper: Paper): string =>
  reportHtml(
    { ...data, paper },
    {
      js: readFileSync(join(reportDir, 'report.js'), 'utf8'),
      css: readFileSync(join(reportDir, 'report.css'), 'utf8'),
    },
  );

const browser = await findBrowser();
const pdftotext = await promisify(execFile)('pdftotext', ['-v']).then(
  () => true,
  () => false,
);
if (!browser) console.info('No Chromium here: the PDF of the report is not tested.');
if (!pdftotext) console.info('No pdftotext here: the text of the PDF is not read back.');

describe.runIf(browser)('the PDF', () => {
  const sizes: Record<Paper, RegExp> = {
    a4: /\/MediaBox \[0 0 59[45](?:\.\d+)? 84[12](?:\.\d+)?\]/g,
    letter: /\/MediaBox \[0 0 612 792\]/g,
  };
  it.each(papers)('has sheets of %s, tags, bookmarks, and its text as text', async (paper) => {
    const pdf = await printWithBrowser(page(await sixRuns(), paper));
    const raw = pdf.toString('latin1');
    const pages = raw.match(/\/Type \/Page\b(?!s)/g)!.length;
    expect(pages).toBeGreaterThan(8);
    expect(raw.match(sizes[paper])).toHaveLength(pages);
    expect(raw).toContain('/StructTreeRoot');
    expect(raw).toContain('/Outlines');
    expect(raw).not.toMatch(/\/Subtype \/Image/);
    if (!pdftotext) return;
    const file = join(folder(), 'report.pdf');
    writeFileSync(file, pdf);
    const { stdout } = await promisify(execFile)('pdftotext', ['-layout', file, '-']);
    const sheets = stdout.split('\f').slice(0, -1);
    expect(sheets).toHaveLength(pages);
    for (const [i, text] of sheets.entries()) {
      expect(text).toContain(`page ${i + 1} of ${pages}`);
      if (i > 0) expect(text.trimStart().split('\n')[0]).toMatch(/^Six runs\s/);
    }
    const all = stdout.replaceAll(/\s+/g, ' ');
    for (const words of [
      'What was found.',
      'dropping <b> | seed 1',
      'Shapiro-Wilk',
      'validation split of 100 images',
    ])
      expect(all).toContain(words);
  });
});

async function readZip(path: string): Promise<Map<string, Buffer>> {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false });
  const found = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry())
    found.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  zip.close();
  return found;
}

describe('without a browser', () => {
  it('every chart is drawn, in the colours of paper', async () => {
    const data = await sixRuns();
    const charts = await reportCharts(reportDir, data);
    expect(charts.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'all-runs-macro-f1',
        'all-runs-training-loss',
        'all-runs-total-power',
        'all-runs-energy-against-macro-f1',
        ...[1, 2, 3, 4, 5, 6].flatMap((id) =>
          ['loss', 'f1', 'power', 'energy-used'].map((what) => `run-${id}-${what}`),
        ),
      ]),
    );
    for (const { svg } of charts) {
      expect(svg).toMatch(/^<svg [^>]*role="img"/);
      expect(svg).not.toMatch(/var\(|undefined|NaN|<b>/);
    }
    const path = join(folder(), 'charts.zip');
    await writeCharts(path, charts.slice(0, 2), 'charts/', { 'report.md': '# Six runs\n' });
    const files = await readZip(path);
    expect([...files.keys()]).toEqual([
      'report.md',
      ...charts.slice(0, 2).flatMap(({ name }) => [`charts/${name}.svg`, `charts/${name}.png`]),
    ]);
    const png = files.get(`charts/${charts[0]!.name}.png`)!;
    // PNG, and twice the 840 units of the drawing
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.readUInt32BE(16)).toBe(1680);
  });

  it('Markdown has the words, the tables and links to the charts', async () => {
    const data = await sixRuns();
    const charts = await reportCharts(reportDir, data);
    const text = reportMarkdown(data, charts, 'charts/');
    expect(text).toMatch(/^# Six runs\n/);
    expect(text).toContain('What was asked.\n\nWhat was found.');
    expect(text).toContain('plain \\<b\\> \\| seed 0');
    expect(text).toContain('](charts/all-runs-total-power.svg)');
    for (const title of ['Results', 'Statistics', 'Comparison', 'Methods', 'Limits'])
      expect(text).toContain(`\n## ${title}\n`);
    // every row of a table has as many cells as its head
    for (const [block] of text.matchAll(/(?:^\|.*\n?)+/gm)) {
      const cells = block
        .trim()
        .split('\n')
        .map((row) => row.split(/(?<!\\)\|/).length);
      expect(new Set(cells).size).toBe(1);
    }
    expect(text).not.toMatch(/undefined|null \||NaN/);
    const short = reportMarkdown({ ...data, sections: ['limits'] }, charts, 'charts/');
    expect(short).not.toMatch(/## Results|!\[/);
    expect(short).toContain('## Limits');
  });

  it('methods tell how repeats were tested', async () => {
    const methods = (await sixRuns()).methods.join('\n');
    expect(methods).toContain('2 configurations, each 3 times');
    expect(methods).toMatch(
      /tested (in pairs of one seed )?by .* test, two-sided, with Holm’s correction over 2 tests/,
    );
  });
});

describe('what is said of many runs', () => {
  it('is said once, with the range of its numbers', () => {
    const busy = (percent: number) => `busy (${percent} %), 2 times`;
    expect(
      merged([
        { text: busy(92), of: 'a' },
        { text: 'virtual', of: 'a' },
        { text: busy(41), of: 'b' },
        { text: busy(1000), of: 'c' },
      ]),
    ).toEqual([
      { text: 'busy (41 to 1000 %), 2 times', of: ['a', 'b', 'c'] },
      { text: 'virtual', of: ['a'] },
    ]);
    // names with numbers are no quantities
    const lost = (card: string) => ({
      text: `No power is read of NVIDIA ${card} any more.`,
      of: card,
    });
    expect(merged([lost('RTX 3090'), lost('RTX 4090'), lost('A100'), lost('A30')])).toHaveLength(4);
    expect(spread([6.04, 2.75], 'W')).toBe('2.75 to 6.04 W');
    expect(spread([20, 20], 'W')).toBe('20 W');
  });

  it('names the runs, or all of them', () => {
    expect(named(['a', 'b'], 2)).toBe('both runs');
    expect(named(['a', 'b', 'c'], 3)).toBe('all 3 runs');
    expect(named(['a', 'b', 'c', 'd', 'e'], 9)).toBe('a, b, c and 2 more');
    expect(named(['a'], 1)).toBe('a');
    expect(list(['a, 1', 'b, 1', 'c'])).toBe('a, 1; b, 1; c');
  });
});

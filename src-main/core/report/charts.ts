/**
 * The charts of a report as files, without a browser. The script that draws them is a part of the report's own
 * program, built with it; it has nothing but the numbers, so it runs in a context that has nothing else.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { AppError, type ReportData } from '../../contract.ts';
import { ZipWriter } from '../bundle/zip-writer.ts';

export interface ReportChart {
  title: string;
  /** One sentence: what it shows; may be empty. */
  finding: string;
  /** Null for a chart of all runs. */
  run: number | null;
  svg: string;
  /** Of its files, without an ending: `run-3-power`. */
  name: string;
}

type Drawn = Omit<ReportChart, 'name'>;

/** @throws AppError UNAVAILABLE when the script is not built */
export async function reportCharts(dir: string, data: ReportData): Promise<ReportChart[]> {
  const code = await readFile(join(dir, 'charts.js'), 'utf8').catch((): never => {
    throw new AppError(
      'UNAVAILABLE',
      `What draws the report’s charts is missing in ${dir}.`,
      'Run npm run build once, then export again.',
    );
  });
  const context = createContext({ data: JSON.stringify(data) });
  runInContext(code, context, { filename: 'charts.js' });
  const drawn = JSON.parse(
    runInContext('JSON.stringify(reportCharts(JSON.parse(data)))', context) as string,
  ) as Drawn[];
  return drawn.map((chart) => {
    const title = chart.run === null ? chart.title : chart.title.split(',', 1)[0]!;
    const words = title.toLowerCase().replaceAll(/\W+/g, '-');
    return { ...chart, name: `${chart.run === null ? 'all-runs' : `run-${chart.run}`}-${words}` };
  });
}

/** Pixels of a picture for one of the drawing: sharp on a slide and in a document. */
const density = 2 * 72;

/** A zip of every chart as SVG and PNG below `folder`, and of other texts. */
export async function writeCharts(
  path: string,
  charts: readonly ReportChart[],
  folder = '',
  texts: Record<string, string> = {},
): Promise<void> {
  const { default: sharp } = await import('sharp');
  const zip = await ZipWriter.create(path);
  try {
    for (const [name, text] of Object.entries(texts)) await zip.addText(name, text);
    for (const { name, svg } of charts) {
      await zip.addText(`${folder}${name}.svg`, svg);
      const png = await sharp(Buffer.from(svg), { density }).png().toBuffer();
      await zip.addText(`${folder}${name}.png`, png);
    }
    await zip.finish();
  } catch (cause) {
    await zip.abandon();
    throw cause;
  }
}

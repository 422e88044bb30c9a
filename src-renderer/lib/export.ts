/** Handing a file to the person: the browser's own download, also under Electron. */
import type { CallInput, ExportFormat } from '../../src-main/contract.ts';
import { bytes, count } from './format/number.ts';
import type { Session } from './session.svelte.ts';

export const exportLabels: Record<ExportFormat, string> = {
  runs: 'CSV of the runs',
  metrics: 'CSV of the metrics',
  phases: 'CSV of the phases by epoch',
  samples: 'CSV of the power samples',
  predictions: 'CSV of the predictions',
  report: 'Report (HTML)',
  pdf: 'Report (PDF)',
  markdown: 'Report (Markdown, zip)',
  charts: 'Charts (SVG and PNG, zip)',
  json: 'Report data (JSON)',
  bundle: 'Bundle for another computer (zip)',
};

/** Whether CSV begins with the mark by which Excel knows UTF-8; kept in the browser, as the look of reports is. */
const excelKey = 'hugginggreen.csv.excel';
export const isForExcel = (): boolean => localStorage.getItem(excelKey) === 'yes';
export const setForExcel = (on: boolean): void =>
  on ? localStorage.setItem(excelKey, 'yes') : localStorage.removeItem(excelKey);

function startDownload(url: string, name: string) {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

/** Text that the page itself has. */
export function saveText(name: string, mime: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: mime }));
  startDownload(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export type ModelFormat = 'onnx' | 'safetensors';

export const modelLabels: Record<ModelFormat, string> = {
  onnx: 'Model (ONNX)',
  safetensors: 'Weights (safetensors)',
};

/** The file can be large: the page is handed its address, and the browser fetches it to the disk. */
export async function exportModel(
  session: Session,
  id: number,
  format: ModelFormat,
  checkpoint?: 'best' | 'last',
) {
  await session.long('Writing the model.', async (job) => {
    const input = { id, format, job, ...(checkpoint && { checkpoint }) };
    const file = await session.api.call('runs.exportModel', input);
    startDownload(file.url, file.name);
    session.notify(
      'info',
      `${file.name}, ${bytes(file.bytes)}: the weights of the ${file.checkpoint} checkpoint, after step ${count(file.step)}.`,
    );
  });
}

/** The file can be large: the page is handed its address, as for a model. */
export async function exportRuns(
  session: Session,
  ids: number[],
  format: ExportFormat,
  more: Omit<CallInput<'runs.export'>, 'ids' | 'format'> = {},
) {
  const runs = ids.length === 1 ? `run ${ids[0]}` : `${count(ids.length)} runs`;
  await session.long(`Writing ${exportLabels[format]} of ${runs}.`, async (job) => {
    const bom = isForExcel() && { bom: true };
    const file = await session.api.call('runs.export', { ids, format, job, ...bom, ...more });
    startDownload(file.url, file.name);
  });
}

export const exportLog = (session: Session, id: number) =>
  session.attempt(async () => {
    const file = await session.api.call('runs.exportLog', { id });
    startDownload(file.url, file.name);
  });

/** Handing a file to the person: the browser's own download, also under Electron. */
import type { CallInput, ExportFormat } from '../../src-main/contract.ts';
import { bytes, count } from './format/number.ts';
import type { Session } from './session.svelte.ts';

export const exportLabels: Record<ExportFormat, string> = {
  runs: 'CSV of the runs',
  metrics: 'CSV of the metrics',
  samples: 'CSV of the power samples',
  report: 'Report (HTML)',
  pdf: 'Report (PDF)',
  markdown: 'Report (Markdown, zip)',
  charts: 'Charts (SVG and PNG, zip)',
  json: 'Report data (JSON)',
  bundle: 'Bundle for another computer (zip)',
};

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
  await session.attempt(async () => {
    const input = { id, format, ...(checkpoint && { checkpoint }) };
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
  await session.attempt(async () => {
    const file = await session.api.call('runs.export', { ids, format, ...more });
    startDownload(file.url, file.name);
  });
}

/** Handing a file to the person: the browser's own download, also under Electron. */
import type { ExportedFile } from '../../src-main/contract.ts';
import type { Session } from './session.svelte.ts';

export type ExportFormat = 'runs' | 'samples' | 'metrics' | 'report' | 'pdf';

export const exportLabels: Record<ExportFormat, string> = {
  runs: 'CSV of the runs',
  metrics: 'CSV of the metrics',
  samples: 'CSV of the power samples',
  report: 'Report (HTML)',
  pdf: 'Report (PDF)',
};

export function saveFile({ name, mime, base64 }: ExportedFile) {
  const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([data], { type: mime }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export async function exportRuns(session: Session, ids: number[], format: ExportFormat) {
  await session.attempt(async () => {
    saveFile(await session.api.call('runs.export', { ids, format }));
  });
}

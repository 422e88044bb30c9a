/** Paper by Electron's own printing, in a hidden window without scripts' way to the host. */
import { BrowserWindow } from 'electron';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PrintPdf } from '../core/print.ts';

export const printWithElectron: PrintPdf = async (html) => {
  const folder = await mkdtemp(join(tmpdir(), 'hugginggreen-print-'));
  const window = new BrowserWindow({ show: false, webPreferences: { sandbox: true } });
  try {
    const page = join(folder, 'report.html');
    await writeFile(page, html);
    await window.loadFile(page);
    return await window.webContents.printToPDF({
      printBackground: true,
      preferCSSPageSize: true,
      generateTaggedPDF: true,
      generateDocumentOutline: true,
    });
  } finally {
    window.destroy();
    await rm(folder, { recursive: true, force: true });
  }
};

/**
 * Paper from the report: the self-contained HTML page, printed by a browser. Electron prints by itself
 * (electron/print.ts); here a Chromium, Chrome or Edge of this machine is run without a window.
 */
import { spawn } from 'node:child_process';
import { access, constants, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AppError } from '../contract.ts';

/** Prints a self-contained HTML page on the paper that its style names; resolves with the PDF. */
export type PrintPdf = (html: string) => Promise<Buffer>;

const names = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
  'microsoft-edge',
  'msedge',
  'brave-browser',
];
const elsewhere = [
  '/usr/bin/chromium',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  ...[process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA].flatMap(
    (root) =>
      root
        ? [
            join(root, 'Google', 'Chrome', 'Application', 'chrome.exe'),
            join(root, 'Microsoft', 'Edge', 'Application', 'msedge.exe'),
          ]
        : [],
  ),
];

/** The first browser found that can print: CHROMIUM_PATH, then the PATH, then the usual places. */
export async function findBrowser(env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  if (env.CHROMIUM_PATH) return (await executable(env.CHROMIUM_PATH)) ? env.CHROMIUM_PATH : null;
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  const candidates = [
    ...names.flatMap((name) => folders.map((folder) => join(folder, name))),
    ...elsewhere,
  ];
  for (const path of candidates) if (await executable(path)) return path;
  return null;
}

export interface BrowserPrintOptions {
  browser?: string | null;
  timeoutMs?: number;
}

export async function printWithBrowser(
  html: string,
  { browser, timeoutMs = 60_000 }: BrowserPrintOptions = {},
): Promise<Buffer> {
  const path = browser === undefined ? await findBrowser() : browser;
  if (!path)
    throw new AppError(
      'UNAVAILABLE',
      'No Chromium, Chrome or Edge was found to print the PDF with.',
      'Save the HTML report and print it from any browser, or set CHROMIUM_PATH to a Chromium. On the command line --or-html writes the HTML and the CSV files instead.',
    );
  // the profile is new, so that a browser that is open anyway does not take the job and do nothing
  const folder = await mkdtemp(join(tmpdir(), 'hugginggreen-print-'));
  try {
    const page = join(folder, 'report.html');
    const pdf = join(folder, 'report.pdf');
    await writeFile(page, html);
    await run(
      path,
      [
        '--headless',
        '--disable-gpu',
        '--no-first-run',
        '--disable-extensions',
        '--disable-background-networking',
        '--no-pdf-header-footer',
        // bookmarks of the headings; tags for readers come of themselves
        '--generate-pdf-document-outline',
        `--user-data-dir=${join(folder, 'profile')}`,
        // Chromium's sandbox cannot be set up by root, and refuses to start
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        `--print-to-pdf=${pdf}`,
        pathToFileURL(page).href,
      ],
      timeoutMs,
    );
    return await readFile(pdf).catch((): never => {
      throw new AppError(
        'UNAVAILABLE',
        `${path} wrote no PDF.`,
        'Save the HTML report and print it from a browser.',
      );
    });
  } finally {
    // the browser may still be writing to its profile when it has been told to end
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function run(path: string, args: string[], timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { stdio: 'ignore' });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new AppError(
          'UNAVAILABLE',
          `${path} did not finish printing within ${timeoutMs / 1000} seconds.`,
          'Save the HTML report and print it from a browser.',
        ),
      );
    }, timeoutMs);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new AppError('UNAVAILABLE', `${path} cannot be started: ${cause.message}.`));
    });
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

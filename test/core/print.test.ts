import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findBrowser, printWithBrowser } from '../../src-main/core/print.ts';
import { removeHome, temporaryHome } from '../fixtures/host.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryHome();
});
afterEach(() => removeHome(folder));

async function script(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

const browser = await findBrowser();
test.runIf(browser)('a browser of this machine prints a page', async () => {
  const pdf = await printWithBrowser(
    '<!doctype html><style>@page { size: A4 }</style><h1>42 Wh</h1>',
  );
  expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
  // A4 in points, whatever paper the browser takes by itself
  expect(pdf.toString('latin1')).toMatch(/\/MediaBox \[0 0 59[45](\.\d+)? 84[12](\.\d+)?\]/);
  expect(pdf.toString('latin1')).toMatch(/\/Count 1\b/);
});

test('CHROMIUM_PATH wins, then the PATH', async () => {
  const own = await script('my-browser', 'exit 0');
  const found = await script('chromium', 'exit 0');
  expect(await findBrowser({ CHROMIUM_PATH: own, PATH: folder })).toBe(own);
  expect(await findBrowser({ PATH: folder })).toBe(found);
  expect(await findBrowser({ CHROMIUM_PATH: join(folder, 'none'), PATH: folder })).toBeNull();
});

test.skipIf(process.platform === 'win32')(
  'without a usable browser: a sentence and the way out',
  async () => {
    const html = '<!doctype html>';
    await expect(printWithBrowser(html, { browser: null })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('No Chromium'),
      hint: expect.stringContaining('HTML report'),
    });
    const idle = await script('idle', 'exit 0');
    await expect(printWithBrowser(html, { browser: idle })).rejects.toThrow('wrote no PDF');
    const stuck = await script('stuck', 'exec sleep 600');
    await expect(printWithBrowser(html, { browser: stuck, timeoutMs: 100 })).rejects.toThrow(
      'did not finish printing within 0.1 seconds',
    );
    await expect(printWithBrowser(html, { browser: join(folder, 'none') })).rejects.toThrow(
      'cannot be started',
    );
  },
);

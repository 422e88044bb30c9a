/** The desktop window, where the Electron binary is on disk (it is fetched by `npm start`, never by npm). */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, expect, test } from '@playwright/test';
import { electronBinary } from './electron.ts';

const executablePath = electronBinary();
const display = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;

test.describe('the desktop window', () => {
  test.skip(!executablePath, 'no Electron binary here; npm start fetches it where it can');
  test.skip(!display, 'no display here');

  test('opens on this machine, sandboxed and without Node', async () => {
    const home = await mkdtemp(join(tmpdir(), 'hugginggreen-electron-'));
    const app = await _electron.launch({
      executablePath: executablePath!,
      args: ['.', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
      env: { ...process.env, HUGGINGGREEN_HOME: home, ELECTRON_RUN_AS_NODE: '' },
    });
    const window = await app.firstWindow();
    await expect(window.getByRole('heading', { name: 'Machine' })).toBeVisible();
    expect(await window.evaluate(() => typeof (globalThis as { require?: unknown }).require)).toBe(
      'undefined',
    );
    await app.close();
    await rm(home, { recursive: true, force: true });
  });
});

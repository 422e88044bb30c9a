/** The calibration as a person does it, with a plug that is a server on this machine. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { startProgram, type Program } from './program.ts';

let program: Program;
let plug: Server;
/** What the plug shows, W. */
let watts = 70;

/** A kernel's count of processor time, so that others on this machine do not disturb its idle power. */
const stat = join(tmpdir(), `hugginggreen-e2e-stat-${process.pid}`);
const file = openSync(stat, 'w');
let busyShare = 0.05;
const times = { busy: 1e9, idle: 1e9 };
function tick(): void {
  times.busy += Math.round(100 * busyShare);
  times.idle += Math.round(100 * (1 - busyShare));
  // of one length, in one write: a reader finds the old line or the new one
  writeSync(file, `cpu  ${times.busy} 0 0 ${times.idle} 0 0 0 0 0 0\n`, 0);
}
tick();
const ticking = setInterval(tick, 100);

test.beforeAll(async () => {
  plug = createServer((_, response) => {
    const shaken = watts + Math.random();
    response.end(JSON.stringify({ id: 0, apower: shaken, aenergy: { total: 1 } }));
  });
  await new Promise<void>((resolve) => plug.listen(0, '127.0.0.1', resolve));
  program = await startProgram({ HUGGINGGREEN_PROC_STAT: stat });
});
test.afterAll(async () => {
  await program?.close();
  plug.closeAllConnections();
  plug.close();
  clearInterval(ticking);
  closeSync(file);
  rmSync(stat);
});

async function shots(page: Page, name: string) {
  for (const scheme of ['light', 'dark'] as const)
    for (const [width, height] of [
      [1280, 800],
      [1920, 1080],
    ] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(200);
      await page.screenshot({
        path: `test-results/screens/${name}-${scheme}-${width}.png`,
        animations: 'disabled',
      });
    }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 800 });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
}

test('from the machine through two points with a plug to a line that is kept', async ({ page }) => {
  test.setTimeout(300_000);
  await page.goto(program.url);
  await page.getByRole('button', { name: 'Skip' }).click();
  await page.getByRole('link', { name: 'Calibrate with a wall meter' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Calibrate with a wall meter');
  await page.getByRole('button', { name: 'Shelly plug' }).click();
  await shots(page, 'calibrate-1');

  const host = page.getByLabel('Its name or address');
  await host.fill('127.0.0.1:1');
  await page.getByRole('button', { name: 'Read the plug and begin' }).click();
  await expect(page.getByText('cannot be reached')).toBeVisible();
  await host.fill(`127.0.0.1:${(plug.address() as AddressInfo).port}`);
  await page.getByRole('button', { name: 'Read the plug and begin' }).click();

  await page.locator('#seconds-idle').fill('10');
  await page.getByRole('button', { name: 'Measure idle power' }).click();
  await expect(page.getByText(/Measuring, \d+ of 10 s/)).toBeVisible({ timeout: 90_000 });
  await shots(page, 'calibrate-2');

  await page.locator('#seconds-load').fill('10', { timeout: 30_000 });
  watts = 110;
  busyShare = 0.9;
  await page.getByRole('button', { name: 'Start the load and measure' }).click();
  await expect(page.getByText(/Measuring, \d+ of 10 s/)).toBeVisible({ timeout: 180_000 });
  await shots(page, 'calibrate-3');
  await expect(page.getByText('W x time')).toBeVisible({ timeout: 30_000 });
  await shots(page, 'calibrate-4');

  await page.getByRole('button', { name: /^Keep it/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Machine' })).toBeVisible();
  await expect(page.getByText(/W \+ [\d.]+ x counted/)).toBeVisible();
  await shots(page, 'machine-calibrated');
});

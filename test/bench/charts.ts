/**
 * What eight live charts over 100,000 points each cost the page: main-thread time per update in Chromium,
 * everything included (thinning, smoothing, stacking, drawing). The target of 12 ms is for a frame, in
 * which a page must still answer; the sum over all eight charts is told beside it. `POINTS=1800` is what the
 * host really sends to the page.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { chromium } from 'playwright';
import { build, preview } from 'vite';
import { chromiumLaunch } from '../e2e/chromium.ts';

const targetMs = 12;
const rounds = Number(process.env.ROUNDS ?? 40);
const root = join(import.meta.dirname, 'charts');
const outDir = await mkdtemp(join(tmpdir(), 'hugginggreen-charts-'));
const config = {
  root,
  configFile: false as const,
  logLevel: 'error' as const,
  plugins: [svelte({ configFile: join(root, '../../../svelte.config.js') })],
  build: { outDir, emptyOutDir: true },
};
await build(config);
const server = await preview({ ...config, preview: { host: '127.0.0.1', port: 0 } });
const browser = await chromium.launch(chromiumLaunch());
const at = (sorted: number[], share: number) =>
  sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;

try {
  for (const points of process.env.POINTS ? [Number(process.env.POINTS)] : [1800, 100_000]) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1200 } });
    page.on('pageerror', (cause) => {
      throw cause;
    });
    await page.goto(`${server.resolvedUrls!.local[0]}?points=${points}`);
    await page.locator('canvas').nth(7).waitFor();
    await page.waitForTimeout(2000);
    // the thread's own time: what else the machine does meanwhile is not in it
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
    const threadMs = async () => {
      const { metrics } = await devtools.send('Performance.getMetrics');
      return 1000 * metrics.find(({ name }) => name === 'TaskDuration')!.value;
    };
    const frames: number[] = [];
    const sums: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const before = await threadMs();
      const own = await page.evaluate(() =>
        (globalThis as unknown as { update(): Promise<number[]> }).update(),
      );
      sums.push((await threadMs()) - before);
      frames.push(...own);
      await page.waitForTimeout(50);
    }
    frames.sort((a, b) => a - b);
    sums.sort((a, b) => a - b);
    const p95 = at(frames, 0.95);
    console.log(
      `charts: 8 over ${points.toLocaleString('en-GB')} points: frame p50 ${at(frames, 0.5).toFixed(1)} ms, ` +
        `p95 ${p95.toFixed(1)} ms on the clock (target under ${targetMs} ms): ${p95 < targetMs ? 'met' : 'MISSED'}`,
    );
    console.log(
      `charts: main thread per update of all eight, processor time: p50 ${at(sums, 0.5).toFixed(1)} ms, ` +
        `p95 ${at(sums, 0.95).toFixed(1)} ms`,
    );
    if (p95 >= targetMs) process.exitCode = 1;
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
  await rm(outDir, { recursive: true, force: true });
}

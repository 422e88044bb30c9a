/**
 * What the program costs while nothing runs: processor time of the page on the Machine view, of the host
 * with its store, and of the meter. Target: the window under 1 % of one core, and nothing drawn while
 * hidden. The page is measured in headless Chromium, whose drawing on the processor is the worst case.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright';
import { chromiumLaunch } from '../e2e/chromium.ts';
import { startProgram } from '../e2e/program.ts';
import { processTree, runTime, treeRunTime } from './process-time.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 30);
const targetPercent = 1;

if (process.platform !== 'linux') {
  console.log('idle: skipped, /proc is needed');
  process.exit(0);
}

const program = await startProgram();
const server = await chromium.launchServer(chromiumLaunch());
const browser = await chromium.connect(server.wsEndpoint());
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  // counts what is drawn, from before the page's own scripts
  await page.addInitScript(() => {
    const counter = globalThis as unknown as { drawn: number };
    counter.drawn = 0;
    const { beginPath } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.beginPath = function () {
      counter.drawn++;
      beginPath.call(this);
    };
    new MutationObserver((changes) => (counter.drawn += changes.length)).observe(document, {
      subtree: true,
      childList: true,
      attributes: true,
      characterData: true,
    });
  });
  await page.goto(program.url);
  await page.getByText('in use by auto').waitFor({ timeout: 60_000 });
  await sleep(10_000);

  const window = server.process().pid!;
  const over = async (what: () => number): Promise<number> => {
    const [before, began] = [what(), process.hrtime.bigint()];
    await sleep(1000 * seconds);
    return (100 * (what() - before)) / Number(process.hrtime.bigint() - began);
  };
  const meter = processTree(program.pid).find((pid) => commandOf(pid).includes('meter'));
  const [page1, host, sensors] = await Promise.all([
    over(() => treeRunTime(window)),
    over(() => treeRunTime(program.pid)),
    over(() => (meter ? runTime(meter) : 0)),
  ]);
  console.log(
    `idle: window ${page1.toFixed(2)} % of one core (target under ${targetPercent} %): ` +
      (page1 < targetPercent ? 'met' : 'MISSED'),
  );
  console.log(
    `idle: host ${(host - sensors).toFixed(2)} %, meter ${sensors.toFixed(2)} % of one core`,
  );

  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { get: () => true });
    Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });
    document.dispatchEvent(new Event('visibilitychange'));
    (globalThis as unknown as { drawn: number }).drawn = 0;
  });
  await sleep(10_000);
  const drawn = await page.evaluate(() => (globalThis as unknown as { drawn: number }).drawn);
  console.log(`idle: ${drawn} drawings in 10 s while hidden: ${drawn === 0 ? 'met' : 'MISSED'}`);
  if (page1 >= targetPercent || drawn > 0) process.exitCode = 1;
} finally {
  await browser.close();
  await server.close();
  await program.close();
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

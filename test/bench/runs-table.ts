/**
 * The table of runs with 10,000 of them in Chromium: the main thread's long tasks (over 50 ms, as the browser
 * itself reports them) while it is scrolled, searched, sorted and grouped, and what `runs.list` takes.
 * `SCREENS=folder` keeps pictures of it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { chromium, type Page } from '@playwright/test';
import { parseExperimentConfig } from '../../src-main/experiment-config.ts';
import { openStore } from '../../src-main/core/store/store.ts';
import { chromiumLaunch } from '../e2e/chromium.ts';
import { startProgram } from '../e2e/program.ts';

const many = Number(process.env.RUNS ?? 10_000);
const home = await mkdtemp(join(tmpdir(), 'hugginggreen-table-'));

/** Repeatable numbers in 0..1. */
let state = 11;
const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;

async function fill(): Promise<void> {
  const file = join(home, 'hugginggreen.sqlite');
  const store = await openStore({ file });
  const region = {
    code: 'DEU',
    name: 'Germany',
    kind: 'country' as const,
    gPerKwh: 344,
    year: 2024,
    source: 'bench',
    basis: 'bench',
  };
  const waiting: Promise<number>[] = [];
  for (let i = 0; i < many; i++) {
    const variant = Math.floor(i / 4);
    const keepRatio = [0.3, 0.5, 0.7, 0.9][variant % 4]!;
    const name = `${['Plain ViT', 'Drop patches', 'Merge tokens', 'Linear attention'][variant % 4]} ${variant}`;
    const parsed = parseExperimentConfig({
      name,
      dataset: { kind: (['cifar10', 'cifar100', 'greensynth'] as const)[variant % 3] },
      selection: { mode: variant % 4 ? 'drop' : 'off', keepRatio },
      train: { seed: i % 4, epochs: 10 + (variant % 50), lr: 1e-4 * (1 + (variant % 20)) },
    });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
    waiting.push(
      store.createRun({
        name,
        config: parsed.config,
        status: i % 37 === 0 ? 'failed' : 'done',
        machine: null,
        appVersion: 'bench',
        node: process.version,
        intensity: region,
        pue: 1,
        forecast: null,
        hz: 10,
      }),
    );
  }
  const ids = await Promise.all(waiting);
  for (const tag of ['paper', 'ablation', 'old'])
    await store.annotateRuns(
      ids.filter(() => next() < 0.1),
      { addTags: [tag] },
    );
  await store.annotateRuns(
    ids.filter(() => next() < 0.02),
    { star: true, note: 'Looked at twice.\nThe second card was warmer.' },
  );
  const begin = performance.now();
  const runs = await store.listRuns();
  console.log(`runs.list of ${runs.length} runs: ${Math.round(performance.now() - begin)} ms`);
  await store.close();

  // what trainings would have left, written as they would write it
  const db = new Database(file);
  const update = db.prepare(
    `update run set started_ms = @at, ended_ms = @at + @seconds * 1000, seconds = @seconds, wh = @wh,
       uncertainty_wh = @wh * 0.05, g_co2e = @wh * 0.344, wh_by_kind = @kinds, macro_f1 = @f1, micro_f1 = @f1,
       f1_split = 'test', loss = @loss, epoch = epochs, engine = 'cuda', images_per_second = 800, error = @error
     where id = @id`,
  );
  const fillAll = db.transaction(() => {
    for (const id of ids) {
      const base = 20 + (Math.floor((id - 1) / 4) % 97) * 6;
      const wh = base * (0.97 + 0.06 * next());
      const failed = (id - 1) % 37 === 0;
      const error = {
        code: 'ENGINE',
        message: 'The graphics card has no memory left.',
        hint: 'Take a smaller batch.',
      };
      update.run({
        id,
        at: Date.UTC(2026, 9, 1) + id * 300_000,
        seconds: wh * 24,
        wh,
        kinds: JSON.stringify({ gpu: wh * 0.7, cpu: wh * 0.25, ram: wh * 0.05 }),
        f1: failed ? null : 0.7 + 0.25 * (1 - Math.exp(-base / 200)) + 0.01 * next(),
        loss: 0.2 + next(),
        error: failed ? JSON.stringify(error) : null,
      });
    }
  });
  fillAll();
  db.close();
}

declare global {
  interface Window {
    longTasks: number[];
  }
}

/** Longest task of the main thread during an act, and how many were over 50 ms. */
async function measure(page: Page, what: string, act: () => Promise<unknown>): Promise<void> {
  await page.waitForTimeout(300);
  await page.evaluate(() => (window.longTasks = []));
  await act();
  await page.waitForTimeout(500);
  const tasks = await page.evaluate(() => window.longTasks);
  const longest = tasks.length ? `longest ${Math.round(Math.max(...tasks))} ms` : 'none';
  console.log(`${what.padEnd(44)} long tasks: ${tasks.length}, ${longest}`);
}

try {
  await fill();
  const program = await startProgram({ HUGGINGGREEN_HOME: home });
  const browser = await chromium.launch(chromiumLaunch());
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.on('pageerror', ({ message }) => console.log(`page: ${message}`));
    await page.addInitScript(() => {
      localStorage.setItem('hugginggreen.tour', 'seen');
      window.longTasks = [];
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) window.longTasks.push(duration);
      }).observe({ type: 'longtask', buffered: true });
    });
    await page.goto(program.url);
    await page.getByRole('link', { name: /^Runs/ }).click();
    const grid = page.getByRole('grid', { name: 'Runs' });
    await grid.waitFor({ timeout: 60_000 });
    await page.waitForTimeout(2000);
    const box = page.getByRole('combobox', { name: 'Search the runs' });
    const shot = async (name: string): Promise<void> => {
      if (!process.env.SCREENS) return;
      for (const colorScheme of ['light', 'dark'] as const)
        for (const [width, height] of [
          [1280, 800],
          [1920, 1080],
        ] as const) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize({ width, height });
          await page.waitForTimeout(300);
          await page.screenshot({
            path: join(process.env.SCREENS, `${name}-${colorScheme}-${width}.png`),
          });
        }
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 1280, height: 800 });
    };
    await shot('runs');

    await page.mouse.move(700, 400);
    await measure(page, 'scrolling by wheel, 100 times', async () => {
      for (let i = 0; i < 100; i++) await page.mouse.wheel(0, 700);
    });
    await measure(page, 'to the end and back, by pages', async () => {
      await grid.focus();
      await page.keyboard.press('End');
      for (let i = 0; i < 20; i++) await page.keyboard.press('PageUp');
      await page.keyboard.press('Home');
    });
    await measure(page, 'typing a search, letter by letter', async () => {
      await box.pressSequentially('dataset:cifar100 f1>.85 gpu<0.3kWh plain', { delay: 30 });
    });
    await measure(page, 'clearing the search', () => box.fill(''));
    await measure(page, 'a search by a key of the config', () => box.fill('train.lr<1e-3 '));
    await page.keyboard.press('Escape');
    await box.fill('');
    await measure(page, 'sorting by energy, then by name', async () => {
      await page.getByRole('button', { name: /^Energy/ }).click();
      await page.getByRole('button', { name: /^Name/ }).click();
    });
    await measure(page, 'selecting all and none', async () => {
      await grid.focus();
      await page.keyboard.press('Control+a');
      await page.keyboard.press('Escape');
    });
    await measure(page, 'grouping 10,000 runs into repeats', () =>
      page.getByRole('combobox', { name: 'Group' }).selectOption('repeats'),
    );
    await measure(page, 'scrolling groups', async () => {
      await page.mouse.move(700, 400);
      for (let i = 0; i < 50; i++) await page.mouse.wheel(0, 700);
    });
    if (process.env.SCREENS) {
      await grid.focus();
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowRight');
      for (let i = 0; i < 3; i++) await page.keyboard.press('Shift+ArrowDown');
      await shot('groups');
      await page.getByRole('combobox', { name: 'Group' }).selectOption('none');
      await box.fill('tag:pa gpu>4potatoes');
      await box.press('ArrowLeft');
      await shot('search');
    }
  } finally {
    await browser.close();
    await program.close();
  }
} finally {
  await rm(home, { recursive: true, force: true });
}

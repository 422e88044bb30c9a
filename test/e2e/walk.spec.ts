/**
 * A new user's walk, from `npm start` on: this machine, the example live, its end on the comparison,
 * the exports, a run's page, a matrix and a sweep, all settings, an experiment of one's own, what another
 * computer takes in of it, and every other view, with screenshots.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { expect, test, type BrowserContext, type Page } from '@playwright/test';
import { startProgram, type Program } from './program.ts';

test.describe.configure({ mode: 'serial' });

let program: Program;
let context: BrowserContext;
let page: Page;
const refused: string[] = [];

const shot = (name: string, of = page) =>
  of.screenshot({ path: `test-results/screens/${name}.png`, animations: 'disabled' });

/** Both themes at both sizes of the look page. */
async function shots(name: string, of = page) {
  for (const scheme of ['light', 'dark'] as const)
    for (const size of [
      { width: 1280, height: 800 },
      { width: 1920, height: 1080 },
    ]) {
      await of.emulateMedia({ colorScheme: scheme });
      await of.setViewportSize(size);
      await of.waitForTimeout(300);
      await shot(`${name}-${scheme}-${size.width}`, of);
    }
  await of.emulateMedia({ colorScheme: 'light' });
  await of.setViewportSize({ width: 1280, height: 800 });
}

/** Takes one format of the export menu; resolves with the path of the file. */
async function downloadFile(format: string): Promise<string> {
  await page.getByRole('button', { name: 'Export' }).click();
  const [file] = await Promise.all([
    page.waitForEvent('download', { timeout: 60_000 }),
    page.getByRole('button', { name: format }).click(),
  ]);
  return file.path();
}
const download = async (format: string): Promise<Buffer> => readFile(await downloadFile(format));

/** Errors of the console and of the page are kept for the end of the walk. */
function listen(to: Page) {
  to.on('console', (message) => {
    if (message.type() === 'error') refused.push(message.text());
  });
  to.on('pageerror', (error) => refused.push(error.message));
}

test.beforeAll(async ({ browser }) => {
  program = await startProgram();
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
  listen(page);
});

test.afterAll(async () => {
  await context?.close();
  await program?.close();
});

test('npm start says in one line why there is no window, and where the interface is', () => {
  const lines = program.output().split('\n');
  expect(lines.filter((line) => line.includes('served to a browser instead'))).toHaveLength(1);
  expect(program.url).toContain('#token=');
});

test('the first page shows this machine and one button', async () => {
  await page.goto(program.url);
  await expect(page.getByRole('heading', { name: 'Machine' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run the example' })).toHaveCount(1);
  await expect(page.getByText('ONNX Runtime, processor')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('modelled').first()).toBeVisible();
  // a first start shows around; once it is closed it stays away
  await expect(page.getByRole('region', { name: 'Tour, step 1 of 3' })).toBeVisible();
  await shot('tour');
  await accessible('Tour');
  await page.getByRole('button', { name: 'Skip' }).click();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Machine' })).toBeVisible();
  await expect(page.getByRole('region', { name: /^Tour/ })).toHaveCount(0);
  await shots('machine');
});

test('the example runs live and ends on the comparison', async () => {
  test.setTimeout(1_500_000);
  await page.getByRole('button', { name: 'Run the example' }).click();
  await expect(page.getByRole('heading', { name: 'Live' })).toBeVisible();
  const status = page.getByRole('contentinfo');
  await expect(status).toContainText(/step \d+\/\d+ · \d+ % · ETA/, { timeout: 180_000 });
  await expect(status).toContainText('gCO2e');
  await page.waitForTimeout(5_000);
  await shots('live');

  // reloading the page loses nothing
  await page.reload();
  await expect(status).toContainText(/step \d+\/\d+/, { timeout: 30_000 });

  await expect(page.getByRole('heading', { name: 'Compare' })).toBeVisible({ timeout: 1_200_000 });
  await expect(page).toHaveURL(/#\/compare\?ids=1,2/);
  await expect(page.getByText(/less energy|more energy/).first()).toBeVisible();
  await shots('compare');
});

test('the comparison leaves as CSV, report and PDF', async () => {
  test.setTimeout(240_000);
  const csv = (await download('CSV of the runs')).toString();
  const [header, ...rows] = csv.trim().split('\r\n');
  expect(header).toMatch(/^timestamp,project_name,run_id,/);
  expect(rows).toHaveLength(2);
  const energy = header!.split(',').indexOf('energy_consumed');
  for (const row of rows) expect(Number(row.split(',')[energy])).toBeGreaterThan(0);

  const html = (await download('Report (HTML)')).toString();
  expect(html).toContain('Example: patch-dropping ViT');
  expect(html).not.toMatch(/<(script|link|img)[^>]+(src|href)="https?:/);
  const report = await context.newPage();
  await report.setContent(html, { waitUntil: 'load' });
  await expect(report.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(report.locator('figure svg').first()).toBeVisible();
  await report.screenshot({ path: 'test-results/screens/report.png', fullPage: true });
  await report.close();

  const pdf = await download('Report (PDF)');
  expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
});

test('the report lies on its sheets: what is typed and chosen there is what is printed', async () => {
  test.setTimeout(240_000);
  await page.getByRole('link', { name: 'Report', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Report' })).toBeVisible();
  const sheets = page.frameLocator('iframe');
  await expect(page.getByText(/^\d+ pages$/)).toBeVisible();
  await shots('report-view');
  await accessible('Report');

  await page.getByRole('button', { name: 'A4' }).click();
  await sheets.getByRole('textbox', { name: 'Title of the report' }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('What dropping patches saves');
  await page.keyboard.press('Enter');
  await sheets.getByRole('textbox', { name: 'A paragraph of your own' }).click();
  await page.keyboard.type('Measured on a walk.');
  await page.keyboard.press('Escape');
  const all = await sheets.locator('.sheet').count();
  await page.getByRole('checkbox', { name: 'Configs and commands' }).uncheck();
  await page.getByRole('checkbox', { name: 'Every run by itself' }).uncheck();
  await expect.poll(() => sheets.locator('.sheet').count()).toBeLessThan(all);
  const count = await sheets.locator('.sheet').count();
  await expect(page.getByText(`${count} pages`, { exact: true })).toBeVisible();
  await page.getByRole('checkbox', { name: 'In grey' }).check();
  await shot('report-view-grey');

  const [file] = await Promise.all([
    page.waitForEvent('download', { timeout: 60_000 }),
    page.getByRole('button', { name: 'Save PDF' }).click(),
  ]);
  const pdf = (await readFile(await file.path())).toString('latin1');
  expect(pdf.match(/\/Type \/Page\b(?!s)/g)).toHaveLength(count);
  expect(pdf).toMatch(/\/MediaBox \[0 0 59[45](\.\d+)? 84[12](\.\d+)?\]/);

  // the words are kept, and the paper
  await page.reload();
  await expect(sheets.getByRole('heading', { level: 1 })).toHaveText('What dropping patches saves');
  await expect(sheets.getByText('Measured on a walk.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'A4', pressed: true })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Compare' })).toBeVisible();
});

test('every view opens without an error and without an accessibility violation', async () => {
  test.setTimeout(240_000);
  for (const [key, heading] of [
    ['1', 'Machine'],
    ['2', 'New experiment'],
    ['3', 'Live'],
    ['4', 'Runs'],
    ['6', 'Data'],
    ['7', 'Settings'],
  ] as const) {
    await page.locator('body').press(key);
    await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible();
    await page.waitForTimeout(500);
    await shots(heading.toLowerCase().replace(' ', '-'));
    await accessible(heading);
  }
  await page.locator('body').press('Control+k');
  await page.keyboard.type('about');
  await accessible('Palette');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'About' })).toBeVisible();
  await accessible('About');
  await page.locator('body').press('?');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible();
  await accessible('Keys');
  await page.keyboard.press('Escape');
  await page.goto(`${program.url.replace(/#.*/, '')}#/run/2`);
  await expect(page.getByRole('heading', { level: 1, name: 'Run 2' })).toBeVisible();
  await page.waitForTimeout(500);
  // the trained model was looked at from before its first step
  await page.getByLabel('Moment of the training').press('Home');
  await expect(page.getByText('Before training')).toBeVisible();
  await expect(
    page.getByRole('img', { name: /patches kept; most attended: row/ }).first(),
  ).toBeVisible();
  await shots('run');
  await accessible('Run');
  await page.goto(`${program.url.replace(/#.*/, '')}#/compare?ids=1,2`);
  await expect(page.getByRole('heading', { level: 1, name: 'Compare' })).toBeVisible();
  await accessible('Compare');
  expect(refused).toEqual([]);
});

test('a matrix says what it would run before it is queued', async () => {
  await page.locator('body').press('2');
  await page.getByRole('button', { name: 'Matrix of runs' }).click();
  await page.getByRole('button', { name: /^RQ2: patch selection/ }).click();
  await page.getByLabel('Dataset').selectOption('greensynth');
  await expect(page.getByRole('button', { name: 'Queue 86 runs' })).toBeEnabled();
  await page.getByRole('button', { name: 'quick 3' }).click();
  await expect(page.getByRole('button', { name: 'Queue 52 runs' })).toBeEnabled();
  await expect(page.getByText('−22 % MACs').first()).toBeVisible();
  await shots('matrix');
  await accessible('Matrix');
  await page.getByRole('button', { name: 'Your own command' }).click();
  await page.getByLabel('Command', { exact: true }).fill('python train.py | tee log');
  await expect(page.getByText('"|" needs a shell', { exact: false })).toBeVisible();
  await shots('command');
  await accessible('Command');
  await page.getByRole('button', { name: 'One run' }).click();
  await expect(page.getByLabel('Patch side')).toBeVisible();
});

/** So small that a few of them train in seconds. */
const tiny = {
  name: 'Tiny',
  dataset: { kind: 'greensynth', train: 128, validation: 32, test: 32 },
  model: { patch: 16, dim: 8, layers: 1, heads: 1, dimHead: 8 },
  train: { epochs: 2, batch: 32 },
  energy: { baselineSeconds: 0 },
};

test('a sweep is set up and started by keyboard', async () => {
  await page.locator('body').press('2');
  await page.getByRole('button', { name: 'Edit as JSON' }).press('Enter');
  await page.getByLabel('Config as JSON').fill(JSON.stringify(tiny));
  await page.getByRole('button', { name: 'Back to the form' }).press('Enter');
  await page.getByRole('button', { name: 'Sweep of what stands in the form' }).press('Enter');
  await page.getByLabel('Add a field').fill('learning rate');
  await page.keyboard.press('Enter');
  await page.getByLabel('Add a field').fill('keep ratio');
  await page.keyboard.press('Enter');
  await page.getByLabel(/^Values of Keep ratio/).fill('0.5, 2');
  await expect(page.getByText('2 is above 1')).toBeVisible();
  await page.getByRole('button', { name: 'Vary Keep ratio no more' }).press('Enter');
  await page.getByLabel('Successive halving').press('Space');
  await page.getByLabel('Warm-up run').press('Space');
  await expect(page.getByRole('button', { name: /^Queue 3 trials/ })).toBeEnabled();
  await shots('sweep');
  await accessible('Sweep');
  await page.keyboard.press('Control+Enter');
  await expect(page).toHaveURL(/#\/matrix\/\d+$/);
});

test('the settings have their parts, each where it is asked for', async () => {
  test.setTimeout(240_000);
  // meanwhile the sweep trains
  const started = page.url();
  await page.locator('body').press('7');
  await page.getByRole('button', { name: 'Own figure', exact: true }).press('Enter');
  await page.getByLabel('Carbon intensity').fill('-1');
  await page.keyboard.press('Tab');
  await expect(page.getByText('must be a number from 0 to 5000')).toBeVisible();
  await page.getByLabel('Carbon intensity').fill('120');
  await page.keyboard.press('Tab');
  await expect(page.getByText('Your own figure below is used.')).toBeVisible();
  await expect(page.getByLabel('Region', { exact: true })).toHaveValue('Own figure');
  await page.getByLabel('By the hour').selectOption('profile');
  await page.getByLabel('Import CSV').setInputFiles({
    name: 'roof.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(
      `hour,gCO2e/kWh\n${Array.from({ length: 24 }, (_, hour) => `${hour},${hour > 7 && hour < 19 ? 90 : 310}`).join('\n')}\n`,
    ),
  });
  await expect(page.getByText(/^roof: 24 values/)).toBeVisible();
  await page.getByRole('button', { name: 'since a reset' }).press('Enter');
  await expect(page.getByText(/^Counts since/)).toBeVisible();
  const memory = page.getByRole('group', { name: 'Memory' });
  await memory.getByRole('button', { name: 'own figure' }).press('Enter');
  await page.getByLabel('Webhook').fill('example.org');
  await page.keyboard.press('Tab');
  await expect(page.getByText('must begin with http:// or https://')).toBeVisible();
  await page.getByRole('heading', { name: 'Emissions' }).evaluate((top) => top.scrollIntoView());
  await shots('settings-parts');
  await page.getByRole('link', { name: 'About HuggingGreen' }).focus();
  await shots('settings-end');
  await accessible('Settings, all parts');

  // as they were
  await page.getByLabel('Webhook').fill('');
  await memory.getByRole('button', { name: 'per module' }).press('Enter');
  await page.getByRole('button', { name: 'a month' }).press('Enter');
  await page.getByLabel('By the hour').selectOption('');
  await page.getByRole('button', { name: 'Use a preset' }).press('Enter');
  await expect(page.getByText(/the world average stands in/)).toBeVisible();

  await page.goto(started);
  await expect(page.getByRole('contentinfo')).toContainText('Idle', { timeout: 180_000 });
});

test('the page of a sweep tells what it found, and its bundle comes whole to another computer', async () => {
  test.setTimeout(240_000);
  await expect(page.getByText('Best', { exact: true })).toBeVisible();
  await expect(page.getByRole('row', { name: /dropped/ })).toHaveCount(2);
  await shots('sweep-page');
  await accessible('Page of a sweep');
  const bundle = await downloadFile('Bundle');

  const other = await startProgram();
  try {
    const there = await context.newPage();
    listen(there);
    await there.goto(other.url);
    await there.getByRole('button', { name: 'Skip' }).press('Enter');
    await there.locator('body').press('4');
    await expect(there.getByText('No runs yet')).toBeVisible();
    await there.getByRole('button', { name: 'Import' }).press('Enter');
    const [chooser] = await Promise.all([
      there.waitForEvent('filechooser'),
      there.getByLabel('Files…').press('Enter'),
    ]);
    const csv = join(import.meta.dirname, '..', 'fixtures', 'csv', 'codecarbon-3.3.0.csv');
    await chooser.setFiles([
      { name: 'emissions.csv', mimeType: 'text/csv', buffer: await readFile(csv) },
      { name: 'sweep.zip', mimeType: 'application/zip', buffer: await readFile(bundle) },
      { name: 'broken.zip', mimeType: 'application/zip', buffer: Buffer.from('no zip') },
    ]);
    const result = there.getByRole('status', { name: 'Result of the import' });
    await expect(result).toContainText('4 rows of 3 files taken, 1 file not usable.');
    await shots('import', there);
    await accessible('Import', there);
    await there.getByRole('link', { name: /^Tiny/ }).first().press('Enter');
    await there.getByRole('link', { name: 'Tiny', exact: true }).press('Enter');
    await expect(there.getByText('Best', { exact: true })).toBeVisible();
    await there.close();
  } finally {
    await other.close();
  }
});

test('an experiment of one’s own: a bad value is refused in the form, a good one trains', async () => {
  test.setTimeout(900_000);
  // beside a field stands the button that sets it back
  const field = (name: string) => page.getByRole('textbox', { name, exact: true });
  await page.locator('body').press('2');
  const begin = page.getByRole('region', { name: 'What to begin with' });
  await begin.getByRole('button', { name: 'One run' }).click();
  await begin.getByRole('button', { name: /^Quick demo/ }).click();
  await field('Patch side').fill('5');
  await expect(page.getByText('a patch of 5 does not divide an image of 32 pixels')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Start 1 run' })).toBeDisabled();
  await shot('new-experiment-error');

  await field('Patch side').fill('8');
  await field('Name').fill('My own');
  await field('Epochs').fill('200');
  await field('Idle baseline').fill('0');
  await page.getByRole('button', { name: 'Start 1 run' }).click();
  const status = page.getByRole('contentinfo');
  await expect(status).toContainText(/My own\s*step \d+\/[\d,]+/, { timeout: 240_000 });

  await page.locator('body').press('3');
  await page.locator('body').press('j');
  const log = page.getByRole('log', { name: 'Lines of the log' });
  await expect(log).toContainText('train, epoch');
  await shots('live-log');
  await accessible('Live, log');
  await page.getByRole('button', { name: 'Stop with a checkpoint' }).click();
  await expect(status).toContainText('Idle', { timeout: 60_000 });
  await page.locator('body').press('4');
  await page.getByRole('link', { name: 'My own' }).click();
  // open there, it is open here
  await page.getByLabel('Search the log').fill('epoch 1 ');
  await expect(page.getByText(/^\d+ of \d+$/)).toBeVisible();
  await expect(log).toContainText('train, epoch 1 ');
  await shots('run-log');
  await accessible('Run, log');
  await page.getByRole('button', { name: 'Log', exact: true }).press('Enter');
  await expect(log).toBeHidden();
  await page.getByRole('button', { name: /^Resume/ }).click();
  await expect(status).toContainText(/My own\s*step \d+\/[\d,]+/, { timeout: 240_000 });
  await page.locator('body').press('3');
  await page.getByRole('button', { name: 'Stop with a checkpoint' }).click();
  await expect(status).toContainText('Idle', { timeout: 60_000 });
  expect(refused).toEqual([]);
});

test('runs that wait are paused, put in order and taken out by keyboard, and the queue goes on', async () => {
  test.setTimeout(240_000);
  const status = page.getByRole('contentinfo');
  const start = async (name: string, epochs: number, button: RegExp) => {
    await page.locator('body').press('2');
    const config = { ...tiny, name, train: { ...tiny.train, epochs } };
    await page.getByLabel('Config as JSON').fill(JSON.stringify(config));
    await expect(page.getByRole('button', { name: button })).toBeEnabled();
    await page.getByRole('button', { name: button }).press('Enter');
    await expect(page.getByRole('heading', { level: 1, name: 'Live' })).toBeVisible();
  };
  // the text stays when the page is left
  await page.locator('body').press('2');
  await page.getByRole('button', { name: 'Edit as JSON' }).press('Enter');
  await start('Long', 5000, /^Start 1 run/);
  await expect(status).toContainText(/Long\s*step/, { timeout: 60_000 });
  await start('Second', 2, /^Queue 1 run/);
  await start('Third', 2, /^Queue 1 run/);

  const queue = page.getByRole('region', { name: 'Queue' });
  await expect(queue).toContainText('2 runs wait');
  await queue.getByRole('button', { name: 'Pause the queue' }).press('Enter');
  await expect(queue).toContainText('The active run goes on, nothing new starts.');
  const links = queue.getByRole('listitem').getByRole('link');
  await expect(links).toHaveText(['Second', 'Third']);
  await queue.getByRole('button', { name: /^Order of Third/ }).press('Alt+ArrowUp');
  await expect(links).toHaveText(['Third', 'Second']);
  await expect(queue.getByRole('status')).toHaveText('Now in place 1 of 2');
  await queue.evaluate((part) => part.scrollIntoView({ block: 'center' }));
  await shots('queue');
  await accessible('Queue');
  await queue.getByRole('button', { name: 'Remove Second from the queue' }).press('Enter');
  await expect(links).toHaveText(['Third']);

  // the active run ends, and nothing starts until the queue goes on
  await page.getByRole('button', { name: 'Stop with a checkpoint' }).press('Enter');
  await expect(status).toContainText('1 run in the queue, which is paused', { timeout: 60_000 });
  await queue.getByRole('button', { name: 'Resume the queue' }).press('Enter');
  await expect(status).toContainText('Idle', { timeout: 120_000 });
  await page.locator('body').press('4');
  await expect(page.getByRole('row', { name: /, Third$/ })).toContainText('done');
  await expect(page.getByRole('row', { name: /, Second$/ })).toContainText('stopped');
  expect(refused).toEqual([]);
});

/** No serious or critical violation by axe, in both themes at both sizes of the look page. */
async function accessible(view: string, of = page) {
  for (const [colorScheme, width, height] of [
    ['light', 1920, 1080],
    ['dark', 1920, 1080],
    ['light', 1280, 800],
    ['dark', 1280, 800],
  ] as const) {
    await of.setViewportSize({ width, height });
    await of.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page: of }).analyze();
    const bad = violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) =>
          `${view}, ${colorScheme} at ${width}: ${id} at ${nodes[0]?.target.join(' ')}`,
      );
    expect(bad).toEqual([]);
  }
  await of.emulateMedia({ colorScheme: 'light' });
}

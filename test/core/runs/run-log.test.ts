import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogLine } from '../../../src-main/contract.ts';
import { createRunLogs, type RunLogs } from '../../../src-main/core/runs/run-log.ts';
import { removeHome, temporaryHome } from '../../fixtures/host.ts';

let home: string;
let heard: [number, string[]][];
const logsOf = (halfBytes?: number): RunLogs =>
  createRunLogs({
    runDir: (id) => join(home, String(id)),
    hear: (id, lines) => void heard.push([id, lines.map(({ text }) => text)]),
    ...(halfBytes && { halfBytes }),
  });
const neverBroken = (why: string): void => expect.unreachable(why);
const texts = (lines: LogLine[] | null) => lines?.map(({ text }) => text);
const file = (id = 1) => readFile(join(home, String(id), 'run.log'), 'utf8');

beforeEach(async () => {
  home = await temporaryHome();
  heard = [];
});
afterEach(() => removeHome(home));

test('lines are told as they come and stand in a file with their times', async () => {
  const logs = logsOf();
  expect(await logs.tail(1, 10)).toBeNull();
  const log = logs.open(1, neverBroken);
  log.write('info', 'train, epoch 1 began', 1_000_000_000_123.4);
  log.write('stderr', 'one\ntwo\r\nthree');
  await expect.poll(() => heard).toEqual([[1, ['train, epoch 1 began', 'one', 'two', 'three']]]);
  expect(await logs.tail(1, 2)).toMatchObject([{ text: 'two' }, { text: 'three' }]);
  await log.close();
  log.write('info', 'too late');
  expect(await file()).toMatch(
    /^2001-09-09T01:46:40.123Z info train, epoch 1 began\n\S+Z stderr one\n\S+Z stderr two\n\S+Z stderr three\n$/,
  );
  // from the file, in another program
  const [first, ...rest] = (await logsOf().tail(1, 10))!;
  expect(first).toEqual({ at: 1_000_000_000_123, kind: 'info', text: 'train, epoch 1 began' });
  expect(texts(rest)).toEqual(['one', 'two', 'three']);
});

test('what is asked for comes once: lines that wait are told before the answer', async () => {
  const logs = logsOf();
  const log = logs.open(1, neverBroken);
  for (const text of ['a', 'b']) log.write('stdout', text);
  const known = await logs.tail(1, 10);
  const before = heard.length;
  log.write('stdout', 'c');
  await log.close();
  expect(texts(known)).toEqual(['a', 'b']);
  expect(heard.slice(before)).toEqual([[1, ['c']]]);
});

test('a terminal’s control sequences do not come through, whether written here or brought in', async () => {
  const log = logsOf().open(1, neverBroken);
  log.write('stdout', '\u001b[31mred\u001b[0m\u0007 and\ttab');
  await log.close();
  await appendFile(join(home, '1', 'run.log'), '2026-01-01T00:00:00.000Z stdout \u001b[2Jgone\n');
  expect(texts(await logsOf().tail(1, 10))).toEqual(['red and\ttab', 'gone']);
});

test('a line may hold any sign that ends none', async () => {
  const log = logsOf().open(1, neverBroken);
  log.write('stdout', 'a\u2028b\u2029c\u0085d');
  await log.close();
  expect(texts(await logsOf().tail(1, 5))).toEqual(['a\u2028b\u2029cd']);
});

test('a run that goes on goes on with its log; half a line of a killed program is no line', async () => {
  await mkdir(join(home, '1'));
  await writeFile(
    join(home, '1', 'run.log'),
    '2026-01-01T00:00:00.000Z info first\n2026-01-01T00:00:01.000Z inf',
  );
  const logs = logsOf();
  const log = logs.open(1, neverBroken);
  log.write('info', 'second');
  expect(texts(await logs.tail(1, 10))).toEqual(['first', 'second']);
  await log.close();
  expect(texts(await logs.tail(1, 10))).toEqual(['first', 'second']);
  await logs.add(1, 'warning', 'later');
  expect(texts(await logs.tail(1, 2))).toEqual(['second', 'later']);
});

test('the file does not grow beyond two halves, and the last lines are always there', async () => {
  const logs = logsOf(2000);
  const log = logs.open(1, neverBroken);
  for (let i = 1; i <= 400; i++) {
    log.write('stdout', `line ${i}`);
    if (i % 20 === 0) await logs.copy(1, join(home, 'copy'));
  }
  await log.close();
  expect((await readdir(join(home, '1'))).sort()).toEqual(['run.log', 'run.log.1']);
  for (const name of ['run.log', 'run.log.1'])
    expect((await stat(join(home, '1', name))).size).toBeLessThanOrEqual(2000);
  const kept = texts(await logs.tail(1, 2000))!;
  expect(kept.at(-1)).toBe('line 400');
  expect(kept.length).toBeGreaterThan(40);
  expect(kept).toEqual(kept.map((_, i) => `line ${400 - kept.length + 1 + i}`));
  const whole = join(home, 'whole');
  expect(await logs.copy(1, whole)).toBe(true);
  expect((await readFile(whole, 'utf8')).trimEnd().split('\n')).toHaveLength(kept.length);
  expect(await logs.copy(2, join(home, 'none'))).toBe(false);
});

test('a folder that cannot be written costs the file, told once, and not what is shown', async () => {
  await writeFile(join(home, '1'), 'a file where the folder should be');
  const told: string[] = [];
  const logs = logsOf();
  const log = logs.open(1, (why) => void told.push(why));
  log.write('info', 'a');
  await log.ready();
  await expect.poll(() => told).toHaveLength(1);
  log.write('info', 'b');
  expect(texts(await logs.tail(1, 10))).toEqual(['a', 'b']);
  await log.close();
  expect(told).toHaveLength(1);
});

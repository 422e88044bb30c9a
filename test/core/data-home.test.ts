import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chooseHome, dataHome, lockHome, lockOwner } from '../../src-main/core/data-home.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hg-home-'));
});
afterEach(() => rm(home, { recursive: true }));

/** Another process that takes the lock of `home`. */
async function otherProgram(): Promise<ChildProcess> {
  const script = join(home, 'other.ts');
  const source = join(import.meta.dirname, '..', '..', 'src-main', 'core', 'data-home.ts');
  await writeFile(
    script,
    `import { lockHome } from ${JSON.stringify(source)};
     await lockHome(${JSON.stringify(home)}, 'the other program');
     process.send('locked'); setInterval(() => {}, 1000);`,
  );
  const child = fork(script, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await new Promise((resolve, reject) => child.once('message', resolve).once('exit', reject));
  return child;
}
const ended = (child: ChildProcess) => new Promise((resolve) => child.once('exit', resolve));

test('the data folder: HUGGINGGREEN_HOME first, else the place of the platform', () => {
  expect(dataHome({ HUGGINGGREEN_HOME: '/x' })).toBe('/x');
  expect(dataHome({ XDG_DATA_HOME: '/data' }, 'linux')).toBe(join('/data', 'hugginggreen'));
  expect(dataHome({}, 'linux')).toMatch(/\.local.share.hugginggreen$/);
  expect(dataHome({}, 'darwin')).toMatch(/Library.Application Support.HuggingGreen$/);
  expect(dataHome({ APPDATA: '/roaming' }, 'win32')).toBe(join('/roaming', 'HuggingGreen'));
});

test('another data folder can be chosen, and holds from the next start on', async () => {
  const env = { XDG_DATA_HOME: join(home, 'usual') };
  const usual = join(home, 'usual', 'hugginggreen');
  const other = join(home, 'other disk', 'green');
  const now = () => dataHome(env, 'linux');
  await chooseHome(other, env, 'linux');
  expect(now()).toBe(other);
  expect(await readdir(other)).toEqual([]);
  expect(dataHome({ ...env, HUGGINGGREEN_HOME: '/x' }, 'linux')).toBe('/x');

  await writeFile(join(home, 'a file'), '');
  for (const bad of ['relative/folder', join(home, 'a file', 'below')])
    await expect(chooseHome(bad, env, 'linux')).rejects.toMatchObject({ code: 'BAD_INPUT' });
  expect(now()).toBe(other);

  await chooseHome(null, env, 'linux');
  expect(now()).toBe(usual);
  expect(await readdir(usual)).toEqual([]);
});

test('a second program is refused with the name of the first, and let in after its end', async () => {
  const other = await otherProgram();
  await expect(lockHome(home, 'me')).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(
      new RegExp(`already runs on the data folder .*the other program, process ${other.pid}`),
    ),
    hint: expect.stringContaining('HUGGINGGREEN_HOME'),
  });
  expect((await lockOwner(home))?.program).toBe('the other program');

  // killed without a chance to tidy up: the lock stays, its owner does not
  other.kill('SIGKILL');
  await ended(other);
  expect(await lockOwner(home)).toBeNull();
  const lock = await lockHome(home, 'me');
  expect((await lockOwner(home))?.program).toBe('me');
  await lock.release();
  expect((await readdir(home)).filter((name) => name.startsWith('lock'))).toEqual([]);
});

test.runIf(process.platform === 'linux')(
  'a process id that was used again does not keep a dead lock alive',
  async () => {
    const owner = { pid: process.pid, hostname: hostname(), started: '1', program: 'x', since: 0 };
    await writeFile(join(home, 'lock'), JSON.stringify(owner));
    await (await lockHome(home, 'me')).release();
  },
);

test('a lock of another computer is believed, with the way out', async () => {
  const owner = { pid: 1, hostname: 'elsewhere', started: null, program: 'x', since: 0 };
  await writeFile(join(home, 'lock'), JSON.stringify(owner));
  await expect(lockHome(home, 'me')).rejects.toMatchObject({
    message: expect.stringContaining('since 1970-01-01T00:00:00Z.'),
    hint: expect.stringContaining(`delete the file ${join(home, 'lock')}`),
  });
});

test('a damaged lock is taken over', async () => {
  await writeFile(join(home, 'lock'), '{');
  const lock = await lockHome(home, 'me');
  expect(JSON.parse(await readFile(join(home, 'lock'), 'utf8'))).toMatchObject({ program: 'me' });
  await lock.release();
});

test('of many that start at once exactly one gets the lock', async () => {
  await writeFile(join(home, 'lock'), '{');
  const tries = await Promise.allSettled([lockHome(home, 'a'), lockHome(home, 'b')]);
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a folder that cannot be made is said with its name', async () => {
  await writeFile(join(home, 'file'), '');
  await expect(lockHome(join(home, 'file', 'data'), 'me')).rejects.toThrow(
    `The data folder ${join(home, 'file', 'data')} cannot be made`,
  );
});

import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fixtureOptions, removeHome, startHost, temporaryHome } from '../fixtures/host.ts';
import type { RunDetail } from '../../src-main/contract.ts';

const bin = join(import.meta.dirname, '..', '..', 'src-main', 'cli', 'bin.js');
const posix = process.platform !== 'win32';

let home: string;
let started: ChildProcess[];
beforeEach(async () => {
  home = await temporaryHome();
  started = [];
});
afterEach(async () => {
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
  await removeHome(home);
});

const data = (): string => join(home, 'data');

/** The real command line as a process of its own. */
function start(args: string[], input = '') {
  const child = spawn(process.execPath, [bin, 'run', ...args], {
    cwd: home,
    env: { ...process.env, HUGGINGGREEN_HOME: data(), OF_TERMINAL: 'yes' },
  });
  started.push(child);
  child.stdin.end(input);
  const out: Buffer[] = [];
  let stderr = '';
  const seen = Promise.withResolvers<void>();
  child.stdout.on('data', (piece: Buffer) => {
    out.push(piece);
    seen.resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<{ code: number | null; stdout: Buffer; stderr: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, stdout: Buffer.concat(out), stderr })),
  );
  return { child, ended, seen: seen.promise };
}
const node = (script: string, ...args: string[]): string[] => [
  '--baseline',
  '0',
  '--',
  process.execPath,
  '-e',
  script,
  ...args,
];

const bytes = Buffer.from([0, 255, 13, 10, 195, 40, 10, 13]);
const script = `
  process.stdout.write(Buffer.from('${bytes.toString('hex')}', 'hex'));
  console.log('::hg metric step=1 loss=0.5');
  console.log(process.cwd(), process.env.OF_TERMINAL, process.argv.slice(1).join(' '));
  console.error('to stderr');
  process.stdin.resume().on('data', (text) => process.stdout.write('read ' + text)).on('end', () => { process.exitCode = 7; });
`;

test('output byte for byte, arguments, folder, environment and input as without us; its exit code is ours', async () => {
  const { code, stdout, stderr } = await start(
    node(script, '--', '--json', '--help', 'a b'),
    'input',
  ).ended;
  expect(stdout).toEqual(
    Buffer.concat([
      bytes,
      Buffer.from(`::hg metric step=1 loss=0.5\n${home} yes --json --help a b\nread input`),
    ]),
  );
  expect(code).toBe(7);
  expect(stderr).toContain('to stderr\n');
  expect(stderr).toMatch(/Run 1, failed: .*Wh/);
});

test('through the program that holds the data folder, with the environment of this terminal', async () => {
  const host = await startHost(fixtureOptions(data()));
  try {
    const { code, stdout, stderr } = await start(node(script, 'x')).ended;
    expect(stdout).toEqual(
      Buffer.concat([bytes, Buffer.from(`::hg metric step=1 loss=0.5\n${home} yes x\n`)]),
    );
    expect(code).toBe(7);
    expect(stderr).toContain('goes into the queue of a test');
    expect(stderr).toContain('to stderr\n');
    const { config, command } = await host.call('runs.get', { id: 1 });
    expect(config).toBeNull();
    expect(command).toMatchObject({ cwd: home, exit: { code: 7, signal: null } });
  } finally {
    await host.host.close();
  }
});

test('what is not there is refused before anything starts; --json leaves stdout to one value', async () => {
  const gone = await start(['--', 'hg-no-such-program']).ended;
  expect(gone.code).toBe(127);
  expect(gone.stderr).toContain('There is no command "hg-no-such-program"');
  const both = await start(['config.json', '--', 'true']).ended;
  expect(both.code).toBe(2);
  const region = await start(['--region', 'DEU', 'config.json']).ended;
  expect(region.stderr).toContain('--region is for a command');
  const json = await start(['--json', ...node(`console.log('hello')`)]).ended;
  const { run, command } = JSON.parse(json.stdout.toString()) as {
    run: RunDetail['summary'];
    command: RunDetail['command'];
  };
  expect(run.status).toBe('done');
  expect(command!.argv).toHaveLength(3);
  expect(json.stderr).toContain('hello');
});

test.runIf(posix)(
  'Ctrl-C is for the command, which may save its work; a signal is 128 + n',
  async () => {
    const saving = start(
      node(
        `process.on('SIGINT', () => { console.log('saved'); process.exit(3); }); console.log('up'); setInterval(() => {}, 1e6)`,
      ),
    );
    await saving.seen;
    saving.child.kill('SIGINT');
    const { code, stdout, stderr } = await saving.ended;
    expect([code, stdout.toString()]).toEqual([3, 'up\nsaved\n']);
    expect(stderr).toContain('Run 1, stopped');
    const killed = await start(node(`process.kill(process.pid, 'SIGTERM')`)).ended;
    expect(killed.code).toBe(128 + 15);
  },
);

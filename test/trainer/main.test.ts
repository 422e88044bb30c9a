import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import {
  parseExperimentConfig,
  type ExperimentConfigInput,
} from '../../src-main/experiment-config.ts';
import type { FromTrainer, ToTrainer } from '../../src-main/trainer/messages.ts';

const root = mkdtempSync(join(tmpdir(), 'trainer-'));
afterAll(() => rmSync(root, { recursive: true }));
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** The trainer as the host starts it: a process of its own, messages as structured clones. */
function spawn() {
  const child = fork(join(import.meta.dirname, '../../src-main/trainer/main.ts'), [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  children.push(child);
  const messages: FromTrainer[] = [];
  const waiting: (() => void)[] = [];
  child.on('message', (message) => {
    messages.push(message as FromTrainer);
    waiting.splice(0).forEach((wake) => wake());
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    child,
    messages,
    exited,
    send: (message: ToTrainer) => void child.send(message),
    async until<Type extends FromTrainer['type']>(type: Type) {
      for (;;) {
        const found = messages.find((message) => message.type === type);
        if (found) return found as Extract<FromTrainer, { type: Type }>;
        const failed = messages.find((message) => message.type === 'failed');
        if (failed) throw new Error(JSON.stringify(failed));
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

function start(
  runDir: string,
  epochs: number,
  resume: string | null = null,
  dataset: ExperimentConfigInput['dataset'] = {
    kind: 'greensynth',
    size: 16,
    train: 64,
    validation: 20,
    test: 20,
  },
): ToTrainer {
  const parsed = parseExperimentConfig({
    dataset,
    model: { image: 16, patch: 4, dim: 16, layers: 1, heads: 2, dimHead: 8 },
    train: { epochs, batch: 16 },
    compute: { engine: 'cpu', threads: 1 },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return { type: 'start', config: parsed.config, dataDir: join(root, 'data'), runDir, resume };
}
const newRunDir = () => mkdtempSync(join(root, 'run-'));

it('trains from start to done and exits with 0', async () => {
  const trainer = spawn();
  trainer.send(start(newRunDir(), 2));
  const done = await trainer.until('done');
  expect(done).toMatchObject({ step: 8, imagesSeen: 128 });
  expect(await trainer.exited).toBe(0);
  expect(trainer.messages.at(-1)).toBe(done);
  const ready = await trainer.until('ready');
  expect(ready.engine.name).toBe('cpu');
  expect(ready.graphNodes).toBeGreaterThan(50);
});

it('stops when told to, and goes on from its checkpoint in another process', async () => {
  const runDir = newRunDir();
  const first = spawn();
  first.send(start(runDir, 10_000));
  await first.until('steps');
  first.send({ type: 'stop' });
  const { checkpoint, step } = await first.until('stopped');
  expect(await first.exited).toBe(0);

  const second = spawn();
  second.send(start(runDir, 10_000, checkpoint));
  expect((await second.until('ready')).firstStep).toBe(step + 1);
  await second.until('steps');
  second.send({ type: 'stop' });
  expect((await second.until('stopped')).step).toBeGreaterThan(step);
});

it('keeps what it learnt when its parent goes away', async () => {
  const runDir = newRunDir();
  const orphan = spawn();
  orphan.send(start(runDir, 10_000));
  await orphan.until('checkpoint');
  orphan.child.disconnect();
  await orphan.exited;

  const heir = spawn();
  heir.send(start(runDir, 10_000, join(runDir, 'last.json')));
  expect((await heir.until('ready')).firstStep).toBeGreaterThan(4);
});

it('survives being killed: the last checkpoint is whole', async () => {
  const runDir = newRunDir();
  const victim = spawn();
  victim.send(start(runDir, 10_000));
  await victim.until('checkpoint');
  victim.child.kill('SIGKILL');
  await victim.exited;

  const heir = spawn();
  heir.send(start(runDir, 10_000, join(runDir, 'last.json')));
  expect((await heir.until('ready')).firstStep).toBeGreaterThan(4);
});

it('says what is wrong with the data, and exits with 1', async () => {
  const trainer = spawn();
  trainer.send(start(newRunDir(), 1, null, { kind: 'cifar10', path: join(root, 'nowhere') }));
  await expect(trainer.until('done')).rejects.toThrow(/"code":"DATASET".*nowhere/);
  expect(await trainer.exited).toBe(1);
});

it('reports the engines', async () => {
  const trainer = spawn();
  trainer.send({ type: 'detect' });
  const { engines } = await trainer.until('engines');
  expect(engines.find(({ name }) => name === 'cpu')).toMatchObject({ available: true });
  expect(await trainer.exited).toBe(0);
});

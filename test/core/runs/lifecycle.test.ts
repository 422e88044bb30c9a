import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  AppError,
  type EventName,
  type Events,
  type RunSummary,
} from '../../../src-main/contract.ts';
import { parseExperimentConfig } from '../../../src-main/experiment-config.ts';
import { plainPricing } from '../../../src-main/core/energy/account.ts';
import { createIntensity } from '../../../src-main/core/energy/intensity/index.ts';
import { worldAverage } from '../../../src-main/core/energy/regions.ts';
import type { Metering } from '../../../src-main/core/metering.ts';
import type { RunContext } from '../../../src-main/core/runs/context.ts';
import { startRun } from '../../../src-main/core/runs/lifecycle.ts';
import { createRunLogs } from '../../../src-main/core/runs/run-log.ts';
import { sampleHub } from '../../../src-main/core/runs/samples.ts';
import { spawnNode } from '../../../src-main/core/spawn.ts';
import { openStore, type Store } from '../../../src-main/core/store/store.ts';
import type { ComponentInfo } from '../../../src-main/meter/messages.ts';
import { monotonicMicros } from '../../../src-main/port.ts';
import { config, removeHome, temporaryHome } from '../../fixtures/host.ts';

const pricing = plainPricing(worldAverage, 1);

let home: string;
let store: Store;
beforeEach(async () => {
  home = await temporaryHome();
  store = await openStore({ file: join(home, 'test.sqlite') });
});
afterEach(async () => {
  await store.close();
  await removeHome(home);
});

/** A machine without a single sensor. */
const noSensors: Metering = {
  inventory: null,
  sources: [],
  components: [],
  overhead: null,
  known: Promise.resolve(),
  configure: () => {},
  probe: () => {},
  watch: () => {},
  mark: () => Promise.resolve(monotonicMicros()),
  trace: () => ({ at: [], watts: {} }),
  close: () => Promise.resolve(),
};

function context(changes: Partial<RunContext> = {}): RunContext & { told: string[] } {
  const told: string[] = [];
  return {
    told,
    store,
    metering: noSensors,
    samples: sampleHub(),
    events: { emit: (name: EventName) => void told.push(name) },
    spawn: spawnNode,
    trainerEntry: join(import.meta.dirname, '..', '..', 'fixtures', 'workers', 'trainer.ts'),
    dataDir: home,
    runDir: (id) => join(home, String(id)),
    logs: createRunLogs({ runDir: (id) => join(home, String(id)), hear: () => {} }),
    commands: { environments: new Map(), echo: null, stdin: 'ignore' },
    hz: () => 2,
    priceOf: () => ({ pricing, warning: null, hourly: null }),
    intensity: createIntensity(store),
    wall: () => null,
    foreknown: () => Promise.resolve({ plan: null, cost: null }),
    quiet: () => Promise.resolve(),
    plateauEvaluations: () => null,
    notice: ({ message }) => void told.push(message),
    log: (line) => void told.push(line),
    stopPatienceMs: 60_000,
    stopInsistMs: 60_000,
    retryMs: 1,
    closing: new AbortController().signal,
    ...changes,
  };
}

async function queued(name: string, baselineSeconds = 0, more: object = {}): Promise<number> {
  const parsed = parseExperimentConfig({ ...config(name, baselineSeconds), ...more });
  if (!parsed.ok) throw new Error('the config of the test is wrong');
  return store.createRun({
    name,
    config: parsed.config,
    machine: null,
    appVersion: 'test',
    node: 'test',
    intensity: worldAverage,
    pue: 1,
    forecast: null,
    hz: null,
  });
}

test('a full disk in the middle: the run ends in order, says why, and keeps what it has', async () => {
  const id = await queued('slow');
  const full = new AppError('DISK_FULL', 'The disk is full.', 'Free space.');
  let written = 0;
  const filling: Store = {
    ...store,
    addSteps: (run, steps) => (++written > 3 ? Promise.reject(full) : store.addSteps(run, steps)),
  };
  const own = context({ store: filling });
  await startRun(own, id).ended;
  const { status, error, step } = await store.getSummary(id);
  expect({ status, step }).toEqual({ status: 'failed', step: 3 });
  expect(error).toEqual({
    code: 'DISK_FULL',
    message: 'The run cannot be recorded any more: The disk is full.',
    hint: 'Free space. Then resume the run.',
  });
  // told at once, and not for every step that follows
  expect(own.told.filter((line) => line.includes('cannot be recorded'))).toHaveLength(1);
});

test('without a sensor a run trains all the same; its energy is missing, not 0', async () => {
  const id = await queued('works');
  await startRun(context(), id).ended;
  expect(await store.getSummary(id)).toMatchObject({ status: 'done', wh: null, gCO2e: null });
});

test('a trainer that cannot be started', async () => {
  const id = await queued('works');
  const own = context({ trainerEntry: join(home, 'no-such-file.ts') });
  await startRun(own, id).ended;
  const { status, error } = await store.getSummary(id);
  expect(status).toBe('failed');
  expect(error?.message).toContain('no-such-file.ts');
});

test('a region that is not known is said in the run itself', async () => {
  const id = await queued('works');
  const warning = 'There is no region "x": emissions use the world average.';
  await startRun(context({ priceOf: () => ({ pricing, warning, hourly: null }) }), id).ended;
  const { notes } = await store.getRun(id);
  expect(notes).toMatchObject([{ level: 'warning', message: warning }]);
});

test('a run that gets no better says so in its notes, and to whoever is told of runs', async () => {
  const id = await queued('works');
  const notices: Events['notice'][] = [];
  const notice = (one: Events['notice']) => void notices.push(one);
  await startRun(context({ plateauEvaluations: () => 1, notice }), id).ended;
  const { notes } = await store.getRun(id);
  const said =
    'Validation macro F1 is no better than the 0.800 of epoch 1 in the evaluation since.';
  expect(notes).toMatchObject([{ level: 'info', message: said }]);
  // a later plateau of the same run takes its place
  expect(notices).toMatchObject([
    { level: 'info', message: `Run ${id}, works: ${said}`, about: `plateau ${id}` },
  ]);
});

const twoCards = (['GPU-one', 'GPU-two'] as const).map((uuid): ComponentInfo => ({
  ...{ key: `gpu:${uuid}`, kind: 'gpu', name: uuid, source: 'nvml', provenance: 'counted' },
  ...{ uncertaintyPercent: 5, uncertaintyWatts: null, method: 'a test' },
}));

test('the card that the config names is what the trainer sees and the run counts', async () => {
  const samples = sampleHub();
  let joules = 0;
  const mark = (): Promise<number> => {
    const at = monotonicMicros();
    const series = twoCards.map(({ key }) => ({
      ...{ key, joules: [(joules += 3600)], watts: [10], flags: [0] },
      ...{ utilPercent: [null], memoryMb: [null], tempC: [null] },
    }));
    samples.push({ session: 'a', t: [at], series });
    return Promise.resolve(at);
  };
  const metering = { ...noSensors, components: twoCards, mark };
  const id = await queued('tells its cards', 0, { compute: { gpu: 'GPU-tw' } });
  await startRun(context({ metering, samples }), id).ended;
  const { notes, energy, summary } = await store.getRun(id);
  expect(notes[0]!.message).toBe('GPU-two PCI_BUS_ID');
  expect(energy!.components.map(({ key, counted }) => [key, counted])).toEqual([
    ['gpu:GPU-one', false],
    ['gpu:GPU-two', true],
  ]);
  expect(summary.wh).toBe(energy!.components[1]!.wh);

  const none = await queued('works', 0, { compute: { gpu: 'GPU-three' } });
  await startRun(context({ metering, samples }), none).ended;
  expect((await store.getRun(none)).summary).toMatchObject({
    status: 'failed',
    error: { code: 'BAD_INPUT', hint: expect.stringContaining('GPU-one') },
  });
});

/** A machine whose processor is as busy as that, read at every mark. */
function busyMachine(percent: number): Pick<RunContext, 'metering' | 'samples'> {
  const samples = sampleHub();
  const cpu: ComponentInfo = {
    key: 'cpu',
    kind: 'cpu',
    name: 'Test CPU',
    source: 'cpu-model',
    provenance: 'modelled',
    uncertaintyPercent: null,
    uncertaintyWatts: 10,
    method: 'TDP of 100 W',
  };
  const mark = (): Promise<number> => {
    const at = monotonicMicros();
    const series = {
      key: 'cpu',
      joules: [at / 1e5],
      watts: [10],
      flags: [0],
      utilPercent: [percent],
      memoryMb: [null],
      tempC: [null],
    };
    samples.push({ session: 'a', t: [at], series: [series] });
    return Promise.resolve(at);
  };
  return { metering: { ...noSensors, components: [cpu], mark }, samples };
}

test.each([
  [85, ['idle baseline (processor 85 %)', 'Other programs used about'], false],
  [5, [], true],
])('a processor that is %i %% busy', async (percent, said, remembered) => {
  const id = await queued('works', 1);
  await startRun(context(busyMachine(percent)), id).ended;
  const { notes } = await store.getRun(id);
  expect(notes).toHaveLength(said.length);
  said.forEach((words, i) => expect(notes[i]!.message).toContain(words));
  expect('idle' in (await store.recall(['idle']))).toBe(remembered);
});

test('a baseline without a reading is said, not remembered', async () => {
  const id = await queued('works', 1);
  await startRun(context(), id).ended;
  const { notes } = await store.getRun(id);
  expect(notes[0]!.message).toContain('No power was read during the idle baseline');
  expect('idle' in (await store.recall(['idle']))).toBe(false);
});

/** Resolves when the trainer has said that much. */
const heard = (own: { told: string[] }, name: EventName, times = 1): Promise<void> =>
  vi.waitFor(() => {
    expect(own.told.filter((line) => line === name).length).toBeGreaterThanOrEqual(times);
  }, 20_000);

test('a double click on stop is one stop: the checkpoint is written', async () => {
  const id = await queued('lingers');
  const own = context();
  const run = startRun(own, id);
  await heard(own, 'run.steps', 5);
  run.stopByHand();
  run.stopByHand();
  await run.ended;
  const { summary, checkpoints } = await store.getRun(id);
  expect(summary).toMatchObject({ status: 'stopped', step: 5 });
  expect(checkpoints.at(-1)?.step).toBe(5);
});

test('closing the program does not cut short a stop that is on its way', async () => {
  const id = await queued('lingers');
  const own = context({ stopInsistMs: 0 });
  const run = startRun(own, id);
  await heard(own, 'run.steps', 5);
  run.stopByHand();
  run.stop('Stopped because the program was closed.');
  await run.ended;
  expect((await store.getRun(id)).checkpoints.at(-1)?.step).toBe(5);
});

test('a stop while the data are drawn is a stop, not a failure', async () => {
  const id = await queued('draws');
  const own = context();
  const run = startRun(own, id);
  await heard(own, 'run.progress');
  run.stopByHand();
  await run.ended;
  expect(await store.getSummary(id)).toMatchObject({ status: 'stopped', error: null });
});

test('a stop does not wait until sensors and engines have been looked for', async () => {
  const never = new Promise<never>(() => {});
  for (const changes of [{ metering: { ...noSensors, known: never } }, { quiet: () => never }]) {
    const id = await queued('works');
    const run = startRun(context(changes), id);
    run.stopByHand();
    await run.ended;
    expect(await store.getSummary(id)).toMatchObject({ status: 'stopped', startedAt: null });
  }
});

test('a full disk at the end: the end is stored as soon as there is room', async () => {
  const id = await queued('works');
  let attempts = 0;
  const full = new AppError('DISK_FULL', 'The disk is full.');
  const own = context({
    store: {
      ...store,
      endRun: (run, end) =>
        ++attempts < 4 ? Promise.reject(full) : (store.endRun(run, end) as Promise<never>),
    },
  });
  await startRun(own, id).ended;
  expect(await store.getSummary(id)).toMatchObject({ status: 'done', step: 8 });
  expect(own.told.filter((line) => line.includes('no space to store its end'))).toHaveLength(1);
});

test('a full disk at the end of a short command: it says what it knows and ends', async () => {
  const id = await queued('works');
  const told: RunSummary[] = [];
  const full = new AppError('DISK_FULL', 'The disk is full.');
  const own = context({
    store: { ...store, endRun: () => Promise.reject(full) },
    retryMs: null,
    events: {
      emit: (name, data) => void (name === 'run' && told.push(data as RunSummary)),
    },
  });
  await startRun(own, id).ended;
  expect(told.map(({ status }) => status)).toContain('done');
});

test('a trainer that dies before its first checkpoint: the hint promises none', async () => {
  const id = await queued('dies early');
  await startRun(context(), id).ended;
  const { error } = await store.getSummary(id);
  expect(error?.hint).toContain('No checkpoint had been written yet');
});

test('a checkpoint that was written and not recorded is taken up', async () => {
  const id = await queued('dies early');
  await startRun(context(), id).ended;
  await writeFile(join(home, String(id), 'last.json'), JSON.stringify({ step: 2 }));
  await startRun(context(), id).ended;
  const { summary, notes } = await store.getRun(id);
  expect(summary.status).toBe('done');
  expect(notes).toMatchObject([{ message: 'Resumed from the checkpoint at step 2.' }]);
});

test('its process is watched from its start to its end, and nothing before and after', async () => {
  const watched: number[][] = [];
  const metering = { ...noSensors, watch: (run: readonly number[]) => void watched.push([...run]) };
  const id = await queued('works');
  await startRun(context({ metering }), id).ended;
  expect(watched).toEqual([[], [expect.any(Number)], []]);
  expect(watched[1]![0]).not.toBe(process.pid);
});

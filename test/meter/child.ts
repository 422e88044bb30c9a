/** The meter as the program runs it: a child process that speaks messages. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type {
  FromMeter,
  MeterSettings,
  SampleBatch,
  ToMeter,
} from '../../src-main/meter/messages.ts';
import { defaultMeterSettings } from '../../src-main/meter/settings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

type Said<Type extends FromMeter['type']> = Extract<FromMeter, { type: Type }>;

/** Settings under which nothing of the real machine is read but its processor load. */
export const nowhere = (
  paths: Partial<MeterSettings['paths']> = {},
  rest: Partial<Omit<MeterSettings, 'paths'>> = {},
): MeterSettings => ({
  ...defaultMeterSettings(`${root}/resources`, {}),
  hz: 20,
  ...rest,
  paths: {
    ...defaultMeterSettings(root, {}).paths,
    nvml: '/nowhere/libnvidia-ml.so.1',
    nvidiaSmi: '/nowhere/nvidia-smi',
    powercap: '/nowhere/powercap',
    drm: '/nowhere/drm',
    ...paths,
  },
});

export class MeterChild {
  readonly process: ChildProcess;
  readonly heard: FromMeter[] = [];
  readonly exited: Promise<number | null>;
  #waiting: (() => void)[] = [];
  #marks = 0;

  constructor(env: Record<string, string> = {}) {
    this.process = fork(`${root}/src-main/meter/main.ts`, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
      // as the host starts it: a session of its own
      detached: process.platform !== 'win32',
      env: { ...process.env, ...env },
    });
    this.exited = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.on('message', (message) => {
      this.heard.push(message as FromMeter);
      for (const look of this.#waiting.splice(0)) look();
    });
  }

  say(message: ToMeter): void {
    this.process.send(message);
  }

  of<Type extends FromMeter['type']>(type: Type): Said<Type>[] {
    return this.heard.filter((message): message is Said<Type> => message.type === type);
  }

  /** Waits until `find` gives something; the test's own time limit ends a wait in vain. */
  async until<T>(find: () => T | null | undefined | false): Promise<T> {
    for (;;) {
      const found = find();
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async start(settings: MeterSettings): Promise<Said<'sources'>> {
    this.say({ type: 'start', settings });
    return this.until(() => this.of('sources')[0]);
  }

  /** @returns the readings at the mark */
  async mark(): Promise<{ at: number; reading: (key: string) => Point | null }> {
    const id = ++this.#marks;
    this.say({ type: 'mark', id });
    const { at } = await this.until(() => this.of('marked').find((mark) => mark.id === id));
    return { at, reading: (key) => this.points(key).find(({ t }) => t === at) ?? null };
  }

  /** Everything that was sampled of a component. */
  points(key: string): Point[] {
    return this.of('samples').flatMap(({ batch }) => pointsOf(batch, key));
  }

  async stop(): Promise<void> {
    if (this.process.connected) this.say({ type: 'stop' });
    await this.exited;
  }
}

export interface Point {
  t: number;
  joules: number | null;
  watts: number | null;
  flags: number;
  utilPercent: number | null;
  memoryMb: number | null;
  tempC: number | null;
}

function pointsOf(batch: SampleBatch, key: string): Point[] {
  const series = batch.series.find((one) => one.key === key);
  if (series === undefined) return [];
  return batch.t.map((t, i) => ({
    t,
    joules: series.joules[i]!,
    watts: series.watts[i]!,
    flags: series.flags[i]!,
    utilPercent: series.utilPercent[i]!,
    memoryMb: series.memoryMb[i]!,
    tempC: series.tempC[i]!,
  }));
}

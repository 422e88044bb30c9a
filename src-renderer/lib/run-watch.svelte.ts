/**
 * One run as it goes on: its charts and details, asked for again when events say that there is more.
 *
 * The host thins and prices; the page never adds up on its own. So a reload, a gap or a long sleep need
 * no care here. To stay a light guest beside a measurement, the next question waits at least twenty
 * times as long as the last answer took, and none is asked while the page is hidden.
 */
import {
  chartWidth,
  type PowerSeries,
  type RunDetail,
  type Series,
  type XAxis,
} from '../../src-main/contract.ts';
import type { Session } from './session.svelte.ts';

const seriesNames = [
  'loss',
  'validation.loss',
  'validation.macroF1',
  'validation.microF1',
  'stepMs',
  'lr',
  'tokens',
  'step',
  'seconds',
];
const leastWaitMs = 500;
/** Charts of a command's own values; a page of hundreds would serve nobody. */
export const mostScalars = 24;

export class RunWatch {
  /** Over `x`. */
  series = $state.raw<Record<string, Series>>({});
  /** The axis of what is there; another one that was asked for comes with its series. */
  x = $state.raw<XAxis>('time');
  power = $state.raw<PowerSeries>({ components: [] });
  detail = $state.raw<RunDetail | null>(null);
  error = $state<string | null>(null);

  readonly id: number;
  readonly #session: Session;
  #axis: XAxis;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #asking = false;
  #wanted = true;
  #restUntil = 0;
  #closed = false;

  constructor(session: Session, id: number, x: XAxis) {
    this.#session = session;
    this.id = id;
    this.x = this.#axis = x;
  }

  /** From now on over this axis: a person waits for it, and sees what is there until it comes. */
  over(x: XAxis) {
    if (x === this.#axis) return;
    this.#axis = x;
    this.#restUntil = 0;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#want();
  }

  /** Starts watching; gives back the end of it. */
  start(): () => void {
    const { api } = this.#session;
    const mine = (event: { id: number }) => {
      if (event.id === this.id) this.#want();
    };
    const seen = () => this.#want();
    const stops = [
      api.on('run', mine),
      api.on('run.steps', mine),
      api.on('run.evaluation', mine),
      api.on('run.phase', mine),
      api.on('run.energy', mine),
      api.onStale(seen),
    ];
    document.addEventListener('visibilitychange', seen);
    this.#want();
    return () => {
      this.#closed = true;
      if (this.#timer) clearTimeout(this.#timer);
      document.removeEventListener('visibilitychange', seen);
      for (const stop of stops) stop();
    };
  }

  /** @param time seconds of active time; null: now */
  async mark(text: string, time: number | null) {
    const input = { id: this.id, text, ...(time !== null && { time }) };
    await this.#session.attempt(async () => {
      const marker = await this.#session.api.call('runs.mark', input);
      // seen at once, however long the run takes to be read anew
      this.#setMarkers((markers) => [...markers, marker]);
    });
  }

  async unmark(marker: number) {
    const gone = this.detail?.markers.find(({ id }) => id === marker);
    const done = await this.#session.attempt(async () => {
      await this.#session.api.call('runs.unmark', { id: this.id, marker });
      this.#setMarkers((markers) => markers.filter(({ id }) => id !== marker));
    });
    if (done && gone)
      this.#session.offerUndo(`The mark "${gone.text}" was removed.`, 10, () =>
        this.mark(gone.text, gone.time),
      );
  }

  #setMarkers(change: (markers: RunDetail['markers']) => RunDetail['markers']) {
    if (this.detail) this.detail = { ...this.detail, markers: change(this.detail.markers) };
  }

  #want() {
    this.#wanted = true;
    if (this.#timer || this.#asking || this.#closed || document.hidden) return;
    const wait = Math.max(0, this.#restUntil - performance.now());
    this.#timer = setTimeout(() => void this.#ask(), wait);
  }

  async #ask() {
    this.#timer = null;
    this.#wanted = false;
    this.#asking = true;
    const { api } = this.#session;
    const [id, x] = [this.id, this.#axis];
    const began = performance.now();
    try {
      // what a command calls its values is known from the last answer
      const scalars = this.detail?.scalars.slice(0, mostScalars) ?? [];
      const asked = scalars.map((name) => `scalar.${name}`);
      const [series, power, detail, own] = await Promise.all([
        api.call('runs.series', { id, names: seriesNames, x, width: chartWidth }),
        api.call('runs.power', { id, width: chartWidth }),
        api.call('runs.get', { id }),
        asked.length === 0
          ? []
          : api.call('runs.series', { id, names: asked, x, width: chartWidth }),
      ]);
      this.series = Object.fromEntries([...series, ...own].map((one) => [one.name, one]));
      this.x = x;
      const more = detail.scalars.length > scalars.length && scalars.length < mostScalars;
      if (more) this.#wanted = true;
      this.power = power;
      this.detail = detail;
      this.error = null;
    } catch (cause) {
      this.error = cause instanceof Error ? cause.message : String(cause);
    }
    const took = performance.now() - began;
    this.#restUntil = x === this.#axis ? performance.now() + Math.max(leastWaitMs, took * 20) : 0;
    this.#asking = false;
    if (this.#wanted) this.#want();
  }
}

/**
 * How long a run still takes, as an interval that does not jump.
 *
 * Two rates are known: that of the whole run (with its pauses for validation) and that of the last
 * half minute. The truth lies between or near them, so both bound the interval, widened by a tenth.
 */
interface Track {
  steps: number[];
  times: number[];
}

const windowSeconds = 30;

export class Progress {
  #tracks = new Map<number, Track>();

  /** `time`: seconds since the start of the run. */
  add(id: number, step: number | undefined, time: number | undefined) {
    if (step === undefined || time === undefined) return;
    const track = this.#tracks.get(id) ?? { steps: [], times: [] };
    track.steps.push(step);
    track.times.push(time);
    if (track.steps.length > 400) {
      // the first entry anchors the rate of the whole run
      track.steps.splice(1, 200);
      track.times.splice(1, 200);
    }
    this.#tracks.set(id, track);
  }

  forget(id: number) {
    this.#tracks.delete(id);
  }

  /** Seconds to go, low and high; null until there is a rate. `seconds`, `step`: from the summary. */
  remaining(
    id: number,
    { step, steps, seconds }: { step: number | null; steps: number | null; seconds: number | null },
  ): [number, number] | null {
    if (step === null || steps === null || step === 0) return null;
    const track = this.#tracks.get(id);
    const rates: number[] = [];
    const lastStep = track?.steps.at(-1) ?? step;
    const lastTime = track?.times.at(-1);
    if (track && lastTime !== undefined) {
      const recent = track.times.findIndex((time) => time >= lastTime - windowSeconds);
      for (const from of [0, recent]) {
        const took = lastTime - (track.times[from] ?? lastTime);
        const did = lastStep - (track.steps[from] ?? lastStep);
        if (took > 1 && did > 0) rates.push(did / took);
      }
    }
    if (rates.length === 0 && seconds) rates.push(step / seconds);
    if (rates.length === 0) return null;
    const left = Math.max(0, steps - lastStep);
    return [(left / Math.max(...rates)) * 0.9, (left / Math.min(...rates)) * 1.1];
  }
}

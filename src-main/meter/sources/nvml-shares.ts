/**
 * Whose work a card does: the share of a run's and of this program's processes in the use of its SMs
 * (`nvmlDeviceGetProcessUtilization`, Maxwell and newer, not with MIG). Where that does not answer, the
 * list of computing processes decides only the clear cases: nobody, or nobody but ours.
 */
import { sharesOf } from '../process-tree.ts';
import type { Handle, Nvml } from './nvml-library.ts';
import { code, outcomeOf, processBytes, readU64 } from './nvml-library.ts';
import type { Groups, SharesAnswer } from './source.ts';

/** `nvmlProcessUtilizationSample_t`: u32 pid, u64 time stamp at 8, u32 SM percent at 16, 32 bytes. */
const sampleBytes = 32;
const timeAt = 8;
const smAt = 16;

const count = Buffer.alloc(4);

export class NvmlShares {
  #samples = Buffer.alloc(sampleBytes * 32);
  #processes = Buffer.alloc(processBytes * 32);
  /** Time stamp of the newest sample seen, microseconds. */
  #since = 0;
  #answers = true;

  /** @param utilPercent of the whole card; with use but without processes, they are hidden from us */
  of(nvml: Nvml, handle: Handle, groups: Groups, utilPercent: number | null): SharesAnswer {
    const use = this.#answers ? this.#smUse(nvml, handle, groups) : null;
    if (use === 'missed' || use === 'hidden') return use === 'missed' ? use : null;
    if (use !== null && use.all > 0) return sharesOf(use, use.all);
    return this.#holders(nvml, handle, groups, utilPercent, use !== null);
  }

  /** Sums of SM percent since the last question; null where the card does not say. */
  #smUse(
    nvml: Nvml,
    handle: Handle,
    groups: Groups,
  ): { run: number; program: number; all: number } | 'missed' | 'hidden' | null {
    const ask = (): number => {
      count.writeUInt32LE(this.#samples.length / sampleBytes, 0);
      return nvml.processUtilisation(handle, this.#samples, count, this.#since);
    };
    let result = ask();
    if (result === code.tooSmall) {
      const wanted = Math.max(32, count.readUInt32LE(0));
      this.#samples = Buffer.alloc(sampleBytes * 2 * wanted);
      result = ask();
    }
    const use = { run: 0, program: 0, all: 0 };
    // nobody used the card since the last question
    if (result === code.notFound) return use;
    if (result !== code.ok) {
      const outcome = outcomeOf(result);
      if (outcome !== 'absent' && outcome !== 'denied') return 'missed';
      this.#answers = false;
      return null;
    }
    const length = Math.min(count.readUInt32LE(0), this.#samples.length / sampleBytes);
    let hidden = false;
    for (let index = 0; index < length; index++) {
      const at = sampleBytes * index;
      this.#since = Math.max(this.#since, readU64(this.#samples, at + timeAt));
      const pid = this.#samples.readUInt32LE(at);
      const percent = this.#samples.readUInt32LE(at + smAt);
      // entries that the driver left empty have no process; more than 100 % is none of its figures
      if (pid === 0 || percent === 0 || percent > 100) continue;
      const group = groups.groupOf(pid);
      if (group !== null) use[group] += percent;
      else if (!groups.sees(pid)) hidden = true;
      use.all += percent;
    }
    return hidden ? 'hidden' : use;
  }

  /** @param unused nobody's use was seen: then those who hold the card with others get none of it */
  #holders(
    nvml: Nvml,
    handle: Handle,
    groups: Groups,
    utilPercent: number | null,
    unused: boolean,
  ): SharesAnswer {
    const ask = (): number => {
      count.writeUInt32LE(this.#processes.length / processBytes, 0);
      return nvml.processes(handle, count, this.#processes);
    };
    let result = ask();
    if (result === code.tooSmall) {
      const wanted = Math.max(32, count.readUInt32LE(0));
      this.#processes = Buffer.alloc(processBytes * 2 * wanted);
      result = ask();
    }
    if (result !== code.ok) {
      const outcome = outcomeOf(result);
      return outcome === 'absent' || outcome === 'denied' ? null : 'missed';
    }
    const length = Math.min(count.readUInt32LE(0), this.#processes.length / processBytes);
    const seen = { run: 0, program: 0, other: 0 };
    for (let index = 0; index < length; index++)
      seen[groups.groupOf(this.#processes.readUInt32LE(processBytes * index)) ?? 'other']++;
    const nobody = { run: 0, program: 0 };
    if (length === 0) return unused || utilPercent === 0 ? nobody : null;
    if (seen.other > 0 || (seen.run > 0 && seen.program > 0)) return unused ? nobody : null;
    return seen.run > 0 ? { run: 1, program: 0 } : { run: 0, program: 1 };
  }
}

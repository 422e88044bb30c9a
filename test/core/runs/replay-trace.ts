/** A recorded run (`test/fixtures/step-traces`) told to an `Eta` second by second. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { planOf } from '../../../src-main/core/runs/run-plan.ts';
import { Eta } from '../../../src-main/core/runs/eta.ts';
import { parseExperimentConfig, type Estimate, type Events } from '../../../src-main/contract.ts';
import type { Range } from '../../../src-main/contract/figures.ts';

type Row = [seconds: number, what: string, number | string, number | null, number?];
export interface Trace {
  config: unknown;
  /** In all. */
  seconds: number;
  rows: Row[];
}

export const trace = (name: string): Trace =>
  JSON.parse(
    readFileSync(
      join(import.meta.dirname, '..', '..', 'fixtures', 'step-traces', `${name}.json`),
      'utf8',
    ),
  ) as Trace;

export interface Shown {
  now: number;
  /** What was to come in truth. */
  truth: number;
  reckoned: Range | null;
  shown: Range | null;
  settled: boolean;
}

/** @param clock slows everything down by this factor: a run of hours with the same course */
export function replay({ config, seconds, rows }: Trace, prior: Estimate | null = null, clock = 1) {
  const parsed = parseExperimentConfig(config);
  if (!parsed.ok) throw new Error(parsed.issues[0]!.message);
  const steps = rows.filter(([, what]) => what === 'step').length;
  const eta = new Eta(planOf(parsed.config, null), prior, { time: 0, step: 0, steps });
  const all: Shown[] = [];
  let next = 0;
  for (let now = 1; now < seconds * clock; now++) {
    for (; next < rows.length && rows[next]![0] * clock <= now; next++) {
      const [at, what, which, epoch, ms] = rows[next]!;
      const time = at * clock;
      if (what === 'step')
        eta.steps({
          steps: {
            t: [0],
            step: [which as number],
            epoch: [epoch!],
            loss: [null],
            lr: [null],
            tokens: [null],
            stepMs: [ms! * clock],
            waitMs: [0],
          },
          time: [time],
        });
      else
        eta.phase({
          name: which as string,
          epoch,
          edge: what as Events['run.phase']['edge'],
          time,
        });
    }
    all.push({
      now,
      truth: seconds * clock - now,
      reckoned: eta.reckon(now),
      shown: eta.remaining(now),
      settled: eta.settled,
    });
  }
  return all;
}

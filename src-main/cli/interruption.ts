/** What the command line says of runs that the end of the program interrupted. */
import type { RunSummary } from '../contract.ts';
import { interruptedAt } from '../core/runs/interruption.ts';

/** `Run 12 was interrupted at step 840 of 2340. Resume it: ...` */
export function interruptionLine(run: RunSummary): string {
  const { id, command } = run;
  const fail = `hugginggreen recover ${id} --failed`;
  return `Run ${id} was interrupted ${interruptedAt(run)}. ${
    command === null
      ? `To go on: hugginggreen run --resume ${id}; to count it as failed: ${fail}`
      : `To count it as failed: ${fail}`
  }`;
}

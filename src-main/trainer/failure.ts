/** From whatever was thrown to a sentence for the person who started the run, and what to do about it. */
import { AppError } from '../contract.ts';
import type { TrainerError } from './messages.ts';

/** The loss or a weight is no number any more. */
export class DivergedError extends Error {
  constructor(what: string, step: number) {
    super(`Training diverged: ${what} in step ${step}.`);
    this.name = 'DivergedError';
  }
}

/** What runtimes and drivers say when memory runs out. */
const outOfMemory =
  /out of memory|bad[_ ]?alloc|failed to allocate|allocation failed|ENOMEM|invalid (typed )?array( buffer)? length|OOM/i;

export function describeFailure(cause: unknown): TrainerError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof AppError) return { code: cause.code, message, hint: cause.hint };
  if (cause instanceof DivergedError)
    return {
      code: 'DIVERGED',
      message,
      hint: 'Lower the learning rate, lengthen the warm-up or clip the gradient. A checkpoint written before is intact.',
    };
  if (outOfMemory.test(message))
    return {
      code: 'OUT_OF_MEMORY',
      message: `The memory is not enough for this run (${message}).`,
      hint: 'Make the batch, the model or the input side smaller, or keep fewer patches.',
    };
  if (/ONNX Runtime|onnxruntime|OrtRun|non-zero status|webgpu|cuda/i.test(message))
    return {
      code: 'ENGINE',
      message: `The engine failed: ${message}`,
      hint: 'Try another engine (compute.engine), for example cpu.',
    };
  return { code: 'INTERNAL', message, hint: null };
}

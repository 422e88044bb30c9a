import { expect, it } from 'vitest';
import { AppError } from '../../src-main/contract.ts';
import { describeFailure, DivergedError } from '../../src-main/trainer/failure.ts';

it.each([
  [new AppError('DATASET', 'no such file', 'download it'), 'DATASET', /^no such file$/, /download/],
  [new DivergedError('the loss is NaN', 12), 'DIVERGED', /the loss is NaN in step 12/, /learning/],
  [new Error('std::bad_alloc'), 'OUT_OF_MEMORY', /memory is not enough.*bad_alloc/, /batch/],
  [new RangeError('Invalid typed array length: 1e12'), 'OUT_OF_MEMORY', /not enough/, /smaller/],
  [new Error('Failed to allocate memory for requested buffer of size 99'), 'OUT_OF_MEMORY', /buffer/, /batch/],
  [new Error('ONNX Runtime could not prepare the step on webgpu: x'), 'ENGINE', /engine failed/, /cpu/],
  ['a string', 'INTERNAL', /^a string$/, null],
] as const)('%s becomes a sentence', (cause, code, message, hint) => {
  const failure = describeFailure(cause);
  expect(failure.code).toBe(code);
  expect(failure.message).toMatch(message);
  if (hint) expect(failure.hint).toMatch(hint);
  else expect(failure.hint).toBeNull();
}); // prettier-ignore

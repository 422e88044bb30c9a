/** The state a stage starts from: fresh values, and what an earlier stage left of its tensors. */
import type { FlatState } from './checkpoint.ts';
import { initialValues, sizeOf, type NamedShape } from './models/parameters.ts';
import type { Recipe } from './recipes/index.ts';

/** Tensors by the names a recipe gives them. */
export type NamedTensors = ReadonlyMap<string, Float32Array>;

type Tensors = Pick<Recipe, 'parameters' | 'frozen' | 'buffers'>;

/** Cuts a stage's state into named tensors, without copying. */
export function namedTensors(
  { parameters, frozen, buffers }: Tensors,
  state: FlatState,
): NamedTensors {
  return new Map([
    ...cut(parameters, state.parameters),
    ...(state.frozen ? cut(frozen, state.frozen) : []),
    ...(state.buffers ? cut(buffers, state.buffers) : []),
  ]);
}

/**
 * @param before tensors of the stage before this one; those it knows by the name the recipe asks for, in
 * the same shape, are taken over. The optimiser's moments always start at 0.
 * @throws where a frozen tensor comes from nowhere.
 */
export function freshState(
  {
    parameters,
    frozen,
    buffers,
    inherits = (name: string) => name,
  }: Tensors & Pick<Recipe, 'inherits'>,
  seed: number,
  before: NamedTensors = new Map(),
): FlatState {
  const inherited = (tensors: readonly NamedShape[], values: Float32Array): string[] =>
    cut(tensors, values).flatMap(([name, target]) => {
      const origin = inherits(name);
      const source = origin === null ? undefined : before.get(origin);
      if (source?.length !== target.length) return [name];
      target.set(source);
      return [];
    });
  const state = {
    parameters: initialValues(parameters, seed),
    frozen: new Float32Array(frozen.reduce((sum, { shape }) => sum + sizeOf(shape), 0)),
    buffers: initialValues(buffers, seed),
  };
  inherited(parameters, state.parameters);
  inherited(buffers, state.buffers);
  const [orphan] = inherited(frozen, state.frozen);
  if (orphan !== undefined) throw new Error(`no earlier stage has a tensor for "${orphan}"`);
  return {
    ...state,
    moment1: new Float32Array(state.parameters.length),
    moment2: new Float32Array(state.parameters.length),
  };
}

/** Whether what a stage calibrates comes, calibrated or trained, from the stage before it. */
export function inheritsCalibration(
  { calibration, inherits = (name: string) => name }: Pick<Recipe, 'calibration' | 'inherits'>,
  before: Tensors,
): boolean {
  const known = new Set([...before.parameters, ...before.frozen].map(({ name }) => name));
  const names = calibration?.parts.flatMap(calibration.names) ?? [];
  return names.every((name) => known.has(inherits(name) ?? ''));
}

function cut(tensors: readonly NamedShape[], flat: Float32Array): [string, Float32Array][] {
  let offset = 0;
  return tensors.map(({ name, shape }) => {
    const data = flat.subarray(offset, offset + sizeOf(shape));
    offset += data.length;
    return [name, data];
  });
}

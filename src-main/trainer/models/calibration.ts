/**
 * What a model computes from a batch on the host instead of learning it by gradient: EcoFormer's hash so far.
 * Its values are parameters like all others (in checkpoints, in later stages), but no gradient reaches them.
 */
import { Sfc32 } from '../data/prng.ts';
import type { HostArray, Tensors } from '../engine/engine.ts';
import { randomStreams } from '../random-streams.ts';
import { attentionOf } from './attention/registry.ts';
import { vitFeatures, type VitInput, type VitShape } from './vit.ts';

export type Named = Readonly<Record<string, Float32Array>>;

export interface ModelCalibration {
  /** In the order of the forward pass: what one part learns changes what the next one sees. */
  parts: readonly string[];
  /** The parameters that a part learns, by their names in the model. */
  names(part: string): string[];
  /** Epochs until it is done again; null: only before the first step. */
  every: number | null;
  /** What every part looks at, by part: a forward pass without a head. */
  observe(parameters: Tensors, input: VitInput): Tensors;
  /**
   * @param observed of that part, from a run of `observe`
   * @param own the parameters of `names` as they are
   * @param fresh as they were initialised
   * @returns their new values; the same whenever the parameters of other names are the same
   */
  learn(
    part: string,
    observed: HostArray,
    values: { own: Named; fresh: Named },
    how: { seed: number; again: boolean },
  ): Record<string, Float32Array>;
}

/** Null for a ViT that has nothing to calibrate. */
export function vitCalibration(shape: VitShape): ModelCalibration | null {
  const { calibration } = attentionOf(shape.attention, shape.model);
  if (!calibration) return null;
  const { every } = calibration;
  const parts = Array.from({ length: shape.model.layers }, (_, layer) => `b${layer}`);
  const shapes = new Map<string, readonly number[]>();
  return {
    parts,
    every,
    names: (part) => calibration.names.map((name) => `${part}.${name}`),

    observe(parameters, input) {
      const seen: Tensors = {};
      const onAttend: NonNullable<VitInput['witness']>['onAttend'] = (part, attention) => {
        seen[part] = calibration.observe(attention);
        shapes.set(part, seen[part].shape);
      };
      vitFeatures(shape, parameters, { ...input, witness: { onAttend } });
      return seen;
    },

    learn(part, data, { own, fresh }, { seed, again }) {
      const observed = { shape: shapes.get(part) ?? [data.length], data };
      const local = (values: Named): Named =>
        renamed(values, (name) => name.slice(part.length + 1));
      const random = new Sfc32(seed, randomStreams.calibration, parts.indexOf(part));
      const values = { own: local(own), fresh: local(fresh) };
      const learned = calibration.learn(observed, values, { random, again });
      return renamed(learned, (name) => `${part}.${name}`);
    },
  };
}

const renamed = (values: Named, name: (old: string) => string): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(values).map(([old, array]) => [name(old), array]));

/**
 * Taking parts of a ViT away between two epochs (method E.3, F.6): heads whose gate closed, heads and neurons
 * that matter least, and single weights. Structured parts leave physically: the matrices get smaller, and
 * Adam's moments with them. What is decided depends on the state and the epoch only, and deciding twice takes nothing
 * more away, so a run that is stopped in between goes on as if it had not been.
 */
import {
  headsRemoved,
  neuronsLeft,
  pruningProgress,
  weightsZeroed,
} from '../../experiment-config/pruning-schedule.ts';
import { prunes, type PruningConfig } from '../../experiment-config/pruning.ts';
import type { FlatState } from '../checkpoint.ts';
import { openProbability } from '../models/hard-concrete.ts';
import { sizeOf, type Parameter } from '../models/parameters.ts';
import {
  cutFlat,
  everything,
  structureOf,
  type Staying,
  type VitStructure,
} from '../models/structure.ts';
import { vitStructure, type VitShape } from '../models/vit.ts';
import type { StepDefinition } from './recipe.ts';

/** A gate that is open less often than this is taken for closed (method E.3). */
const closed = 0.05;

/** An epoch of a stage that has so many. */
export interface EpochOf {
  /** 0-based. */
  epoch: number;
  epochs: number;
}

export interface Shrinking {
  /** Whether anything can have to go after this epoch; asked before the state is read. */
  due(at: EpochOf): boolean;
  /** Images and labels to `importance`, Σ |∂L/∂z_h z_h| over the batch [heads of all layers]; null where none is needed. */
  importance: StepDefinition | null;
  /**
   * What is left after an epoch; null where nothing goes.
   * @param importance of every head, summed over some batches; only where there is a step for it.
   */
  after(at: EpochOf, state: FlatState, importance: Float32Array | null): Shrunk | null;
}

export interface Shrunk {
  /** Null while the model is whole. */
  structure: VitStructure | null;
  state: FlatState;
}

/** The name of the buffer that holds a 0 for every weight that was set to 0 for good. */
export const maskName = 'mask';

/**
 * @param parametersOf all parameters of the model that is left, in the order of the state.
 * @param importance see `Shrinking`; needed where heads go by importance.
 */
export function shrinkingOf(
  pruning: PruningConfig,
  shape: VitShape,
  parametersOf: (structure: VitStructure | null) => readonly Parameter[],
  importance: StepDefinition | null,
): Shrinking | null {
  if (!prunes(pruning)) return null;
  const parameters = parametersOf(shape.structure ?? null);
  const structure = vitStructure(shape);
  const whole = vitStructure({ ...shape, structure: undefined });

  return {
    importance,
    due: ({ epoch, epochs }) =>
      pruning.heads === 'l0' ||
      pruningProgress(pruning, epoch, epochs) > pruningProgress(pruning, epoch - 1, epochs),
    after(at, state, scores) {
      const staying: Staying = {
        heads: stayingHeads(at, state, scores),
        neurons: stayingNeurons(at, state),
      };
      const left = structureOf(staying);
      const smaller = JSON.stringify(left) !== JSON.stringify(structure);
      const share = weightsZeroed(pruning, at.epoch, at.epochs);
      if (!smaller && share === 0) return null;
      const cut = (flat: Float32Array): Float32Array =>
        smaller ? cutFlat(parameters, flat, structure, staying) : flat.slice();
      const next: FlatState = {
        ...state,
        parameters: cut(state.parameters),
        moment1: cut(state.moment1),
        moment2: cut(state.moment2),
        ...(state.buffers && { buffers: cut(state.buffers) }),
      };
      if (share > 0) zeroSmallest(parametersOf(left), next, share);
      return { structure: smaller || shape.structure ? left : null, state: next };
    },
  };

  function stayingHeads(
    { epoch, epochs }: EpochOf,
    state: FlatState,
    scores: Float32Array | null,
  ): number[][] {
    const all = everything(structure).heads;
    if (pruning.heads === 'l0') {
      const values = cutNamed(parameters, state.parameters);
      return all.map((heads, layer) => {
        const open = values.get(`b${layer}.gate`)!;
        const kept = heads.filter((head) => openProbability(open[head]!) >= closed);
        return kept.length > 0 ? kept : [open.indexOf(Math.max(...open))];
      });
    }
    const total = (heads: readonly number[]): number => heads.reduce((a, b) => a + b, 0);
    const size = { layers: whole.heads.length, heads: whole.heads[0]! };
    const target = total(whole.heads) - headsRemoved(pruning, size, epoch, epochs);
    let surplus = total(structure.heads) - target;
    if (surplus <= 0) return all.map((heads) => [...heads]);
    if (!scores) throw new Error('heads go by importance, and nobody computed it');
    const kept = all.map((heads) => new Set(heads));
    let place = 0;
    const ranked = all
      .flatMap((heads, layer) => heads.map((head) => ({ layer, head, score: scores[place++]! })))
      .sort((a, b) => a.score - b.score);
    for (const { layer, head } of ranked)
      if (surplus > 0 && kept[layer]!.size > 1) {
        kept[layer]!.delete(head);
        surplus--;
      }
    return kept.map((heads) => [...heads]);
  }

  /** By ‖row of W1‖ ‖column of W2‖, in every layer for itself. */
  function stayingNeurons({ epoch, epochs }: EpochOf, state: FlatState): number[][] {
    const values = cutNamed(parameters, state.parameters);
    return structure.hidden.map((count, layer) => {
      const all = Array.from({ length: count }, (_, neuron) => neuron);
      const left = neuronsLeft(pruning, whole.hidden[layer]!, epoch, epochs);
      if (left >= count) return all;
      const first = values.get(`b${layer}.fc1.weight`)!;
      const second = values.get(`b${layer}.fc2.weight`)!;
      const width = first.length / count;
      const scores = all.map((neuron) => {
        let [rows, columns] = [0, 0];
        for (let i = 0; i < width; i++) {
          rows += first[neuron * width + i]! ** 2;
          columns += second[i * count + neuron]! ** 2;
        }
        return rows * columns;
      });
      return all
        .sort((a, b) => scores[b]! - scores[a]! || a - b)
        .slice(0, left)
        .sort((a, b) => a - b);
    });
  }
}

/** Sets the smallest weights of all matrices together to 0, with their moments, and notes them in the mask. */
function zeroSmallest(parameters: readonly Parameter[], state: FlatState, share: number): void {
  const mask = state.buffers;
  if (!mask) throw new Error('single weights are pruned, and there is no mask');
  const places: number[] = [];
  let offset = 0;
  for (const { shape, decay } of parameters) {
    const size = sizeOf(shape);
    if (decay) for (let i = offset; i < offset + size; i++) places.push(i);
    offset += size;
  }
  const sizes = Float32Array.from(places, (place) => Math.abs(state.parameters[place]!)).sort();
  const limit = sizes[Math.floor(share * places.length + 1e-9) - 1];
  if (limit === undefined) return;
  for (const place of places)
    if (Math.abs(state.parameters[place]!) <= limit)
      for (const flat of [state.parameters, state.moment1, state.moment2, mask]) flat[place] = 0;
}

function cutNamed(parameters: readonly Parameter[], flat: Float32Array): Map<string, Float32Array> {
  let offset = 0;
  return new Map(
    parameters.map(({ name, shape }) => {
      const data = flat.subarray(offset, offset + sizeOf(shape));
      offset += data.length;
      return [name, data];
    }),
  );
}

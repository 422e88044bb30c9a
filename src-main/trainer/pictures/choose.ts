/** Which images a run is watched on, and when: the same in every run on a dataset, whatever its config says. */
import type { Split } from '../data/index.ts';

/**
 * Images of a split spread over its classes: of as many classes as there are images to choose, or of all in turn, the
 * first image each, then the second, and so on. No draw: repeats and other models are watched on the same ones.
 * @returns places in the split
 */
export function watchedImages({ labels }: Pick<Split, 'labels'>, wanted: number): Uint32Array {
  const byClass = new Map<number, number[]>();
  labels.forEach((label, image) => {
    const own = byClass.get(label);
    if (own) own.push(image);
    else byClass.set(label, [image]);
  });
  const classes = [...byClass].sort(([a], [b]) => a - b).map(([, images]) => images);
  const chosen: number[] = [];
  const count = Math.min(wanted, labels.length);
  const spread = Math.min(count, classes.length);
  for (let turn = 0; chosen.length < count; turn++) {
    // classes that a spread leaves out have their turn where the others have no more images
    const order = turn === 0 ? evenly(classes.length, spread) : [...classes.keys()];
    for (const one of order) {
      const next = classes[one]!.find((image) => !chosen.includes(image));
      if (next !== undefined && chosen.length < count) chosen.push(next);
    }
  }
  return Uint32Array.from(chosen);
}

const evenly = (all: number, wanted: number): number[] =>
  Array.from({ length: wanted }, (_, i) => Math.floor((i * all) / wanted));

/**
 * Whether pictures are taken after an epoch: after every evaluation, or where there are more than so many snapshots
 * shall be, evenly among them, the last included. One comes before the first epoch.
 * @param epoch 0-based, of the run, as evaluations count: `first` is the first of the stage, `end` the one after its last
 */
export function pictureDue(
  epoch: number,
  {
    first,
    end,
    evalEvery,
    snapshots,
  }: { first: number; end: number; evalEvery: number; snapshots: number },
): boolean {
  const before = Math.floor(first / evalEvery);
  const evaluations = Math.ceil(end / evalEvery) - before;
  const last = epoch === end - 1;
  if (!last && (epoch + 1) % evalEvery !== 0) return false;
  const place = last ? evaluations : (epoch + 1) / evalEvery - before;
  const most = Math.max(1, Math.min(evaluations, snapshots - 1));
  const taken = (until: number): number => Math.floor((until * most) / evaluations);
  return taken(place) > taken(place - 1);
}

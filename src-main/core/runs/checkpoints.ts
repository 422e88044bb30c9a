/**
 * The checkpoints of a run as files: which there are, what each is worth, whether they are still what the trainer
 * wrote; and taking away all but the best, which can be undone for some seconds.
 *
 * The store knows what the trainer told. The folder is looked at as well: files may have been deleted or
 * changed by hand, and a trainer whose program was killed writes a last checkpoint that nobody records.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError, type CheckpointList, type KeptCheckpoint } from '../../contract.ts';
import { checkpointName } from '../store/slice-write.ts';
import type { CheckpointRow, Store } from '../store/store.ts';

export interface Checkpoints {
  list(id: number): Promise<CheckpointList>;
  /** Reads all tensors and compares their SHA-256 with that of the trainer. */
  verify(id: number, signal?: AbortSignal): Promise<CheckpointList>;
  /**
   * Takes away all but the best, which is read first as in `verify`; the files are deleted when the time is over, or at the next start.
   * Where one file cannot be taken away, none is.
   * @param signal breaks it off, and all stay
   * @throws AppError CONFLICT while the run is active or waits, or where there is nothing to be taken away
   */
  free(id: number, undoSeconds: number, signal?: AbortSignal): Promise<CheckpointList>;
  /** @throws AppError NOT_FOUND where it is too late, CONFLICT where the run goes on or has gone on */
  restore(id: number): Promise<CheckpointList>;
  /** Tells the store of what lies in the folder and was not recorded. */
  record(id: number): Promise<void>;
  close(): void;
}

interface Workplace {
  store: Pick<
    Store,
    'checkpointsOf' | 'scoresBySteps' | 'addCheckpoint' | 'removeCheckpoints' | 'getSummary'
  >;
  runDir(id: number): string;
  /** For files that are on their way out; emptied at the start. */
  trash: string;
  /** The run is under way. */
  active(id: number): boolean;
  log(line: string): void;
}

/** Those that are written under a name of their own; others are kept by their step. */
const roles = ['last', 'best', 'best-per-kwh'] as const;

export async function createCheckpoints(place: Workplace): Promise<Checkpoints> {
  const { store, runDir, trash, active, log } = place;
  const taken = new Map<
    number,
    { rows: CheckpointRow[]; names: string[]; timer: NodeJS.Timeout }
  >();
  await rm(trash, { recursive: true, force: true }).catch((cause: unknown) =>
    log(`${trash} could not be removed: ${String(cause)}`),
  );

  /** What is recorded, with what the folder says of the files that are overwritten. */
  const rowsOf = async (id: number): Promise<CheckpointRow[]> => {
    const recorded = await store.checkpointsOf(id);
    const fixed = await Promise.all(roles.map((role) => readRow(join(runDir(id), `${role}.json`))));
    const found = fixed.filter((row) => row !== null);
    const paths = new Set(found.map(({ path }) => path));
    return [
      ...recorded.filter(({ path }) => !paths.has(path)),
      ...found.map((row) => {
        const same = recorded.find(({ path, step }) => path === row.path && step === row.step);
        return {
          ...row,
          ...(same && { at: same.at ?? row.at, sha256: same.sha256 ?? row.sha256 }),
        };
      }),
    ];
  };

  const look = async (
    id: number,
    whole: boolean,
    signal?: AbortSignal,
  ): Promise<CheckpointList> => {
    const [rows, scores] = await Promise.all([rowsOf(id), store.scoresBySteps(id)]);
    const groups = Map.groupBy(rows, ({ step, file, path }) => `${step} ${file ?? path}`);
    const checkpoints = await Promise.all(
      [...groups.values()].map((group) => describe(group, scores, whole, signal)),
    );
    return judge(
      id,
      checkpoints.toSorted((a, b) => b.step - a.step),
    );
  };

  const judge = (id: number, checkpoints: Described[]): CheckpointList => {
    const best = leader(checkpoints, ({ macroF1 }) => macroF1);
    const perKwh = leader(checkpoints, ({ f1PerKwh }) => f1PerKwh);
    const marked = checkpoints.map((one) => ({
      ...one,
      best: one === best,
      bestPerKwh: one === perKwh,
    }));
    const kept = survivors(marked);
    const others = marked.filter((one) => !kept.includes(one) && one.state !== 'missing');
    return {
      folder: runDir(id),
      checkpoints: marked,
      free: {
        count: others.length,
        bytes: others.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
        keeps: kept.map(({ step }) => step),
      },
      undo: taken.has(id),
    };
  };

  const forget = async (id: number): Promise<void> => {
    const own = taken.get(id);
    if (!own) return;
    clearTimeout(own.timer);
    taken.delete(id);
    await rm(join(trash, String(id)), { recursive: true, force: true });
  };

  const record = async (id: number, of: (path: string) => boolean = () => true): Promise<void> => {
    const recorded = await store.checkpointsOf(id);
    for (const row of await rowsOf(id))
      if (
        of(row.path) &&
        !recorded.some(({ path, step }) => path === row.path && step === row.step)
      )
        await store.addCheckpoint(id, { ...row, paths: [row.path] });
  };

  /** One after the other: both look first, and go by what they saw. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const own = turn.then(work);
    turn = own.catch(() => {});
    return own;
  };

  const refuseUnderWay = async (id: number): Promise<void> => {
    const { status } = await store.getSummary(id);
    if (active(id) || status === 'queued')
      throw new AppError(
        'CONFLICT',
        `Run ${id} is ${status}: its checkpoints are needed.`,
        'Wait for its end or stop it first.',
      );
  };

  /**
   * Those that would stay, read to their last byte, as they are all there is then: one after the other, and where
   * one was changed that which takes its place.
   */
  const withSoundBest = async (
    id: number,
    list: CheckpointList,
    signal?: AbortSignal,
  ): Promise<CheckpointList> => {
    const read = new Set<string>();
    for (;;) {
      const next = survivors(list.checkpoints).find(
        ({ state, tensors }) => state === 'there' && tensors !== null && !read.has(tensors),
      );
      if (!next?.tensors) return list;
      read.add(next.tensors);
      const problem = await changeOf(next.tensors, next.paths[0]!, next.sha256, true, signal);
      if (problem)
        list = judge(
          id,
          list.checkpoints.map((one) =>
            one === next ? { ...one, state: 'changed', problem } : one,
          ),
        );
    }
  };

  const free = async (
    id: number,
    undoSeconds: number,
    signal?: AbortSignal,
  ): Promise<CheckpointList> => {
    signal?.throwIfAborted();
    await refuseUnderWay(id);
    const listed = await look(id, false);
    if (listed.free.count === 0)
      throw new AppError('CONFLICT', `Run ${id} has no checkpoint beside its best.`);
    const { checkpoints, free } = await withSoundBest(id, listed, signal);
    signal?.throwIfAborted();
    await forget(id);
    const kept = checkpoints.filter(({ step }) => free.keeps.includes(step));
    const keptNames = new Set(kept.flatMap(namesOf));
    const gone = checkpoints.filter((one) => !kept.includes(one));
    const rows = (await rowsOf(id)).filter(({ path }) => !keptNames.has(basename(path)));
    const there = new Set(await readdir(runDir(id)));
    const names = gone.flatMap(namesOf).filter((name) => there.has(name) && !keptNames.has(name));
    // what stays has to be known: a run without any recorded checkpoint would begin anew
    await record(id, (path) => keptNames.has(basename(path)));
    const bin = join(trash, String(id));
    const moved: string[] = [];
    try {
      await mkdir(bin, { recursive: true });
      for (const name of names) {
        await rename(join(runDir(id), name), join(bin, name));
        moved.push(name);
      }
      signal?.throwIfAborted();
      await store.removeCheckpoints(
        id,
        rows.map(({ path }) => path),
      );
    } catch (cause) {
      // all or nothing: the bin is emptied at the next start
      for (const name of moved) await rename(join(bin, name), join(runDir(id), name));
      throw cause;
    }
    const timer = setTimeout(() => {
      forget(id).catch((cause: unknown) => log(`files were not deleted: ${String(cause)}`));
    }, undoSeconds * 1000);
    taken.set(id, { rows, names, timer });
    if (undoSeconds === 0) await forget(id);
    return look(id, false);
  };

  const restore = async (id: number): Promise<CheckpointList> => {
    const own = taken.get(id);
    if (!own) throw new AppError('NOT_FOUND', `The checkpoints of run ${id} are deleted for good.`);
    await refuseUnderWay(id);
    const there = new Set(await readdir(runDir(id)));
    if (own.names.some((name) => there.has(name)))
      throw new AppError(
        'CONFLICT',
        `Run ${id} has gone on and written others: what was deleted before cannot be brought back.`,
      );
    clearTimeout(own.timer);
    taken.delete(id);
    for (const name of own.names)
      await rename(join(trash, String(id), name), join(runDir(id), name));
    for (const row of own.rows) await store.addCheckpoint(id, { ...row, paths: [row.path] });
    return look(id, false);
  };

  return {
    list: (id) => look(id, false),
    verify: (id, signal) => look(id, true, signal),
    free: (id, undoSeconds, signal) => inTurn(() => free(id, undoSeconds, signal)),
    restore: (id) => inTurn(() => restore(id)),
    record: (id) => record(id),
    close: () => taken.forEach(({ timer }) => clearTimeout(timer)),
  };
}

const namesOf = ({ paths, tensors }: KeptCheckpoint): string[] =>
  [...paths, ...(tensors === null ? [] : [tensors])].map((path) => basename(path));

/** Whether it can be gone on from, as far as was looked. */
const isSound = ({ state }: Described): boolean => state === 'there' || state === 'whole';

/** The best ones; where none was evaluated, the last. Those that were changed only where there are no others. */
function survivors(all: KeptCheckpoint[]): KeptCheckpoint[] {
  const sound = all.filter(isSound);
  const there = sound.length > 0 ? sound : all.filter(({ state }) => state !== 'missing');
  const best = there.filter((one) => one.best || one.roles.includes('best-per-kwh'));
  return best.length > 0 ? best : there.slice(0, 1);
}

/** The one with the most; of equals the earliest, as the trainer has it. */
function leader(
  all: readonly Described[],
  of: (one: Described) => number | null,
): Described | null {
  let most: Described | null = null;
  for (const one of all) {
    if (!isSound(one) || of(one) === null) continue;
    if (most === null || of(one)! >= of(most)!) most = one;
  }
  return most;
}

type Described = Omit<KeptCheckpoint, 'best' | 'bestPerKwh'>;

async function describe(
  group: CheckpointRow[],
  scores: Awaited<ReturnType<Store['scoresBySteps']>>,
  whole: boolean,
  signal?: AbortSignal,
): Promise<Described> {
  const [{ epoch, step, at, path, file, sha256, bytes }] = group as [CheckpointRow];
  const tensors = file !== null && checkpointName.test(file) ? join(dirname(path), file) : null;
  const sizes = await Promise.all(group.map((row) => sizeOf(row.path)));
  const size = tensors === null ? 0 : await sizeOf(tensors);
  const lost = [
    ...group.filter((_, i) => sizes[i] === null).map((row) => row.path),
    ...(tensors !== null && size === null ? [tensors] : []),
  ];
  const score = scores.find((one) => one.step === step);
  const known = {
    step,
    epoch,
    at,
    roles: roles.filter((role) => group.some((row) => basename(row.path) === `${role}.json`)),
    paths: group.map((row) => row.path),
    tensors,
    sha256,
    macroF1: score?.macroF1 ?? null,
    f1PerKwh: score?.wh ? (100_000 * score.macroF1) / score.wh : null,
  };
  // one of several JSON files that is gone costs a name, not the checkpoint
  if (size === null || sizes.every((one) => one === null))
    return {
      ...known,
      bytes: null,
      state: 'missing',
      problem: `${lost.map((one) => basename(one)).join(' and ')} is gone`,
    };
  const onDisk = sizes.reduce<number>((sum, one) => sum + (one ?? 0), size);
  const problem = tensors === null ? null : await changeOf(tensors, path, sha256, whole, signal);
  return {
    ...known,
    bytes: onDisk || bytes,
    state: problem ? 'changed' : whole && tensors !== null && sha256 ? 'whole' : 'there',
    problem,
  };
}

/** Why the tensors are not what the trainer wrote; null where nothing tells so. */
async function changeOf(
  tensors: string,
  path: string,
  sha256: string | null,
  whole: boolean,
  signal?: AbortSignal,
): Promise<string | null> {
  const json = await readJson(path);
  const size = await sizeOf(tensors);
  if (json && size !== null && size !== json.bytes)
    return `${basename(tensors)} has ${size} bytes instead of ${json.bytes}`;
  const written = sha256 ?? json?.sha256 ?? null;
  if (!whole || written === null) return null;
  const hash = createHash('sha256');
  for await (const piece of createReadStream(tensors, { signal })) hash.update(piece as Buffer);
  return hash.digest('hex') === written
    ? null
    : `${basename(tensors)} was changed since it was written (SHA-256 differs)`;
}

const sizeOf = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ size }) => size,
    () => null,
  );

interface Pointed {
  epoch: number;
  step: number;
  file: string;
  bytes: number;
  sha256: string;
}

/** What a checkpoint's JSON says of itself; null where it is none, or gone. */
async function readJson(path: string): Promise<Pointed | null> {
  try {
    const { position, tensors } = JSON.parse(await readFile(path, 'utf8')) as {
      position: { epoch: number; stepInEpoch: number; step: number };
      tensors: { file: string; bytes: number; sha256: string };
    };
    // epochs count from 0 there, and one that is done counts as the next one's beginning
    const epoch = position.epoch + (position.stepInEpoch > 0 ? 1 : 0);
    const sound = [epoch, position.step, tensors.bytes].every(Number.isSafeInteger);
    return sound && checkpointName.test(tensors.file)
      ? { epoch, step: position.step, ...tensors }
      : null;
  } catch {
    return null;
  }
}

async function readRow(path: string): Promise<CheckpointRow | null> {
  const json = await readJson(path);
  if (!json) return null;
  const at = await stat(path).then(
    ({ mtimeMs }) => Math.round(mtimeMs),
    () => null,
  );
  return { ...json, path, at };
}

/**
 * Checkpoints: a JSON that says where the run was, and the safetensors file it points to.
 *
 * Weights carry the names and shapes a PyTorch module of the same build has (`b0.qkv.weight`); Adam's
 * moments lie beside them as `moment1.<name>` and `moment2.<name>`. No random state is saved: random
 * numbers depend on seed, epoch and image only.
 *
 * `last` is overwritten by every checkpoint, `best` by the best macro F1 on validation, `best-per-kwh` by the best
 * in relation to the energy used until then; `step-N` stays.
 *
 * Nothing is ever half-written. Tensors go to a file of a new name, the JSON is swapped in by a rename
 * after they are on the disk, and only then are files nobody points to removed.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../contract.ts';
import { parseExperimentConfig, type ExperimentConfig } from '../experiment-config.ts';
import {
  parameterCount,
  publicTensors,
  sizeOf,
  type NamedShape,
  type Parameter,
} from './models/parameters.ts';
import type { VitStructure } from './models/structure.ts';
import type { Scaling } from './features.ts';
import { decodeSafetensors, encodeSafetensors, type FloatTensor } from './safetensors.ts';
import { writeAtomically } from './write-file.ts';

const format = 'hugginggreen-checkpoint';
const version = 1;

/** Where a run is. */
export interface Position {
  /** 0-based epoch of the next step. */
  epoch: number;
  /** Steps of that epoch already done. */
  stepInEpoch: number;
  /** Steps done in the whole run. */
  step: number;
  imagesSeen: number;
  /** Stage of the recipe whose state this is; 0 in checkpoints from before there were several. */
  stage: number;
}

export interface BestSoFar {
  macroF1: number;
  epoch: number;
  step: number;
}

/** Of the whole run until then; Wh without PUE. */
export interface BestPerEnergy extends BestSoFar {
  wh: number;
}

/** Flat tensors of the training state, in the order of the parameter list. */
export interface FlatState {
  parameters: Float32Array;
  moment1: Float32Array;
  moment2: Float32Array;
  /** A frozen backbone or a teacher, in stages that have one. */
  frozen?: Float32Array;
  /** Running statistics, for models that have some. */
  buffers?: Float32Array;
}

/** The tensors of a stage, in the order of their flat state. */
export interface CheckpointTensors {
  parameters: readonly Parameter[];
  frozen?: readonly Parameter[];
  buffers?: readonly NamedShape[];
}

/** What the model was shown: without it, the weights alone would not tell how to feed them. */
export interface StoredImages {
  channels: number;
  /** Side of the stored images. */
  size: number;
  /** Per channel, in [0, 1] units; of the dataset, whether it is used or not. */
  mean: readonly number[];
  std: readonly number[];
  /** Of features that are computed once per image; null for a model that sees the images. */
  features: Scaling | null;
}

/** What an earlier run's model was and saw; its weights are among the frozen tensors. */
export interface TaughtBy {
  config: ExperimentConfig;
  images?: StoredImages;
  structure?: VitStructure;
}

export interface Checkpoint {
  config: ExperimentConfig;
  classes: readonly string[];
  /** Left out in checkpoints of before it was kept. */
  images?: StoredImages;
  /** What pruning has left of the model; left out where it is whole. */
  structure?: VitStructure;
  /** The model that a student of an earlier run's checkpoint learns from. */
  taughtBy?: TaughtBy;
  position: Position;
  best: BestSoFar | null;
  /** Left out where the run does not ask for it. */
  bestPerEnergy?: BestPerEnergy | null;
  state: FlatState;
}

interface CheckpointJson extends Omit<Checkpoint, 'state'> {
  format: string;
  version: number;
  parameters: NamedShape[];
  tensors: { file: string; bytes: number; sha256: string };
}

/** Name of a JSON without its ending. */
export type CheckpointName = 'last' | 'best' | 'best-per-kwh' | `step-${number}`;
const jsonName = /^(last|best|best-per-kwh|step-\d+)\.json$/;
const tensorName = /^step-\d+(-[0-9a-f]+)?\.safetensors$/;

export interface WrittenCheckpoint {
  /** Of the JSON of the first name, and of the others. */
  path: string;
  also: string[];
  /** Of the tensors, beside them. */
  file: string;
  sha256: string;
  /** Written in all. */
  bytes: number;
}

/**
 * Writes a checkpoint under each of the given names (one tensor file for all of them).
 * @throws AppError DISK_FULL; the checkpoints written before stay as they are.
 */
export async function writeCheckpoint(
  runDir: string,
  names: readonly [CheckpointName, ...CheckpointName[]],
  { parameters, frozen = [], buffers = [] }: CheckpointTensors,
  { state, ...rest }: Checkpoint,
): Promise<WrittenCheckpoint> {
  const tensors = publicTensors(parameters);
  const pieces = encodeSafetensors(
    {
      ...cut(tensors, state.parameters, ''),
      ...(state.frozen && cut(publicTensors(frozen), state.frozen, '')),
      ...(state.buffers && cut(buffers, state.buffers, '')),
      ...cut(tensors, state.moment1, 'moment1.'),
      ...cut(tensors, state.moment2, 'moment2.'),
    },
    { format, step: String(rest.position.step) },
  );
  const sha256 = createHash('sha256');
  for (const piece of pieces) sha256.update(piece);
  const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const digest = sha256.digest('hex');
  const file = await freeName(runDir, rest.position.step, digest);
  const json: CheckpointJson = {
    format,
    version,
    ...rest,
    parameters: tensors,
    tensors: { file, bytes, sha256: digest },
  };
  const text = new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);

  await write(join(runDir, file), pieces);
  const [path, ...also] = names.map((name) => join(runDir, `${name}.json`)) as [string];
  for (const one of [path, ...also]) await write(one, [text]);
  await removeUnused(runDir);
  return { path, also, file, sha256: digest, bytes: bytes + names.length * text.byteLength };
}

/**
 * Reads a checkpoint and checks that it belongs to this model.
 * @param path its JSON.
 * @param tensorsOf what the model of a stage is made of, once pruning has left a structure of it.
 * @throws AppError naming file, tensor and reason where it is damaged or of another build.
 */
export async function readCheckpoint(
  path: string,
  tensorsOf: (stage: number, structure: VitStructure | null) => CheckpointTensors | undefined,
): Promise<Checkpoint> {
  const { json, tensors, file } = await openCheckpoint(path);
  const stage = json.position.stage ?? 0;
  const made = tensorsOf(stage, structureIn(json, path));
  if (!made) throw refuse(path, `it is of stage ${stage + 1}, which this recipe has not`);
  const { parameters, frozen = [], buffers = [] } = made;
  const expected = publicTensors(parameters);
  const still = publicTensors(frozen);
  const model = assemble([...expected, ...still, ...buffers], tensors, '', file);
  const trained = parameterCount(expected);
  const unbuffered = trained + parameterCount(still);
  const moment = (prefix: string): Float32Array => assemble(expected, tensors, prefix, file);
  return {
    config: json.config,
    classes: json.classes,
    ...(json.images && { images: json.images }),
    ...(json.structure && { structure: json.structure }),
    ...(json.taughtBy && { taughtBy: json.taughtBy }),
    position: { ...json.position, stage },
    best: json.best,
    ...(json.bestPerEnergy && { bestPerEnergy: json.bestPerEnergy }),
    state: {
      parameters: model.slice(0, trained),
      moment1: moment('moment1.'),
      moment2: moment('moment2.'),
      ...(frozen.length > 0 && { frozen: model.slice(trained, unbuffered) }),
      ...(buffers.length > 0 && { buffers: model.slice(unbuffered) }),
    },
  };
}

export interface SavedModel extends Omit<Checkpoint, 'state'> {
  /** Weights and buffers by their public names; the optimiser's moments are left behind. */
  tensors: Record<string, FloatTensor>;
  /** For sentences about it. */
  file: string;
}

/**
 * The model in a checkpoint, without knowing its architecture.
 * @param path its JSON.
 * @throws AppError naming file and reason where it is damaged.
 */
export async function readModel(path: string): Promise<SavedModel> {
  const { json, tensors, file } = await openCheckpoint(path);
  const parsed = parseExperimentConfig(json.config);
  if (!parsed.ok)
    throw refuse(path, `its config is not one of this version (${parsed.issues[0]?.path})`);
  return {
    config: parsed.config,
    classes: json.classes,
    ...(json.images && { images: json.images }),
    ...(structureIn(json, path) && { structure: json.structure! }),
    position: { ...json.position, stage: json.position.stage ?? 0 },
    best: json.best,
    tensors: Object.fromEntries(
      Object.entries(tensors).filter(([name]) => !/^moment[12]\./.test(name)),
    ),
    file,
  };
}

/** What pruning left of the model. @throws where it cannot be that of this config */
function structureIn({ structure, config }: CheckpointJson, path: string): VitStructure | null {
  if (!structure) return null;
  const widths = [structure.heads, structure.hidden];
  const layers = config.model.kind === 'vit' ? config.model.layers : 0;
  const sound = widths.every(
    (width) =>
      Array.isArray(width) &&
      width.length === layers &&
      width.every((count) => Number.isSafeInteger(count) && count > 0),
  );
  if (!sound) throw refuse(path, 'its heads and neurons per layer do not fit its model');
  return structure;
}

/**
 * The JSON and all the tensors it points to, checked against their length and hash.
 * @param again looks once more where the tensors are gone: a run that trains has replaced both meanwhile.
 */
async function openCheckpoint(
  path: string,
  again = true,
): Promise<{ json: CheckpointJson; tensors: Record<string, FloatTensor>; file: string }> {
  const json = await readJson(path);
  const file = join(dirname(path), basename(json.tensors.file));
  const bytes = await readFile(file).catch((cause: unknown) => {
    if (again && reasonOf(cause) === 'ENOENT') return null;
    throw refuse(path, `its tensor file ${basename(file)} cannot be read (${reasonOf(cause)})`);
  });
  if (!bytes) return openCheckpoint(path, false);
  if (bytes.length !== json.tensors.bytes)
    throw refuse(
      file,
      `it has ${bytes.length} bytes instead of ${json.tensors.bytes}`,
      changedHint,
    );
  const { tensors } = decodeSafetensors(bytes, file);
  if (createHash('sha256').update(bytes).digest('hex') !== json.tensors.sha256)
    throw refuse(file, 'its contents changed since it was written (SHA-256 differs)', changedHint);
  return { json, tensors, file };
}

/** The run a checkpoint is from, without its tensors. @throws AppError where it is none */
export async function checkpointOrigin(path: string): Promise<Omit<Checkpoint, 'state'>> {
  const { config, ...origin } = await readJson(path);
  // options that did not exist when it was made had their defaults
  const completed = parseExperimentConfig(config);
  return { ...origin, config: completed.ok ? completed.config : config };
}

/**
 * The weights of a whole model, trained and frozen alike, without the optimiser's moments.
 * @returns in the order of the lists.
 * @throws AppError naming file, tensor and reason where it is damaged or of another build.
 */
export async function readWeights(
  path: string,
  parameters: readonly Parameter[],
  buffers: readonly NamedShape[],
): Promise<Pick<FlatState, 'parameters' | 'buffers'>> {
  const { tensors, file } = await openCheckpoint(path);
  // a student's file holds its own teacher as well
  const own = Object.fromEntries(
    Object.entries(tensors).filter(([name]) => !name.startsWith('teacher.')),
  );
  const expected = publicTensors(parameters);
  const all = assemble([...expected, ...buffers], own, '', file);
  const trained = parameterCount(expected);
  return { parameters: all.slice(0, trained), buffers: all.slice(trained) };
}

/** What of a config must be as it was for a run to go on. The rest may change (a longer run, another engine). */
export function refuseChangedConfig(
  path: string,
  before: ExperimentConfig,
  now: ExperimentConfig,
): void {
  const fixed = ({
    name: _,
    train,
    compute: __,
    energy: ___,
    budget: ____,
    // it is looked at, and no more
    watch: _____,
    ...rest
  }: ExperimentConfig) => ({
    ...rest,
    train: {
      recipe: train.recipe,
      // stages are shares of them
      ...(train.recipe !== 'scratch' && { epochs: train.epochs }),
      batch: train.batch,
      optimizer: train.optimizer,
      seed: train.seed,
      shuffle: train.shuffle,
      normalisation: train.normalisation,
    },
  });
  // options that did not exist when it was made had their defaults
  const completed = parseExperimentConfig(before);
  const [old, asked] = [fixed(completed.ok ? completed.config : before), fixed(now)];
  for (const section of Object.keys(asked) as (keyof typeof asked)[]) {
    const [was, is] = [old[section], asked[section]] as Record<string, unknown>[];
    for (const key of new Set([...Object.keys(was!), ...Object.keys(is!)]))
      // a dataset may have moved
      if (key !== 'path' && JSON.stringify(was![key]) !== JSON.stringify(is![key]))
        throw refuse(
          path,
          `it was made with ${section}.${key} = ${JSON.stringify(was![key])}, not ${JSON.stringify(is![key])}`,
          'Start a new run, or set this back.',
        );
  }
}

async function readJson(path: string): Promise<CheckpointJson> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw refuse(path, `it cannot be read (${reasonOf(cause)})`);
  });
  let json: Partial<CheckpointJson>;
  try {
    json = JSON.parse(text) as Partial<CheckpointJson>;
  } catch {
    throw refuse(path, 'it is no JSON; the file may be cut off');
  }
  if (json?.format !== format) throw refuse(path, 'it is not a checkpoint of this program');
  if (json.version !== version)
    throw refuse(path, `it has version ${json.version}, this program reads version ${version}`);
  const { step, epoch, stepInEpoch, imagesSeen } = json.position ?? ({} as Partial<Position>);
  const whole = [step, epoch, stepInEpoch, imagesSeen].every((n) => Number.isSafeInteger(n));
  if (!whole || !json.config || !json.tensors || !Array.isArray(json.classes))
    throw refuse(path, 'parts of it are missing');
  return json as CheckpointJson;
}

const changedHint =
  'Put the file back as it was, or move it away: then the run goes on from an earlier checkpoint, where there is one.';

function refuse(path: string, reason: string, hint = 'Use another checkpoint.'): AppError {
  return new AppError('BAD_INPUT', `Checkpoint ${path} cannot be used: ${reason}.`, hint);
}

const reasonOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);

/** Cuts a flat tensor into named ones, without copying. */
function cut(
  tensors: readonly NamedShape[],
  flat: Float32Array,
  prefix: string,
): Record<string, FloatTensor> {
  let offset = 0;
  return Object.fromEntries(
    tensors.map(({ name, shape }) => {
      const data = flat.subarray(offset, offset + sizeOf(shape));
      offset += data.length;
      return [prefix + name, { shape, data }];
    }),
  );
}

/** The reverse of `cut`. */
function assemble(
  expected: readonly NamedShape[],
  tensors: Record<string, FloatTensor>,
  prefix: string,
  file: string,
): Float32Array {
  const flat = new Float32Array(parameterCount(expected));
  let offset = 0;
  for (const { name, shape } of expected) {
    const tensor = tensors[prefix + name];
    if (!tensor) throw refuse(file, `it has no tensor "${prefix}${name}": another architecture`);
    if (tensor.shape.join() !== shape.join())
      throw refuse(
        file,
        `tensor "${prefix}${name}" is [${tensor.shape.join(', ')}], this model needs [${shape.join(', ')}]`,
      );
    flat.set(tensor.data, offset);
    offset += tensor.data.length;
  }
  const known = new Set(expected.map(({ name }) => prefix + name));
  const others = Object.keys(tensors).filter(
    (name) => /^moment[12]\./.exec(name)?.[0] === (prefix || undefined) && !known.has(name),
  );
  if (others[0])
    throw refuse(file, `this model has no tensor "${others[0]}": another architecture`);
  return flat;
}

const write = (path: string, pieces: readonly Uint8Array[]): Promise<void> =>
  writeAtomically(path, pieces, `Checkpoint ${path}`, 'The one before it is intact.');

/**
 * A name for a tensor file. The state may change between two steps (a hash is learned anew): then the file
 * of the same step that another checkpoint points to stays as it is.
 */
async function freeName(runDir: string, step: number, digest: string): Promise<string> {
  const file = `step-${step}.safetensors`;
  for (const name of ['last', 'best', 'best-per-kwh', `step-${step}`]) {
    const json = await readJson(join(runDir, `${name}.json`)).catch(() => null);
    if (json?.tensors.file === file && json.tensors.sha256 !== digest)
      return `step-${step}-${digest.slice(0, 8)}.safetensors`;
  }
  return file;
}

/** Removes tensor files no JSON points to, and what a killed process left half-written. */
async function removeUnused(runDir: string): Promise<void> {
  const names = await readdir(runDir);
  const stepOf = (name: string): string | undefined => /^step-\d+/.exec(name)?.[0];
  const ofStep = Map.groupBy(
    names.filter((name) => tensorName.test(name)),
    stepOf,
  );
  const used = new Set<string>();
  for (const name of names.filter((one) => jsonName.test(one))) {
    const own = ofStep.get(stepOf(name) ?? '');
    // of the many that are kept by their step, hardly any has to be read
    if (own?.length === 1) {
      used.add(own[0]!);
      continue;
    }
    const json = await readJson(join(runDir, name)).catch(() => null);
    if (!json) return; // rather keep too much than too little
    used.add(json.tensors.file);
  }
  for (const name of names)
    if ((tensorName.test(name) && !used.has(name)) || /\.(json|safetensors)\.partial$/.test(name))
      await rm(join(runDir, name), { force: true });
}

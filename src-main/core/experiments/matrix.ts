/**
 * Experiment matrices: the grids of the paper's research questions (method A.5, M) as data, and the runs
 * that an order of one comes down to.
 *
 * A matrix is a file in resources/matrices and a line in `files`. Its arms are the combinations of the
 * levels of its factors; a level says what differs from the base. An arm is compared with the arm that has
 * the baseline level of every factor that has one, so that in a grid over layers each depth has its own.
 *
 * Paired design (method H.4, H.5): every arm has a run with each seed; the arms take turns, there and back
 * (A B C, C B A, ...), so that a machine that grows warmer or busier favours none; one warm-up run comes
 * first, and counts for nothing.
 */
import {
  AppError,
  parseExperimentConfig,
  type DatasetConfig,
  type ExperimentConfig,
  type Matrix,
  type MatrixArm,
  type MatrixOrder,
  type MatrixPreview,
  type MatrixRun,
} from '../../contract.ts';
import { describeDataset } from '../../trainer/data/index.ts';
import activation from '../../../resources/matrices/activation.json' with { type: 'json' };
import references from '../../../resources/matrices/references.json' with { type: 'json' };
import rq1Literal from '../../../resources/matrices/rq1-literal.json' with { type: 'json' };
import rq1 from '../../../resources/matrices/rq1.json' with { type: 'json' };
import rq2Heads from '../../../resources/matrices/rq2-heads.json' with { type: 'json' };
import rq2Layers from '../../../resources/matrices/rq2-layers.json' with { type: 'json' };
import rq2 from '../../../resources/matrices/rq2.json' with { type: 'json' };
import rq3Paper from '../../../resources/matrices/rq3-paper.json' with { type: 'json' };
import rq3 from '../../../resources/matrices/rq3.json' with { type: 'json' };

interface MatrixFile {
  /** In run names. */
  short: string;
  title: string;
  description: string;
  geometry: string;
  /** Runs per arm: 3, 5 or 10 (method H.5). */
  repeats: number;
  /** A config without name and dataset: what all arms have in common. */
  base: PartOfConfig;
  factors: {
    /** Level that the others are compared with; left out where the levels are compared with none. */
    baseline?: string;
    levels: { id: string; title: string; changes: PartOfConfig }[];
  }[];
}

/** JSON in the shape of a config, most of it left out. */
export type PartOfConfig = Record<string, unknown>;

const files: Record<string, MatrixFile> = {
  rq1,
  rq2,
  rq3,
  activation,
  references,
  'rq2-layers': rq2Layers,
  'rq2-heads': rq2Heads,
  'rq3-paper': rq3Paper,
  'rq1-literal': rq1Literal,
};

interface Arm extends MatrixArm {
  changes: PartOfConfig[];
}

/** What an order comes down to: complete configs, and the runs in the order in which they train. */
export interface Expansion<Order = MatrixPreview['order']> {
  order: Order;
  arms: (MatrixArm & { config: ExperimentConfig })[];
  runs: (MatrixRun & { config: ExperimentConfig })[];
}

export const mostRuns = 2000;
const firstSeed = 42;

/** All matrices, the recommended ones first. */
export const matrices = (): Matrix[] => Object.keys(files).map((id) => matrixOf(id));

function matrixOf(id: string): Matrix {
  const { short, title, description, geometry, repeats, base } = files[id]!;
  return {
    id,
    short,
    title,
    description,
    arms: armsOf(id).map(({ id, title, baseline }) => ({ id, title, baseline })),
    dataset: 'cifar10',
    geometry: geometry === 'paper' ? 'paper' : 'native',
    repeats,
    epochs: complete(base, `resources/matrices/${id}.json`).train.epochs,
  };
}

/** The product of all factors, the last one varying slowest. */
function armsOf(id: string): Arm[] {
  let arms: (Arm & { versus: string[] })[] = [
    { id: '', title: '', baseline: null, changes: [], versus: [] },
  ];
  const joined = (a: string, b: string, between: string) => (a === '' ? b : a + between + b);
  for (const { baseline, levels } of files[id]!.factors)
    arms = levels.flatMap((level) =>
      arms.map((arm) => ({
        id: joined(arm.id, level.id, '.'),
        title: joined(arm.title, level.title, ', '),
        baseline: null,
        changes: [...arm.changes, level.changes],
        versus: [...arm.versus, baseline ?? level.id],
      })),
    );
  return arms.map(({ versus, ...arm }) => {
    const baseline = versus.join('.');
    return { ...arm, baseline: baseline === arm.id ? null : baseline };
  });
}

/**
 * What an order runs.
 * @throws AppError NOT_FOUND for a matrix that is not there, BAD_INPUT for what cannot be run.
 */
export function expandMatrix(request: MatrixOrder): Expansion & { matrix: Matrix } {
  const id = Object.keys(files).find((known) => known === request.id.toLowerCase());
  if (id === undefined)
    throw new AppError(
      'NOT_FOUND',
      `There is no matrix "${request.id}".`,
      `There are: ${Object.keys(files).join(', ')}.`,
    );
  const matrix = matrixOf(id);
  const seeds = seedsOf(request, matrix.repeats);
  const chosen = chooseArms(armsOf(id), request.arms);
  const order: Expansion['order'] = {
    id,
    dataset: request.dataset ?? matrix.dataset,
    geometry: request.geometry ?? matrix.geometry,
    repeats: seeds.length,
    seeds,
    epochs: request.epochs ?? matrix.epochs,
    arms: chosen.map((arm) => arm.id),
    warmUp: request.warmUp ?? true,
  };
  const count = chosen.length * seeds.length + (order.warmUp ? 1 : 0);
  if (count > mostRuns)
    throw new AppError(
      'BAD_INPUT',
      `${count} runs are more than the ${mostRuns} that one matrix may have.`,
      'Leave out some arms, or repeat less.',
    );
  const arms = chosen.map((arm) => ({ ...arm, config: armConfig(order, arm, request.common) }));
  return {
    matrix,
    order,
    arms: arms.map(({ id, title, baseline, config }) => ({ id, title, baseline, config })),
    runs: inTurn(order, matrix.short, arms),
  };
}

function seedsOf({ seeds, repeats }: MatrixOrder, usual: number): number[] {
  if (seeds === undefined) return Array.from({ length: repeats ?? usual }, (_, i) => firstSeed + i);
  if (repeats !== undefined && repeats !== seeds.length)
    throw new AppError(
      'BAD_INPUT',
      `${repeats} repeats need ${repeats} seeds; ${seeds.length} are given.`,
      'Give one of the two, or as many seeds as repeats.',
    );
  if (new Set(seeds).size < seeds.length)
    throw new AppError(
      'BAD_INPUT',
      'A seed is given twice: the two runs would be one and the same.',
      'Give every repeat a seed of its own.',
    );
  return seeds;
}

/** In the order of the matrix, whatever the order in which they were asked for. */
function chooseArms(arms: Arm[], wanted: string[] | undefined): Arm[] {
  if (wanted === undefined) return arms;
  const unknown = wanted.find((id) => !arms.some((arm) => arm.id === id));
  if (unknown !== undefined)
    throw new AppError(
      'BAD_INPUT',
      `There is no arm "${unknown}" in this matrix.`,
      `Its arms: ${arms.map(({ id }) => id).join(', ')}.`,
    );
  return arms.filter(({ id }) => wanted.includes(id));
}

/**
 * Warm-up, then the arms in turn: there in odd repeats, back in even ones.
 * @param short what names of runs begin with
 */
export function inTurn(
  { seeds, warmUp }: { seeds: readonly number[]; warmUp: boolean },
  short: string,
  arms: Expansion['arms'],
): Expansion['runs'] {
  const run = (arm: Expansion['arms'][number], index: number, ahead: boolean) => {
    const seed = seeds[index]!;
    const name = ahead ? `${short} warm-up: ${arm.title}` : `${short}: ${arm.title}, seed ${seed}`;
    const config = { ...arm.config, name, train: { ...arm.config.train, seed } };
    return { arm: arm.id, repeat: index + 1, seed, warmUp: ahead, name, config };
  };
  const first = arms.find(({ baseline }) => baseline === null) ?? arms[0]!;
  const back = arms.toReversed();
  return [
    ...(warmUp ? [run(first, 0, true)] : []),
    ...seeds.flatMap((_, i) => (i % 2 === 0 ? arms : back).map((arm) => run(arm, i, false))),
  ];
}

/** @throws AppError BAD_INPUT that names the arm. */
function armConfig(
  { id, dataset, geometry, epochs }: Expansion['order'],
  arm: Arm,
  common: PartOfConfig = {},
): ExperimentConfig {
  const plain = {
    model: { kind: 'vit' },
    attention: { kind: 'standard' },
    dataset: { kind: dataset },
  };
  const parts = [plain, files[id]!.base, common, { train: { epochs } }];
  const merged = [...parts, ...arm.changes].reduce(merge, {});
  const where = `The arm "${arm.title}"`;
  if ((merged.dataset as PartOfConfig).kind !== dataset)
    throw new AppError(
      'BAD_INPUT',
      'The dataset of a matrix is chosen by its own option, not in the common settings.',
      null,
    );
  const { dataset: data } = complete({ dataset: merged.dataset }, where);
  return complete(merge(merged, { model: sizeOn(data, merged, common, geometry) }), where);
}

/**
 * The model's size on its dataset. `native`: the stored side, up to the next multiple of 8 (MNIST: 32), a
 * ViT in 8 x 8 patches, so that N = 64 everywhere (method I). `paper`: a ViT takes 224 px in patches of 16;
 * models without patches stay at the native side, which is what they are made for. A side that the order
 * itself names stands.
 */
function sizeOn(
  dataset: DatasetConfig,
  { model }: PartOfConfig,
  common: PartOfConfig,
  geometry: Expansion['order']['geometry'],
): PartOfConfig {
  const side = Math.ceil(describeDataset(dataset).size / 8) * 8;
  const vit = (model as PartOfConfig)['kind'] === 'vit';
  if (!vit) return { image: side };
  const { image, patch } = { image: undefined, patch: undefined, ...(common['model'] ?? {}) };
  const own = { ...(image !== undefined && { image }), ...(patch !== undefined && { patch }) };
  return geometry === 'paper'
    ? { image: 224, patch: 16, ...own }
    : { image: side, patch: side / 8, ...own };
}

/** @throws AppError BAD_INPUT that begins with `where`, with its issues */
export function complete(input: PartOfConfig, where: string): ExperimentConfig {
  const parsed = parseExperimentConfig(input);
  if (parsed.ok) return parsed.config;
  const what = parsed.issues
    .map(({ path, message }) => (path ? `${path}: ${message}` : message))
    .join('; ');
  throw new AppError('BAD_INPUT', `${where} cannot be run: ${what}.`, null, parsed.issues);
}

/** Key by key, the second winning; a section of another kind replaces the first one whole. */
export function merge(base: PartOfConfig, changes: PartOfConfig): PartOfConfig {
  const merged = { ...base };
  for (const [key, change] of Object.entries(changes)) {
    const old = merged[key];
    const replaces =
      isPart(old) && isPart(change) && (change['kind'] ?? old['kind']) !== old['kind'];
    merged[key] = isPart(old) && isPart(change) && !replaces ? merge(old, change) : change;
  }
  return merged;
}

const isPart = (value: unknown): value is PartOfConfig =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/**
 * The one experiment config: its schema, its defaults and its words; a section of it per file in the folder
 * of the same name.
 *
 * The form, the config file of the command line, the store and the trainer all use this file. Titles,
 * descriptions and units are part of the schema, so that the form and `hugginggreen options` cannot
 * drift away from what is checked. Key names and defaults follow the method specification (section M).
 */
import * as v from 'valibot';
import { attention, takesSizes } from './experiment-config/attention.ts';
import { augment, augments } from './experiment-config/augment.ts';
import { budget } from './experiment-config/budget.ts';
import { dataset } from './experiment-config/dataset.ts';
import { compute, energy } from './experiment-config/machine.ts';
import { imageMultiple, model } from './experiment-config/model.ts';
import { prunes, pruning, type PruningConfig } from './experiment-config/pruning.ts';
import {
  contrastive,
  distil,
  finetune,
  pretrain,
  teacherMultiple,
} from './experiment-config/recipes.ts';
import { routing, type RoutingConfig } from './experiment-config/routing.ts';
import { selection } from './experiment-config/selection.ts';
import { sparsity } from './experiment-config/sparsity.ts';
import { train, type RecipeName } from './experiment-config/train.ts';
import { watch } from './experiment-config/watch.ts';
import { nearest } from './nearest.ts';
import { stageEpochs, type StageShares } from './experiment-config/stage-epochs.ts';
import { routingActs } from './experiment-config/token-routing.ts';

export { deltaOwn, type DeltaReference } from './experiment-config/attention.ts';
export { budget as budgetSchema } from './experiment-config/budget.ts';
export { energy as energySchema } from './experiment-config/machine.ts';
export type { FieldHints } from './experiment-config/fields.ts';
export type { PruningConfig, RoutingConfig };

// of the sections themselves: the type of the whole config would be defined by its own checks
type ModelSection = v.InferOutput<typeof model>;
type Selection = v.InferOutput<typeof selection>;

/** What a model must be for the other sections to fit it. (A pipe takes twenty checks at most.) */
const fittingModel = v.pipe(
  v.strictObject({
    name: v.pipe(
      v.optional(v.pipe(v.string(), v.maxLength(200, 'is longer than 200 characters')), ''),
      v.title('Name'),
    ),
    dataset: v.optional(dataset, { kind: 'greensynth' }),
    model: v.optional(model, {}),
    selection: v.optional(selection, {}),
    attention: v.optional(attention, { kind: 'standard' }),
    sparsity: v.optional(sparsity, {}),
    pruning: v.optional(pruning, {}),
    routing: v.optional(routing, { kind: 'none' }),
    augment: v.optional(augment, {}),
    train: v.optional(train, {}),
    pretrain: v.optional(pretrain, {}),
    contrastive: v.optional(contrastive, {}),
    finetune: v.optional(finetune, {}),
    distil: v.optional(distil, {}),
    watch: v.optional(watch, {}),
    compute: v.optional(compute, {}),
    energy: v.optional(energy, {}),
    budget: v.optional(budget, {}),
  }),
  v.forward(
    v.check(
      ({ model }) => model.kind !== 'vit' || model.image % model.patch === 0,
      ({ input: { model } }) =>
        model.kind === 'vit'
          ? `a patch of ${model.patch} does not divide an image of ${model.image} pixels; try ${divisorsNear(model.image, model.patch)}`
          : '',
    ),
    ['model', 'patch'],
  ),
  v.forward(
    v.check(
      ({ model, selection }) =>
        model.kind !== 'vit' || selection.keep === null || selection.keep <= patchCount(model),
      ({ input: { model, selection } }) =>
        model.kind === 'vit'
          ? `${selection.keep} patches cannot be kept: the image has only ${patchCount(model)}`
          : '',
    ),
    ['selection', 'keep'],
  ),
  v.forward(
    v.check(
      ({ model, selection }) => model.kind === 'vit' || selection.mode === 'off',
      ({ input: { model } }) =>
        `${model.kind} does not see patches: set patch selection to off, or choose the vit model`,
    ),
    ['selection', 'mode'],
  ),
  v.forward(
    v.check(
      ({ model, attention }) => model.kind === 'vit' || attention.kind === 'standard',
      ({ input: { model } }) =>
        `${model.kind} has no attention to choose: set it to standard, or choose the vit model`,
    ),
    ['attention', 'kind'],
  ),
  v.forward(
    v.check(
      ({ model }) => model.image % imageMultiple(model) === 0,
      ({ input: { model } }) =>
        `${model.kind} halves the image several times: its side must be a multiple of ${imageMultiple(model)}`,
    ),
    ['model', 'image'],
  ),
  v.forward(
    v.check(
      ({ model }) => model.kind !== 'imagesig' || model.image * (model.columns ? 2 : 1) >= 17,
      () => 'the two pools of ImageSig need at least 17 rows',
    ),
    ['model', 'image'],
  ),
  v.forward(
    v.check(
      ({ model, attention }) =>
        attention.kind !== 'mgk' ||
        !attention.halfHeads ||
        model.kind !== 'vit' ||
        model.heads % 2 === 0,
      ({ input: { model } }) =>
        model.kind === 'vit'
          ? `${model.heads} heads cannot be halved: mgk needs an even number`
          : '',
    ),
    ['model', 'heads'],
  ),
  v.forward(
    v.check(
      ({ model, attention }) =>
        attention.kind !== 'gmm_repo' || model.kind !== 'vit' || model.heads > 1,
      () => 'must be at least 2: gmm_repo takes the variance over heads, which one head has not',
    ),
    ['model', 'heads'],
  ),
  v.forward(
    v.check(
      ({ attention, train }) => attention.kind !== 'gmm_repo' || train.clipNorm !== null,
      () =>
        'must be set for gmm_repo, whose outputs are hundreds of times too large; 1 is sensible',
    ),
    ['train', 'clipNorm'],
  ),
  v.forward(
    v.check(
      ({ model, augment }) => model.kind !== 'imagesig' || !augments(augment),
      () => 'ImageSig computes its signatures once per image: they would not see augmentation',
    ),
    ['augment'],
  ),
);

/** Which blocks and attentions selective activation fits. */
const fittingRouting = v.pipe(
  fittingModel,
  v.forward(
    v.check(
      ({ model, routing }) => model.kind === 'vit' || routing.kind === 'none',
      ({ input: { model } }) =>
        `${model.kind} has no tokens to choose from: set selective activation to none, or choose the vit model`,
    ),
    ['routing', 'kind'],
  ),
  v.forward(
    v.check(
      ({ routing, train }) =>
        !isPretrained(train.recipe) || routing.kind === 'none' || routing.kind === 'route',
      ({ input: { routing, train } }) =>
        `${routing.kind} takes tokens away, and the stages of ${train.recipe} need every one: choose route, or another recipe`,
    ),
    ['routing', 'kind'],
  ),
  v.forward(
    v.check(
      ({ model, routing }) => model.kind !== 'vit' || routingActs(routing, model.layers),
      ({ input: { model, routing } }) =>
        model.kind === 'vit'
          ? `${routing.kind} finds no block to act on among ${model.layers} ${model.layers === 1 ? 'layer' : 'layers'}: it needs at least ${routing.kind === 'route' ? Math.max(2, routing.every) : 2}`
          : '',
    ),
    ['routing', 'kind'],
  ),
  v.forward(
    v.check(
      ({ attention, routing }) => routing.kind !== 'prune' || attention.kind !== 'ecoformer',
      () =>
        'prune needs attention weights, which ecoformer never forms: choose route, or another attention',
    ),
    ['routing', 'kind'],
  ),
  v.forward(
    v.check(
      ({ attention, routing }) => routing.kind !== 'merge' || takesSizes(attention),
      ({ input: { attention } }) =>
        `merge weighs each key by the patches it stands for, which ${attention.kind} as set cannot: choose standard with softmax, gmm_fixed without its gate or map_em without key iterations, or route or prune`,
    ),
    ['routing', 'kind'],
  ),
  v.forward(
    v.check(
      ({ model, selection, routing }) =>
        routing.kind !== 'route' ||
        routing.heuristic === 'none' ||
        !selectsPatches(model, selection) ||
        selection.heuristic === 'random' ||
        routing.heuristic === selection.heuristic,
      ({ input: { selection } }) =>
        selection.heuristic === 'conv'
          ? 'must be none: a learned patch score gives routing no hint'
          : `must be ${selection.heuristic} as in patch selection, or none: patches are scored once for both`,
    ),
    ['routing', 'heuristic'],
  ),
);

/** The sections and what they ask of each other. */
const fittingSections = v.pipe(
  fittingRouting,
  v.forward(
    v.check(
      ({ attention, selection, routing, train, pretrain }) =>
        attention.kind !== 'delta' ||
        attention.reference !== 'serpentine' ||
        (selection.mode !== 'drop' &&
          routing.kind === 'none' &&
          !(isPretrained(train.recipe) && pretrain.method === 'mae')),
      () =>
        'serpentine order needs every patch in its place: choose previous, or neither drop, route nor hide (mae) patches',
    ),
    ['attention', 'reference'],
  ),
  v.forward(
    v.check(
      ({ model, sparsity }) => model.kind === 'vit' || sparsity.lambda === 0,
      ({ input: { model } }) =>
        `${model.kind} has no attention to make sparse: set it to 0, or choose the vit model`,
    ),
    ['sparsity', 'lambda'],
  ),
  v.forward(
    v.check(
      ({ attention, sparsity }) => attention.kind !== 'ecoformer' || sparsity.lambda === 0,
      () =>
        'ecoformer forms no attention weights to make sparse: set it to 0, or choose another attention',
    ),
    ['sparsity', 'lambda'],
  ),
  v.forward(
    v.check(
      ({ selection, train }) => !isPretrained(train.recipe) || selection.mode === 'off',
      ({ input: { train } }) =>
        `the stages of ${train.recipe} see every patch, or hide some of their own: set it to off, or choose the scratch or distil recipe`,
    ),
    ['selection', 'mode'],
  ),
  v.forward(
    v.check(
      ({ sparsity, train }) => !isPretrained(train.recipe) || sparsity.lambda === 0,
      ({ input: { train } }) =>
        `${train.recipe} does not make attention sparse: choose the scratch or distil recipe, or set it to 0`,
    ),
    ['sparsity', 'lambda'],
  ),
  v.forward(
    v.check(
      ({ attention, train }) =>
        !isPretrained(train.recipe) || !('likelihood' in attention) || attention.likelihood === 0,
      ({ input: { train } }) =>
        `the stages of ${train.recipe} have losses of their own, without the likelihood: set it to 0, or choose the scratch or distil recipe`,
    ),
    ['attention', 'likelihood'],
  ),
  v.forward(
    v.check(
      ({ selection, train }) =>
        !isPretrained(train.recipe) || selection.mode === 'off' || selection.heuristic !== 'conv',
      ({ input: { train } }) =>
        `a learned score is trained with its model, in the scratch and distil recipes, not in ${train.recipe}: choose another`,
    ),
    ['selection', 'heuristic'],
  ),
  v.forward(
    v.check(
      ({ model, pruning }) => model.kind === 'vit' || !prunes(pruning),
      ({ input: { model } }) =>
        `${model.kind} has no heads and blocks to prune: leave it off, or choose the vit model`,
    ),
    ['pruning', 'heads'],
  ),
  v.forward(
    v.check(
      ({ attention, pruning }) =>
        pruning.heads === 'off' || ['standard', 'gmm_fixed'].includes(attention.kind),
      ({ input: { attention } }) =>
        `heads of ${attention.kind} cannot be cut out one by one: choose standard or gmm_fixed attention, or prune neurons alone`,
    ),
    ['pruning', 'heads'],
  ),
  v.forward(
    v.check(
      ({ pruning }) => pruning.start <= pruning.end,
      () => 'is before the start',
    ),
    ['pruning', 'end'],
  ),
  v.forward(
    v.check(
      ({ pruning, train }) => !isPretrained(train.recipe) || !prunes(pruning),
      ({ input: { train } }) =>
        `${train.recipe} ends with a frozen encoder, which is not pruned: choose the scratch or distil recipe, or leave pruning off`,
    ),
    ['pruning', 'heads'],
  ),
);

/** What the recipe asks of the other sections. */
const fittingRecipe = v.pipe(
  fittingSections,
  v.forward(
    v.check(
      ({ model, train }) => model.kind === 'vit' || !isPretrained(train.recipe),
      ({ input: { model, train } }) =>
        `${train.recipe} pre-trains an encoder on masked patches, and ${model.kind} sees none: choose the vit model, or another recipe`,
    ),
    ['train', 'recipe'],
  ),
  v.forward(
    v.check(
      (config) => stageEpochs(config).every(({ epochs }) => epochs > 0),
      ({ input }) =>
        `the shares of ${input.train.recipe} leave no epoch for a stage: ${describeStages(input)}`,
    ),
    ['train', 'epochs'],
  ),
  v.forward(
    v.check(
      ({ model, finetune, train }) =>
        model.kind !== 'vit' ||
        !isPretrained(train.recipe) ||
        finetune.unfreezeLast <= model.layers,
      ({ input: { model } }) =>
        model.kind === 'vit' ? `the encoder has only ${model.layers} blocks` : '',
    ),
    ['finetune', 'unfreezeLast'],
  ),
  v.forward(
    v.check(
      ({ model, pretrain, train }) =>
        model.kind !== 'vit' ||
        !isPretrained(train.recipe) ||
        Math.ceil(pretrain.ratio * patchCount(model) - 1e-9) < patchCount(model),
      () => 'every patch would be masked: choose a smaller ratio',
    ),
    ['pretrain', 'ratio'],
  ),
  v.forward(
    v.check(
      ({ train, contrastive }) =>
        train.recipe !== 'pt+cl+ft' ||
        (train.batch >= 4 && (contrastive.classes ?? 2) <= train.batch / 2),
      ({ input: { train } }) =>
        train.batch < 4
          ? 'a contrastive batch needs four images at least: two of each of two classes'
          : `a batch of ${train.batch} holds two images of ${Math.floor(train.batch / 2)} classes at most`,
    ),
    ['contrastive', 'classes'],
  ),
  v.forward(
    v.check(
      ({ model, distil, train }) =>
        train.recipe !== 'distil' ||
        distil.checkpoint !== null ||
        distil.teacher !== 'vit-wide' ||
        (model.kind === 'vit' && model.heads <= 32 && model.dim <= 4096),
      ({ input: { model } }) =>
        model.kind === 'vit'
          ? 'twice the heads and width of this model are too many (64 and 8192 at most)'
          : 'a wider ViT can only be made of the vit model: choose another teacher',
    ),
    ['distil', 'teacher'],
  ),
  v.forward(
    v.check(
      ({ model, distil, train }) =>
        train.recipe !== 'distil' ||
        distil.checkpoint !== null ||
        model.image % teacherMultiple(distil.teacher) === 0,
      ({ input: { distil } }) =>
        `${distil.teacher} halves the image several times: its side must be a multiple of ${teacherMultiple(distil.teacher)}`,
    ),
    ['distil', 'teacher'],
  ),
  v.forward(
    v.check(
      ({ train }) => train.focalGamma === 0 || train.recipe !== 'distil',
      ({ input: { train } }) =>
        `${train.recipe} has a loss of its own: set it to 0, or choose another recipe`,
    ),
    ['train', 'focalGamma'],
  ),
  v.forward(
    v.check(
      ({ train }) => train.minLr <= train.lr,
      () => 'is above the learning rate',
    ),
    ['train', 'minLr'],
  ),
);

/** Everything that defines a run. Unknown keys are refused, missing ones take their defaults. */
export const experimentConfigSchema = v.pipe(
  fittingRecipe,
  v.forward(
    v.check(
      ({ train, dataset }) => train.task !== 'detect' || hasBoxes(dataset),
      ({ input: { dataset } }) =>
        `${dataset.kind} has no boxes to learn from: choose greensynth or tiny-imagenet, or the task classify`,
    ),
    ['train', 'task'],
  ),
  v.forward(
    v.check(
      ({ train, model }) => train.task !== 'detect' || model.kind === 'vit',
      ({ input: { model } }) =>
        `${model.kind} has no patch tokens to find a box with: choose the vit model, or the task classify`,
    ),
    ['train', 'task'],
  ),
  v.forward(
    v.check(
      ({ train }) => train.task !== 'detect' || train.recipe !== 'distil',
      ({ input: { train } }) =>
        `the teacher of ${train.recipe} finds no boxes: choose another recipe, or the task classify`,
    ),
    ['train', 'task'],
  ),
  v.forward(
    v.check(
      ({ train, routing }) =>
        train.task !== 'detect' || routing.kind === 'none' || routing.kind === 'route',
      ({ input: { routing } }) =>
        `${routing.kind} takes tokens away, and a box is found by all of them: choose route, or the task classify`,
    ),
    ['routing', 'kind'],
  ),
  v.forward(
    v.check(
      ({ train, augment }) => train.task !== 'detect' || !(augment.mixup > 0 || augment.cutmix > 0),
      () => 'mixes two images, of which only one has its box: not with the task detect',
    ),
    ['augment'],
  ),
);

/** A config as a person writes it: everything may be left out. */
export type ExperimentConfigInput = v.InferInput<typeof experimentConfigSchema>;
/** A complete config. */
export type ExperimentConfig = v.InferOutput<typeof experimentConfigSchema>;
export type ModelConfig = ExperimentConfig['model'];
export type VitModel = Extract<ModelConfig, { kind: 'vit' }>;
export type BudgetConfig = ExperimentConfig['budget'];
export type DatasetConfig = ExperimentConfig['dataset'];
export type AttentionConfig = ExperimentConfig['attention'];
export type AttentionKind = AttentionConfig['kind'];
export type EngineName = Exclude<ExperimentConfig['compute']['engine'], 'auto'>;

/** Recipes that begin with masked pre-training. */
export const isPretrained = (recipe: RecipeName): boolean =>
  recipe === 'pt+ft' || recipe === 'pt+cl+ft';

const describeStages = (config: StageShares): string =>
  stageEpochs(config)
    .map(({ phase, epochs }) => `${epochs} of ${phase}`)
    .join(', ');

/** N = (image / patch)², the patches of one image. */
export const patchCount = (model: { image: number; patch: number }): number =>
  Math.floor(model.image / model.patch) ** 2;

/** Whether every image of a dataset comes with the box of its object. */
export const hasBoxes = ({ kind }: { kind: string }): boolean =>
  kind === 'greensynth' || kind === 'tiny-imagenet';

/** k, the patches that are kept: `keep` itself or ceil(keepRatio x N) (method A.5). */
export function keptPatches(config: {
  model: { image: number; patch: number };
  selection: Selection;
}): number {
  const all = patchCount(config.model);
  // 0.7 x 196 is 137.20000000000002 and must not become 139 where it is exact, hence the tolerance
  return config.selection.keep ?? Math.min(all, Math.ceil(config.selection.keepRatio * all - 1e-9));
}

/** Whether patches are left out in training: keeping all of them is the full image. */
function selectsPatches(model: ModelSection, selection: Selection): boolean {
  if (model.kind !== 'vit' || selection.mode === 'off') return false;
  return keptPatches({ model, selection }) < patchCount(model);
}

/** Whether a run learns which patches to keep (method B.6). */
export const learnsScore = ({
  model,
  selection,
}: {
  model: ModelConfig;
  selection: ExperimentConfig['selection'];
}): boolean => selectsPatches(model, selection) && selection.heuristic === 'conv';

function divisorsNear(image: number, patch: number): string {
  const divisors = Array.from({ length: image }, (_, i) => i + 1).filter((d) => image % d === 0);
  return divisors
    .sort((a, b) => Math.abs(a - patch) - Math.abs(b - patch))
    .slice(0, 3)
    .join(', ');
}

/** One thing wrong with a config: where (`model.patch`) and what. */
export interface ConfigIssue {
  path: string;
  message: string;
}

/** Checks and completes a config. Never throws. */
export function parseExperimentConfig(
  input: unknown,
): { ok: true; config: ExperimentConfig } | { ok: false; issues: ConfigIssue[] } {
  const lists = listsIn(input);
  if (lists.length > 0) return { ok: false, issues: lists };
  const result = v.safeParse(experimentConfigSchema, input);
  if (result.success) return { ok: true, config: result.output };
  return {
    ok: false,
    issues: result.issues.map((issue) => {
      const path = v.getDotPath(issue) ?? '';
      const last = issue.path?.at(-1);
      if (issue.type === 'strict_object' && issue.expected === 'never')
        return { path, message: unknownKey(String(last?.key), issue.path!) };
      if (issue.message.startsWith('Invalid type'))
        return { path, message: `must be ${typeWords[issue.expected ?? ''] ?? issue.expected}` };
      return { path, message: issue.message };
    }),
  };
}

interface SchemaNode {
  entries?: Record<string, SchemaNode>;
  options?: SchemaNode[];
  wrapped?: SchemaNode;
  literal?: unknown;
  default?: unknown;
}

/** Names the key of the same level that was meant; of a section with kinds, a key of the kind that is given. */
function unknownKey(key: string, path: readonly v.IssuePathItem[]): string {
  let node = experimentConfigSchema as unknown as SchemaNode;
  for (const { key: name, input } of path) {
    while (node.wrapped) node = node.wrapped;
    const kindOf = ({ entries }: SchemaNode): unknown =>
      entries?.['kind']?.literal ?? entries?.['kind']?.default;
    const { kind } = input as { kind?: unknown };
    node = node.options?.find((option) => kind === undefined || kindOf(option) === kind) ?? node;
    if (name === key || !node.entries?.[String(name)]) break;
    node = node.entries[String(name)]!;
  }
  const near = nearest(key, Object.keys(node.entries ?? {}));
  return `unknown key "${key}"${near === null ? '' : `; did you mean "${near}"?`}`;
}

const typeWords: Record<string, string> = {
  Object: 'an object in braces: { }',
  string: 'text in quotes',
  number: 'a number',
  boolean: 'true or false',
};

/** A list would pass as an object without a key, that is, as all the defaults. */
function listsIn(input: unknown): ConfigIssue[] {
  const message = 'must be an object in braces, not a list';
  if (Array.isArray(input)) return [{ path: '', message: `a config ${message}` }];
  return Object.entries(input ?? {})
    .filter(([, value]) => Array.isArray(value))
    .map(([path]) => ({ path, message }));
}

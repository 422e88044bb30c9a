/**
 * The methods paragraphs and the limits of a report, made from what was really done.
 *
 * Nothing here is boilerplate: a sentence stands only where the runs give cause for it, and every number
 * in it comes from them.
 */
import type {
  Comparison,
  ExperimentConfig,
  PowerSeries,
  RunDetail,
  RunSummary,
} from '../../contract.ts';
import { energyMeanings, labelWords } from '../../contract/energy-labels.ts';
import { exampleCaution } from '../../contract/example.ts';
import { stageEpochs, type TrainingPhase } from '../../experiment-config/stage-epochs.ts';
import { showCommand } from '../../contract/command-line.ts';
import { describeCommand } from '../store/describe.ts';
import { fewestRuns } from '../statistics/outcome.ts';
import { testNames } from '../statistics/sentences.ts';
import { repeatKey } from '../store/groups.ts';
import { merged, named, spread } from './over-runs.ts';
import { count, distinct, list, quantity, significant } from './words.ts';

export interface MeasuredRun {
  detail: RunDetail;
  power: PowerSeries;
}

export function methodsOf(runs: readonly MeasuredRun[], comparison: Comparison | null): string[] {
  const details = runs.map(({ detail }) => detail);
  const own = details.filter(({ summary }) => summary.status !== 'imported');
  return [
    training(
      own.filter(({ config }) => config !== null),
      comparison,
    ),
    commands(own),
    machines(own),
    measurement(runs),
    socket(own),
    baseline(own),
    attribution(own),
    emissions(details),
    scores(details),
    statistics(comparison),
    imports(details),
  ].filter((paragraph) => paragraph !== '');
}

function training(runs: readonly RunDetail[], comparison: Comparison | null): string {
  const configs = runs.flatMap(({ config }) => config ?? []);
  const [first] = configs;
  if (!first) return '';
  const same = (of: (config: ExperimentConfig) => string): boolean =>
    configs.every((config) => of(config) === of(first));
  const { model, train } = first;
  const what = distinct(runs.map(({ summary }) => `${summary.model} on ${summary.dataset}`));
  const { dataset } = first;
  const images =
    dataset.kind === 'greensynth' && same(({ dataset }) => JSON.stringify(dataset))
      ? `Its images are synthetic, drawn from seed ${dataset.seed}: ${count(dataset.train, 'image')} for training, ` +
        `${count(dataset.validation, 'image')} for validation, ${count(dataset.test, 'image')} for the test.`
      : '';
  const sentences = [
    `${count(runs.length, 'run')} of training: ${list(what)}.`,
    images,
    same(({ model }) => JSON.stringify(model)) ? architecture(model) : '',
    same(({ train }) => JSON.stringify({ ...train, seed: 0 }))
      ? `Trained for ${count(train.epochs, 'epoch')} in batches of ${train.batch} with ` +
        `${train.optimizer === 'adamw' ? `AdamW (weight decay ${train.weightDecay})` : 'Adam'}, ` +
        `learning rate ${train.lr} ` +
        `${train.schedule === 'cosine' ? `falling to ${train.minLr} in half a cosine` : 'throughout'}, ` +
        `label smoothing ${train.labelSmoothing}` +
        `${train.focalGamma > 0 ? `, focal loss with gamma ${train.focalGamma}` : ''}.`
      : '',
    configs.some(({ train }) => train.task === 'detect')
      ? 'Boxes are predicted from the patch tokens, pooled by attention with one learned query; the loss is cross-entropy + 5 L1 of centre and size + 2 (1 - GIoU).'
      : '',
    augmentation(configs),
    `Patch selection: ${list(distinct(runs.map(({ summary }) => summary.selection)))}.`,
    methodWords(distinct(runs.map(({ summary }) => summary.method))),
    ...distinct(configs.map(stages)),
    `Random seed: ${list(distinct(configs.map(({ train }) => String(train.seed))))}.`,
  ];
  const differing = (comparison?.rows ?? []).filter(
    ({ group, differs }) => group === 'config' && differs,
  );
  if (differing.length > 0)
    sentences.push(`The configurations differ in ${list(differing.map(({ label }) => label))}.`);
  return sentences.filter(Boolean).join(' ');
}

/** What was not trained by this program, and on whose word its scores stand; empty without such runs. */
function commands(runs: readonly RunDetail[]): string {
  const own = runs.flatMap(({ summary, command }) => (command ? [{ summary, command }] : []));
  if (own.length === 0) return '';
  const named = own.map(({ summary, command: { argv, cwd, exit } }) => {
    const end = exit?.signal
      ? `ended by ${exit.signal}`
      : exit?.code == null
        ? 'not ended in order'
        : `exit code ${exit.code}`;
    const what = [
      summary.model !== describeCommand(argv) && summary.model,
      summary.dataset && `on ${summary.dataset}`,
      summary.seed !== null && `seed ${summary.seed}`,
    ].filter(Boolean);
    return `${summary.name}${what.length > 0 ? ` (${what.join(', ')})` : ''}: ${showCommand(argv)} in ${cwd}, ${end}`;
  });
  const reported = own.some(({ summary }) => summary.step !== null || summary.macroF1 !== null);
  return [
    `${count(own.length, 'command')} of the experimenter’s own, measured from start to exit with all processes that they started: ${named.join('; ')}.`,
    reported
      ? 'Their losses, scores, phases and image counts are what they reported themselves; this program did not check them.'
      : 'They reported nothing of their training.',
  ].join(' ');
}

/** Attention, recipe and whatever else is not as it comes; empty where nothing is. */
function methodWords(found: readonly string[]): string {
  const [only] = found;
  if (found.length === 1) return only ? `Method: ${only}.` : '';
  // words of one method have commas and semicolons of their own
  return `Method: ${list(found.map((words) => `(${words || 'all as by default'})`))}.`;
}

const stageWords: Record<TrainingPhase, string> = {
  train: 'training of the student',
  teacher: 'training of the teacher',
  pretrain: 'masked pre-training',
  contrastive: 'contrastive training',
  finetune: 'fine-tuning',
};

/** How a recipe with several stages divides the epochs; empty for others. */
function stages(config: ExperimentConfig): string {
  const all = stageEpochs(config);
  return all.length < 2
    ? ''
    : `Stages of ${config.train.recipe}: ` +
        `${list(all.map(({ phase, epochs }) => `${count(epochs, 'epoch')} of ${stageWords[phase]}`))}.`;
}

function architecture(model: ExperimentConfig['model']): string {
  const images = `The model takes images of ${model.image}x${model.image} pixels`;
  switch (model.kind) {
    case 'vit':
      return (
        `${images} in patches of ${model.patch}x${model.patch}, width ${model.dim}, ` +
        `${count(model.layers, 'layer')}, ${count(model.heads, 'head')} of ${model.dimHead}.`
      );
    case 'resnet':
    case 'efficientnetv2-micro':
    case 'efficientnetv2-s':
      return `${images}; batch normalisation uses running statistics at evaluation.`;
    case 'imagesig':
      return (
        `${images}, as path signatures of level 4 of its rows${model.columns ? ' and columns' : ''}, ` +
        'computed once per image before training; that time and energy are part of the run.'
      );
  }
}

function machines(runs: readonly RunDetail[]): string {
  if (runs.length === 0) return '';
  const machines = distinct(
    runs.map(({ circumstances: { machine } }) => {
      if (!machine) return 'a machine whose inventory was not read';
      const gpus = [...Map.groupBy(machine.gpus, ({ name, driver }) => `${name}|${driver}`)].map(
        ([, of]) =>
          `${of.length} x ${of[0]!.name}${of[0]!.driver ? ` (driver ${of[0]!.driver})` : ''}`,
      );
      return [
        `${machine.cpu.sockets} x ${machine.cpu.brand} (${count(machine.cpu.cores, 'logical core')})`,
        `${significant(machine.memory.totalBytes / 2 ** 30, 3)} GiB of memory`,
        gpus.length > 0 ? list(gpus) : 'no GPU found',
        `${machine.os}${machine.virtual ? ', a virtual machine' : ''}`,
      ].join(', ');
    }),
  );
  const engines = merged(
    runs.flatMap(({ circumstances: { engine, engineWhy } }) =>
      engine ? { text: `${engine}${engineWhy ? ` (${engineWhy})` : ''}`, of: engine } : [],
    ),
  ).map(({ text }) => text);
  const versions = distinct(
    runs.map(
      ({ circumstances: { appVersion, node } }) => `HuggingGreen ${appVersion} on Node ${node}`,
    ),
  );
  return [
    `Hardware: ${machines.join('; ')}.`,
    engines.length > 0 ? `Engine: ${engines.join('; ')}.` : '',
    `Software: ${list(versions)}.`,
  ]
    .filter(Boolean)
    .join(' ');
}

function measurement(runs: readonly MeasuredRun[]): string {
  const sensors = distinct(
    runs.flatMap(({ power }) =>
      power.components
        .filter(({ counted }) => counted)
        .map((component) => {
          const { uncertaintyPercent: percent, uncertaintyWatts: watts } = component;
          const band =
            percent !== null
              ? ` (± ${percent} %)`
              : watts !== null
                ? ` (± ${significant(watts, 3)} W)`
                : '';
          return `${component.name}: ${component.provenance}${band}, ${component.method}`;
        }),
    ),
  );
  if (sensors.length === 0) return '';
  const rates = distinct(
    runs.flatMap(({ detail }) =>
      detail.circumstances.hz ? `${significant(detail.circumstances.hz, 3)} Hz` : [],
    ),
  );
  const samples = runs.reduce((sum, { detail }) => sum + detail.circumstances.samples, 0);
  const gaps = runs.reduce((sum, { detail }) => sum + detail.circumstances.gaps, 0);
  return (
    `Power was read in a process of its own${rates.length > 0 ? ` at ${list(rates)}` : ''}: ` +
    `${sensors.join('; ')}. ${count(samples, 'sample')} per component${runs.length > 1 ? ' over all runs' : ''}, ` +
    `${gaps === 0 ? 'without a gap' : count(gaps, 'gap')}. ` +
    'The energy of a run or phase is the difference of cumulative joules between its ends, ' +
    'interpolated between the readings around each; pauses are not counted. Bands of components ' +
    'are taken as independent and added as the root of the sum of squares.'
  );
}

/** The estimate of the whole machine, where it was calibrated. */
function socket(runs: readonly RunDetail[]): string {
  const calibrated = runs.flatMap(({ summary, energy }) =>
    energy?.wall ? [{ name: summary.name, wall: energy.wall }] : [],
  );
  if (calibrated.length === 0) return '';
  const lines = distinct(
    calibrated.map(
      ({ wall: { baseWatts, factor, calibratedAt, method } }) =>
        `${significant(baseWatts, 3)} W x time + ${significant(factor, 3)} x counted energy, ` +
        `calibrated on ${new Date(calibratedAt).toISOString().slice(0, 10)} at idle and under load (${method})`,
    ),
  );
  const figures = calibrated.map(
    ({ name, wall }) => `${name}: ${quantity(wall.wh, 'Wh', wall.uncertaintyWh)}`,
  );
  return (
    `The energy at the socket was estimated against a wall meter: ${list(lines)}; ` +
    `the band is ± 4 %. ${figures.join('; ')}. This estimate contains what no sensor counts; it stands ` +
    'beside the other figures and in none of them, emissions included.'
  );
}

function baseline(runs: readonly RunDetail[]): string {
  if (runs.length === 0) return '';
  const measured = runs.flatMap(({ phases, energy, summary }) => {
    const phase = phases.find(({ name }) => name === 'baseline');
    const idle = (energy?.components ?? []).flatMap(({ name, idleWatts }) =>
      idleWatts === null ? [] : { name, watts: idleWatts },
    );
    if (!phase || phase.to === null || idle.length === 0) return [];
    return { id: summary.id, run: summary.name, seconds: phase.to - phase.from, idle };
  });
  if (measured.length === 0)
    return 'No idle baseline was measured: all energies are gross, the idle power of the machine included.';
  const idle = [
    ...Map.groupBy(
      measured.flatMap(({ idle }) => idle),
      ({ name }) => name,
    ),
  ].map(
    ([name, all]) => `${name} ${spread(all.map(({ watts }) => watts), 'W')}`, // prettier-ignore
  );
  const without = runs.filter(({ summary }) => !measured.some(({ id }) => id === summary.id));
  const before =
    measured.length === 1
      ? runs.length > 1
        ? measured[0]!.run
        : 'the run'
      : without.length === 0
        ? 'each run'
        : `${measured.length} of the runs`;
  return [
    `Before ${before} the idle power was ` +
      `measured for ${spread(measured.map(({ seconds }) => Number(seconds.toPrecision(2))), 's')}: ${list(idle)}.`, // prettier-ignore
    without.length > 0
      ? `Not before ${named(distinct(without.map(({ summary }) => summary.name)), runs.length)}.`
      : '',
    'Energy above idle is the gross energy minus idle power times the time with readings.',
  ]
    .filter(Boolean)
    .join(' ');
}

/** Gross is the figure; how it divides by label, and what of it fell to whose processes. */
function attribution(runs: readonly RunDetail[]): string {
  const labels = merged(
    runs.flatMap(({ summary, energy }) => {
      const words = energy ? labelWords(energy.components) : '';
      return words ? { text: words, of: summary.name } : [];
    }),
  ).map(
    ({ text, of }) => `${text}${of.length < runs.length ? ` (${named(of, runs.length)})` : ''}`,
  );
  const shared = runs.flatMap(({ energy }) =>
    energy?.processWh != null && energy.programWh !== null
      ? { process: energy.processWh, program: energy.programWh }
      : [],
  );
  return [
    labels.length > 0 ? `Of the gross energy: ${labels.join('; ')}.` : '',
    shared.length > 0
      ? `By share of use, ${spread(shared.map(({ process }) => process), 'Wh')} fell to the run and ` + // prettier-ignore
        `${spread(
          shared.map(({ program }) => program),
          'Wh',
        )} to the program${shared.length > 1 ? ', each run’s own in its table' : ''}. ` + // prettier-ignore
        `By the run: ${lowered(energyMeanings.process)} By the program: ${lowered(energyMeanings.program)}`
      : '',
  ]
    .filter(Boolean)
    .join(' ');
}

const lowered = (sentence: string): string => sentence[0]!.toLowerCase() + sentence.slice(1);

function emissions(runs: readonly RunDetail[]): string {
  const factors = distinct(
    runs.flatMap(({ energy }) => {
      if (!energy) return [];
      const { gPerKwh, regionName, year, source, basis, pue, hourly } = energy.emissions;
      const yearly = `${regionName}, ${year}, ${basis}; source: ${source}`;
      const from =
        hourly && hourly.coverage > 0
          ? `mean by the energy of each hour, ${hourly.name}, ${basis}; source: ${hourly.source}; ` +
            (hourly.coverage < 1
              ? `${significant(hourly.coverage * 100, 3)} % of the energy fell into known hours, the rest takes ${regionName}, ${year}, ${source}`
              : 'every hour was known')
          : yearly;
      return `${significant(gPerKwh, 5)} gCO2e/kWh (${from}) with a PUE of ${pue}`;
    }),
  );
  if (factors.length === 0) return '';
  const all = runs.flatMap(({ energy }) => energy?.emissions ?? []);
  const copies = runs.filter(({ summary }) => summary.copyOf !== null);
  return [
    `Emissions are energy x PUE x carbon intensity: ${factors.join('; ')}. No other figure of energy contains the PUE.`,
    all.some(({ waterL }) => waterL !== null)
      ? 'Water is energy x PUE x litres per kWh, as typed in.'
      : '',
    all.some(({ embodiedG }) => embodiedG !== null)
      ? 'Embodied carbon is that of the hardware’s manufacture, as typed in, spread evenly over its life, for the time of the run; it is in no other figure.'
      : '',
    ...copies.map(
      ({ summary: { name, copyOf } }) =>
        `${name} is run ${copyOf} at another price: the same joules.`,
    ),
  ]
    .filter(Boolean)
    .join(' ');
}

function scores(runs: readonly RunDetail[]): string {
  const splits = distinct(
    runs.flatMap(({ evaluations, summary: { f1Split } }) => {
      const last = evaluations.findLast(({ result }) => result.split === f1Split);
      if (!last) return [];
      const { images } = last.result;
      return `the ${f1Split} split${images === null ? '' : ` of ${count(images, 'image')}`}`;
    }),
  );
  if (splits.length === 0) return '';
  const results = runs.flatMap(({ evaluations }) => evaluations.map(({ result }) => result));
  return [
    `F1 is of ${list(splits)}, on the last weights; macro F1 is the unweighted mean over the classes.`,
    'F1 per Wh is macro F1 in points (0 to 100) over the gross energy.',
    results.some(({ detection }) => detection !== null)
      ? 'Each image has one box and one detection, of its likeliest class. AP is the mean over IoU thresholds 0.50 to 0.95 and over classes, with precision interpolated at 101 recalls.'
      : '',
    results.some(({ patchRecall }) => patchRecall !== null)
      ? 'Patch recall is the share of the patches overlapping the object’s box that selection keeps, a mean over images.'
      : '',
  ]
    .filter(Boolean)
    .join(' ');
}

/** How repeats are summed up and compared; empty without repeats. */
function statistics(comparison: Comparison | null): string {
  const repeats = comparison?.repeats;
  if (!repeats?.groups.some(({ ids }) => ids.length > 1)) return '';
  const { groups, comparisons } = repeats;
  const tests = distinct(comparisons.flatMap(({ test }) => (test ? testNames[test] : [])));
  const tested = comparisons.filter(({ test }) => test !== null);
  const times = [...Map.groupBy(groups, ({ ids }) => ids.length)].map(
    ([n, some]) => `${groups.length === some.length ? 'each' : some.length} ${n === 1 ? 'once' : `${n} times`}`, // prettier-ignore
  );
  return [
    `Runs that differ in nothing but seed and name are repeats of one configuration: ${count(groups.length, 'configuration')}, ${list(times)}.`,
    'Means have 95 % t intervals, medians 95 % percentile bootstrap intervals of 10,000 resamples; normality is tested by Shapiro-Wilk at 0.05.',
    tested.length > 0
      ? `Differences to ${groups[0]!.name} were tested ${tested.every(({ paired }) => paired) ? 'in pairs of one seed ' : ''}by ${list(tests)}, two-sided` +
        `${tested.length > 1 ? `, with Holm’s correction over ${tested.length} tests` : ''}; the effect size is Hedges’ g.`
      : '',
    groups.some(({ ids }) => ids.length < fewestRuns)
      ? `With fewer than ${fewestRuns} runs there is no interval and no test.`
      : '',
  ]
    .filter(Boolean)
    .join(' ');
}

/** A sentence begins large, but names stay as they are. */
const begin = (who: string): string =>
  who.replace(/^(all|both)(?= (\d+ )?runs$)/, (word) => word[0]!.toUpperCase() + word.slice(1));

function imports(runs: readonly RunDetail[]): string {
  const imported = runs.filter(({ summary }) => summary.status === 'imported');
  return imported.length === 0
    ? ''
    : `${list(imported.map(({ summary }) => summary.name))}: taken from a CSV file as its figures stand.`;
}

// --- limits --------------------------------------------------------------------------------------

/** @param warmUps runs that were asked for and left out */
export function limitsOf(
  runs: readonly MeasuredRun[],
  warmUps: readonly RunSummary[] = [],
): string[] {
  const details = runs.map(({ detail }) => detail);
  return [
    exampleCaution(details.map(({ summary }) => summary)) ?? [],
    ...provenanceLimits(runs),
    ...coverageLimits(details),
    ...circumstanceLimits(details),
    ...resultLimits(details),
    ...factorLimits(details),
    ...(warmUps.length > 0
      ? [
          `Left out as a warm-up, which counts for nothing: ${list(warmUps.map(({ name }) => name))}.`,
        ]
      : []),
  ].flat();
}

function provenanceLimits(runs: readonly MeasuredRun[]): string[] {
  const components = runs.flatMap(
    ({ detail }) => detail.energy?.components.filter(({ counted }) => counted) ?? [],
  );
  const named = (provenance: string) =>
    distinct(
      components
        .filter((c) => c.provenance === provenance && c.wh !== null)
        .map(({ name }) => name),
    );
  const [modelled, constant] = [named('modelled'), named('constant')];
  const limits: string[] = [];
  if (modelled.length > 0)
    limits.push(
      `The energy of ${list(modelled)} is modelled, not measured. Its error is much the same in every ` +
        'run, so that the order of runs is surer than the figures.',
    );
  if (constant.length > 0)
    limits.push(
      `The power of ${list(constant)} is a constant: it follows the duration and tells nothing about load.`,
    );
  const idle = distinct(
    runs.flatMap(({ detail }) =>
      (detail.energy?.components ?? [])
        .filter(({ counted }) => !counted)
        .map(({ name, key }) => `${name} (${key.replace(/^gpu:/, '')})`),
    ),
  );
  if (idle.length > 0) limits.push(`Not used by the run, read but in no total: ${list(idle)}.`);
  if (!components.some(({ kind, wh }) => kind === 'gpu' && wh !== null))
    limits.push('No GPU power was read; where a GPU worked, its energy is missing.');
  const estimated = runs.length > 0 && runs.every(({ detail }) => detail.energy?.wall?.wh != null);
  limits.push(
    `Board, disks, fans, display and the losses of the power supply are not in the figures; ${
      estimated
        ? 'the estimate at the socket alone contains them'
        : 'only a meter at the wall sees them'
    }.`,
    'How a kWh comes about, from the sensor to this page, and which sensors were never tried on their hardware: src-main/meter/README.md in the source tree of the program.',
  );
  return limits;
}

const coverageLimits = (runs: readonly RunDetail[]): string[] =>
  together(runs, ({ energy }) => {
    if (!energy) return [];
    const { coverage } = energy;
    if (coverage === null)
      return ['its file does not say how power was read, nor for how much of the time.'];
    return coverage < 0.99
      ? [
          `at least one sensor was read for only ${significant(coverage * 100, 3)} % of the time; the energy of the rest is missing, not estimated.`,
        ]
      : [];
  });

const circumstanceLimits = (runs: readonly RunDetail[]): string[] =>
  together(
    runs,
    ({ summary: { status }, circumstances: { load, machine }, evaluations, notes }) => {
      const limits = notes.flatMap(({ level, message }) => (level === 'warning' ? message : []));
      if (load?.foreignShare)
        limits.push(
          `another process used the GPU in ${significant(load.foreignShare * 100, 2)} % of the samples; its energy is included.`,
        );
      if (load?.throttledShare)
        limits.push(
          `the GPU held its clock down in ${significant(load.throttledShare * 100, 2)} % of the samples.`,
        );
      if (machine?.virtual)
        limits.push('ran in a virtual machine, which may share the measured hardware.');
      if (status !== 'done' && status !== 'imported')
        limits.push(
          `did not run to its end (${status})${evaluations.length > 0 ? '; its scores are those of its last evaluation' : ''}.`,
        );
      return distinct(limits);
    },
  );

/** What is to be said of runs one by one, once for all of which the same is said. */
const together = (
  runs: readonly RunDetail[],
  of: (run: RunDetail) => readonly string[],
): string[] =>
  merged(runs.flatMap((run) => of(run).map((text) => ({ text, of: run.summary.name })))).map(
    ({ text, of }) => `${begin(named(distinct(of), runs.length))}: ${text}`,
  );

function resultLimits(runs: readonly RunDetail[]): string[] {
  const limits: string[] = [];
  const measured = runs.filter(({ summary }) => summary.copyOf === null);
  const groups = [...Map.groupBy(measured, ({ summary }) => repeatKey(summary)).values()];
  const single = groups.filter((group) => group.length === 1).length;
  if (single > 0)
    limits.push(
      single === groups.length
        ? 'n = 1: every configuration was run once, so nothing can be said about the spread between seeds.'
        : `n = 1 for ${count(single, 'configuration')} of ${groups.length}: nothing can be said about their spread between seeds.`,
    );
  const validated = runs.filter(({ summary }) => summary.f1Split === 'validation');
  if (validated.length > 0)
    limits.push(
      `The scores of ${named(distinct(validated.map(({ summary }) => summary.name)), runs.length)} are of the validation split; no test split was evaluated.`,
    );
  return limits;
}

function factorLimits(runs: readonly RunDetail[]): string[] {
  const factors = runs.flatMap(({ energy }) => (energy ? energy.emissions : []));
  if (factors.length === 0) return [];
  const limits: string[] = [];
  const yearly = factors.filter(({ hourly }) => (hourly?.coverage ?? 0) < 1);
  if (yearly.length > 0)
    limits.push(
      yearly.some(({ hourly }) => (hourly?.coverage ?? 0) > 0)
        ? 'Where an hour was not known, carbon intensity is the yearly average of a region.'
        : 'Carbon intensity is a yearly average of a region, not that of the hour in which the run took place.',
    );
  if (factors.some(({ regionCode }) => regionCode === 'world'))
    limits.push(
      'No region was chosen: the world average stands in, and the grid that fed the machine may differ several times from it.',
    );
  if (new Set(factors.map(({ basis }) => basis)).size > 1)
    limits.push(
      'The carbon intensities have different bases; emissions of these runs do not compare.',
    );
  return limits;
}

/** Empty where no run changed its images. */
function augmentation(configs: readonly ExperimentConfig[]): string {
  const words = ({ augment }: ExperimentConfig): string => {
    const { flip, crop, randAugment, magnitude, mixup, cutmix } = augment;
    const parts = [
      crop > 0 && `crops padded by ${count(crop, 'pixel')}`,
      flip && 'random mirroring',
      randAugment > 0 &&
        `RandAugment (${count(randAugment, 'operation')} of magnitude ${magnitude} of 30)`,
      mixup > 0 && `mixup (alpha ${mixup})`,
      cutmix > 0 && `CutMix (alpha ${cutmix})`,
    ].filter((part) => part !== false);
    return parts.join(' with ') || 'none';
  };
  const found = distinct(configs.map(words));
  return found.every((one) => one === 'none') ? '' : `Augmentation: ${list(found)}.`;
}

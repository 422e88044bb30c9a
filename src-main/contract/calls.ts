/** Every call: what it takes, which the host checks, and what it answers. */
import * as v from 'valibot';
import { budgetSchema, type ConfigIssue, type ExperimentConfig } from '../experiment-config.ts';
import type { ImageSamples, SelectionPreview } from '../trainer/messages.ts';
import type { Calibration } from './calibration.ts';
import type { CheckpointList } from './checkpoints.ts';
import { commandOrderSchema, type LogLine, mostLogLines } from './commands.ts';
import type { Comparison, SideBySide } from './comparison.ts';
import type { ConfigCost, Forecast, Preset, Refusal } from './costs.ts';
import { type PowerSeries, type RunTotals, type Series, xAxisNames } from './curves.ts';
import { type DatasetState, downloadableDatasets } from './datasets.ts';
import { type Region, repriceSchema } from './energy.ts';
import {
  between,
  byId,
  force,
  id,
  job,
  json,
  manyIds,
  plugAddress,
  seriesNames,
  stretch,
  tagName,
  viewName,
  viewState,
  width,
} from './fields.ts';
import {
  type ExportedFile,
  exportFormats,
  type ImportedRows,
  importLimit,
  type ModelFile,
  reportLookSchema,
  uploadPiece,
} from './files.ts';
import type { IntensityProfile, IntensityState } from './intensity.ts';
import {
  comparePredictionsSchema,
  type PredictionComparison,
  type PredictionPage,
  predictionsSchema,
} from './judgements.ts';
import type { AppInfo, Machine, PowerTrace } from './machine.ts';
import {
  type Matrix,
  matrixOrderSchema,
  type MatrixPreview,
  type MatrixState,
  sweepOrderSchema,
  type SweepPreview,
} from './matrices.ts';
import type { QueueState } from './queue.ts';
import type { Marker, RunDetail, RunPictures, RunSummary, RunValues, SavedView } from './runs.ts';
import { type Settings, settingsSchema } from './settings.ts';

const define =
  <Output>() =>
  <Schema extends v.GenericSchema>(input: Schema): { input: Schema; output: Output } =>
    // the output exists for the compiler only
    ({ input }) as { input: Schema; output: Output };

const nothing = v.strictObject({});

const fewImages = v.strictObject({
  config: json,
  job,
  split: v.picklist(['train', 'validation', 'test']),
  /** Places in the split; those beyond its end begin anew. */
  indices: v.pipe(
    v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1))),
    v.minLength(1),
    v.maxLength(60),
  ),
});

/** Runs whose curves are asked for at once: each is up to a few hundred kilobytes. */
const curveIds = v.pipe(v.array(id), v.minLength(1), v.maxLength(100));

/** Names are noun.verb; one object in, one value out. */
export const calls = {
  'jobs.cancel': define<void>()(v.strictObject({ job: v.string() })),

  'app.info': define<AppInfo>()(nothing),
  /** Asks the person for another data folder, used from the next start on; `usual`: the platform's, without asking. */
  'app.chooseDataDir': define<AppInfo>()(v.strictObject({ usual: v.boolean() })),

  'machine.get': define<Machine>()(nothing),
  /** Look for sensors and engines again. */
  'machine.probe': define<Machine>()(nothing),
  /** Idle power, measured without a run and remembered; fails while one is under way, and when the machine is busy. */
  'machine.idle': define<Machine>()(
    v.strictObject({ seconds: v.optional(between(5, 600), 60), job }),
  ),
  /** The last seconds of power, kept in memory. */
  'machine.power': define<PowerTrace>()(
    v.strictObject({ seconds: v.pipe(v.number(), v.minValue(1), v.maxValue(600)) }),
  ),

  'calibration.get': define<Calibration>()(nothing),
  /** Begins anew; with a plug, reads it once. Null: the meter is read by a person. */
  'calibration.start': define<Calibration>()(v.strictObject({ source: v.nullable(plugAddress) })),
  /**
   * Measures one point; progress comes as events. Under load it takes the run under way, or starts one.
   * `seconds` is the length of the measurement, `settleSeconds` of two stretches of like power before it.
   */
  'calibration.measure': define<Calibration>()(
    v.strictObject({
      which: v.picklist(['idle', 'load']),
      seconds: v.optional(stretch),
      settleSeconds: v.optional(stretch),
    }),
  ),
  /** What a person read at the meter: mean power while a point was measured. */
  'calibration.read': define<Calibration>()(
    v.strictObject({
      which: v.picklist(['idle', 'load']),
      wallWatts: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(100_000)),
    }),
  ),
  /** Keeps the result for this machine. */
  'calibration.finish': define<Calibration>()(nothing),
  /** Ends the one under way; what is kept stays. */
  'calibration.cancel': define<Calibration>()(nothing),
  'calibration.forget': define<Calibration>()(nothing),
  /** Brings back the one that was forgotten last (`kept`), or the measurement that was ended last (`session`). */
  'calibration.restore': define<Calibration>()(
    v.strictObject({ what: v.picklist(['kept', 'session']) }),
  ),

  'regions.list': define<Region[]>()(nothing),
  'settings.get': define<Settings>()(nothing),
  'settings.set': define<Settings>()(v.partial(settingsSchema)),
  /** Posts a test to the webhook of the settings. Fails where it is not taken. */
  'webhook.test': define<{ status: number; milliseconds: number }>()(nothing),

  'intensity.get': define<IntensityState>()(nothing),
  /** The user's own key of Electricity Maps; null removes it. */
  'intensity.setKey': define<IntensityState>()(
    v.strictObject({
      key: v.nullable(
        v.pipe(v.string(), v.trim(), v.minLength(8), v.maxLength(200), v.regex(/^[\x21-\x7e]+$/)),
      ),
    }),
  ),
  /** Asks the source of the settings for this hour, over the network where it needs that. */
  'intensity.check': define<{ name: string; at: number; gPerKwh: number }>()(nothing),
  /** Hours with a UTC offset, or 24 values by the hour of the day; replaces a profile of the same name. */
  'intensity.import': define<{
    profile: IntensityProfile;
    taken: number;
    refused: { row: number; reason: string }[];
  }>()(
    v.strictObject({
      name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(100)),
      csv: v.pipe(v.string(), v.maxLength(16_000_000)),
    }),
  ),
  'intensity.remove': define<IntensityState>()(v.strictObject({ name: v.string() })),

  'datasets.list': define<DatasetState[]>()(nothing),
  'datasets.download': define<void>()(v.strictObject({ id: v.picklist(downloadableDatasets) })),
  'datasets.cancel': define<void>()(v.strictObject({ id: v.picklist(downloadableDatasets) })),

  /** By the dialog of the computer that the files are on; null: the person chose none. */
  'datasets.chooseFolder': define<string | null>()(nothing),

  /** Images of a config's dataset as they are stored. Takes a while where they have to be decoded first. */
  'datasets.samples': define<ImageSamples>()(fewImages),
  /** The patches of the same images that each heuristic keeps in an epoch of the config's training. */
  'experiments.selection': define<SelectionPreview>()(
    v.strictObject({
      ...fewImages.entries,
      /** From 1. */
      epoch: v.pipe(v.number(), v.integer(), v.minValue(1)),
    }),
  ),

  'experiments.presets': define<Preset[]>()(nothing),
  /** Never fails on a bad config: it says what is wrong with it. */
  'experiments.check': define<
    | {
        ok: true;
        config: ExperimentConfig;
        forecast: Forecast;
        warnings: string[];
        /** Starting it is refused unless forced. */
        refusal: Refusal | null;
      }
    | { ok: false; issues: ConfigIssue[] }
  >()(v.strictObject({ config: json })),

  /** What it will take on this machine, from what has run here. */
  'experiments.forecast': define<ConfigCost>()(
    v.strictObject({
      config: json,
      /** How many of it run one after the other, for the hour to start at. */
      runs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500)), 1),
    }),
  ),
  /**
   * Trains it for some seconds and tells the same from that. Refused while anything runs or waits; runs that
   * are started meanwhile wait.
   */
  'experiments.measure': define<ConfigCost>()(v.strictObject({ config: json, job })),

  'matrices.list': define<Matrix[]>()(nothing),
  /** What an order would run, in which order, and what it would cost. */
  'matrices.preview': define<MatrixPreview>()(matrixOrderSchema),
  /** Queues the runs of an order: a warm-up, then the arms in turn, there and back. */
  'matrices.start': define<{ group: number; ids: number[] }>()(
    v.strictObject({ ...matrixOrderSchema.entries, force }),
  ),
  /** A started matrix or sweep as a whole: its arms, the best of them, what it took. */
  'matrices.get': define<MatrixState>()(v.strictObject({ group: id })),
  /** Ends it: its runs leave the queue, the active one stops with a checkpoint, no trial goes on. */
  'matrices.stop': define<MatrixState>()(v.strictObject({ group: id })),
  /** The trials of a sweep and what they would cost. */
  'sweeps.preview': define<SweepPreview>()(sweepOrderSchema),
  /** Queues the trials of a sweep; with halving, the best go on by themselves. */
  'sweeps.start': define<{ group: number; ids: number[] }>()(
    v.strictObject({ ...sweepOrderSchema.entries, force }),
  ),

  'queue.get': define<QueueState>()(nothing),
  /** Puts runs that wait before another that waits; null: at the end. */
  'queue.move': define<QueueState>()(v.strictObject({ ids: manyIds, before: v.nullable(id) })),
  /** The active run goes on; nothing new starts, also after a restart. */
  'queue.pause': define<QueueState>()(nothing),
  'queue.resume': define<QueueState>()(nothing),
  /** Starts the next run before the machine has cooled down. */
  'queue.skipCoolDown': define<QueueState>()(nothing),

  /** Queues runs, in order; they start by themselves. Refused where one cannot fit into memory. */
  'runs.start': define<{ ids: number[] }>()(
    v.strictObject({ configs: v.pipe(v.array(json), v.minLength(1), v.maxLength(500)), force }),
  ),
  /** Queues a command. Refused where there is no such program or folder, and where commands are not allowed. */
  'runs.command': define<{ ids: number[] }>()(commandOrderSchema),
  /** The last lines of a run's log; of one that has none (it came in a bundle), its notes. */
  'runs.log': define<LogLine[]>()(
    v.strictObject({
      id,
      lines: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(mostLogLines)),
    }),
  ),
  /** The whole log as a file. */
  'runs.exportLog': define<ExportedFile>()(byId),
  /** The built-in example: plain against patch-dropping ViT on GreenSynth. */
  'runs.example': define<{ ids: number[] }>()(nothing),
  /**
   * Finishes the step, writes a checkpoint, ends; a command gets SIGINT, and SIGTERM where it does not end.
   * A queued run just leaves the queue. Asked again after 3 seconds or more, it ends the process at once.
   */
  'runs.stop': define<void>()(byId),
  /** As a stop; resumed, the run is first in the line. */
  'runs.pause': define<void>()(byId),
  /**
   * Queues a run anew with the same config, from the first step. `retry`: it stands in for one that did
   * not come to its end, in its place of the matrix.
   */
  'runs.clone': define<{ ids: number[] }>()(
    v.strictObject({ id, retry: v.optional(v.boolean(), false) }),
  ),
  /** Goes on from the last checkpoint. With a budget, that replaces the one of the run. */
  'runs.resume': define<void>()(v.strictObject({ id, budget: v.optional(budgetSchema) })),
  'runs.rename': define<void>()(
    v.strictObject({ id, name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)) }),
  ),
  /** Star, note and tags; what is left out stays as it is. Tags that are there already are no mistake. */
  'runs.annotate': define<void>()(
    v.strictObject({
      ids: manyIds,
      star: v.optional(v.boolean()),
      note: v.optional(v.nullable(v.pipe(v.string(), v.trim(), v.maxLength(20_000)))),
      addTags: v.optional(v.pipe(v.array(tagName), v.maxLength(50))),
      removeTags: v.optional(v.pipe(v.array(tagName), v.maxLength(1000))),
    }),
  ),
  /** Puts runs away: they stay in the store and are listed where `is:archived` asks for them. */
  'runs.archive': define<void>()(v.strictObject({ ids: manyIds })),
  'runs.unarchive': define<void>()(v.strictObject({ ids: manyIds })),
  /**
   * For good. With `undoSeconds` they leave every list at once and are deleted after that time, or at the
   * next start; until then `runs.restore` brings them back.
   */
  'runs.delete': define<void>()(
    v.strictObject({
      ids: manyIds,
      undoSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(60)), 0),
    }),
  ),
  'runs.restore': define<void>()(v.strictObject({ ids: manyIds })),
  /** What the folders of these runs (checkpoints, logs) take on the disk. */
  'runs.disk': define<{ bytes: number }>()(v.strictObject({ ids: manyIds })),
  'checkpoints.list': define<CheckpointList>()(byId),
  /** Reads all of them: for gigabytes it takes seconds. */
  'checkpoints.verify': define<CheckpointList>()(v.strictObject({ id, job })),
  /** Deletes all but the best, which is read first; until the time is over `checkpoints.restore` brings them back. */
  'checkpoints.free': define<CheckpointList>()(
    v.strictObject({
      id,
      undoSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(60)), 0),
      job,
    }),
  ),
  'checkpoints.restore': define<CheckpointList>()(byId),
  /** A run that the end of the program interrupted counts as failed; it can be resumed all the same. */
  'runs.markFailed': define<void>()(byId),
  /** Shows the folder of a run, or a file in it, in the system's file manager; only where the shell can. */
  'runs.reveal': define<void>()(
    v.strictObject({
      id,
      file: v.optional(v.pipe(v.string(), v.maxLength(200), v.regex(/^[\w-][\w.-]*$/))),
    }),
  ),
  /** Marks a moment of a run with a text: now while it is under way, else at `time` (s of its active time). */
  'runs.mark': define<Marker>()(
    v.strictObject({
      id,
      text: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)),
      time: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0))),
    }),
  ),
  'runs.unmark': define<void>()(v.strictObject({ id, marker: id })),
  /** Archived runs too. */
  'runs.list': define<RunSummary[]>()(nothing),
  'runs.values': define<RunValues>()(
    v.strictObject({
      keys: v.pipe(v.array(v.pipe(v.string(), v.maxLength(200))), v.maxLength(60)),
    }),
  ),
  /** Names of the metrics that commands reported. */
  'runs.metricNames': define<string[]>()(nothing),
  'runs.get': define<RunDetail>()(byId),
  'runs.series': define<Series[]>()(
    v.strictObject({
      id,
      names: seriesNames,
      x: v.picklist(xAxisNames),
      width,
    }),
  ),
  'runs.power': define<PowerSeries>()(v.strictObject({ id, width })),
  /** Where attention went on a few images as training went on. */
  'runs.pictures': define<RunPictures>()(byId),
  /** `runs.series` of several runs, in their order. */
  'runs.curves': define<Series[][]>()(
    v.strictObject({ ids: curveIds, names: seriesNames, x: v.picklist(xAxisNames), width }),
  ),
  /** Power and energy of several runs, in their order; a total has a point for every two pixels. */
  'runs.totals': define<RunTotals[]>()(v.strictObject({ ids: curveIds, width })),
  'runs.compare': define<Comparison>()(v.strictObject({ ids: manyIds })),
  /** `runs.compare` with the runs themselves, each read once for both. */
  'runs.sideBySide': define<SideBySide>()(v.strictObject({ ids: manyIds })),
  /** What a run said of single images, a page at a time. */
  'runs.predictions': define<PredictionPage>()(predictionsSchema),
  /** On which images runs differ, the first being the baseline. Refuses no run: it says why one is left out. */
  'runs.comparePredictions': define<PredictionComparison>()(comparePredictionsSchema),
  /**
   * `runs`, `samples`, `metrics`, `phases` and `predictions` are CSV; `report` is the self-contained HTML, `pdf` its print, `json` the
   * data of the report, `charts` a zip of its charts as SVG and PNG, `markdown` one of its text with them; `bundle`
   * is all of it with the database, for another computer.
   */
  'runs.export': define<ExportedFile>()(
    v.strictObject({
      ids: manyIds,
      format: v.picklist(exportFormats),
      /** Of a bundle: with the checkpoints, which are most of its size. */
      checkpoints: v.optional(v.boolean(), false),
      /** Of `report` and `pdf`. */
      look: v.optional(reportLookSchema, {}),
      /** Of CSV: begins with the mark by which Excel knows UTF-8. */
      bom: v.optional(v.boolean(), false),
      job,
    }),
  ),
  /** The report as a page of this host's origin, to be shown in a frame; good until the next few exports. */
  'runs.report': define<{ url: string }>()(v.strictObject({ ids: manyIds, job })),
  /** A file of the page's computer, brought piece by piece: it may be larger than any message. */
  'uploads.begin': define<{ upload: string }>()(
    v.strictObject({ bytes: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 40)) }),
  ),
  'uploads.add': define<void>()(
    v.strictObject({
      upload: v.pipe(v.string(), v.maxLength(64)),
      base64: v.pipe(v.string(), v.minLength(1), v.maxLength(uploadPiece)),
    }),
  ),
  /** Takes in the runs of an uploaded bundle, all of them or none; the upload is removed either way. */
  'runs.importBundle': define<ImportedRows>()(
    v.strictObject({ upload: v.pipe(v.string(), v.maxLength(64)) }),
  ),
  /** A copy of a run that is over, with the same joules at another price. */
  'runs.reprice': define<{ id: number }>()(v.strictObject({ id, choice: repriceSchema })),
  /** Asks for the hours that a run priced by the hour lacks; hours that it has stay as they are. */
  'runs.fetchHours': define<RunDetail>()(byId),
  /**
   * The trained model as a file: its inference graph (`onnx`) or its weights (`safetensors`), of the best
   * checkpoint where there is one, else of the last, or of the one that is named.
   */
  'runs.exportModel': define<ModelFile>()(
    v.strictObject({
      id,
      format: v.picklist(['onnx', 'safetensors']),
      checkpoint: v.optional(v.picklist(['best', 'last'])),
      job,
    }),
  ),
  /**
   * CSV text of CodeCarbon 2.x or 3.x, or of ours. `name` may be a path: its folders name and group the
   * runs. `known` are rows that are here already, and as which run.
   */
  'runs.import': define<ImportedRows>()(
    v.strictObject({
      name: v.pipe(v.string(), v.maxLength(4096)),
      csv: v.pipe(v.string(), v.maxLength(importLimit)),
    }),
  ),

  'views.list': define<SavedView[]>()(nothing),
  /** Under a name that is there already, the new state replaces the old. */
  'views.save': define<SavedView>()(v.strictObject({ name: viewName, state: viewState })),
  'views.rename': define<void>()(v.strictObject({ id, name: viewName })),
  'views.delete': define<void>()(byId),
};

export type CallName = keyof typeof calls;
export type CallInput<K extends CallName> = v.InferInput<(typeof calls)[K]['input']>;
export type CallOutput<K extends CallName> = (typeof calls)[K]['output'];

/** What the host implements; a missing or wrong handler does not compile. */
export type Handlers = {
  [K in CallName]: (
    input: v.InferOutput<(typeof calls)[K]['input']>,
  ) => CallOutput<K> | Promise<CallOutput<K>>;
};

/**
 * What the host and a trainer process say to each other. Plain data only: the messages cross
 * Electron's utilityProcess or Node's child_process alike.
 *
 * Every time stamp `at` / `t` is the monotonic clock in microseconds (`monotonicMicros`), the same
 * clock as the meter's, so that energy can be cut at exactly these moments. Steps and epochs count from 1.
 */
import type { DatasetConfig, EngineName, ExperimentConfig } from '../experiment-config.ts';
import type { Predictions } from '../predictions.ts';
import type { TrainingPhase } from '../experiment-config/stage-epochs.ts';

export type ToTrainer =
  | {
      type: 'start';
      config: ExperimentConfig;
      /** Datasets and their caches. */
      dataDir: string;
      /** Where checkpoints of this run go; exists. */
      runDir: string;
      /** Checkpoint JSON to go on from, or null. */
      resume: string | null;
      /** Say `stopped` after this epoch, with a checkpoint; null or left out: go to the end. */
      pauseAfter?: number | null;
    }
  /** Write the model of a checkpoint as a file, answer with `exported`, then exit. Sent instead of `start`. */
  | {
      type: 'export';
      /** Its JSON. */
      checkpoint: string;
      format: 'onnx' | 'safetensors';
      /** Path of the file; its folder exists. */
      target: string;
      facts: ExportFacts;
    }
  /** Train for some seconds, answer with `rehearsed`, then exit. Sent instead of `start`. */
  | { type: 'rehearse'; config: ExperimentConfig; dataDir: string; length: RehearsalLength }
  /** Answer with `previewed`, and stay for more. */
  | { type: 'preview'; id: number; dataDir: string; request: PreviewRequest }
  /** What the run has used until it asked, in Wh without PUE; null: nothing is read. */
  | { type: 'energy'; wh: number | null }
  /** Finish the step, write a checkpoint, say `stopped`. */
  | { type: 'stop' }
  /** Answer with `engines`, then exit. Also sent instead of `start`. */
  | { type: 'detect' };

/** What the host knows of a run whose model leaves the program; written into the file. */
export interface ExportFacts {
  /** Of this program. */
  version: string;
  runId: number;
  name: string;
  evaluations: {
    split: 'validation' | 'test';
    epoch: number;
    step: number;
    loss: number;
    accuracy: number;
    microF1: number;
    macroF1: number;
    weightedF1: number;
  }[];
  /** Of the whole run, baseline excluded; null where nothing was measured. */
  energy: {
    kWh: number;
    uncertaintyKWh: number | null;
    gCO2e: number | null;
    region: string;
    components: string[];
  } | null;
}

/** How long a rehearsal trains. */
export interface RehearsalLength {
  /** Steps of each kind before any is timed. */
  warmUp: number;
  /** Steps of each kind that are timed at least... */
  steps: number;
  /** ... and how long at least, all kinds together; each gets its part. */
  seconds: number;
  /** Then it is enough, however few steps there were. */
  mostSeconds: number;
}

/** Steps of one kind, timed. */
export interface RehearsedSteps {
  /** On kept patches; otherwise on all there are. */
  selects: boolean;
  from: number;
  to: number;
  stepMs: number[];
}

/** What the parts of a run take here. */
export interface Rehearsal {
  engine: { name: EngineName; description: string; why: string };
  /** Data from their caches, and the engine. */
  prepareSeconds: number;
  compileSeconds: number;
  stages: {
    phase: TrainingPhase;
    batch: number;
    /** Of what a frozen model gives once per image; 0 where there is none. */
    onceSecondsPerImage: number;
    steps: RehearsedSteps[];
  }[];
  evaluation: { batch: number; batchSeconds: number };
}

/** Some images of a dataset, or what patch selection keeps of them. */
export type PreviewRequest = {
  dataset: DatasetConfig;
  split: 'train' | 'validation' | 'test';
  /** Places in the split; those beyond its end begin anew. */
  indices: number[];
} & (
  | { what: 'images' }
  | {
      what: 'selection';
      config: ExperimentConfig;
      /** From 1, of the stage that selects: which noise is drawn, and how many batches are reduced. */
      epoch: number;
    }
);

export interface ImageSamples {
  /** Side of the stored images in pixels. */
  size: number;
  /** Images of the split. */
  total: number;
  images: {
    index: number;
    label: string;
    /** Base64 of bytes, [size, size, 3]. */
    rgb: string;
    /** x0, y0, x1, y1 of the object in pixels, x1 and y1 just outside; null where unknown. */
    box: [number, number, number, number] | null;
  }[];
}

export interface SelectionPreview {
  /** N, a square grid; null for a model that sees no patches. */
  patches: number | null;
  /** k of them are kept. */
  keep: number | null;
  /** Of the epoch's batches that are reduced, 0..1. */
  share: number | null;
  choices: {
    heuristic: ExperimentConfig['selection']['heuristic'];
    /** In the order of the request; null for a score that is learned in training. */
    images:
      | {
          /** Places row by row, ascending. */
          kept: number[];
          /** Share of the patches that show a part of the object which are kept; null without a box. */
          objectShare: number | null;
        }[]
      | null;
  }[];
}

/** An image that a run is watched on (pictures/). */
export interface WatchedImage {
  /** Its place in the validation split. */
  index: number;
  label: string;
  /** Side of the picture in pixels; larger images are made smaller. */
  side: number;
  /** Base64 of bytes, [side, side, 3]. */
  rgb: string;
  /** Corners x0, y0, x1, y1 of the object in units of the image's side; null where unknown. */
  box: [number, number, number, number] | null;
}

/** A number per patch, row by row, in 8 bits. */
export interface PatchMap {
  /** Base64 of N bytes: 0 for a patch that is not there, else `min` (1) to `max` (255) in equal steps. */
  cells: string;
  min: number;
  max: number;
}

/** What a model did with one image. */
export interface Picture {
  predicted: string;
  /** Of the predicted class, and of the true one: 0..1. */
  probability: number;
  trueProbability: number;
  /** Where the object was found, as in `WatchedImage`; null unless boxes are predicted. */
  box: [number, number, number, number] | null;
  /** Patches that selection keeps in this epoch, ascending; null where it keeps all. */
  kept: number[] | null;
  /** Shares of what the head reads, through all layers (pictures/attention-maps.ts); null for a model without attention. */
  rollout: PatchMap | null;
  layers: {
    /** That attended, class token included. */
    tokens: number;
    /** Shares of the attention paid in this layer; a patch without a token of its own, or whose token did not attend, is not there. */
    received: PatchMap;
  }[];
}

/** The watched images at one moment of a run. */
export interface Snapshot {
  /** Epochs that were over: 0 before the first. */
  epoch: number;
  /** Steps that were over. */
  step: number;
  /** N, a square grid; null for a model that sees no patches. */
  patches: number | null;
  /** Of the epoch's batches that are reduced to kept patches, 0..1; null without selection. */
  share: number | null;
  /** Whether the model saw the kept patches alone here, or the whole images, as evaluation does. */
  reduced: boolean;
  /** In the order of the watched images. */
  pictures: Picture[];
}

/** Whether an engine can be used on this machine, for the Machine page and `doctor`. */
export interface EngineStatus {
  name: EngineName;
  label: string;
  available: boolean;
  /** What it runs on, or in plain words why it cannot be used. */
  detail: string;
  /** What to do about it, as a command or a sentence; null when nothing needs doing. */
  fix: string | null;
}

/**
 * Work whose energy is accounted apart. The phases that train (`train`, or the stages of a recipe with
 * several) and `evaluate` repeat once per epoch; `features` is a pass of a frozen model over the images;
 * `prune` takes parts of the model away between two epochs; `pictures` looks at a few watched images.
 */
export type PhaseName =
  | 'prepare'
  | 'compile'
  | 'teacher'
  | 'pretrain'
  | 'contrastive'
  | 'features'
  | 'train'
  | 'finetune'
  | 'prune'
  | 'evaluate'
  | 'pictures'
  | 'test'
  | 'checkpoint';

export interface StepMetrics {
  t: number[];
  /** Over the whole run. */
  step: number[];
  epoch: number[];
  loss: number[];
  lr: number[];
  /** Tokens per image that went through the encoder in this step, class token included. */
  tokens: (number | null)[];
  /** Whole time of the step and the part spent waiting for input, in ms. */
  stepMs: number[];
  waitMs: number[];
}

/** How well boxes were found; shares and means are 0..1 (method G.4). */
export interface DetectionResult {
  /** Images with a box. */
  boxes: number;
  /** Mean intersection over union of the predicted and the true box. */
  meanIou: number;
  /** Share of boxes found with an IoU of at least 0.5, whatever the class said. */
  locAcc50: number;
  /** As before, and the class is right. */
  clsLoc50: number;
  /** Average precision: mean over IoU thresholds 0.50, 0.55, ..., 0.95 and over the classes (COCO). */
  ap: number;
  ap50: number;
  ap75: number;
}

/** Shares of the differences to reference patches that are 0, the mean over images and layers (method F.3). */
export interface DeltaSparsity {
  /** After the threshold. */
  thresholded: number;
  /** After the threshold and rounding to 8 bits. */
  in8Bits: number;
}

export interface EvaluationResult {
  split: 'validation' | 'test';
  images: number;
  loss: number;
  accuracy: number;
  microF1: number;
  macroF1: number;
  weightedF1: number;
  /** Share of images whose class is among the five likeliest; null with fewer than six classes. */
  top5: number | null;
  /** Null for runs that predict no boxes. */
  detection: DetectionResult | null;
  /**
   * Share of the patches that show a part of the object which selection keeps (method B.1); null without
   * boxes or without selection. Like the two above, also null in evaluations of earlier versions.
   */
  patchRecall: number | null;
  /**
   * How many keys a row of attention weights rests on, exp(H), and the share of patch tokens that attention hardly
   * looks at, π_j < 0.5 / n (method D): means over the first batch, the layers and the heads. Null unless
   * the run regularises attention or has a sparse normaliser, and in evaluations of earlier versions.
   */
  attentionSupport: number | null;
  attentionIdle: number | null;
  /** Null for attention other than delta, and in evaluations of earlier versions. */
  deltaSparsity: DeltaSparsity | null;
  perClass: { label: string; precision: number; recall: number; f1: number; support: number }[];
  /** Rows: true class, columns: predicted class. */
  confusion: number[][];
}

export interface TrainerError {
  code: string;
  message: string;
  hint: string | null;
}

export type FromTrainer =
  | { type: 'engines'; engines: EngineStatus[]; chosen: EngineName }
  | { type: 'exported'; bytes: number; step: number }
  | { type: 'rehearsed'; rehearsal: Rehearsal }
  | { type: 'previewed'; id: number; answer: ImageSamples | SelectionPreview }
  | { type: 'refused'; id: number; error: TrainerError }
  /** Sent once, when everything is loaded and compiled. */
  | {
      type: 'ready';
      at: number;
      engine: { name: EngineName; description: string; why: string };
      parameters: number;
      trainImages: number;
      stepsPerEpoch: number;
      steps: number;
      epochs: number;
      classes: string[];
      graphNodes: number | null;
      /** First step to come; > 1 after a resume. */
      firstStep: number;
    }
  | { type: 'phase'; name: PhaseName; edge: 'start' | 'end'; epoch: number | null; at: number }
  /** What `prepare` is doing, for the progress line: 0..1 or null when the length is not known. */
  | { type: 'progress'; label: string; fraction: number | null }
  /** A few times a second, never one message per step. */
  | { type: 'steps'; steps: StepMetrics }
  | {
      type: 'evaluation';
      at: number;
      epoch: number;
      step: number;
      result: EvaluationResult;
      predictions: Predictions;
    }
  | {
      type: 'checkpoint';
      at: number;
      epoch: number;
      step: number;
      /** Its JSON, and others that point to the same tensors now. */
      path: string;
      also: string[];
      /** Name of the tensors beside them, and their SHA-256. */
      file: string;
      sha256: string;
      /** Written in all. */
      bytes: number;
    }
  /** Asks what the run has used until now; the answer is `energy`. */
  | { type: 'energy'; at: number }
  /** Before the first snapshot, also of a resumed run. */
  | { type: 'watched'; images: WatchedImage[] }
  | { type: 'snapshot'; at: number; snapshot: Snapshot }
  /** Processor time of the whole trainer process, all threads, in µs; sent just before its last word. */
  | { type: 'usage'; at: number; processorMicros: number }
  | { type: 'note'; at: number; level: 'info' | 'warning'; message: string }
  | { type: 'done'; at: number; step: number; imagesSeen: number }
  | { type: 'stopped'; at: number; step: number; imagesSeen: number; checkpoint: string }
  | { type: 'failed'; at: number; error: TrainerError };

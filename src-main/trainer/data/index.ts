/**
 * Every dataset the program knows. Adding one is one file, one variant in the config schema and one
 * line in `kinds`.
 */
import type { DatasetState, DownloadableId } from '../../contract.ts';
import type { DatasetConfig } from '../../experiment-config.ts';
import {
  archiveUrl,
  cifar10,
  cifar100,
  cifarState,
  cifarSummary,
  downloadCifar,
  openCifar,
  type CifarSource,
} from './cifar.ts';
import type { Dataset, OpenContext, SplitName } from './dataset.ts';
import type { DownloadOptions } from './download.ts';
import { imageFolderSummary, openImageFolder } from './image-folder.ts';
import {
  downloadMnist,
  mnist,
  mnistBytes,
  mnistMirrors,
  mnistState,
  mnistSummary,
  openMnist,
} from './mnist.ts';
import { openGreenSynth } from './synthetic.ts';
import {
  downloadTinyImageNet,
  openTinyImageNet,
  tinyImageNet,
  tinyImageNetState,
  tinyImageNetSummary,
  tinyImageNetUrl,
} from './tiny-imagenet.ts';

export type { Dataset, OpenContext, Split, SplitName } from './dataset.ts';
export type { DownloadOptions, DownloadProgress } from './download.ts';

type Kind = DatasetConfig['kind'];

/** What is known of a dataset without opening it. */
export interface DatasetSummary extends Record<SplitName, number> {
  classes: number;
  /** Side of the stored images in pixels. */
  size: number;
}

interface DatasetKind<K extends Kind> {
  describe(config: Extract<DatasetConfig, { kind: K }>): DatasetSummary;
  open(config: Extract<DatasetConfig, { kind: K }>, context: OpenContext): Promise<Dataset>;
  state(dataDir: string): Promise<DatasetState>;
  /** Absent where there is nothing to download. */
  download?(dataDir: string, options: DownloadOptions): Promise<void>;
}

const kinds: { [K in Kind]: DatasetKind<K> } = {
  greensynth: {
    describe: (config) => config,
    open: openGreenSynth,
    state: greenSynthState,
  },
  cifar10: {
    describe: () => cifarSummary(cifar10, 'fine'),
    open: (config, context) => openCifar(cifar10, config.path, 'fine', context),
    state: (dataDir) => stateOf('cifar10', cifar10, '10 classes', dataDir),
    download: (dataDir, options) => downloadCifar(cifar10, dataDir, options),
  },
  cifar100: {
    describe: ({ labels }) => cifarSummary(cifar100, labels),
    open: (config, context) => openCifar(cifar100, config.path, config.labels, context),
    state: (dataDir) => stateOf('cifar100', cifar100, '100 classes or 20 superclasses', dataDir),
    download: (dataDir, options) => downloadCifar(cifar100, dataDir, options),
  },
  mnist: {
    describe: () => mnistSummary(mnist),
    open: (config, context) => openMnist(mnist, config.path, context),
    state: async (dataDir) => ({
      id: 'mnist',
      title: 'MNIST',
      description: '70,000 grey digits of 28x28 in 10 classes',
      ...(await mnistState(mnist, dataDir)),
      downloadBytes: mnistBytes(),
      progress: null,
      license: 'CC BY-SA 3.0, as the Keras documentation states; cite LeCun et al. (1998)',
      url: mnistMirrors()[0] ?? null,
    }),
    download: (dataDir, options) => downloadMnist(mnist, dataDir, options),
  },
  'tiny-imagenet': {
    describe: () => tinyImageNetSummary(tinyImageNet),
    open: (config, context) => openTinyImageNet(tinyImageNet, config.path, context),
    state: async (dataDir) => ({
      id: 'tiny-imagenet',
      title: 'Tiny ImageNet',
      description: '110,000 colour images of 64x64 in 200 classes, each with a box',
      ...(await tinyImageNetState(tinyImageNet, dataDir)),
      downloadBytes: tinyImageNet.archive.bytes,
      progress: null,
      license: 'For research and teaching that is not commercial (terms of ImageNet)',
      url: tinyImageNetUrl(tinyImageNet),
    }),
    download: (dataDir, options) => downloadTinyImageNet(tinyImageNet, dataDir, options),
  },
  'image-folder': {
    describe: imageFolderSummary,
    open: openImageFolder,
    state: () =>
      Promise.resolve({
        id: 'image-folder',
        title: 'Folder of images',
        description: 'Your own JPEG and PNG files, one folder per class',
        state: 'ready',
        detail:
          'Name the folder in a new experiment; its images are decoded once, when first used.',
        fix: null,
        bytes: null,
        downloadBytes: null,
        progress: null,
        license: 'Yours to know',
        url: null,
      }),
  },
};

/**
 * Opens a dataset: reads, draws or unpacks it, verifies it, and holds it in memory.
 * @throws DatasetError naming the file, what was expected, what was found and what to do.
 */
export function openDataset<K extends Kind>(
  config: Extract<DatasetConfig, { kind: K }>,
  context: OpenContext,
): Promise<Dataset>;
export function openDataset(config: DatasetConfig, context: OpenContext): Promise<Dataset>;
export function openDataset<K extends Kind>(
  config: Extract<DatasetConfig, { kind: K }>,
  context: OpenContext,
): Promise<Dataset> {
  const kind: K = config.kind as K;
  return kinds[kind].open(config, context);
}

/**
 * Sizes and classes of a dataset, without opening it.
 * @throws DatasetError for a folder of images that is not there or not as it has to be.
 */
export function describeDataset<K extends Kind>(
  config: Extract<DatasetConfig, { kind: K }>,
): DatasetSummary;
export function describeDataset(config: DatasetConfig): DatasetSummary;
export function describeDataset<K extends Kind>(
  config: Extract<DatasetConfig, { kind: K }>,
): DatasetSummary {
  const kind: K = config.kind as K;
  return kinds[kind].describe(config);
}

/** What is on this machine, for the page of the datasets. Looks at names and lengths only. */
export function datasetStates(dataDir: string): Promise<DatasetState[]> {
  return Promise.all(Object.values(kinds).map((kind) => kind.state(dataDir)));
}

/**
 * Downloads a dataset into the data folder; a cancelled or broken download is gone on with next time.
 * @throws DatasetError, or AppError with CANCELLED, CONFLICT or DISK_FULL.
 */
export async function downloadDataset(
  id: DownloadableId,
  dataDir: string,
  options: DownloadOptions = {},
): Promise<void> {
  await kinds[id].download?.(dataDir, options);
}

async function greenSynthState(dataDir: string): Promise<DatasetState> {
  return {
    id: 'greensynth',
    title: 'GreenSynth',
    description: 'Ten shapes on shaded ground, drawn here from a seed',
    state: 'ready',
    detail: `Drawn when first used and kept in ${dataDir}.`,
    fix: null,
    bytes: null,
    downloadBytes: null,
    progress: null,
    license: 'MIT, as the program',
    url: null,
  };
}

async function stateOf(
  id: DownloadableId,
  source: CifarSource,
  classes: string,
  dataDir: string,
): Promise<DatasetState> {
  return {
    id,
    title: source.title,
    description: `60,000 colour images of 32x32 in ${classes}`,
    ...(await cifarState(source, dataDir)),
    downloadBytes: source.archive.bytes,
    progress: null,
    license: 'No licence stated by its authors; cite Krizhevsky (2009)',
    url: archiveUrl(source),
  };
}

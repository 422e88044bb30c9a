/** Datasets that can be trained on, and images of them. */
import type { DatasetConfig } from '../experiment-config.ts';

/** Datasets that the program can fetch from their publishers. */
export const downloadableDatasets = ['cifar10', 'cifar100', 'mnist', 'tiny-imagenet'] as const;
export type DownloadableId = (typeof downloadableDatasets)[number];

export interface DatasetState {
  id: DatasetConfig['kind'];
  title: string;
  description: string;
  state: 'ready' | 'missing' | 'downloading' | 'broken';
  detail: string;
  fix: string | null;
  bytes: number | null;
  downloadBytes: number | null;
  progress: { received: number; total: number | null; label: string } | null;
  license: string;
  url: string | null;
}

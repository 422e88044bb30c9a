/** What comes in as a file, and what leaves as one. */
import * as v from 'valibot';
import type { Comparison } from './comparison.ts';
import type { PowerSeries, Series } from './curves.ts';
import type { RunDetail } from './runs.ts';

/** All that the self-contained HTML report shows; embedded in it as JSON. */
export interface ReportData {
  title: string;
  generatedAt: number;
  appVersion: string;
  runs: {
    detail: RunDetail;
    /** Over time. */
    series: Series[];
    /** Loss and macro F1 over epochs, where runs of any speed lie beside each other; empty for a single run. */
    byEpoch: Series[];
    power: PowerSeries;
  }[];
  /** Null for a single run. */
  comparison: Comparison | null;
  /** Of the author's own; an empty line parts paragraphs. */
  notes: string;
  paper: Paper;
  sections: ReportSection[];
  /** Paragraphs generated from what was really done. */
  methods: string[];
  limits: string[];
}

/** Largest piece of an upload, in characters of base64. */
export const uploadPiece = 4_000_000;

/** A file that was made for the person to take away. */
export interface ExportedFile {
  name: string;
  mime: string;
  bytes: number;
  /** Where a page of this host fetches it, on its own origin; good until the next few exports. */
  url: string;
  /** The same file, for programs on the host's computer. */
  path: string;
}

/** What became of the rows of a file, or of the runs of a bundle, counted from 1. */
export interface ImportedRows {
  ids: number[];
  taken: number;
  known: { row: number; run: number }[];
  refused: { row: number; reason: string }[];
  /** What the file holds of runs beside their totals, as exported here: nothing of it is taken; else null. */
  beside: 'samples' | 'metrics' | 'phases' | 'predictions' | null;
}

/** A trained model on its way out. */
export interface ModelFile extends ExportedFile {
  /** Whose weights they are: of the best evaluation, or of the last checkpoint. */
  checkpoint: 'best' | 'last';
  /** Steps of training behind them. */
  step: number;
}

/** What runs can be taken out as. */
export const exportFormats = [
  'runs',
  'samples',
  'metrics',
  'phases',
  'predictions',
  'report',
  'pdf',
  'markdown',
  'charts',
  'json',
  'bundle',
] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const papers = ['a4', 'letter'] as const;
export type Paper = (typeof papers)[number];
/** Parts of a report that may be left out. */
export const reportSections = [
  'results',
  'statistics',
  'comparison',
  'charts',
  'methods',
  'limits',
  'runs',
  'configs',
] as const;
export type ReportSection = (typeof reportSections)[number];
/** How a report looks; what is left out is as it comes. */
export const reportLookSchema = v.strictObject({
  title: v.optional(v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200))),
  /** A paragraph or more of the author's own; an empty line parts them. */
  notes: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(8000))),
  paper: v.optional(v.picklist(papers)),
  /** All where not given. */
  sections: v.optional(v.array(v.picklist(reportSections))),
});
export type ReportLook = v.InferOutput<typeof reportLookSchema>;

/** Longest CSV text to import, in characters. */
export const importLimit = 64_000_000;

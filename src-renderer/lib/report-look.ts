/**
 * How a person wants reports to look: paper and sections for all of them, title and own words for these runs.
 * Kept in the browser, as the choices of charts are.
 */
import {
  papers,
  reportSections,
  type Paper,
  type ReportLook,
  type ReportSection,
} from '../../src-main/contract.ts';

export const sectionLabels: Record<ReportSection, string> = {
  results: 'Results',
  statistics: 'Statistics of repeats',
  comparison: 'Comparison',
  charts: 'Charts of all runs',
  methods: 'Methods',
  limits: 'Limits',
  runs: 'Every run by itself',
  configs: 'Configs and commands',
};

export const paperLabels: Record<Paper, string> = { a4: 'A4', letter: 'Letter' };

/** Countries that write on Letter (CLDR's `paperSize`). */
const letterCountries = new Set('BZ CA CL CO CR GT MX NI PA PH PR SV US VE'.split(' '));

export function paperOf(language: string): Paper {
  try {
    const { region } = new Intl.Locale(language).maximize();
    return letterCountries.has(region ?? '') ? 'letter' : 'a4';
  } catch {
    return 'a4';
  }
}

const lookKey = 'hugginggreen.report';
const wordsKey = 'hugginggreen.report.words';
/** Reports whose own words are kept. */
const mostKept = 30;

export type OwnWords = Pick<ReportLook, 'title' | 'notes'>;

export interface KeptLook {
  paper: Paper;
  sections: readonly ReportSection[];
  words: OwnWords;
}

/** Null where there is nothing, or what another version wrote and this one cannot read. */
function read(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

const keptWords = (): [string, OwnWords][] => {
  const words = read(wordsKey);
  return Array.isArray(words)
    ? words.filter((entry): entry is [string, OwnWords] => Array.isArray(entry) && !!entry[1])
    : [];
};

export function rememberedLook(ids: readonly number[]): KeptLook {
  const { paper, off } = (read(lookKey) ?? {}) as { paper?: unknown; off?: unknown };
  const out: unknown[] = Array.isArray(off) ? off : [];
  const own = keptWords().find(([key]) => key === ids.join())?.[1] ?? {};
  return {
    paper: papers.find((one) => one === paper) ?? paperOf(navigator.language),
    sections: reportSections.filter((section) => !out.includes(section)),
    words: tidy(own),
  };
}

/** An empty title is none: the report has its own. */
const tidy = ({ title, notes }: OwnWords): OwnWords => ({
  ...(typeof title === 'string' && title && { title }),
  ...(typeof notes === 'string' && notes && { notes }),
});

/** What is left out is kept, so that sections of later versions come of themselves. */
export function rememberLook({ paper, sections }: Pick<KeptLook, 'paper' | 'sections'>) {
  const off = reportSections.filter((section) => !sections.includes(section));
  localStorage.setItem(lookKey, JSON.stringify({ paper, off }));
}

/** Of the reports that were written last. */
export function rememberWords(ids: readonly number[], words: OwnWords) {
  const own = tidy(words);
  const others = keptWords().filter(([key]) => key !== ids.join());
  const all = Object.keys(own).length > 0 ? [[ids.join(), own], ...others] : others;
  localStorage.setItem(wordsKey, JSON.stringify(all.slice(0, mostKept)));
}

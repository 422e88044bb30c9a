/** What the view of the report and the page in its frame tell each other; each checks who speaks. */
import type { ReportLook } from '../../src-main/contract.ts';

/** How the page is to look. */
export interface ReportOrder {
  look: ReportLook;
  /** As a printer without colours would have it. */
  grey: boolean;
  /** Of what lies around the sheets. */
  theme: 'system' | 'light' | 'dark';
}

/** What the page tells: that it listens, how many sheets it has drawn, what a person has typed. */
export interface ReportWord {
  ready?: true;
  pages?: number;
  edit?: { title?: string; notes?: string };
}

const mark = 'hugginggreen-report';

export const order = (what: ReportOrder | 'print') => ({ [mark]: what });

export const orderOf = (message: unknown) => marked<ReportOrder | 'print'>(message);

export function tellView(word: ReportWord) {
  // the page is of no origin, and does not know that of its view; it says nothing secret
  window.parent.postMessage({ [mark]: word }, '*');
}

export const wordOf = (message: unknown) => marked<ReportWord>(message);

const marked = <Message>(message: unknown): Message | null =>
  typeof message === 'object' && message !== null && mark in message
    ? ((message as Record<string, Message>)[mark] ?? null)
    : null;

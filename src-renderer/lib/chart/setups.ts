/**
 * What each chart of runs is called, what it draws and how: one home for the pages of a run, for comparisons
 * and for reports.
 */
import type { Line } from './plot.ts';
import type { Smoothing } from './smooth.ts';

export interface Setup {
  title: string;
  quantity: string;
  unit: string;
  stacked?: boolean;
  fromZero?: boolean;
  /** Offered, and how strong it is until a person chooses otherwise. */
  smoothing?: Smoothing;
}

/** Of one run. */
export const ofRun = {
  loss: { title: 'Loss', quantity: 'Loss', unit: '', smoothing: 'light' },
  f1: { title: 'F1', quantity: 'F1 on validation', unit: '' },
  power: { title: 'Power', quantity: 'Power', unit: 'W', stacked: true, fromZero: true },
  energy: {
    title: 'Energy used',
    quantity: 'Cumulative energy',
    unit: 'Wh',
    stacked: true,
    fromZero: true,
  },
  emissions: {
    title: 'Emissions',
    quantity: 'Cumulative emissions',
    unit: 'gCO2e',
    stacked: true,
    fromZero: true,
  },
  throughput: {
    title: 'Throughput',
    quantity: 'Throughput in training',
    unit: 'images/s',
    smoothing: 'medium',
  },
  perImage: { title: 'Energy per image', quantity: 'Energy per image trained', unit: 'J' },
  rate: { title: 'Learning rate', quantity: 'Learning rate', unit: '' },
  temperature: { title: 'Temperature', quantity: 'Temperature of the GPU', unit: '°C' },
  clock: { title: 'Clock', quantity: 'Clock of the GPU cores', unit: 'MHz' },
} satisfies Record<string, Setup>;

/** Of several runs over each other, with what is said where none of them has it. */
export const ofRuns = {
  f1: {
    title: 'Macro F1',
    quantity: 'Macro F1 on validation',
    unit: '',
    empty: 'None of these runs was evaluated.',
  },
  loss: {
    title: 'Training loss',
    quantity: 'Loss',
    unit: '',
    smoothing: 'light',
    empty: 'None of these runs recorded losses.',
  },
  power: {
    title: 'Total power',
    quantity: 'Power',
    unit: 'W',
    fromZero: true,
    empty: 'None of these runs has a power trace.',
  },
  energy: {
    title: 'Energy used',
    quantity: 'Cumulative energy',
    unit: 'Wh',
    fromZero: true,
    empty: 'None of these runs has a power trace.',
  },
} satisfies Record<string, Setup & { empty: string }>;

/** A value that a command reports under a name of its own. */
export const ofScalar = (name: string): Setup => ({
  title: name,
  quantity: name,
  unit: '',
  smoothing: 'off',
});

/** The unit that `finding` writes the values of a chart in. */
export const toldIn = ({ quantity, unit }: Setup): string =>
  /\bF1\b/.test(quantity) ? 'F1' : unit;

/** Lines by the name of their chart in `ofRuns`. */
export type LinesOfRuns = Partial<Record<keyof typeof ofRuns, Line[]>>;

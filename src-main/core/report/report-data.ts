/** Everything that a report shows, gathered from the store. */
import {
  reportSections,
  type ReportData,
  type ReportLook,
  type RunDetail,
} from '../../contract.ts';
import type { Store } from '../store/store.ts';
import { withoutWarmUps } from '../store/warm-ups.ts';
import { limitsOf, methodsOf } from './methods.ts';

/** Over seconds of the run's own clock; the names are those of the live charts. */
const curves = [
  'loss',
  'lr',
  'tokens',
  'validation.loss',
  'validation.macroF1',
  'validation.microF1',
  'test.macroF1',
];
/** What is drawn of runs over each other. */
const compared = ['loss', 'validation.macroF1'];
/** Pixels of a chart on paper; about two points per pixel are embedded. */
const width = 400;

export async function reportData(
  store: Pick<Store, 'getRun' | 'series' | 'power' | 'compare'>,
  ids: readonly number[],
  appVersion: string,
  look: ReportLook = {},
): Promise<ReportData> {
  const details: RunDetail[] = [];
  for (const id of ids) details.push(await store.getRun(id));
  const { kept, warmUps } = withoutWarmUps(details);
  const runs: ReportData['runs'] = [];
  for (const detail of kept) {
    const { id } = detail.summary;
    const [series, byEpoch, power] = await Promise.all([
      store.series(id, curves, 'time', width),
      kept.length > 1 ? store.series(id, compared, 'epoch', width) : [],
      store.power(id, width),
    ]);
    runs.push({ detail, series, byEpoch, power });
  }
  const comparison =
    runs.length > 1 ? await store.compare(kept.map(({ summary }) => summary.id)) : null;
  return {
    title: look.title ?? titleOf(runs.map(({ detail }) => detail)),
    notes: look.notes ?? '',
    paper: look.paper ?? 'a4',
    sections: look.sections ?? [...reportSections],
    generatedAt: Date.now(),
    appVersion,
    runs,
    comparison,
    methods: methodsOf(runs, comparison),
    limits: limitsOf(runs, warmUps),
  };
}

function titleOf(runs: readonly RunDetail[]): string {
  const names = runs.map(({ summary }) => summary.name);
  return names.length <= 2
    ? names.join(' against ')
    : `${names[0]} and ${names.length - 1} more runs`;
}

/** The report as Markdown: for a machine without a browser, a repository's README, a lab's wiki. */
import {
  meaningfulRows,
  validationMark,
  validationMeaning,
  type ComparisonRow,
  type ReportData,
  type RunDetail,
  type RunSummary,
} from '../../contract.ts';
import type { ReportChart } from './charts.ts';
import { scoreHalfWidth } from '../statistics/index.ts';
import { quantity, significant } from './words.ts';

/** @param folder where the charts lie, with its slash */
export function reportMarkdown(
  data: ReportData,
  charts: readonly ReportChart[],
  folder: string,
): string {
  const { comparison, runs, methods, limits } = data;
  const shown = new Set(data.sections);
  const details = runs.map(({ detail }) => detail);
  const validated = details.some(({ summary }) => summary.f1Split === 'validation');
  const repeats = comparison?.repeats ?? null;
  const pictures = (run: number | null) =>
    charts
      .filter((chart) => chart.run === run)
      .map(({ title, finding, name }) => `![${plain(`${title}. ${finding}`.trim())}](${folder}${name}.svg)`); // prettier-ignore
  const parts = [
    `# ${plain(data.title)}`,
    `HuggingGreen ${data.appVersion}, ${new Date(data.generatedAt).toISOString()}`,
    ...data.notes.split(/\n\s*\n/),
    ...(repeats?.verdicts.map(({ sentence }) => `**${plain(sentence)}**`) ?? []),
    ...(shown.has('results')
      ? ['## Results', results(details), validated ? `${validationMeaning}.` : '']
      : []),
    ...(repeats && shown.has('statistics')
      ? [
          '## Statistics',
          ...repeats.groups.map(({ name, quantities }) =>
            bullets(quantities.map(({ sentence }) => `${name}: ${sentence}`)),
          ),
          bullets(repeats.comparisons.map(({ sentence }) => sentence)),
        ]
      : []),
    ...(comparison && shown.has('comparison')
      ? ['## Comparison', compared(meaningfulRows(comparison).filter(({ differs }) => differs), details)] // prettier-ignore
      : []),
    ...(comparison && shown.has('charts') ? ['## Curves', ...pictures(null)] : []),
    ...(shown.has('methods') ? ['## Methods', ...methods.map(plain)] : []),
    ...(shown.has('limits') ? ['## Limits', bullets(limits)] : []),
    ...details.flatMap((detail) =>
      shown.has('runs')
        ? [`## ${plain(detail.summary.name)}`, energy(detail), ...pictures(detail.summary.id)]
        : [],
    ),
    ...details.flatMap(({ summary, config }) =>
      config && shown.has('configs')
        ? [`### Config of ${plain(summary.name)}`, `\`\`\`json\n${JSON.stringify(config, null, 2)}\n\`\`\``] // prettier-ignore
        : [],
    ),
  ];
  return `${parts.filter((part) => part.trim() !== '').join('\n\n')}\n`;
}

/** Names and words of the runs, which may hold what Markdown or HTML take for marks. */
const plain = (text: string): string =>
  text.replace(/[\\`*_[\]<>|#]/g, (sign) => `\\${sign}`).replace(/\s+/g, ' ');

const bullets = (texts: readonly string[]): string =>
  texts.map((text) => `- ${plain(text)}`).join('\n');

/** The first column to the left, the others, numbers mostly, to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(plain).join(' | ')} |`;
  const rule = `| ${head.map((_, i) => (i === 0 ? '---' : '--:')).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

const percent = (share: number | null): string =>
  share === null ? '–' : `${significant(share * 100, 3)} %`;
/** In the band of so many images; a score of validation carries a mark. */
function score(
  share: number | null,
  evaluations: RunDetail['evaluations'],
  split: RunSummary['f1Split'],
): string {
  if (share === null) return '–';
  const own = evaluations.findLast(({ result }) => result.split === split)?.result;
  const half = scoreHalfWidth(share, own?.images ?? null);
  const mark = split === 'validation' ? ` ${validationMark}` : '';
  return `${quantity(share * 100, '%', half && half * 100)}${mark}`;
}
const known = (value: number | null, unit: string, band: number | null = null): string =>
  value === null ? '–' : quantity(value, unit, band);

const results = (runs: readonly RunDetail[]): string =>
  table(
    ['Run', 'Patch selection', 'Macro F1', 'Micro F1', 'Energy', 'Emissions', 'F1 points per Wh', 'Time'], // prettier-ignore
    runs.map(({ summary, evaluations }) => [
      summary.name + (summary.status === 'done' ? '' : ` (${summary.status})`),
      summary.selection,
      score(summary.macroF1, evaluations, summary.f1Split),
      score(summary.microF1, evaluations, summary.f1Split),
      known(summary.wh, 'Wh', summary.uncertaintyWh),
      known(summary.gCO2e, 'gCO2e'),
      summary.f1PerWh === null ? '–' : significant(summary.f1PerWh, 3),
      known(summary.seconds, 's'),
    ]),
  );

function compared(rows: readonly ComparisonRow[], runs: readonly RunDetail[]): string {
  const cell = ({ values, uncertainty, unit, group }: ComparisonRow, i: number): string => {
    const value = values[i] ?? null;
    if (typeof value !== 'number') return value === null ? '–' : String(value);
    if (unit === null && value >= 1e6) return `${significant(value / 1e6, 3)} million`;
    return group === 'config' ? String(value) : quantity(value, unit ?? '', uncertainty[i] ?? null).trim(); // prettier-ignore
  };
  return table(
    ['', ...runs.map(({ summary }) => summary.name)],
    rows.map((row) => [row.label, ...runs.map((_, i) => cell(row, i))]),
  );
}

const energy = ({ energy }: RunDetail): string =>
  energy === null
    ? 'No energy was recorded for this run.'
    : table(
        ['Component', 'Reading', 'Source', 'Energy', 'Above idle', 'Covered'],
        [
          ...energy.components.map((part) => [
            part.name + (part.counted ? '' : ' (in no total)'),
            part.wh === null ? 'missing' : part.provenance,
            part.source,
            known(part.wh, 'Wh', part.uncertaintyWh),
            known(part.netWh, 'Wh'),
            percent(part.coverage),
          ]),
          [
            'All of the run',
            '',
            '',
            known(energy.wh, 'Wh', energy.uncertaintyWh),
            known(energy.netWh, 'Wh'),
            percent(energy.coverage),
          ],
        ],
      );

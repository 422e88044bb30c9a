/**
 * The report as one HTML file that needs nothing else: no network, no fonts, no second file.
 *
 * The page's script draws the data that is embedded as JSON. Its policy allows that one script, by its
 * hash, and nothing from outside, so that a run's name can never become code. Without scripts a table
 * with the figures remains.
 */
import { createHash } from 'node:crypto';
import type { ReportData, RunSummary } from '../../contract.ts';
import { quantity, significant } from './words.ts';

export interface ReportBundle {
  /** A classic script; it draws into `#report`. */
  js: string;
  css: string;
}

/** As CSS names them. The margins are those of the sheets that the page draws. */
const paperSizes = { a4: 'A4', letter: 'letter' } as const;

export function reportHtml(data: ReportData, bundle: ReportBundle): string {
  const script = scriptText(bundle.js);
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    // components set widths and colours in style attributes
    "style-src 'unsafe-inline'",
    'img-src data: blob:',
    'font-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="HuggingGreen ${escaped(data.appVersion)}">
<title>${escaped(data.title)} - energy report</title>
<style id="report-page">@page { size: ${paperSizes[data.paper]}; margin: 0 }</style>
<style>${styleText(bundle.css)}</style>
</head>
<body>
<div id="report"></div>
<noscript>
${plainReport(data)}
</noscript>
<script type="application/json" id="report-data">${jsonText(data)}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** JSON that cannot end its element or start a comment, whatever the strings in it say. */
const jsonText = (data: unknown): string =>
  JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/**
 * In a script these can only stand inside strings, templates or regular expressions, where the
 * backslash changes nothing. A parser reads CRLF as LF, which the hash has to follow.
 */
const scriptText = (js: string): string =>
  js
    .replace(/\r\n?/g, '\n')
    .replace(/<\/(script)/gi, '<\\/$1')
    .replace(/<!--/g, '<\\!--');

const styleText = (css: string): string => css.replace(/<\/(style)/gi, '<\\/$1');

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => entities[sign]!);

const notesOf = (notes: string): string[] =>
  notes.split(/\n\s*\n/).filter((text) => text.trim() !== '');

function plainReport(data: ReportData): string {
  const columns: [string, (run: RunSummary) => string][] = [
    ['Run', ({ name }) => name],
    ['Status', ({ status }) => status],
    ['Dataset', ({ dataset }) => dataset],
    ['Model', ({ model }) => model],
    ['Method', ({ method }) => method],
    ['Patch selection', ({ selection }) => selection],
    ['Macro F1', ({ macroF1 }) => (macroF1 === null ? 'not known' : macroF1.toFixed(3))],
    ['Duration', ({ seconds }) => quantity(seconds, 's')],
    ['Energy', ({ wh, uncertaintyWh }) => quantity(wh, 'Wh', uncertaintyWh)],
    ['Emissions', ({ gCO2e }) => quantity(gCO2e, 'gCO2e')],
    [
      'Macro F1 points per Wh',
      ({ f1PerWh }) => (f1PerWh === null ? 'not known' : significant(f1PerWh, 3)),
    ],
  ];
  const rows = data.runs.map(
    ({ detail: { summary } }) =>
      `<tr>${columns.map(([, of]) => `<td>${escaped(of(summary))}</td>`).join('')}</tr>`,
  );
  const paragraphs = (texts: readonly string[], tag: string) =>
    texts.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('\n');
  return `<div class="plain">
<h1>${escaped(data.title)}</h1>
<p>${escaped(new Date(data.generatedAt).toISOString())}, HuggingGreen ${escaped(data.appVersion)}. Charts need scripts to be allowed.</p>
<table>
<thead><tr>${columns.map(([label]) => `<th scope="col">${label}</th>`).join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
${paragraphs(notesOf(data.notes), 'p')}
<h2>Methods</h2>
${paragraphs(data.methods, 'p')}
<h2>Limits</h2>
<ul>
${paragraphs(data.limits, 'li')}
</ul>
</div>`;
}

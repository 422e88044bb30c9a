/**
 * Text format of OpenMetrics 1.0: families of samples, each with its type, unit and help. A family
 * without samples is left out, and so is a sample without a value: missing is no NaN.
 * https://github.com/prometheus/OpenMetrics, specification/OpenMetrics.md
 */

export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

export type Labels = Record<string, string>;

export interface Family {
  /** Without `_total`; ends in its unit where it has one. */
  name: string;
  type: 'gauge' | 'counter' | 'info';
  unit?: 'joules' | 'watts' | 'celsius' | 'ratio' | 'bytes' | 'hertz' | 'grams' | 'seconds';
  help: string;
  samples: {
    labels: Labels;
    value: number | null;
    /** Of a counter: when it was 0, seconds since 1970. */
    created?: number;
  }[];
}

/** The whole text, with its end mark. */
export function exposition(families: readonly Family[]): string {
  const text = families.map(familyText).join('');
  return `${text}# EOF\n`;
}

function familyText({ name, type, unit, help, samples }: Family): string {
  const lines = samples.flatMap(({ labels, value, created }) => {
    if (value === null || !Number.isFinite(value)) return [];
    const suffix = { gauge: '', counter: '_total', info: '_info' }[type];
    return [
      `${name}${suffix}${written(labels)} ${value}`,
      ...(created === undefined ? [] : [`${name}_created${written(labels)} ${created}`]),
    ];
  });
  if (lines.length === 0) return '';
  return [
    `# TYPE ${name} ${type}`,
    ...(unit ? [`# UNIT ${name} ${unit}`] : []),
    `# HELP ${name} ${escaped(help)}`,
    ...lines,
    '',
  ].join('\n');
}

function written(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

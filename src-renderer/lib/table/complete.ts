/** What the search of runs offers while it is typed. */
import {
  isMetricKey,
  queryFields,
  queryTokens,
  unitsOf,
  type RunSummary,
} from '../../../src-main/contract.ts';
import { metricHelp } from './run-columns.ts';

export interface Completion {
  /** The whole token, to stand where the old one stood. */
  insert: string;
  help: string;
  /** Something goes on behind it: a value is still to come. */
  open: boolean;
}
export interface Completions {
  from: number;
  to: number;
  options: Completion[];
}

const most = 9;

/** @param keys of configs and metrics, with a dot each */
export function completeQuery(
  line: string,
  caret: number,
  runs: readonly RunSummary[],
  keys: readonly string[],
): Completions {
  const token = queryTokens(line).find(
    ({ at, source }) => at <= caret && caret <= at + source.length,
  );
  const from = token?.at ?? caret;
  const to = token ? token.at + token.source.length : caret;
  const typed = token?.source ?? '';
  const sign = typed.startsWith('-') ? '-' : '';
  const [, key, operator, value] = /^-?([\w.~-]+)(<=|>=|[:<>=])(.*)$/s.exec(typed) ?? [];
  const options =
    key === undefined || operator === undefined || value === undefined
      ? keyOptions(typed.slice(sign.length).toLowerCase(), keys)
      : valueOptions(key, operator, value, runs);
  return {
    from,
    to,
    options: options
      .map((option) => ({ ...option, insert: sign + option.insert }))
      .filter(({ insert }) => insert !== typed)
      .slice(0, most),
  };
}

function keyOptions(start: string, keys: readonly string[]): Completion[] {
  const fields = Object.entries(queryFields).map(([key, field]) => ({
    key,
    insert: field.kind === 'number' ? `${key}>` : field.kind === 'date' ? `${key}>=` : `${key}:`,
    help: field.help,
    open: true,
  }));
  const configs = keys.map((key) => ({
    key,
    insert: `${key}:`,
    help: isMetricKey(key) ? metricHelp(key) : 'of the config',
    open: true,
  }));
  const all = start.length > 1 ? [...fields, ...configs] : fields;
  const begins = all.filter(({ key }) => key.toLowerCase().startsWith(start));
  const within = all.filter(
    ({ key }) => !key.toLowerCase().startsWith(start) && key.toLowerCase().includes(start),
  );
  return start === '' ? begins : [...begins, ...within];
}

function valueOptions(
  key: string,
  operator: string,
  value: string,
  runs: readonly RunSummary[],
): Completion[] {
  const field = Object.hasOwn(queryFields, key.toLowerCase())
    ? queryFields[key.toLowerCase()]!
    : null;
  if (!field) return [];
  // of several alternatives, the one that is being typed
  const cut = value.lastIndexOf(',') + 1;
  const before = `${key}${operator}${value.slice(0, cut)}`;
  const part = value.slice(cut).replaceAll('"', '').toLowerCase();
  const option = (word: string, help: string): Completion => ({
    insert: `${before}${/[\s,"]/.test(word) ? `"${word.replaceAll('"', '\\"')}"` : word}`,
    help,
    open: false,
  });
  switch (field.kind) {
    case 'number': {
      const digits = /^[+-]?(\d+\.?\d*|\.\d+)/.exec(part)?.[0];
      return digits ? unitsOf(field).map((unit) => option(`${digits}${unit}`, field.help)) : [];
    }
    case 'date':
      return ['1d', '7d', '30d']
        .filter((age) => operator.startsWith('<') && age.startsWith(part))
        .map((age) => option(age, `less than ${age.slice(0, -1)} days ago`));
    case 'flag':
      return Object.keys(field.flags)
        .filter((flag) => flag.startsWith(part))
        .map((flag) => option(flag, ''));
    case 'tag':
    case 'text': {
      const of = field.kind === 'tag' ? ({ tags }: RunSummary) => tags : null;
      const counts = new Map<string, number>();
      for (const run of runs)
        for (const word of of
          ? of(run)
          : field.kind === 'text'
            ? new Set([field.of(run)].flat())
            : [])
          if (word !== '' && word.length < 80) counts.set(word, (counts.get(word) ?? 0) + 1);
      return [...counts]
        .filter(([word]) => word.toLowerCase().includes(part))
        .sort(([, a], [, b]) => b - a)
        .map(([word, n]) => option(word, n === 1 ? '1 run' : `${n} runs`));
    }
  }
}

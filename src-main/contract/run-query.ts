/**
 * The search of runs as one line of text, the same on the page and on the command line:
 *
 *     status:done gpu>0.4kWh tag:paper f1>=.9 dataset:cifar10 train.lr<1e-3 -tag:old "free words"
 *
 * All tokens must hold; `-` before one turns it round; a comma means or (`status:done,failed`). Text fields hold
 * what contains the words, `=` asks for the whole. Numbers know their units. A key with a dot is one of the
 * run's config, or of a metric (`metric-keys.ts`). What is not understood is told.
 */
import { isMetricKey } from './metric-keys.ts';
import { statusOf } from './run-status.ts';
import type { RunSummary } from './runs.ts';

/** A leaf of a config or a metric as one value; undefined while it is not known yet. */
export type RunValue = string | number | boolean | null | undefined;

export interface QueryProblem {
  /** Where the token begins in the text. */
  at: number;
  token: string;
  /** What is wrong, and what would be right. */
  message: string;
}

export interface RunQuery {
  /** @param value of a key of the config or a metric; without it such tokens hold for no run. */
  matches: (run: RunSummary, value?: (run: RunSummary, key: string) => RunValue) => boolean;
  problems: QueryProblem[];
  /** Keys of configs and metrics that the search asks for. */
  keys: string[];
}

type Dimension = 'energy' | 'mass' | 'time' | 'share' | 'number';

/** Factors to what a `RunSummary` holds: Wh, g, s, 0..1. The first is meant where none is written. */
const units: Record<Dimension, Record<string, number>> = {
  energy: {
    Wh: 1,
    mWh: 1e-3,
    kWh: 1e3,
    MWh: 1e6,
    J: 1 / 3600,
    kJ: 1 / 3.6,
    MJ: 1e3 / 3.6,
  },
  mass: { g: 1, mg: 1e-3, kg: 1e3, t: 1e6, gCO2e: 1, mgCO2e: 1e-3, kgCO2e: 1e3 },
  time: { s: 1, ms: 1e-3, min: 60, h: 3600, d: 86_400 },
  share: { '%': 0.01 },
  number: { k: 1e3, M: 1e6, G: 1e9, '%': 0.01 },
};

interface NumberField {
  kind: 'number';
  help: string;
  dimension: Dimension;
  /** Of a number without a unit; default: the first of the dimension. */
  unit?: string;
  of: (run: RunSummary) => number | null;
}
interface TextField {
  kind: 'text';
  help: string;
  /** Several: any of them may fit. */
  of: (run: RunSummary) => string | readonly string[];
  /** Values of which the word must be a part; others are a mistake. */
  words?: readonly string[];
}
interface DateField {
  kind: 'date';
  help: string;
  of: (run: RunSummary) => number | null;
}
interface TagField {
  kind: 'tag';
  help: string;
}
interface FlagField {
  kind: 'flag';
  help: string;
  flags: Record<string, (run: RunSummary) => boolean>;
}
export type QueryField = NumberField | TextField | DateField | TagField | FlagField;

const text = (help: string, of: TextField['of'], words?: readonly string[]): TextField => ({
  kind: 'text',
  help,
  of,
  ...(words && { words }),
});
const number = (
  help: string,
  dimension: Dimension,
  of: NumberField['of'],
  unit?: string,
): NumberField => ({ kind: 'number', help, dimension, of, ...(unit && { unit }) });

/** `status:stopped` finds those that are shown as paused or dropped, too. */
const statuses = [
  'paused',
  'dropped',
  'at its rung',
  'ended',
  'queued',
  'baseline',
  'running',
  'stopping',
  'stopped',
  'done',
  'failed',
  'interrupted',
  'imported',
];
const activeStatuses = ['baseline', 'running', 'stopping'];

/** Everything that can be asked for by name, in the order in which it is offered. */
export const queryFields: Record<string, QueryField> = {
  status: text('state of the run', (run) => [run.status, statusOf(run).label], statuses),
  tag: { kind: 'tag', help: 'one of its tags; paper* for a beginning' },
  is: {
    kind: 'flag',
    help: 'starred, archived, active, queued, copy, example, command, warmup, dropped; any shows archived runs too',
    flags: {
      starred: ({ star }) => star,
      archived: ({ archivedAt }) => archivedAt !== null,
      active: ({ status }) => activeStatuses.includes(status),
      queued: ({ status }) => status === 'queued',
      copy: ({ copyOf }) => copyOf !== null,
      // the built-in one, whatever its runs are called by now
      example: ({ example }) => example,
      command: ({ command }) => command !== null,
      warmup: ({ matrix }) => matrix?.warmUp ?? false,
      // by successive halving, or taken out of a sweep
      dropped: ({ matrix }) => (matrix?.rung?.dropped ?? false) && !matrix?.warmUp,
      any: () => true,
    },
  },
  has: {
    kind: 'flag',
    help: 'note, tag, error, matrix, energy, f1',
    flags: {
      note: ({ note }) => note !== null,
      tag: ({ tags }) => tags.length > 0,
      error: ({ error }) => error !== null,
      matrix: ({ matrix }) => matrix !== null,
      energy: ({ wh }) => wh !== null,
      f1: ({ macroF1 }) => macroF1 !== null,
    },
  },
  name: text('its name', ({ name }) => name),
  dataset: text('what it learns from', ({ dataset }) => dataset),
  model: text('the network', ({ model }) => model),
  method: text('attention, routing, recipe', ({ method }) => method),
  selection: text('patch selection', ({ selection }) => selection),
  f1: number('macro F1, 0 to 1 or in %', 'share', ({ macroF1 }) => macroF1),
  microf1: number('micro F1, 0 to 1 or in %', 'share', ({ microF1 }) => microF1),
  loss: number('training loss of the last epoch', 'number', ({ loss }) => loss),
  wh: number('energy', 'energy', ({ wh }) => wh),
  energy: number('energy', 'energy', ({ wh }) => wh),
  kwh: number('energy in kWh', 'energy', ({ wh }) => wh, 'kWh'),
  gpu: number('energy of the graphics cards', 'energy', ({ whByKind }) => whByKind.gpu ?? null),
  cpu: number('energy of the processors', 'energy', ({ whByKind }) => whByKind.cpu ?? null),
  ram: number('energy of the memory', 'energy', ({ whByKind }) => whByKind.ram ?? null),
  wall: number('energy at the socket, by the calibration', 'energy', ({ wallWh }) => wallWh),
  process: number('energy of its own processes', 'energy', ({ processWh }) => processWh),
  co2: number('emissions', 'mass', ({ gCO2e }) => gCO2e),
  perwh: number('macro F1 points per Wh', 'number', ({ f1PerWh }) => f1PerWh),
  time: number('active time', 'time', ({ seconds }) => seconds),
  minutes: number('active time in minutes', 'time', ({ seconds }) => seconds, 'min'),
  started: { kind: 'date', help: 'first start, as 2026-11-23', of: ({ startedAt }) => startedAt },
  created: { kind: 'date', help: 'entry into the queue', of: ({ createdAt }) => createdAt },
  ended: { kind: 'date', help: 'its end', of: ({ endedAt }) => endedAt },
  seed: number('its seed', 'number', ({ seed }) => seed),
  id: number('its number', 'number', ({ id }) => id),
  epoch: number('epochs done', 'number', ({ epoch }) => epoch),
  epochs: number('epochs planned', 'number', ({ epochs }) => epochs),
  steps: number('steps planned', 'number', ({ steps }) => steps),
  parameters: number('parameters of the model', 'number', ({ parameters }) => parameters),
  speed: number('training images per second', 'number', ({ imagesPerSecond }) => imagesPerSecond),
  matrix: text('matrix it is part of', ({ matrix }) =>
    matrix ? `${matrix.id} ${matrix.title}` : '',
  ),
  arm: text('its arm there', ({ matrix }) => (matrix ? `${matrix.arm} ${matrix.armTitle}` : '')),
  group: number('start of a matrix', 'number', ({ matrix }) => matrix?.group ?? null),
  repeat: number('repeat in a matrix', 'number', ({ matrix }) => matrix?.repeat ?? null),
  warmup: text('yes or no', ({ matrix }) => (matrix?.warmUp ? 'yes' : 'no'), ['yes', 'no']),
  engine: text('what computed it', ({ engine }) => engine ?? ''),
  note: text('words of its note', ({ note }) => note ?? ''),
  error: text('why it failed', ({ error }) => (error ? `${error.code} ${error.message}` : '')),
  command: text('a command of your own', ({ command }) => command ?? ''),
};

/** Units that a field understands; empty where it is a bare number, text or a date. */
export const unitsOf = (field: QueryField): string[] =>
  field.kind === 'number' && field.dimension !== 'number'
    ? Object.keys(units[field.dimension])
    : [];

// --- reading ---------------------------------------------------------------------------------------

interface Token {
  at: number;
  /** As it was written. */
  source: string;
  /** Without the sign of negation; characters that stood in quotes are told apart. */
  text: string;
  quoted: boolean[];
  negated: boolean;
  open: boolean;
}

/** Words between blanks; quotes hold blanks, commas and operators together, `\"` is a quote in quotes. */
export function queryTokens(line: string): Token[] {
  const tokens: Token[] = [];
  let i = 0;
  while (i < line.length) {
    if (/\s/.test(line[i]!)) {
      i++;
      continue;
    }
    const at = i;
    const negated = line[i] === '-' && i + 1 < line.length && !/\s/.test(line[i + 1]!);
    if (negated) i++;
    let text = '';
    const quoted: boolean[] = [];
    let inQuotes = false;
    for (; i < line.length && (inQuotes || !/\s/.test(line[i]!)); i++) {
      const escaped = inQuotes && line[i] === '\\' && (line[i + 1] === '"' || line[i + 1] === '\\');
      if (line[i] === '"') {
        inQuotes = !inQuotes;
        continue;
      }
      if (escaped) i++;
      text += line[i]!;
      quoted.push(inQuotes);
    }
    tokens.push({ at, source: line.slice(at, i), text, quoted, negated, open: inQuotes });
  }
  return tokens;
}

type Test = (run: RunSummary, value: (run: RunSummary, key: string) => RunValue) => boolean;
type Operator = ':' | '=' | '<' | '<=' | '>' | '>=';

class Mistake extends Error {}

/**
 * @param known keys that configs have; a key with a dot that is not among them is told as a mistake.
 */
export function parseRunQuery(line: string, known?: ReadonlySet<string>): RunQuery {
  const problems: QueryProblem[] = [];
  const keys = new Set<string>();
  const tests: Test[] = [];
  let asksArchived = false;
  for (const token of queryTokens(line)) {
    if (token.text === '' && !token.open) continue;
    try {
      if (token.open) throw new Mistake('a quote is not closed');
      const { test, archived } = testOf(token, keys, known);
      asksArchived ||= archived;
      tests.push(token.negated ? (run, value) => !test(run, value) : test);
    } catch (cause) {
      if (!(cause instanceof Mistake)) throw cause;
      problems.push({ at: token.at, token: token.source, message: cause.message });
    }
  }
  // what is put away stays away unless it is asked for
  if (!asksArchived) tests.unshift(({ archivedAt }) => archivedAt === null);
  const nothing = () => undefined;
  return {
    matches: (run, value = nothing) => tests.every((test) => test(run, value)),
    problems,
    keys: [...keys],
  };
}

function testOf(
  token: Token,
  keys: Set<string>,
  known: ReadonlySet<string> | undefined,
): { test: Test; archived: boolean } {
  const parts = /^([a-z][\w-]*(?:\.[^\s:<>=]+)*)(<=|>=|[:<>=])(.*)$/is.exec(token.text);
  const operatorAt = parts ? parts[1]!.length : 0;
  if (!parts || token.quoted[operatorAt] || token.quoted[0])
    return { test: freeText(token.text), archived: false };
  const [, written, operator, value] = parts as unknown as [string, string, Operator, string];
  const key = written.toLowerCase();
  const valueQuoted = token.quoted.slice(operatorAt + operator.length);
  if (value === '') throw new Mistake(`after "${written}${operator}" a value is missing`);
  const values = alternatives(value, valueQuoted);

  if (written.includes('.')) {
    const config = known && [...known].find((one) => one.toLowerCase() === key);
    if (known && !config && !isMetricKey(key))
      throw new Mistake(`no config has a key "${written}"`);
    const name = config ?? (isMetricKey(key) ? `metric.${written.slice(7)}` : written);
    keys.add(name);
    return { test: either(values, (one) => leafTest(name, operator, one)), archived: false };
  }
  const field = Object.hasOwn(queryFields, key) ? queryFields[key]! : null;
  if (!field) throw new Mistake(`there is no column "${written}"`);
  if (field.kind !== 'number' && field.kind !== 'date' && operator !== ':' && operator !== '=')
    throw new Mistake(`"${key}" is text: write ${key}:${value}`);
  switch (field.kind) {
    case 'number':
      return {
        test: either(values, (one) => numberTest(key, field, operator, one)),
        archived: false,
      };
    case 'date':
      return {
        test: either(values, (one) => dateTest(key, field, operator, one)),
        archived: false,
      };
    case 'text':
      return {
        test: either(values, (one) => textTest(key, field, operator, one)),
        archived: false,
      };
    case 'tag':
      return { test: either(values, tagTest), archived: false };
    case 'flag':
      return {
        test: either(values, (one) => flagTest(key, field, one)),
        archived: key === 'is' && values.some((one) => /^(any|archived)$/i.test(one)),
      };
  }
}

const either = (values: readonly string[], testOne: (value: string) => Test): Test => {
  const tests = values.map(testOne);
  return (run, value) => tests.some((test) => test(run, value));
};

/** Between commas outside of quotes. */
function alternatives(value: string, quoted: readonly boolean[]): string[] {
  const parts = [''];
  for (const [i, char] of [...value.split('')].entries())
    if (char === ',' && !quoted[i]) parts.push('');
    else parts[parts.length - 1] += char;
  return parts.filter((part) => part !== '');
}

// --- what holds ------------------------------------------------------------------------------------

/** Words as they are compared: `CIFAR-10`, `cifar 10` and `cifar10` are the same. */
const plain = (words: string): string => words.toLowerCase().replace(/[-_\s]+/g, '');
const isDigit = (char: string | undefined): boolean => char !== undefined && /\d/.test(char);

/** Whether the words occur; a number is found whole: `cifar10` is not in `CIFAR-100`. */
function contains(whole: string, part: string): boolean {
  for (let at = whole.indexOf(part); at >= 0; at = whole.indexOf(part, at + 1)) {
    const before = isDigit(part[0]) && isDigit(whole[at - 1]);
    const after = isDigit(part.at(-1)) && isDigit(whole[at + part.length]);
    if (!before && !after) return true;
  }
  return false;
}

/** What free words are looked for in, made once per run. */
const haystacks = new WeakMap<RunSummary, string>();
function haystack(run: RunSummary): string {
  let words = haystacks.get(run);
  if (words === undefined) {
    const { id, name, dataset, model, method, selection, status, tags, note, engine } = run;
    const { error, command, matrix } = run;
    const parts = [id, name, dataset, model, method, selection, status, ...tags, note, engine];
    words = [...parts, error?.message, command, matrix?.title, matrix?.armTitle]
      .filter((part) => part != null && part !== '')
      .join('\n')
      .toLowerCase();
    haystacks.set(run, words);
  }
  return words;
}
/** Puts together what free words are looked for in, before they are. */
export function prepareSearch(runs: readonly RunSummary[]): void {
  runs.forEach(haystack);
}
const freeText = (words: string): Test => {
  const wanted = words.toLowerCase();
  return (run) => haystack(run).includes(wanted);
};

function textTest(key: string, { of, words }: TextField, operator: Operator, value: string): Test {
  const wanted = plain(value);
  if (words && !words.some((word) => word.includes(wanted)))
    throw new Mistake(`"${key}" is one of ${words.join(', ')}`);
  const holds = (own: string): boolean =>
    operator === '=' && wanted !== 'none'
      ? plain(own) === wanted
      : contains(plain(own), wanted) || (wanted === 'none' && own === '');
  return (run) => [of(run)].flat().some(holds);
}

const tagTest = (value: string): Test => {
  const wanted = value.toLowerCase();
  if (wanted === 'none') return ({ tags }) => tags.length === 0;
  return wanted.endsWith('*')
    ? ({ tags }) => tags.some((tag) => tag.toLowerCase().startsWith(wanted.slice(0, -1)))
    : ({ tags }) => tags.some((tag) => tag.toLowerCase() === wanted);
};

function flagTest(key: string, { flags }: FlagField, value: string): Test {
  const name = Object.keys(flags).find((flag) => flag === value.toLowerCase());
  if (name === undefined) throw new Mistake(`"${key}:" goes with ${Object.keys(flags).join(', ')}`);
  return flags[name]!;
}

interface Typed {
  value: number;
  /** Half of the last place that was typed: `0.91` means 0.905 to 0.915. */
  half: number;
}

/** A number with its unit, in the unit of the summary. */
function readNumber(key: string, dimension: Dimension, unit: string | undefined, text: string) {
  const [, digits, written] = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(.*)$/i.exec(text) ?? [];
  if (digits === undefined || written === undefined)
    throw new Mistake(`"${text}" is no number for "${key}"`);
  const table = units[dimension];
  const name =
    written === ''
      ? unit
      : Object.hasOwn(table, written)
        ? written
        : // kwh and KWH mean the same, but M and m do not
          onlyOne(Object.keys(table).filter((one) => one.toLowerCase() === written.toLowerCase()));
  if (written !== '' && name === undefined)
    throw new Mistake(
      `"${written}" is no unit of "${key}": ${Object.keys(table).join(', ') || 'none is meant'}`,
    );
  const factor = name === undefined ? 1 : table[name]!;
  const [mantissa, exponent = '0'] = digits.toLowerCase().split('e') as [string, string?];
  const decimals = (mantissa.split('.')[1] ?? '').length;
  const typed: Typed = {
    value: Number(digits) * factor,
    half: 0.5 * 10 ** (Number(exponent) - decimals) * factor,
  };
  if (dimension === 'share' && Math.abs(typed.value) > 1)
    throw new Mistake(`"${key}" lies between 0 and 1: write ${digits}% for percent`);
  return typed;
}

const onlyOne = (found: string[]): string | undefined =>
  found.length === 1 ? found[0] : undefined;

function holds(operator: Operator, own: number, { value, half }: Typed): boolean {
  switch (operator) {
    case '<':
      return own < value;
    case '<=':
      return own <= value;
    case '>':
      return own > value;
    case '>=':
      return own >= value;
    default:
      return own === value || Math.abs(own - value) < half;
  }
}

function numberTest(key: string, field: NumberField, operator: Operator, value: string): Test {
  const { of, dimension, unit } = field;
  if (value.toLowerCase() === 'none') return (run) => of(run) === null;
  const typed = readNumber(key, dimension, unit, value);
  return (run) => {
    const own = of(run);
    return own !== null && holds(operator, own, typed);
  };
}

const spans: Record<string, number> = { min: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

/** A day (`2026-11-23`), a month, a year, or an age: `started>7d` began more than seven days ago. */
function dateTest(key: string, { of }: DateField, operator: Operator, value: string): Test {
  if (value.toLowerCase() === 'none') return (run) => of(run) === null;
  const [, many, span] = /^(\d+(?:\.\d+)?)(min|h|d|w)$/.exec(value) ?? [];
  if (many !== undefined && span !== undefined) {
    if (operator === ':' || operator === '=')
      throw new Mistake(`write ${key}<${value} for less than ${value} ago`);
    const age = { value: Number(many) * spans[span]!, half: 0 };
    return (run) => {
      const own = of(run);
      return own !== null && holds(operator, Date.now() - own, age);
    };
  }
  const [, year, month, day] = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?$/.exec(value) ?? [];
  const from = new Date(Number(year), Number(month ?? 1) - 1, Number(day ?? 1));
  if (year === undefined || (month && from.getMonth() !== Number(month) - 1))
    throw new Mistake(`"${value}" is no date: write 2026-11-23, 2026-11 or an age such as 7d`);
  const to = new Date(from);
  if (day !== undefined) to.setDate(to.getDate() + 1);
  else if (month !== undefined) to.setMonth(to.getMonth() + 1);
  else to.setFullYear(to.getFullYear() + 1);
  const [start, end] = [from.getTime(), to.getTime()];
  const inside: Record<Operator, (own: number) => boolean> = {
    ':': (own) => own >= start && own < end,
    '=': (own) => own >= start && own < end,
    '<': (own) => own < start,
    '<=': (own) => own < end,
    '>': (own) => own >= end,
    '>=': (own) => own >= start,
  };
  return (run) => {
    const own = of(run);
    return own !== null && inside[operator](own);
  };
}

/** Of configs and metrics: numbers are compared as numbers, all else as words. */
function leafTest(key: string, operator: Operator, value: string): Test {
  const wanted = plain(value);
  const isNumber = /^[+-]?(\d|\.\d)/.test(value);
  if (!isNumber && operator !== ':' && operator !== '=')
    throw new Mistake(`"${value}" is no number for "${key}"`);
  const typed = isNumber ? readNumber(key, 'number', undefined, value) : null;
  // what was set is what was typed; what was measured is near it
  if (typed && !isMetricKey(key)) typed.half = Math.abs(typed.value) * 1e-9;
  return (run, valueOf) => {
    const own = valueOf(run, key);
    if (own == null) return wanted === 'none';
    if (typeof own === 'number') return typed !== null && holds(operator, own, typed);
    const words = typeof own === 'boolean' ? (own ? 'yes true on' : 'no false off') : own;
    if (typeof own === 'boolean') return words.split(' ').includes(value.toLowerCase());
    return operator === '=' ? plain(words) === wanted : contains(plain(words), wanted);
  };
}

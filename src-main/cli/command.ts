/** What a command is, and how its line is read: node:util parseArgs with the help that belongs to it. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { didYouMean } from '../nearest.ts';

/** Exit codes are part of the interface: scripts and schedulers decide by them. */
/** 124 is what `timeout` has for a limit that was reached. */
export const exitCode = { ok: 0, failed: 1, usage: 2, overBudget: 124, interrupted: 130 } as const;

/** The person asked for something that cannot be meant; the sentence says what. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export interface Option {
  type: 'string' | 'boolean';
  short?: string;
  /** Name of the value in the help: `DIR`. */
  value?: string;
  /** What the option means where it is given without a value. */
  implied?: string;
  /** It may be given several times. */
  multiple?: true;
  help: string;
}

export interface Command {
  name: string;
  /** What follows the name: `<config.json>`. */
  usage: string;
  summary: string;
  /** More for `--help`. */
  details?: string;
  options: Record<string, Option>;
  /** Returns the exit code. With `json`, stdout carries one JSON value and nothing else. */
  run(line: Line): Promise<number>;
}

export interface Line {
  positionals: string[];
  /** What stands behind `--`, which is also at the end of `positionals`; null without it. */
  behind: string[] | null;
  text(option: string): string | undefined;
  /** Of an option that may be given several times. */
  texts(option: string): string[];
  flag(option: string): boolean;
  json: boolean;
}

const common: Record<string, Option> = {
  json: { type: 'boolean', help: 'print JSON' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
};

/** @throws UsageError on an unknown option. */
export function readLine(command: Command, line: string[]): Line & { help: boolean } {
  const described = { ...command.options, ...common };
  const argv = line.map((word, i) => {
    const implied = word.startsWith('--') ? described[word.slice(2)]?.implied : undefined;
    const next = line[i + 1];
    return implied !== undefined && (next === undefined || next.startsWith('-'))
      ? `${word}=${implied}`
      : word;
  });
  const options: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(described).map(([name, { type, short, multiple = false }]) => [
      name,
      short ? { type, short, multiple } : { type, multiple },
    ]),
  );
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    for (const token of parseArgs({ args: argv, options, strict: false, tokens: true }).tokens)
      if (token.kind === 'option') understand(token, described);
    parsed = parseArgs({ args: argv, options, allowPositionals: true, strict: true });
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError((cause as Error).message);
  }
  const { values, positionals } = parsed;
  const end = argv.indexOf('--');
  return {
    positionals,
    behind: end < 0 ? null : argv.slice(end + 1),
    text: (name) => values[name] as string | undefined,
    texts: (name) => (values[name] as string[] | undefined) ?? [],
    flag: (name) => values[name] === true,
    json: values['json'] === true,
    help: values['help'] === true,
  };
}

/** Our own words for what parseArgs would refuse in its own. @throws UsageError */
function understand(
  { name, rawName, value }: { name: string; rawName: string; value: string | undefined },
  options: Record<string, Option>,
): void {
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (!option) {
    const meant = didYouMean(name, Object.keys(options), '--');
    throw new UsageError(`There is no option "${rawName}"${meant}`);
  }
  if (option.type === 'string' && value === undefined)
    throw new UsageError(`${rawName} needs a value: --${name} ${option.value ?? 'VALUE'}`);
  if (option.type === 'boolean' && value !== undefined)
    throw new UsageError(`${rawName} takes no value.`);
}

export function helpOf({ name, usage, summary, details, options }: Command): string {
  const rows = Object.entries({ ...options, ...common }).map(([option, { short, value, help }]) => [
    `  ${short ? `-${short}, ` : ''}--${option}${value ? ` ${value}` : ''}`,
    help,
  ]);
  const width = Math.max(...rows.map(([left]) => left!.length));
  return [
    `hugginggreen ${name}${usage ? ` ${usage}` : ''}`,
    '',
    summary,
    ...(details ? ['', details] : []),
    '',
    ...rows.map(([left, right]) => `${left!.padEnd(width)}  ${right}`),
  ].join('\n');
}

/** Run numbers of the line. @throws UsageError */
export function runIds(positionals: string[], atLeast = 1): number[] {
  if (positionals.length < atLeast)
    throw new UsageError(
      atLeast === 1
        ? 'Which run? Give its number.'
        : `Give the numbers of ${atLeast} or more runs.`,
    );
  return positionals.map((text) => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`"${text}" is not the number of a run.`);
    return Number(text);
  });
}

/** One JSON value on stdout. */
export const printJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2));

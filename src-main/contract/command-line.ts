/** Command lines as text and as arguments, without a shell: what a person types is never run by one. */

/** What is wrong with a command line. */
export interface BadLine {
  problem: string;
}

const needsShell = /^(\|\|?|&&?|;|[0-9]*>>?|<)$/;

/**
 * The arguments of a line, quoted as in a POSIX shell: '...' as it stands, "..." with \" and \\, \ before a
 * single character. Nothing is expanded; pipes and the like, which only a shell can do, are refused.
 */
export function splitCommand(line: string): string[] | BadLine {
  const words: string[] = [];
  let word: string | null = null;
  let plain = true;
  let quote: '"' | "'" | null = null;
  const end = (): BadLine | null => {
    if (word === null) return null;
    if (plain && needsShell.test(word))
      return {
        problem: `"${word}" needs a shell: name one (bash -c '...'), or quote it to pass it on`,
      };
    words.push(word);
    word = null;
    plain = true;
    return null;
  };
  for (let i = 0; i < line.length; i++) {
    const letter = line[i]!;
    if (quote) {
      const next = line[i + 1];
      if (letter === quote) quote = null;
      else if (quote === '"' && letter === '\\' && next !== undefined && '"\\$`'.includes(next))
        word += line[++i]!;
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= '';
      plain = false;
    } else if (/\s/.test(letter)) {
      const bad = end();
      if (bad) return bad;
    } else if (letter === '\\') {
      if (i + 1 === line.length) return { problem: 'it ends with a backslash' };
      i++;
      // a line that goes on in the next
      if (line[i] === '\n') continue;
      word = (word ?? '') + line[i]!;
      plain = false;
    } else word = (word ?? '') + letter;
  }
  if (quote) return { problem: `a quote (${quote}) is not closed` };
  const bad = end();
  if (bad) return bad;
  return words.length === 0 ? { problem: 'it is empty' } : words;
}

/** Arguments as they would be typed: `splitCommand` of it gives them back. */
export const showCommand = (argv: readonly string[]): string =>
  argv
    .map((word) =>
      /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`,
    )
    .join(' ');

const seedName = String.raw`(?:[\w.-]*[._-])?seed`;
/** `--seed`, `--random-seed`, before its value. */
const seedOption = new RegExp(`^--?${seedName}$`, 'i');
/** `--seed=3`, `seed=3`, `trainer.seed=3`. */
const seedPair = new RegExp(`^(?:--?)?\\+*${seedName}=(\\d+)$`, 'i');
const wholeNumber = /^\d+$/;

/** The seed that the arguments name; null where they name none. */
export function seedOf(argv: readonly string[]): number | null {
  for (const [i, word] of argv.entries()) {
    const text = seedPair.exec(word)?.[1] ?? (seedOption.test(word) ? argv[i + 1] : undefined);
    const seed = text !== undefined && wholeNumber.test(text) ? Number(text) : null;
    if (seed !== null && Number.isSafeInteger(seed)) return seed;
  }
  return null;
}

/** The arguments without those that name a seed: commands that are alike in the rest repeat each other. */
export function withoutSeed(argv: readonly string[]): string[] {
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (seedPair.test(word)) continue;
    if (seedOption.test(word) && wholeNumber.test(argv[i + 1] ?? '')) i++;
    else rest.push(word);
  }
  return rest;
}

/**
 * `NAME=value` lines as variables. Empty lines and lines that begin with # are left out; quotes around a
 * whole value are taken off.
 */
export function readEnvironment(text: string): { variables: Record<string, string> } | BadLine {
  const variables: Record<string, string> = {};
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim().replace(/^export\s+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const pair = /^([A-Za-z_]\w*)=(.*)$/.exec(line);
    if (!pair) return { problem: `line ${i + 1} is not NAME=value` };
    const [, name, value] = pair;
    variables[name!] = /^(["']).*\1$/.test(value!) ? value!.slice(1, -1) : value!;
  }
  return { variables };
}

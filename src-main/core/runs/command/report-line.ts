/**
 * The line format by which any program in any language tells what it does, on its standard output:
 *
 *     ::hg phase train epoch=3
 *     ::hg phase end
 *     ::hg metric step=120 loss=0.53 acc=0.8
 *     ::hg eval split=validation epoch=3 micro_f1=0.81 macro_f1=0.79 loss=0.6
 *     ::hg images 128
 *     ::hg total steps=1000 epochs=10
 *
 * One statement a line; words are separated by blanks; a value is a number, `nan` or `inf`. Everything
 * else on the output is the program's own business.
 */
import { countOf, epochOf, longestName, type Said, type Values } from './said.ts';

export const reportPrefix = '::hg';

/** A statement that cannot be understood, and why. */
export interface Malformed {
  type: 'malformed';
  why: string;
}

/** Longer lines are no statements. Bytes. */
export const longestLine = 8192;

const phaseName = /^[A-Za-z][\w.-]{0,39}$/;
const key = /^[A-Za-z_][\w./:-]*$/;
const numeral = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const notFinite = /^[+-]?(nan|inf(inity)?)$/i;

/** Null for a line that is no statement at all. */
export function readReportLine(line: string): Said | Malformed | null {
  const words = line.trim().split(/\s+/);
  if (words[0] !== reportPrefix) return null;
  const [, kind, ...rest] = words;
  switch (kind) {
    case 'phase':
      return phase(rest);
    case 'metric': {
      const read = values(rest);
      if ('why' in read) return read;
      if (read.other.size > 0) return malformed(`"${firstOf(read.other)}" is no number`);
      return read.values.size === 0
        ? malformed('no value: metric step=1 loss=0.5')
        : { type: 'metric', step: read.step, epoch: read.epoch, values: read.values };
    }
    case 'eval': {
      const read = values(rest);
      if ('why' in read) return read;
      const { split: named = 'validation', ...others } = Object.fromEntries(read.other);
      const [other] = Object.entries(others);
      if (other) return malformed(`"${other.join('=')}" is no number`);
      const split = splitOf(named);
      if (!split) return malformed(`split is validation or test, not "${named}"`);
      const { step, epoch } = read;
      return read.values.size === 0
        ? malformed('no value: eval split=test macro_f1=0.8')
        : { type: 'eval', split, step, epoch, values: read.values };
    }
    case 'images': {
      const count = rest.length === 1 ? countOf(number(rest[0]!)) : null;
      return count === null
        ? malformed('images takes one whole number')
        : { type: 'images', count };
    }
    case 'total': {
      const read = values(rest);
      if ('why' in read) return read;
      const steps = countOf(read.values.get('steps'));
      const epochs = countOf(read.values.get('epochs'));
      return steps === null && epochs === null
        ? malformed('total takes steps=N, epochs=N or both')
        : { type: 'total', steps, epochs };
    }
    default:
      return malformed(
        kind === undefined
          ? 'nothing after ::hg'
          : `there is no "${kind}": phase, metric, eval, images, total`,
      );
  }
}

const malformed = (why: string): Malformed => ({ type: 'malformed', why });
const firstOf = (map: Map<string, string>): string => {
  const [name, value] = [...map][0]!;
  return `${name}=${value}`;
};

function phase(words: string[]): Said | Malformed {
  const [name, ...rest] = words;
  if (name === 'end') return { type: 'phase end' };
  if (name === undefined || !phaseName.test(name))
    return malformed('a phase has a name of letters, digits, dots and dashes');
  if (name.toLowerCase() === 'baseline')
    return malformed('the idle baseline is measured by this program; call the phase otherwise');
  const read = values(rest);
  if ('why' in read) return read;
  return { type: 'phase', name: phaseWords[name.toLowerCase()] ?? name, epoch: read.epoch };
}

/** What others call the phases that this program has names for. */
const phaseWords: Readonly<Record<string, string>> = Object.assign(
  Object.create(null) as Record<string, string>,
  {
    train: 'train',
    training: 'train',
    fit: 'train',
    eval: 'evaluate',
    evaluate: 'evaluate',
    evaluation: 'evaluate',
    val: 'evaluate',
    validate: 'evaluate',
    validation: 'evaluate',
    test: 'test',
    testing: 'test',
    prepare: 'prepare',
    data: 'prepare',
    load: 'prepare',
    setup: 'prepare',
    compile: 'compile',
    checkpoint: 'checkpoint',
    save: 'checkpoint',
    pretrain: 'pretrain',
    finetune: 'finetune',
  },
);

/** Step and epoch apart from all other numbers; what is no number is for the caller to judge. */
function values(words: string[]): (Values & { other: Map<string, string> }) | Malformed {
  const read = new Map<string, number | null>();
  const other = new Map<string, string>();
  let step: number | null = null;
  let epoch: number | null = null;
  for (const word of words) {
    const at = word.indexOf('=');
    const name = word.slice(0, at);
    const text = word.slice(at + 1);
    if (at < 1 || !key.test(name) || name.length > longestName)
      return malformed(`"${word.slice(0, 60)}" is not name=number`);
    const value = number(text);
    if (value === undefined) other.set(name, text);
    else if (name === 'step') {
      step = countOf(value);
      if (step === null) return malformed(`step=${text} is no whole number from 0`);
    } else if (name === 'epoch') {
      epoch = epochOf(value);
      if (epoch === null) return malformed(`epoch=${text} is no number from 0`);
    } else read.set(name, value);
  }
  return { step, epoch, values: read, other };
}

/** Undefined: not a number. Null: a number that is not finite. */
function number(text: string): number | null | undefined {
  if (notFinite.test(text)) return null;
  if (!numeral.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** `validation` or `test` by any of their usual names; null for others. */
export function splitOf(word: string): 'validation' | 'test' | null {
  switch (word.toLowerCase()) {
    case 'val':
    case 'valid':
    case 'validation':
    case 'eval':
    case 'evaluation':
    case 'dev':
      return 'validation';
    case 'test':
      return 'test';
    default:
      return null;
  }
}

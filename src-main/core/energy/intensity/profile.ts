/**
 * A profile of carbon intensity from a CSV file of the user's, in one of two shapes:
 *
 * - timestamped: ISO time with UTC offset, gCO2e/kWh; each value holds until the next, an hour at most;
 * - a day: hour of the day 0 to 23 by the local clock, gCO2e/kWh; all 24, for every day alike.
 *
 * What cannot be believed is refused row by row, with the reason.
 */
import { parse } from 'csv-parse/sync';
import { AppError } from '../../../contract.ts';
import { mostGPerKwh } from './source.ts';
import { hourMs, stepsOf, type Steps } from './steps.ts';

export interface Profile {
  /** A day's steps begin at 0, 1 h, ... 23 h in ms. */
  kind: 'day' | 'hours';
  steps: Steps;
  taken: number;
  refused: { row: number; reason: string }[];
}

const mostRows = 200_000;
const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const stamp =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i;

/** @throws AppError BAD_INPUT when nothing of the file can be used; its issues name the rows. */
export function readProfile(csv: string): Profile {
  const rows = table(csv);
  const values = new Map<number, number>();
  const refused: Profile['refused'] = [];
  let kind: Profile['kind'] | null = null;
  rows.forEach(({ cells, row }, index) => {
    try {
      if (cells.length !== 2) throw new Error(`has ${cells.length} columns, two are wanted`);
      const [when, value] = cells as [string, string];
      const own = /^\d{1,2}$/.test(when) ? 'day' : 'hours';
      // titles, as a first row, are neither a time nor a number
      if (index === 0 && own === 'hours' && !/^\d/.test(when) && !decimal.test(value)) return;
      if (kind !== null && own !== kind)
        throw new Error(
          `"${shortened(when)}" is ${own === 'day' ? 'an hour of the day' : 'a time'}, the rows before have ${kind === 'day' ? 'hours of the day' : 'times'}`,
        );
      const at = own === 'day' ? hourOf(when) : timeOf(when);
      const grams = gramsOf(value);
      if (values.has(at)) throw new Error(`"${when}" is there twice`);
      kind ??= own;
      values.set(at, grams);
    } catch (cause) {
      refused.push({ row, reason: (cause as Error).message });
    }
  });
  if (kind === null)
    throw unusable('The file has no row with a time and a carbon intensity', refused);
  if (kind === 'day' && values.size < 24) {
    const missing = Array.from({ length: 24 }, (_, hour) => hour).filter(
      (hour) => !values.has(hour * hourMs),
    );
    throw unusable(`A day has 24 hours; ${missing.join(', ')} of them are missing`, refused);
  }
  return { kind, steps: stepsOf(values), taken: values.size, refused };
}

function unusable(what: string, refused: Profile['refused']): AppError {
  const first = refused[0];
  return new AppError(
    'BAD_INPUT',
    `${what}${first ? ` (row ${first.row}: ${first.reason})` : ''}.`,
    'Two columns: an ISO time with UTC offset (2026-01-31T13:00+01:00) or an hour of the day (0 to 23), and gCO2e/kWh.',
    refused.map(({ row, reason }) => ({ path: `row ${row}`, message: reason })),
  );
}

/** Cells without the blank rows, and the row of the file that they stand in. */
function table(csv: string): { row: number; cells: string[] }[] {
  const firstLine = csv.slice(0, 10_000).split(/\r?\n/, 1)[0]!;
  const delimiter = [';', '\t', ','].find((sign) => firstLine.includes(sign)) ?? ',';
  let records: string[][];
  try {
    records = parse(csv, { bom: true, delimiter, relax_column_count: true, to: mostRows + 2 });
  } catch (cause) {
    throw new AppError('BAD_INPUT', `This is not a CSV file: ${(cause as Error).message}.`);
  }
  if (records.length > mostRows + 1)
    throw new AppError('BAD_INPUT', `The file has more than ${mostRows} rows.`, 'Split it.');
  return records.flatMap((cells, i) => {
    const trimmed = cells.map((cell) => cell.trim());
    if (trimmed.every((cell) => cell === '')) return [];
    // a comma for the decimal point, where it separates no columns
    const plain =
      delimiter === ',' ? trimmed : trimmed.map((cell) => cell.replace(/^(-?\d+),(\d+)$/, '$1.$2'));
    return [{ row: i + 1, cells: plain }];
  });
}

function hourOf(text: string): number {
  const hour = Number(text);
  if (hour > 23) throw new Error(`"${text}" is no hour of the day (0 to 23)`);
  return hour * hourMs;
}

function timeOf(text: string): number {
  const parts = stamp.exec(text);
  if (!parts) throw new Error(`"${shortened(text)}" is no ISO time`);
  const [, year, month, day, hour, minute, second = '0', offset] = parts;
  if (offset === undefined) throw new Error(`"${text}" has no UTC offset (Z or +01:00)`);
  const numbers = [year, month, day, hour, minute, second].map(Number);
  const [y, mo, d, h, mi, s] = numbers as [number, number, number, number, number, number];
  const local = new Date(Date.UTC(y, mo - 1, d, h, mi, s));
  // 30 February and 25:00 would quietly become another time
  const same =
    local.getUTCMonth() === mo - 1 && local.getUTCDate() === d && h < 24 && mi < 60 && s < 60;
  if (!same) throw new Error(`"${text}" is no time that exists`);
  if (y < 1990 || y > 2100) throw new Error(`"${text}" is not between 1990 and 2100`);
  if (/^z$/i.test(offset)) return local.getTime();
  const [hours, minutes] = [
    Number(offset.slice(1, 3)),
    Number(offset.slice(3).replace(':', '') || 0),
  ];
  if (hours > 14 || minutes > 59) throw new Error(`"${offset}" is no UTC offset`);
  const sign = offset.startsWith('-') ? -1 : 1;
  return local.getTime() - sign * (hours * 60 + minutes) * 60_000;
}

function gramsOf(text: string): number {
  if (text === '') throw new Error('has no carbon intensity');
  if (!decimal.test(text)) throw new Error(`"${shortened(text)}" is no number`);
  const value = Number(text);
  if (value < 0 || value > mostGPerKwh)
    throw new Error(`${text} gCO2e/kWh is not between 0 and ${mostGPerKwh}`);
  return value;
}

const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

/** The steps of a day's profile between two moments (ms since 1970), by this computer's clock. */
export function dayBetween(day: Steps, from: number, to: number): Steps {
  const found: [number, number][] = [];
  const start = new Date(from);
  start.setMinutes(0, 0, 0);
  // an hour is an hour in every time zone, also in those half an hour off and on the night of a change
  for (let at = start.getTime(); at < to; at += hourMs) {
    const value = day.gPerKwh[day.at.indexOf(new Date(at).getHours() * hourMs)];
    if (value !== undefined) found.push([at, value]);
  }
  return stepsOf(found);
}

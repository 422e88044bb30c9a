/**
 * CodeCarbon files (2.x and 3.x) and our own, read back as runs.
 *
 * Columns are found by their header, so that a file of an older version with fewer of them is as good.
 * Every row is checked before it is believed: CodeCarbon up to 3.2 could shift the cells of a row when
 * it appended (its issue 1304), spreadsheets localise decimals, and a file may come from anyone.
 */
import { createHash } from 'node:crypto';
import { AppError, type ImportedRows, type Region } from '../../contract.ts';
import type { ImportedRun } from '../store/types.ts';
import { warmUpMark } from '../store/warm-ups.ts';
import { readCsv, type CsvRecord, type CsvShape } from './csv-reader.ts';
import { guarded, selectionMark } from './csv.ts';
import { nameOf, ownProject, placeOf, type FilePlace } from './import-names.ts';

export interface Imported {
  runs: ImportedRun[];
  /** Row of each of `runs`. */
  rows: number[];
  /** `row` counts as a spreadsheet does: the header is row 1. */
  refused: { row: number; reason: string }[];
}

const limits = { rows: 100_000, columns: 500, cell: 10_000 };

/** Without these a row says nothing that could be compared. */
const required = ['timestamp', 'duration', 'emissions', 'energy_consumed'];

/** Columns that hold a number, never below 0; those of energy have to be there. */
const numeric = [
  'duration',
  'emissions',
  'emissions_rate',
  'cpu_power',
  'gpu_power',
  'ram_power',
  'cpu_energy',
  'gpu_energy',
  'ram_energy',
  'energy_consumed',
  'water_consumed',
  'cpu_count',
  'gpu_count',
  'ram_total_size',
  'pue',
  'wue',
  'hg_seed',
  'hg_epochs',
  'hg_params',
  'hg_flops',
  'hg_final_loss',
  'hg_f1_macro',
  'hg_images_seen',
  'hg_idle_gpu_w',
  'hg_idle_cpu_w',
  'hg_coverage_percent',
  'hg_uncertainty_percent',
  'hg_samples',
  'hg_gaps',
  'hg_sample_interval_ms',
  'hg_intensity_g_per_kwh',
  'hg_intensity_year',
  'hg_accuracy',
  'hg_wall_energy_kwh',
  'hg_process_wh',
  'hg_program_wh',
];
/** Columns that hold a number between two bounds, or nothing. */
const bounded: Record<string, [number, number]> = {
  longitude: [-180, 180],
  latitude: [-90, 90],
  cpu_utilization_percent: [0, 100],
  gpu_utilization_percent: [0, 100],
  ram_utilization_percent: [0, 100],
};
/** Columns that hold one of a few words, or nothing; anything else has slipped in from beside. */
const worded: Record<string, RegExp> = {
  country_iso_code: /^[A-Z]{3}$/i,
  on_cloud: /^[YN]$/i,
  tracking_mode: /^(machine|process)$/i,
};
const whole = new Set(['hg_seed', 'hg_epochs', 'hg_params', 'hg_images_seen']);
const measured = new Set(['duration', 'emissions', 'energy_consumed']);
/** How old versions wrote that they know nothing. */
const unknownWords = new Set(['nan', 'none', 'null', 'n/a']);
const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** A row that is not taken, and why. */
class Refusal extends Error {}

/**
 * @param path the file's name, with as much of its folder as should be seen in the names of its runs
 * @throws AppError BAD_INPUT when the text is no such file at all
 */
export function importCsvText(path: string, csv: string): Imported {
  const { header, records } = table(csv);
  const place = placeOf(path, records.length);
  const runs: ImportedRun[] = [];
  const taken: number[] = [];
  const refused: Imported['refused'] = [];
  records.forEach(({ cells, fault }, index) => {
    const row = index + 2;
    try {
      if (fault !== null) throw new Refusal(fault);
      runs.push(readRow(new Row(header, cells), place, index));
      taken.push(row);
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      refused.push({ row, reason: cause.message });
    }
  });
  return { runs, rows: taken, refused };
}

/** What one of our own exports holds of runs beside their totals, by its header; null for any other text. */
export function besideOf(csv: string): ImportedRows['beside'] {
  const header = firstLineOf(withoutMarks(csv))
    .split(/[,;\t]/)
    .map((name) => name.replaceAll('"', '').trim());
  const has = (...names: string[]): boolean => names.every((name) => header.includes(name));
  if (has('run_id', 't_rel_s', 'component')) return 'samples';
  if (has('run_id', 't_rel_s', 'kind')) return 'metrics';
  return has('run_id', 'true_class', 'predicted_class') ? 'predictions' : null;
}

/** Without the mark of its encoding, and a line of its own by which Excel is told the separator. */
const withoutMarks = (csv: string): string =>
  csv.replace(/^\uFEFF/, '').replace(/^"?sep=[,;\t]"?(\r\n|\n|\r)/i, '');

const firstLineOf = (text: string): string => text.slice(0, 100_000).split(/[\r\n]/, 1)[0]!;

const expected = 'Choose an emissions.csv of CodeCarbon 2 or 3, or a runs CSV exported here.';

function table(csv: string): { header: string[]; records: CsvRecord[] } {
  const text = withoutMarks(csv);
  const records: CsvRecord[] = [];
  for (const record of readCsv(text, shapeOf(text))) {
    records.push(record);
    if (records.length > limits.rows + 2) break;
  }
  const first = records.shift();
  if (first && first.fault !== null)
    throw new AppError(
      'BAD_INPUT',
      `This is not a CSV file: in its first line ${first.fault}.`,
      expected,
    );
  const header = (first?.cells ?? []).map((name) => name.trim());
  // the blank lines at the end are nobody's rows
  while (records.at(-1)?.fault === null && isBlank(records.at(-1)!.cells)) records.pop();
  const missing = required.filter((name) => !header.includes(name));
  if (missing.length > 0)
    throw new AppError(
      'BAD_INPUT',
      `This is not a CodeCarbon file: its first row lacks ${missing.join(', ')}.`,
      expected,
    );
  const twice = header.find((name, i) => name !== '' && header.indexOf(name) !== i);
  if (twice !== undefined)
    throw new AppError('BAD_INPUT', `The column "${twice}" is there twice; which one counts?`);
  if (records.length > limits.rows)
    throw new AppError(
      'BAD_INPUT',
      `The file has more than ${limits.rows} rows.`,
      'Split it into smaller files.',
    );
  return { header, records };
}

const isBlank = (cells: readonly string[]): boolean => cells.every((cell) => cell.trim() === '');

/** The separator that is most frequent in the first line. */
function shapeOf(text: string): CsvShape {
  const firstLine = firstLineOf(text);
  const counts = ([',', ';', '\t'] as const).map(
    (delimiter) => ({ delimiter, times: firstLine.split(delimiter).length }) as const,
  );
  const { delimiter } = counts.reduce((most, next) => (next.times > most.times ? next : most));
  return { delimiter, columns: limits.columns };
}

/** The cells of a row by column name; remembers which were used. */
class Row {
  readonly #cells = new Map<string, string>();

  constructor(header: readonly string[], cells: readonly string[]) {
    if (isBlank(cells)) throw new Refusal('the row is empty');
    if (cells.length !== header.length)
      throw new Refusal(
        `it has ${cells.length} cells under ${header.length} columns: they have shifted`,
      );
    header.forEach((name, i) => {
      const cell = cells[i]!;
      if (cell.length > limits.cell) throw new Refusal(`${name} is ${cell.length} characters long`);
      if (/[\p{Cc}\uFFFD]/u.test(cell.replace(/[\t\r\n]/g, '')))
        throw new Refusal(`${name} contains control characters, or some that could not be decoded`);
      // our own guard against formulas, taken off again
      const text = cell.trim();
      this.#cells.set(name, guarded(text) ? text.slice(1) : text);
    });
  }

  text(name: string): string | null {
    return this.#cells.get(name) || null;
  }

  number(name: string): number | null {
    const text = this.text(name);
    if (text === null || unknownWords.has(text.toLowerCase())) {
      if (measured.has(name))
        throw new Refusal(text === null ? `${name} is empty` : `${name} is ${text}`);
      return null;
    }
    if (/^[+-]?\d+,\d+$/.test(text) || /^[+-]?\d{1,3}([.,' ]\d{3})+[.,]\d+$/.test(text))
      throw new Refusal(`${name} is "${text}": decimals need a point, and no separators`);
    if (!decimal.test(text)) {
      if (/^[+-]?inf(inity)?$/i.test(text)) throw new Refusal(`${name} is infinite`);
      throw new Refusal(`${name} is "${shortened(text)}", not a number: cells may have shifted`);
    }
    const value = Number(text);
    if (!Number.isFinite(value)) throw new Refusal(`${name} is too large: ${text}`);
    if (value < 0) throw new Refusal(`${name} is negative: ${text}`);
    if (whole.has(name) && !Number.isSafeInteger(value))
      throw new Refusal(`${name} is ${text}, not a whole number`);
    return value;
  }

  /** A number between two bounds, or nothing. */
  check(name: string): void {
    const text = this.text(name);
    if (text === null || unknownWords.has(text.toLowerCase())) return;
    const words = worded[name];
    if (words && !words.test(text))
      throw new Refusal(`${name} is "${shortened(text)}": cells may have shifted`);
    const [least, most] = bounded[name] ?? [];
    if (least === undefined || most === undefined) return;
    const value = Number(text);
    if (!decimal.test(text) || value < least || value > most)
      throw new Refusal(
        `${name} is "${shortened(text)}", not a number from ${least} to ${most}: cells may have shifted`,
      );
  }

  /** Every cell that is not empty, by column name. */
  all(): Record<string, string> {
    return Object.fromEntries(
      [...this.#cells].filter(([name, cell]) => cell !== '' && name !== ''),
    );
  }
}

const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

function readRow(row: Row, place: FilePlace, index: number): ImportedRun {
  const copyOf = row.text('hg_copy_of');
  // its joules are those of another row: taken in, they would count as a second measurement
  if (copyOf !== null)
    throw new Refusal(
      `it is a copy of run ${shortened(copyOf)} at another price; import the original and re-price it here`,
    );
  // every number is checked, also those that are kept as text: one bad cell betrays a shifted row
  const numbers = new Map(numeric.map((name) => [name, row.number(name)]));
  const number = (name: string): number | null => numbers.get(name) ?? null;
  for (const name of [...Object.keys(bounded), ...Object.keys(worded)]) row.check(name);
  const seconds = number('duration')!;
  const { startedAt, endedAt } = times(row, seconds);
  const kwh = number('energy_consumed')!;
  const parts = [number('cpu_energy'), number('gpu_energy'), number('ram_energy')];
  checkSum(kwh, parts);
  const pue = number('pue') ?? 1;
  if (pue < 1) throw new Refusal(`pue is ${pue}; it cannot be below 1`);
  const gCO2e = number('emissions')! * 1000;

  // a file that says nothing about a GPU has 0 in gpu_energy
  const noGpu = !number('gpu_count') && !number('gpu_energy') && row.text('hg_gpu_source') === null;
  const noRam = row.text('hg_ram_source') === 'off';
  const wh = (value: number | null | undefined) => (value == null ? null : (value * 1000) / pue);
  const [model, selection] = splitModel(row.text('hg_model'));
  const hz = number('hg_sample_interval_ms');
  const macroF1 = number('hg_f1_macro');
  if (macroF1 !== null && macroF1 > 1) throw new Refusal(`hg_f1_macro is ${macroF1}, above 1`);
  const coverage = number('hg_coverage_percent');

  const columns = row.all();
  const given = nameOf(place, index, {
    project: ownProject(row.text('project_name')),
    task: row.text('task_name'),
    hardware: row.text('gpu_model') ?? row.text('cpu_model'),
    unique: row.text('run_id') ?? digestOf(columns),
  });
  const name = row.text('hg_run_name') ?? given.name;
  const appVersion = row.text('hg_app_version');
  // a warm-up repeats nothing: its machine was cold
  const mark = row.text('hg_warm_up') === 'Y' ? warmUpMark : '';

  return {
    name,
    // our own files say which runs are repeats; CodeCarbon's experiment is its installation
    group: ((appVersion && row.text('experiment_id')) ?? given.group) + mark,
    startedAt,
    endedAt,
    seconds,
    dataset: row.text('hg_dataset') ?? '',
    model: model ?? '',
    selection: selection ?? '',
    method: row.text('hg_method') ?? '',
    engine: null,
    seed: number('hg_seed'),
    epochs: number('hg_epochs'),
    parameters: number('hg_params'),
    imagesSeen: number('hg_images_seen'),
    loss: number('hg_final_loss'),
    macroF1,
    wh: {
      cpu: wh(parts[0]),
      gpu: noGpu ? null : wh(parts[1]),
      ram: noRam ? null : wh(parts[2]),
    },
    totalWh: wh(kwh),
    sources: {
      gpu: row.text('hg_gpu_source'),
      cpu: row.text('hg_cpu_source'),
      ram: row.text('hg_ram_source'),
    },
    idleWatts: { gpu: number('hg_idle_gpu_w'), cpu: number('hg_idle_cpu_w') },
    parts: { processWh: number('hg_process_wh'), programWh: number('hg_program_wh') },
    coverage: coverage === null ? null : Math.min(1, coverage / 100),
    uncertaintyPercent: number('hg_uncertainty_percent'),
    gCO2e,
    intensity: intensity(row, number, gCO2e, kwh, endedAt),
    pue,
    appVersion: appVersion ?? '',
    hz: hz ? 1000 / hz : null,
    samples: number('hg_samples') ?? 0,
    gaps: number('hg_gaps') ?? 0,
    columns,
    digest: digestOf(columns),
  };
}

/** Tells a row that has no id of its own from every other. */
const digestOf = (columns: Record<string, string>): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(columns).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
    .slice(0, 32);

function times(row: Row, seconds: number): { startedAt: number; endedAt: number } {
  const stamp = row.text('timestamp') ?? '';
  // local time without an offset, as CodeCarbon writes it
  const local = Date.parse(stamp.replace(' ', 'T'));
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(stamp) || Number.isNaN(local))
    throw new Refusal(`timestamp is "${shortened(stamp)}", not a time: cells may have shifted`);
  const exact = (name: string) => {
    const text = row.text(name);
    const ms = text === null ? NaN : Date.parse(text);
    return Number.isNaN(ms) ? null : ms;
  };
  const endedAt = exact('hg_ended_at_utc') ?? local;
  return { startedAt: exact('hg_started_at_utc') ?? endedAt - seconds * 1000, endedAt };
}

/** CodeCarbon's total is the sum of its parts; where it is not, the cells are not what they seem. */
function checkSum(total: number, parts: (number | null)[]): void {
  const known = parts.filter((part) => part !== null);
  if (known.length === 0) return;
  const sum = known.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - total) > 0.01 * Math.max(sum, total))
    throw new Refusal(
      `energy_consumed is ${total} kWh, but its parts add up to ${sum}: cells may have shifted`,
    );
}

function splitModel(text: string | null): [string | null, string | null] {
  const at = text?.lastIndexOf(selectionMark) ?? -1;
  return text === null || at < 0
    ? [text, null]
    : [text.slice(0, at), text.slice(at + selectionMark.length)];
}

/** The file's factor; CodeCarbon's files do not name it, so it follows from emissions and energy. */
function intensity(
  row: Row,
  number: (name: string) => number | null,
  gCO2e: number,
  kwh: number,
  endedAt: number,
): Region {
  const named = number('hg_intensity_g_per_kwh');
  const version = row.text('codecarbon_version');
  return {
    code: row.text('hg_intensity_code') ?? row.text('country_iso_code') ?? 'custom',
    name: row.text('region') ?? row.text('country_name') ?? 'As imported',
    kind: 'custom',
    gPerKwh: named ?? (kwh > 0 ? gCO2e / kwh : 0),
    year: number('hg_intensity_year') ?? new Date(endedAt).getFullYear(),
    source: version ? `CodeCarbon ${version}` : 'imported file',
    basis: row.text('hg_intensity_basis') ?? 'implied by the file: emissions / energy',
  };
}

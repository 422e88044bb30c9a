/**
 * Runs, samples, metrics, phases and predictions as CSV.
 *
 * The runs file begins with the 38 columns of CodeCarbon 3.3.0 (`emissions_data.py`), same names, order
 * and units, so that whatever reads its files reads ours; what it has no column for follows as `hg_`.
 * One thing is mended: power, energy and duration of a row always agree (x_power = x_energy / (duration
 * x PUE)). RFC 4180; a value that is missing is an empty cell.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type {
  ComponentEnergy,
  ComponentKind,
  KeptPredictions,
  Prediction,
  RunDetail,
} from '../../contract.ts';
import { uuidOf } from '../store/identity.ts';
import type { MetricRow, SampleColumns } from '../store/types.ts';

type Cell = string | number | boolean | null | undefined;
type Row = Record<string, Cell>;
/** Runs with their long columns, one at a time: all of them together may not fit into memory. */
type InTurn<Item> = Iterable<Item> | AsyncIterable<Item>;

/** Raised when a column changes its meaning. */
export const csvSchema = 1;

export const codeCarbonColumns = [
  'timestamp',
  'project_name',
  'run_id',
  'experiment_id',
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
  'country_name',
  'country_iso_code',
  'region',
  'cloud_provider',
  'cloud_region',
  'os',
  'python_version',
  'codecarbon_version',
  'cpu_count',
  'cpu_model',
  'gpu_count',
  'gpu_model',
  'longitude',
  'latitude',
  'ram_total_size',
  'tracking_mode',
  'cpu_utilization_percent',
  'gpu_utilization_percent',
  'ram_utilization_percent',
  'ram_used_gb',
  'on_cloud',
  'pue',
  'wue',
] as const;

export const ownColumns = [
  'hg_app_version',
  'hg_schema',
  'hg_started_at_utc',
  'hg_ended_at_utc',
  'hg_run_name',
  'hg_model',
  'hg_dataset',
  'hg_seed',
  'hg_epochs',
  'hg_params',
  'hg_flops',
  'hg_final_loss',
  'hg_val_loss',
  'hg_accuracy',
  'hg_f1_macro',
  'hg_images_seen',
  'hg_wh_per_1k_images',
  'hg_f1_per_wh',
  'hg_gpu_uuid',
  'hg_gpu_source',
  'hg_cpu_source',
  'hg_ram_source',
  'hg_gpu_energy_net_wh',
  'hg_idle_gpu_w',
  'hg_idle_cpu_w',
  'hg_coverage_percent',
  'hg_samples',
  'hg_gaps',
  'hg_sample_interval_ms',
  'hg_intensity_g_per_kwh',
  'hg_intensity_code',
  'hg_intensity_year',
  'hg_intensity_basis',
  'hg_uncertainty_percent',
  'hg_wall_a_w',
  'hg_wall_b',
  'hg_wall_energy_kwh',
  'hg_foreign_gpu_processes',
  'hg_throttled_percent',
  'hg_driver_version',
  'hg_method',
  'hg_matrix',
  'hg_matrix_group',
  'hg_arm',
  'hg_repeat',
  'hg_warm_up',
  'hg_top5_accuracy',
  'hg_mean_iou',
  'hg_loc_acc50',
  'hg_cls_loc50',
  'hg_ap',
  'hg_ap50',
  'hg_ap75',
  'hg_patch_recall',
  'hg_zero_deltas',
  'hg_zero_deltas_8bit',
  'hg_process_wh',
  'hg_program_wh',
  'hg_intensity_source',
  'hg_hourly_intensity',
  'hg_embodied_g',
  'hg_copy_of',
  'hg_dropped',
] as const;

/** Columns of an imported run that follow from its energy, and are never copied from its file. */
const computed: ReadonlySet<string> = new Set([
  'cpu_power',
  'gpu_power',
  'ram_power',
  'cpu_energy',
  'gpu_energy',
  'ram_energy',
]);

const joulesPerKwh = 3_600_000;

/** One row per run. */
export function runsCsv(runs: readonly RunDetail[]): string {
  const columns = [...codeCarbonColumns, ...ownColumns];
  const rows = runs.map((run) => {
    const row = runRow(run);
    // an imported run keeps what its file said and we have no field for
    const { imported } = run.circumstances;
    // energy is told by what was made of it: a 0 for a card that is not there stays missing
    return columns.map(
      (name) => row[name] ?? (computed.has(name) ? null : fromFile(name, imported)),
    );
  });
  return [columns, ...rows].map(line).join('');
}

/** Columns of an imported run that hold a number, which may be negative and is no formula. */
const numbers: ReadonlySet<string> = new Set([
  'longitude',
  'latitude',
  'water_consumed',
  'wue',
  'cpu_count',
  'gpu_count',
  'ram_total_size',
  'ram_used_gb',
  'cpu_utilization_percent',
  'gpu_utilization_percent',
  'ram_utilization_percent',
]);

function fromFile(name: string, cells: Record<string, string> | null): Cell {
  const text = cells?.[name];
  if (text === undefined || !numbers.has(name)) return text;
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

function runRow(run: RunDetail): Row {
  const { summary, circumstances, energy } = run;
  const { machine } = circumstances;
  const unused = new Set(
    energy?.components.filter(({ counted }) => !counted).map(({ key }) => key),
  );
  // the cards of the run, not of the machine
  const gpus = (machine?.gpus ?? []).filter(({ uuid }) => !unused.has(`gpu:${uuid}`));
  const place = energy && placeOf(energy.emissions.regionCode, energy.emissions.regionName);
  const validation = run.evaluations.findLast(({ result }) => result.split === 'validation');
  const scored = run.evaluations.findLast(({ result }) => result.split === summary.f1Split);
  const detection = scored?.result.detection;
  return {
    ...energyCells(run),
    ...place,
    timestamp: localTime(summary.endedAt ?? summary.startedAt ?? summary.createdAt),
    project_name: circumstances.imported ? null : 'HuggingGreen',
    run_id: runUuid(run),
    experiment_id: circumstances.imported?.experiment_id ?? summary.group,
    os: machine?.os,
    cpu_count: machine?.cpu.cores,
    cpu_model: machine?.cpu.brand,
    gpu_count: machine ? gpus.length : null,
    gpu_model: gpuModel(gpus.map(({ name }) => name)),
    ram_total_size: machine ? machine.memory.totalBytes / 2 ** 30 : null,
    tracking_mode: circumstances.imported ? null : 'machine',
    cpu_utilization_percent: circumstances.load?.utilPercent.cpu,
    gpu_utilization_percent: circumstances.load?.utilPercent.gpu,
    ram_utilization_percent: memoryShare(run),
    ram_used_gb: megabytesToGb(circumstances.load?.memoryMb.ram),
    hg_app_version: circumstances.appVersion,
    hg_schema: csvSchema,
    hg_started_at_utc: utcTime(summary.startedAt),
    hg_ended_at_utc: utcTime(summary.endedAt),
    hg_run_name: summary.name,
    hg_model: summary.selection
      ? `${summary.model}${selectionMark}${summary.selection}`
      : summary.model,
    hg_dataset: summary.dataset,
    hg_seed: summary.seed,
    hg_epochs: summary.epochs,
    hg_params: summary.parameters,
    // a multiply-accumulate is two floating-point operations
    hg_flops: run.cost && 2 * run.cost.trainMacs,
    hg_final_loss: summary.loss,
    hg_val_loss: validation?.result.loss,
    hg_accuracy: scored?.result.accuracy,
    hg_f1_macro: summary.macroF1,
    hg_images_seen: summary.imagesSeen,
    hg_wh_per_1k_images:
      summary.wh !== null && summary.imagesSeen ? (summary.wh * 1000) / summary.imagesSeen : null,
    hg_f1_per_wh: summary.f1PerWh,
    hg_gpu_uuid: gpus.flatMap(({ uuid }) => uuid ?? []).join(';'),
    hg_samples: circumstances.samples,
    hg_gaps: circumstances.gaps,
    hg_sample_interval_ms: circumstances.hz ? 1000 / circumstances.hz : null,
    hg_foreign_gpu_processes: yesNo(circumstances.load?.foreignShare),
    hg_throttled_percent: percent(circumstances.load?.throttledShare),
    hg_driver_version: [...new Set(gpus.flatMap(({ driver }) => driver ?? []))].join(';'),
    hg_method: summary.method,
    hg_matrix: summary.matrix?.id,
    hg_matrix_group: summary.matrix?.group,
    hg_arm: summary.matrix?.arm,
    hg_repeat: summary.matrix?.repeat,
    hg_warm_up: yesNo(summary.matrix && Number(summary.matrix.warmUp)),
    hg_dropped: yesNo(summary.matrix && Number(summary.matrix.rung?.dropped ?? false)),
    hg_top5_accuracy: scored?.result.top5,
    hg_mean_iou: detection?.meanIou,
    hg_loc_acc50: detection?.locAcc50,
    hg_cls_loc50: detection?.clsLoc50,
    hg_ap: detection?.ap,
    hg_ap50: detection?.ap50,
    hg_ap75: detection?.ap75,
    hg_patch_recall: scored?.result.patchRecall,
    hg_zero_deltas: scored?.result.deltaSparsity?.thresholded,
    hg_zero_deltas_8bit: scored?.result.deltaSparsity?.in8Bits,
  };
}

function memoryShare({ circumstances: { load, machine } }: RunDetail): number | null {
  const used = load?.memoryMb.ram;
  return used == null || !machine ? null : (used * 1e8) / machine.memory.totalBytes;
}

/** Between model and patch selection in `hg_model`. */
export const selectionMark = ', selection ';

function energyCells({ summary, energy, circumstances }: RunDetail): Row {
  if (!energy) return {};
  const { seconds, emissions } = energy;
  const { pue } = emissions;
  const kwh = (kind: ComponentKind) => {
    const wh = sumOf(energy.components, kind, ({ wh }) => wh);
    return wh === null ? null : (wh / 1000) * pue;
  };
  const [cpu, gpu, ram] = [kwh('cpu'), kwh('gpu'), kwh('ram')];
  const watts = (energyKwh: number | null) =>
    energyKwh === null || seconds <= 0 ? null : (energyKwh * joulesPerKwh) / (seconds * pue);
  const parts = [cpu, gpu, ram].filter((part) => part !== null);
  const consumed = parts.length === 0 ? null : parts.reduce((sum, part) => sum + part, 0);
  const kg = emissions.gCO2e === null ? null : emissions.gCO2e / 1000;
  return {
    duration: seconds,
    emissions: kg,
    emissions_rate: kg === null || seconds <= 0 ? null : kg / seconds,
    cpu_power: watts(cpu),
    gpu_power: watts(gpu),
    ram_power: watts(ram),
    cpu_energy: cpu,
    gpu_energy: gpu,
    ram_energy: ram,
    energy_consumed: consumed,
    water_consumed: emissions.waterL,
    wue: emissions.waterL === null || !consumed ? null : emissions.waterL / consumed,
    pue,
    hg_gpu_source: gpuSource(energy.components),
    hg_cpu_source: cpuSource(energy.components),
    hg_ram_source: ramSource(energy.components, circumstances.machine?.memory.dimms ?? null),
    hg_gpu_energy_net_wh: sumOf(energy.components, 'gpu', ({ netWh }) => netWh),
    hg_idle_gpu_w: sumOf(energy.components, 'gpu', ({ idleWatts }) => idleWatts),
    hg_idle_cpu_w: sumOf(energy.components, 'cpu', ({ idleWatts }) => idleWatts),
    hg_coverage_percent: percent(energy.coverage),
    hg_intensity_g_per_kwh: emissions.gPerKwh,
    hg_intensity_code: emissions.regionCode,
    hg_intensity_year: emissions.year,
    hg_intensity_basis: emissions.basis,
    hg_intensity_source: emissions.source,
    hg_hourly_intensity: emissions.hourly?.name,
    hg_embodied_g: emissions.embodiedG,
    hg_copy_of: summary.copyOf,
    hg_wall_a_w: energy.wall?.baseWatts,
    hg_wall_b: energy.wall?.factor,
    hg_wall_energy_kwh: energy.wall?.wh == null ? null : energy.wall.wh / 1000,
    hg_process_wh: energy.processWh,
    hg_program_wh: energy.programWh,
    hg_uncertainty_percent:
      summary.wh && summary.uncertaintyWh !== null
        ? (summary.uncertaintyWh / summary.wh) * 100
        : null,
  };
}

/** Sum over the run's components of a kind that have the value; null where none has. */
function sumOf(
  components: readonly ComponentEnergy[],
  kind: ComponentKind,
  of: (component: ComponentEnergy) => number | null,
): number | null {
  const values = components
    .filter((component) => component.counted && component.kind === kind)
    .map(of)
    .filter((value) => value !== null);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

const ofKind = (components: readonly ComponentEnergy[], kind: ComponentKind) =>
  components.filter(
    (component) => component.counted && component.kind === kind && component.wh !== null,
  );

function gpuSource(components: readonly ComponentEnergy[]): string {
  const gpus = ofKind(components, 'gpu');
  if (gpus.length === 0) return 'none';
  return gpus.every(({ provenance }) => provenance === 'counted') ? 'counter' : 'integrated';
}

function cpuSource(components: readonly ComponentEnergy[]): string | null {
  const [cpu] = ofKind(components, 'cpu');
  if (!cpu) return null;
  if (counters.has(cpu.source)) return cpu.source;
  return cpu.provenance === 'constant' ? 'constant' : 'model';
}

/** How the memory model names memory whose watts were typed in. */
const ownFigure = ', own figure';

/** Sources of the processor and its memory that are no model; they appear under their own names. */
const counters = new Set([
  'rapl',
  'emi',
  'ioreport',
  'typeperf',
  'libre-hardware-monitor',
  'macmon',
  'powermetrics',
]);

function ramSource(components: readonly ComponentEnergy[], dimms: number | null): string {
  const [ram] = ofKind(components, 'ram');
  if (!ram) return 'off';
  if (counters.has(ram.source)) return ram.source;
  if (ram.name.endsWith(ownFigure)) return 'constant';
  return dimms === null ? 'guess' : 'dimm';
}

/** Where the energy is priced, in CodeCarbon's columns. Codes are those of the intensity table. */
function placeOf(code: string, name: string): Row {
  const [provider, cloudRegion] = code.split(':');
  if (cloudRegion !== undefined)
    return { cloud_provider: provider, cloud_region: cloudRegion, on_cloud: 'Y' };
  const place: Row = { on_cloud: 'N' };
  if (/^[A-Z]{3}$/.test(code)) return { ...place, country_name: name, country_iso_code: code };
  const country = { US: ['United States', 'USA'], CA: ['Canada', 'CAN'] }[code.slice(0, 2)];
  if (/^(US|CA)-[A-Z]{2}$/.test(code) && country)
    return {
      ...place,
      country_name: country[0],
      country_iso_code: country[1],
      region: name.toLowerCase(),
    };
  return { ...place, country_name: name };
}

function gpuModel(names: string[]): string | null {
  if (names.length === 0) return null;
  const counts = Map.groupBy(names, (name) => name);
  return [...counts].map(([name, of]) => `${of.length} x ${name}`).join(', ');
}

/** The file's own id for an imported run, the first computer's for one of a bundle; else made of what never changes. */
export function runUuid(run: RunDetail): string {
  const { imported, machine } = run.circumstances;
  return uuidOf({
    ...run.summary,
    hostname: machine?.hostname ?? null,
    importedRunId: imported?.run_id ?? null,
    originUuid: run.summary.origin?.uuid ?? null,
  });
}

// --- samples and metrics -------------------------------------------------------------------------

const sampleColumns = [
  'run_id',
  't_utc',
  't_rel_s',
  'component',
  'source',
  'power_w',
  'energy_wh_cum',
  'util_percent',
  'mem_mb',
  'temp_c',
  'valid',
  'clock_mhz',
];

interface RunSamples {
  run: RunDetail;
  components: readonly { key: string; kind: ComponentKind }[];
  pages: InTurn<SampleColumns>;
}

/** Long format: one row per sample and component. */
export const samplesCsv = (runs: InTurn<RunSamples>): AsyncIterable<string> =>
  longText(sampleColumns, runs, sampleRows);

async function* sampleRows({ run, components, pages }: RunSamples): AsyncIterable<Cell[][]> {
  const id = runUuid(run);
  const names = componentNames(components);
  for await (const of of pages)
    yield of.utc.map((utc, i) => [
      id,
      new Date(utc).toISOString(),
      of.seconds[i],
      names.get(of.key),
      of.source,
      of.watts[i],
      of.wh[i],
      of.utilPercent[i],
      of.memoryMb[i],
      of.tempC[i],
      of.valid[i],
      of.clockMhz[i],
    ]);
}

/** `gpu0`, `gpu1`; `cpu` and `ram` alone, or numbered where there are several. */
function componentNames(components: RunSamples['components']): Map<string, string> {
  const kinds = new Map(components.map(({ key, kind }) => [key, kind]));
  const names = new Map<string, string>();
  for (const [kind, of] of Map.groupBy(kinds, ([, kind]) => kind))
    of.forEach(([key], i) => names.set(key, kind === 'gpu' || of.length > 1 ? kind + i : kind));
  return names;
}

const metricColumns = [
  'run_id',
  'run_name',
  'kind',
  'step',
  'epoch',
  't_rel_s',
  'loss',
  'lr',
  'tokens',
  'step_ms',
  'wait_ms',
  'accuracy',
  'f1_micro',
  'f1_macro',
  'top5_accuracy',
  'mean_iou',
  'loc_acc50',
  'cls_loc50',
  'ap',
  'ap50',
  'ap75',
  'patch_recall',
  'zero_deltas',
  'zero_deltas_8bit',
];

interface RunMetrics {
  run: RunDetail;
  metrics: readonly MetricRow[];
}

/** One row per step and per evaluation. */
export const metricsCsv = (runs: InTurn<RunMetrics>): AsyncIterable<string> =>
  longText(metricColumns, runs, metricRows);

function* metricRows({ run, metrics }: RunMetrics): Iterable<Cell[][]> {
  const id = runUuid(run);
  for (let from = 0; from < metrics.length; from += rowsPerPiece)
    yield metrics
      .slice(from, from + rowsPerPiece)
      .map((row) => [
        id,
        run.summary.name,
        row.kind,
        row.step,
        row.epoch,
        row.seconds,
        row.loss,
        row.lr,
        row.tokens,
        row.stepMs,
        row.waitMs,
        row.accuracy,
        row.microF1,
        row.macroF1,
        row.top5,
        row.meanIou,
        row.locAcc50,
        row.clsLoc50,
        row.ap,
        row.ap50,
        row.ap75,
        row.patchRecall,
        row.zeroDeltas,
        row.zeroDeltas8Bit,
      ]);
}

const phaseColumns = [
  'run_id',
  'run_name',
  'phase',
  'epoch',
  't_rel_s',
  'duration_s',
  'energy_wh',
  'gpu_wh',
  'cpu_wh',
  'ram_wh',
  'images',
  'j_per_image',
];

/** One row per phase and epoch, in order of time, without PUE; of an open phase the duration is missing. */
export const phasesCsv = (runs: readonly RunDetail[]): AsyncIterable<string> =>
  longText(phaseColumns, runs, phaseRows);

function* phaseRows(run: RunDetail): Iterable<Cell[][]> {
  const id = runUuid(run);
  yield run.phases.map(({ name, epoch, from, to, wh, byKind, images }) => [
    id,
    run.summary.name,
    name,
    epoch,
    from,
    to === null ? null : to - from,
    wh,
    byKind.gpu,
    byKind.cpu,
    byKind.ram,
    images,
    wh === null || !images || to === null ? null : (wh * 3600) / images,
  ]);
}

const predictionColumns = [
  'run_id',
  'run_name',
  'split',
  'epoch',
  'step',
  'image',
  'true_class',
  'predicted_class',
  'correct',
  'p_predicted',
  'p_true',
  'rank_true',
  'iou',
  'box_x0',
  'box_y0',
  'box_x1',
  'box_y1',
];

interface RunPredictions {
  run: RunDetail;
  evaluations: readonly {
    of: KeptPredictions;
    predictions: readonly Prediction[];
  }[];
}

/** One row per image of every evaluation that kept them; boxes in pixels of the stored images. */
export const predictionsCsv = (runs: InTurn<RunPredictions>): AsyncIterable<string> =>
  longText(predictionColumns, runs, predictionRows);

function* predictionRows({ run, evaluations }: RunPredictions): Iterable<Cell[][]> {
  const id = runUuid(run);
  const { classes } = run.circumstances;
  const name = (index: number): string => classes[index] ?? String(index);
  for (const { of, predictions } of evaluations)
    for (let from = 0; from < predictions.length; from += rowsPerPiece)
      yield predictions
        .slice(from, from + rowsPerPiece)
        .map(({ truth, predicted, confidence, trueProbability, rank, iou, box }, i) => [
          id,
          run.summary.name,
          of.split,
          of.epoch,
          of.step,
          from + i,
          name(truth),
          name(predicted),
          Number(truth === predicted),
          digits(confidence, 4),
          digits(trueProbability, 4),
          rank,
          digits(iou, 4),
          ...(box ?? [null, null, null, null]).map((value) => digits(value, 2)),
        ]);
}

/** What was kept in 16 bits has no more digits than these. */
const digits = (value: number | null, decimals: number): number | null =>
  value === null ? null : Number(value.toFixed(decimals));

/** Between two pieces the program attends to its trainer and page. */
const rowsPerPiece = 2000;

/** Text in pieces: whoever writes it to a file holds one of them at a time, however long the run was. */
async function* longText<Item>(
  columns: readonly string[],
  items: InTurn<Item>,
  rowsOf: (item: Item) => InTurn<readonly (readonly Cell[])[]>,
): AsyncIterable<string> {
  yield line(columns);
  for await (const item of items)
    for await (const rows of rowsOf(item)) {
      yield rows.map(line).join('');
      await turn();
    }
}

/** In their order, by what a file holds. */
export const csvColumns = {
  runs: [...codeCarbonColumns, ...ownColumns],
  samples: sampleColumns,
  metrics: metricColumns,
  phases: phaseColumns,
  predictions: predictionColumns,
} as const satisfies Record<string, readonly string[]>;
export type CsvFormat = keyof typeof csvColumns;
export const isCsvFormat = (format: string): format is CsvFormat =>
  Object.hasOwn(csvColumns, format);

// --- cells ---------------------------------------------------------------------------------------

const line = (cells: readonly Cell[]): string => `${cells.map(written).join(',')}\r\n`;

/** RFC 4180; numbers with all the digits that they have. */
function written(cell: Cell): string {
  if (typeof cell === 'string') {
    const text = formula.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : '';
  return cell == null ? '' : String(cell);
}

/**
 * A spreadsheet runs what begins like a formula; a quote before it makes it text. What looks so guarded
 * already gets one more, so that taking one off gives back what was there.
 */
const formula = /^'*\s*[=+\-@＝＋－＠\t\r]/;
/** Whether the first character of a cell is the guard that `written` puts before formulas. */
export const guarded = (text: string): boolean => text.startsWith("'") && formula.test(text);

const utcTime = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString();

/** CodeCarbon writes local time without an offset. */
function localTime(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day}T${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

const percent = (share: number | null | undefined): number | null =>
  share == null ? null : share * 100;
/** CodeCarbon's GB are GiB; a megabyte of ours has 10^6 bytes. */
const megabytesToGb = (mb: number | null | undefined): number | null =>
  mb == null ? null : (mb * 1e6) / 2 ** 30;
const yesNo = (share: number | null | undefined): string | null =>
  share == null ? null : share > 0 ? 'Y' : 'N';

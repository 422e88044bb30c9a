import { setTimeout as sleep } from 'node:timers/promises';
import type { DatasetState, Machine } from '../../contract.ts';
import { dataHome } from '../../core/data-home.ts';
import { findBrowser } from '../../core/print.ts';
import { exitCode, printJson, type Command } from '../command.ts';
import { sensorReport, type SensorReport } from '../sensor-report.ts';
import { appVersion, withSession, type Session } from '../session.ts';
import { memory, number, table, withUnit, wrap } from '../text.ts';

export const doctor: Command = {
  name: 'doctor',
  usage: '',
  summary:
    'Says what can be measured here, how well, with which engine, and how to mend what cannot.',
  details: `Every sensor path of this system is explained: what it reads, the label and band of its numbers, why it
is not read, and the fix with its risk. Nothing is changed.
Exit code: 0 when a training could be run and measured, 1 otherwise.`,
  options: {},
  run: async ({ json }) =>
    withSession('doctor', async (session) => {
      await examined(session);
      const watts = await meanWatts(session);
      const machine = await withOverhead(session);
      const calibration = await session.call('calibration.get', {});
      const datasets = await session.call('datasets.list', {});
      const browser = await findBrowser();
      const able = machine.engines.some(({ available }) => available);
      const measuring = machine.components.length > 0;
      const findings: Findings = {
        version: appVersion(),
        node: process.versions.node,
        dataDir: dataHome(),
        through: session.through,
        machine,
        energy: sensorReport(machine, watts, calibration.kept !== null),
        datasets,
        pdf: browser,
        healthy: able && measuring,
      };
      if (json) printJson(findings);
      else console.log(describe(findings));
      return findings.healthy ? exitCode.ok : exitCode.failed;
    }),
};

interface Findings {
  version: string;
  node: string;
  dataDir: string;
  through: string | null;
  machine: Machine;
  energy: SensorReport;
  datasets: DatasetState[];
  pdf: string | null;
  healthy: boolean;
}

/** Sensors and engines take some seconds to be found. */
async function examined(session: Session): Promise<Machine> {
  let changed = Promise.withResolvers<void>();
  session.on('machine', () => changed.resolve());
  const patience = AbortSignal.timeout(150_000);
  const tired = new Promise<void>((resolve) => patience.addEventListener('abort', () => resolve()));
  for (;;) {
    const machine = await session.call('machine.get', {});
    const known = machine.inventory && machine.sources.length > 0 && !machine.detecting;
    if (known || patience.aborted) return machine;
    await Promise.race([changed.promise, tired]);
    changed = Promise.withResolvers();
  }
}

/** Seconds over which the power of now is taken, after the search for engines has ended. */
const seconds = 3;

async function meanWatts(session: Session): Promise<Record<string, number | null>> {
  await sleep(seconds * 1000);
  const { at, watts } = await session.call('machine.power', { seconds });
  return Object.fromEntries(
    Object.entries(watts).map(([key, column]) => [key, powerOver(at, column)]),
  );
}

/** Power is energy over time: the trapezoid between the readings, by the time that they cover. */
function powerOver(at: readonly number[], watts: readonly (number | null)[]): number | null {
  let [energy, time] = [0, 0];
  let before: { at: number; watts: number } | null = null;
  watts.forEach((value, i) => {
    if (value === null) return;
    const now = { at: at[i]!, watts: value };
    if (before) {
      energy += ((before.watts + now.watts) / 2) * (now.at - before.at);
      time += now.at - before.at;
    }
    before = now;
  });
  return time > 0 ? energy / time : (watts.findLast((value) => value !== null) ?? null);
}

/** The program's own use is told every few seconds; where it is not, the rest is worth more than waiting. */
async function withOverhead(session: Session): Promise<Machine> {
  for (let tries = 1; ; tries++) {
    const machine = await session.call('machine.get', {});
    if (machine.overhead || tries >= 8) return machine;
    await sleep(1000);
  }
}

function describe({ machine, energy, datasets, ...findings }: Findings): string {
  return [
    `HuggingGreen ${findings.version} on Node ${findings.node}; data in ${findings.dataDir}${findings.through ? ` (asked through ${findings.through})` : ''}`,
    hardware(machine),
    heading('What is measured'),
    measured(energy),
    overhead(machine),
    heading('What nobody counts'),
    energy.notCounted.map((line) => bullet(line)).join('\n'),
    heading('Sensor paths, best first'),
    energy.sources.map(sourceText).join('\n'),
    heading('Engines'),
    ...(machine.engineFailure ? [machine.engineFailure] : []),
    table(
      ['engine', 'works', 'auto', 'detail'],
      machine.engines.map(({ name, label, available, detail }) => [
        label,
        available ? 'yes' : 'no',
        name === machine.autoEngine ? '*' : '',
        detail,
      ]),
    ),
    heading('Datasets'),
    table(
      ['dataset', 'state', 'detail'],
      datasets.map(({ title, state, detail }) => [title, state, detail]),
    ),
    `PDF: ${findings.pdf ? `printed by ${findings.pdf}` : 'no Chromium, Chrome or Edge found; the HTML report prints from any browser (or set CHROMIUM_PATH)'}`,
    ...fixes([...machine.engines, ...datasets]),
    findings.healthy
      ? 'A training can be run and measured here.'
      : machine.components.length === 0
        ? 'A training cannot be measured here: no sensor and no model works.'
        : 'A training cannot be run here: no engine works.',
  ].join('\n\n');
}

const heading = (text: string): string => text.toUpperCase();

function hardware({ inventory }: Machine): string {
  if (!inventory) return 'The inventory of this machine could not be taken.';
  return [
    `${inventory.hostname}: ${inventory.os}${inventory.virtual ? ', virtual machine' : ''}`,
    `${inventory.cpu.brand}, ${inventory.cpu.cores} threads, ${memory(inventory.memory.totalBytes)} memory`,
    ...inventory.gpus.map(
      ({ name, memoryBytes, driver }) =>
        `${name}, ${memory(memoryBytes)}${driver ? `, driver ${driver}` : ''}`,
    ),
  ].join('\n');
}

function measured({ components, total }: SensorReport): string {
  if (components.length === 0) return 'Nothing: no sensor of this machine can be read.';
  const lines = components.flatMap(({ name, label, band, watts, source, method, better }) => [
    `${name}: ${label}${band ? `, ${band}` : ''}${watts === null ? '' : `; now ${number(watts)} W`}`,
    ...indented(`${source}: ${method}`),
    ...(better ? indented(`Better: ${better}`) : []),
  ]);
  if (total)
    lines.push(
      ...wrapped(
        `Together now ${number(total.watts)} W${total.bandWatts === null ? '' : `, ± ${number(total.bandWatts, 2)} W`} (mean of ${seconds} s; the bands of the parts taken as independent).`,
        '',
        '',
      ),
    );
  return lines.join('\n');
}

function overhead({ overhead }: Machine): string {
  if (!overhead)
    return 'What this program takes itself cannot be told here: it needs the process list of Linux.';
  const watts = Object.entries(overhead.watts).flatMap(([kind, value]) =>
    value === null ? [] : [`${withUnit(value, 'W', 2)} of the ${kind.toUpperCase()}`],
  );
  const share = watts.length > 0 ? `, by its share of use ${watts.join(', ')}` : '';
  return wrapped(
    `This program itself, as this command runs it, takes ${number(overhead.cores * 100, 2)} % of one core and ${memory(overhead.residentBytes)} of memory${share} (mean of ${Math.round(overhead.seconds)} s; the search for engines is in it).`,
    '',
    '',
  ).join('\n');
}

const stateWords = {
  reading: 'read',
  unavailable: 'NOT READ',
  failed: 'FAILED',
  unused: 'not needed',
} as const;

function sourceText({
  label,
  state,
  reads,
  gives,
  detail,
  fix,
}: SensorReport['sources'][number]): string {
  return [
    `${label}: ${stateWords[state]}`,
    ...indented(`What: ${reads}. Gives: ${gives}.`),
    ...(detail ? indented(`${state === 'reading' ? 'Here' : 'Why'}: ${detail}`) : []),
    ...(fix ? fix.split('\n').flatMap((line, i) => indented(i === 0 ? `Fix: ${line}` : line)) : []),
  ].join('\n');
}

function fixes(entries: readonly (Machine['engines'][number] | DatasetState)[]): string[] {
  const lines = entries.flatMap((entry) =>
    entry.fix ? [`- ${'label' in entry ? entry.label : entry.title}: ${entry.fix}`] : [],
  );
  return lines.length === 0 ? [] : [`What would help:\n${lines.join('\n')}`];
}

/** Lines of a terminal. */
const columns = 100;

const wrapped = (text: string, first: string, others: string): string[] =>
  wrap(text, first, others, columns);
const indented = (text: string): string[] => wrapped(text, '    ', '      ');
const bullet = (text: string): string => wrapped(text, '- ', '  ').join('\n');

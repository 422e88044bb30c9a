import type { DatasetState, Machine } from '../../contract.ts';
import { dataHome } from '../../core/data-home.ts';
import { findBrowser } from '../../core/print.ts';
import { exitCode, printJson, type Command } from '../command.ts';
import { appVersion, withSession, type Session } from '../session.ts';
import { bytes, table } from '../text.ts';

export const doctor: Command = {
  name: 'doctor',
  usage: '',
  summary: 'Says what can be measured here, with which engine, and how to fix what cannot.',
  details: 'Exit code: 0 when a training could be run and measured, 1 otherwise.',
  options: {},
  run: async ({ json }) =>
    withSession('doctor', async (session) => {
      const machine = await examined(session);
      const datasets = await session.call('datasets.list', {});
      const browser = await findBrowser();
      const able = machine.engines.some(({ available }) => available);
      const measuring = machine.components.length > 0;
      const findings = {
        version: appVersion(),
        node: process.versions.node,
        dataDir: dataHome(),
        through: session.through,
        machine,
        datasets,
        pdf: browser,
        healthy: able && measuring,
      };
      if (json) printJson(findings);
      else console.log(describe(findings));
      return findings.healthy ? exitCode.ok : exitCode.failed;
    }),
};

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

function describe(findings: {
  version: string;
  node: string;
  dataDir: string;
  through: string | null;
  machine: Machine;
  datasets: DatasetState[];
  pdf: string | null;
}): string {
  const { machine, datasets } = findings;
  const { inventory } = machine;
  const mark = (fine: boolean): string => (fine ? 'yes' : 'no');
  const fixes = [...machine.sources, ...machine.engines, ...datasets].flatMap((entry) =>
    entry.fix ? [`- ${'label' in entry ? entry.label : entry.title}: ${entry.fix}`] : [],
  );
  return [
    `HuggingGreen ${findings.version} on Node ${findings.node}; data in ${findings.dataDir}${findings.through ? ` (asked through ${findings.through})` : ''}`,
    inventory
      ? [
          `${inventory.hostname}: ${inventory.os}${inventory.virtual ? ', virtual machine' : ''}`,
          `${inventory.cpu.brand}, ${inventory.cpu.cores} threads, ${bytes(inventory.memory.totalBytes)} memory`,
          ...inventory.gpus.map(({ name, memoryBytes }) => `${name}, ${bytes(memoryBytes)}`),
        ].join('\n')
      : 'The inventory of this machine could not be taken.',
    machine.components.length > 0
      ? table(
          ['what is measured', 'source', 'kind of value', '±', 'how'],
          machine.components.map((c) => [
            c.name,
            c.source,
            c.provenance,
            c.uncertaintyPercent !== null
              ? `${c.uncertaintyPercent} %`
              : c.uncertaintyWatts !== null
                ? `${c.uncertaintyWatts.toFixed(1)} W`
                : '',
            c.method,
          ]),
        )
      : 'Nothing can be measured here.',
    table(
      ['sensor', 'state', 'detail'],
      machine.sources.map(({ label, state, detail }) => [label, state, detail]),
    ),
    table(
      ['engine', 'works', 'auto', 'detail'],
      machine.engines.map(({ name, label, available, detail }) => [
        label,
        mark(available),
        name === machine.autoEngine ? '*' : '',
        detail,
      ]),
    ),
    table(
      ['dataset', 'state', 'detail'],
      datasets.map(({ title, state, detail }) => [title, state, detail]),
    ),
    `PDF: ${findings.pdf ? `printed by ${findings.pdf}` : 'no Chromium, Chrome or Edge found; the HTML report prints from any browser (or set CHROMIUM_PATH)'}`,
    ...(fixes.length > 0 ? [`What would help:\n${fixes.join('\n')}`] : []),
  ].join('\n\n');
}

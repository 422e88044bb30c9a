import { energyMeanings, exampleMeaning, labelWords, showCommand } from '../../contract.ts';
import type { Emissions, Energy, ReportedResult, RunDetail } from '../../contract.ts';
import { exitCode, printJson, runIds, UsageError, type Command } from '../command.ts';
import { interruptionLine } from '../interruption.ts';
import { withSession } from '../session.ts';
import { date, duration, missing, number, runsTable, table, withUnit } from '../text.ts';

export const show: Command = {
  name: 'show',
  usage: 'ID',
  summary: 'Shows one run: results, energy by component and phase, notes.',
  options: {},
  run: async ({ positionals, json }) => {
    const [id, ...more] = runIds(positionals);
    if (more.length > 0) throw new UsageError('One run at a time; several: hugginggreen compare.');
    return withSession('show', async (session) => {
      const detail = await session.call('runs.get', { id: id! });
      if (json) printJson(detail);
      else console.log(describe(detail));
      return exitCode.ok;
    });
  },
};

function describe({
  summary,
  energy,
  evaluations,
  phaseTotals,
  notes,
  circumstances,
  checkpoints,
  command,
  log,
}: RunDetail): string {
  const parts = [runsTable([summary])];
  parts.push(
    [
      ...(summary.copyOf === null
        ? []
        : [`copy        of run ${summary.copyOf}, the same joules at another price`]),
      ...(summary.example ? [`example     ${exampleMeaning}`] : []),
      ...(summary.origin === null
        ? []
        : [`imported    in a bundle; measured on ${summary.origin.host}`]),
      `model       ${summary.model}`,
      `started     ${date(summary.startedAt)} UTC`,
      `steps       ${summary.step ?? missing} of ${summary.steps ?? missing}`,
      `speed       ${withUnit(summary.imagesPerSecond, 'img/s')}`,
      `engine      ${circumstances.engineWhy ?? circumstances.engine ?? missing}`,
      ...(command
        ? [
            `command     ${showCommand(command.argv)}`,
            `folder      ${command.cwd}`,
            `output      ${log?.stdout ?? missing}`,
          ]
        : [`checkpoint  ${checkpoints.at(-1)?.path ?? missing}`]),
    ].join('\n'),
  );
  if (evaluations.length > 0) parts.push(scores(evaluations));
  if (energy) {
    const { emissions } = energy;
    parts.push(
      table(
        ['component', 'source', 'kind of value', 'Wh', '±', 'mean W', 'idle W', 'coverage', 'gaps'],
        energy.components.map((c) => [
          c.counted ? c.name : `${c.name} (not used by this run, in no total)`,
          c.source,
          c.provenance,
          number(c.wh),
          number(c.uncertaintyWh, 2),
          number(c.meanWatts),
          number(c.idleWatts),
          c.coverage === null ? missing : `${(c.coverage * 100).toFixed(1)} %`,
          c.gaps === null ? missing : String(c.gaps),
        ]),
      ),
      `${withUnit(energy.wh, 'Wh')} ± ${withUnit(energy.uncertaintyWh, 'Wh', 2)}`,
      whoseEnergy(energy),
      priceText(emissions),
    );
    if (energy.wall) {
      const { wh, uncertaintyWh, baseWatts, factor, calibratedAt, method } = energy.wall;
      parts.push(
        `estimated at the socket: ${withUnit(wh, 'Wh')} ± ${withUnit(uncertaintyWh, 'Wh', 2)} (${number(baseWatts)} W x time + ${number(factor)} x counted; calibrated ${date(calibratedAt)} UTC, ${method}); in no other figure`,
      );
    }
  }
  if (phaseTotals.length > 0)
    parts.push(
      table(
        ['phase', 'time', 'Wh'],
        phaseTotals.map((phase) => [phase.name, duration(phase.seconds), number(phase.wh)]),
      ),
    );
  if (notes.length > 0)
    parts.push(notes.map(({ at, message }) => `${date(at)}  ${message}`).join('\n'));
  if (summary.status === 'interrupted' && !summary.origin) parts.push(interruptionLine(summary));
  if (summary.error)
    parts.push([summary.error.message, summary.error.hint].filter(Boolean).join('\n'));
  return parts.join('\n\n');
}

/** Gross first, never net alone; each with what it means. */
function whoseEnergy(energy: Energy): string {
  const { gross, net, process: own, program } = energyMeanings;
  const labels = labelWords(energy.components);
  return [
    ...(labels ? [`Of this energy: ${labels}.`] : []),
    table(
      ['energy', 'Wh', 'what it is'],
      [
        ['gross', number(energy.wh), gross],
        ['net of idle', number(energy.netWh), net],
        ['by the run', number(energy.processWh), own],
        ['by this program', number(energy.programWh), program],
      ],
    ),
  ].join('\n\n');
}

/** What the energy costs, each kind of cost on a line of its own. */
function priceText(emissions: Emissions): string {
  const { gPerKwh, regionName, year, basis, source, pue, hourly, waterL, embodiedG } = emissions;
  const yearly = `${regionName} ${year}, ${basis}; ${source}`;
  const lines = [
    `emissions   ${withUnit(emissions.gCO2e, 'gCO2e')} at ${number(gPerKwh)} g/kWh, PUE ${pue}`,
    hourly === null || hourly.coverage === 0
      ? `            ${yearly}`
      : `            by the hour: ${hourly.name} for ${(hourly.coverage * 100).toFixed(0)} % of the energy (${basis})`,
    hourly?.coverage === 0 &&
      `            ${hourly.name} had no figure: that of the year was taken`,
    waterL !== null && `water       ${withUnit(waterL, 'L')}`,
    embodiedG !== null &&
      `embodied    ${withUnit(embodiedG, 'gCO2e')} of the hardware’s manufacture, in no other figure`,
  ];
  return lines.filter((line) => line !== false).join('\n');
}

/** Scores of the last evaluation of each split that was evaluated; a column only where it was measured. */
function scores(evaluations: RunDetail['evaluations']): string {
  const last = (['validation', 'test'] as const).flatMap(
    (split) => evaluations.findLast(({ result }) => result.split === split)?.result ?? [],
  );
  if (last.length === 0) return '';
  const columns: [string, (result: ReportedResult) => number | null | undefined][] = [
    ['accuracy', ({ accuracy }) => accuracy],
    ['top-5', ({ top5 }) => top5],
    ['micro F1', ({ microF1 }) => microF1],
    ['macro F1', ({ macroF1 }) => macroF1],
    ['mean IoU', ({ detection }) => detection?.meanIou],
    ['Loc-Acc', ({ detection }) => detection?.locAcc50],
    ['Cls-Loc', ({ detection }) => detection?.clsLoc50],
    ['AP', ({ detection }) => detection?.ap],
    ['AP50', ({ detection }) => detection?.ap50],
    ['AP75', ({ detection }) => detection?.ap75],
    ['patch recall', ({ patchRecall }) => patchRecall],
    ['attention support', ({ attentionSupport }) => attentionSupport],
    ['idle tokens', ({ attentionIdle }) => attentionIdle],
    ['zero differences', ({ deltaSparsity }) => deltaSparsity?.thresholded],
    ['in 8 bits', ({ deltaSparsity }) => deltaSparsity?.in8Bits],
  ];
  const measured = columns.filter(([, of]) => last.some((result) => of(result) != null));
  return table(
    ['scores of', 'images', 'loss', ...measured.map(([label]) => label)],
    last.map((result) => [
      result.split,
      result.images === null ? missing : String(result.images),
      number(result.loss),
      ...measured.map(([, of]) => of(result)?.toFixed(3) ?? missing),
    ]),
  );
}

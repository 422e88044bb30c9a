import { basename } from 'node:path';
import {
  budgetRemarks,
  cleanerWords,
  queueBudgetRemarks,
  type ConfigCost,
  type Estimate,
} from '../../contract.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { readConfig } from '../config-file.ts';
import { withSession } from '../session.ts';
import { count, duration, memory, missing, number } from '../text.ts';
import { needDatasets } from './need-dataset.ts';
import { needEngine } from './need-engine.ts';

export const forecast: Command = {
  name: 'forecast',
  usage: '<config.json | preset>',
  summary: 'Tells what a config will cost on this machine before it runs.',
  details: `Parameters, operations and memory come by formula; time, energy and emissions from what has run here:
earlier runs of the same experiment, else steps that were timed here, else the speed of other runs.
--measure trains it for some seconds to find out; nothing else may run meanwhile.`,
  options: {
    measure: { type: 'boolean', help: 'train it for some seconds to find out' },
    download: {
      type: 'boolean',
      help: 'with --measure: fetch the dataset first where it is missing',
    },
  },
  run: async (line) => {
    const [path, ...more] = line.positionals;
    if (path === undefined || more.length > 0)
      throw new UsageError('Give one config file, or the name of a preset.');
    const config = await readConfig(path);
    return withSession(
      `forecast ${basename(path)}`,
      async (session) => {
        let found: ConfigCost;
        if (line.flag('measure')) {
          await needEngine(session, config);
          const fetch = line.flag('download');
          await needDatasets(session, [config], { fetch, quiet: line.json });
          if (!line.json) console.error('Training for some seconds ...');
          found = await session.call('experiments.measure', { config });
        } else found = await session.call('experiments.forecast', { config });
        const { budget, outlook } = await session.call('queue.get', {});
        const remarks = [
          ...budgetRemarks(config.budget, found.cost),
          ...queueBudgetRemarks(budget, outlook.all, found.cost),
          ...(found.cleaner ? [cleanerWords(found.cleaner)] : []),
        ];
        if (line.json) printJson({ ...found, remarks });
        else console.log([forecastText(found), ...remarks].join('\n'));
        return exitCode.ok;
      },
      line.flag('measure'),
    );
  },
};

/** Lines for people. */
export function forecastText({ forecast, cost }: Pick<ConfigCost, 'forecast' | 'cost'>): string {
  const lines: [string, string][] = [
    ['parameters', count(forecast.parameters)],
    ['MACs', `${count(forecast.macsFull)} an image, ${count(forecast.macsKept)} of kept patches`],
    ['steps', `${forecast.steps}`],
    ['training', `${count(forecast.trainMacs)} MACs`],
    ['memory', `${memory(forecast.memoryBytes)} (modelled)`],
    ['time', timeRange(cost.seconds)],
    ['energy', range(cost.wh, 'Wh')],
    ['emissions', range(cost.gCO2e, 'gCO2e')],
  ];
  const baseline =
    cost.seconds && cost.baselineSeconds > 0
      ? [`Idle power is measured for ${cost.baselineSeconds} s before that.`]
      : [];
  const how = cost.basis === 'none' ? [`To measure it here: add --measure.`] : [];
  return [
    ...lines.map(([name, value]) => `${name.padEnd(12)}${value}`),
    '',
    `${cost.how}${cost.engine === null ? '' : ` Engine: ${cost.engine}.`}`,
    ...how,
    ...baseline,
  ].join('\n');
}

/** `12.4 Wh (10.1 to 15.0)`; a dash where it is not known. */
export const range = (of: Estimate | null, unit: string): string =>
  of === null
    ? missing
    : `about ${number(of.value, 2)} ${unit} (${number(of.low, 2)} to ${number(of.high, 2)})`;

export const timeRange = (of: Estimate | null): string =>
  of === null
    ? missing
    : `about ${duration(of.value)} (${duration(of.low)} to ${duration(of.high)})`;

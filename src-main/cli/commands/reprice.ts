import { intensityProviders, type IntensityProvider, type RepriceChoice } from '../../contract.ts';
import { exitCode, printJson, runIds, UsageError, type Command } from '../command.ts';
import { regionCode } from '../region.ts';
import { withSession } from '../session.ts';
import { runsTable } from '../text.ts';

export const reprice: Command = {
  name: 'reprice',
  usage: 'ID',
  summary: 'Makes a copy of a run with the same joules at another price.',
  details: `What is left out stays as the run has it. The original keeps its price; statistics leave copies out.
  hugginggreen reprice 12 --region SWE --pue 1.2
  hugginggreen reprice 12 --g-per-kwh 35 --label "Own solar" --source "supplier, contract of 2025"`,
  options: {
    region: {
      type: 'string',
      value: 'CODE',
      help: 'a region by its code or name: SWE, Sweden, US-CA, gcp:europe-north1',
    },
    'g-per-kwh': { type: 'string', value: 'N', help: 'a figure of your own in gCO2e/kWh' },
    label: { type: 'string', value: 'TEXT', help: 'what that figure is called' },
    year: { type: 'string', value: 'YEAR', help: 'of which year it is' },
    source: { type: 'string', value: 'TEXT', help: 'where it is from' },
    pue: { type: 'string', value: 'N', help: 'power usage effectiveness of the building, 1 to 5' },
    water: { type: 'string', value: 'N', help: 'litres per kWh' },
    embodied: {
      type: 'string',
      value: 'KG',
      help: "kgCO2e of the machine's manufacture; with --years",
    },
    years: { type: 'string', value: 'N', help: 'life of the machine' },
    hourly: {
      type: 'string',
      value: 'SOURCE',
      help: 'by the hour: profile:NAME, electricity-maps:ZONE, uk or uk:POSTCODE; asks the network',
    },
    name: { type: 'string', value: 'TEXT', help: 'name of the copy' },
  },
  run: async ({ positionals, text, json }) => {
    const [id, ...more] = runIds(positionals);
    if (more.length > 0) throw new UsageError('One run at a time.');
    const choice = choiceOf(text);
    return withSession('reprice', async (session) => {
      const { id: copy } = await session.call('runs.reprice', { id: id!, choice });
      const { summary } = await session.call('runs.get', { id: copy });
      if (json) printJson(summary);
      else
        console.log(
          `Run ${copy} is run ${summary.copyOf} at another price.\n\n${runsTable([summary])}`,
        );
      return exitCode.ok;
    });
  },
};

/** @throws UsageError on what cannot be meant */
export function choiceOf(text: (option: string) => string | undefined): RepriceChoice {
  const number = (option: string): number | undefined => {
    const value = text(option);
    if (value === undefined) return undefined;
    if (value.trim() === '' || !Number.isFinite(Number(value)))
      throw new UsageError(`--${option} wants a number, not "${value}".`);
    return Number(value);
  };
  const gPerKwh = number('g-per-kwh');
  const about = { name: text('label'), year: number('year'), source: text('source') };
  if (gPerKwh === undefined && Object.values(about).some((value) => value !== undefined))
    throw new UsageError(
      '--label, --year and --source describe a figure of your own: give --g-per-kwh.',
    );
  const [kgCO2e, years] = [number('embodied'), number('years')];
  if ((kgCO2e === undefined) !== (years === undefined))
    throw new UsageError('--embodied and --years belong together.');
  const region = text('region');
  return {
    region: region === undefined ? undefined : regionCode(region),
    custom: gPerKwh === undefined ? undefined : { gPerKwh, ...about },
    pue: number('pue'),
    waterLPerKwh: number('water'),
    embodied: kgCO2e === undefined ? undefined : { kgCO2e, years: years! },
    hourly: hourlyOf(text('hourly')),
    name: text('name'),
  };
}

function hourlyOf(value: string | undefined): RepriceChoice['hourly'] {
  if (value === undefined) return undefined;
  const [provider, ...zone] = value.split(':');
  if (!intensityProviders.includes(provider as IntensityProvider))
    throw new UsageError(
      `--hourly wants ${intensityProviders.join(', ')}, a colon, and a profile, zone or postcode; not "${value}".`,
    );
  return { provider: provider as IntensityProvider, zone: zone.join(':') };
}

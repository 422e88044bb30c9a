import { configKeys, parseRunQuery, type RunSummary, type RunValue } from '../../contract.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { withSession, type Session } from '../session.ts';
import { runsTable } from '../text.ts';

export const list: Command = {
  name: 'list',
  usage: '',
  summary: 'Lists runs, the newest first.',
  details: [
    'The filter is that of the page of runs: tokens that must all hold, as in',
    '',
    "  hugginggreen list --filter 'status:done gpu>0.4kWh tag:paper f1>=.9 train.lr<1e-3 -tag:old'",
    '',
    'Text fields hold what contains the words; numbers know J, Wh, kWh, g, kg, s, min, h and %.',
    'Keys of "hugginggreen options" can be asked for, and metric.NAME: the last value of what commands reported or of',
    'validation.macroF1, .microF1, .accuracy, .loss; metric.NAME~max, ~min, ~mean: its largest, smallest, mean one.',
  ].join('\n'),
  options: {
    filter: { type: 'string', value: 'TOKENS', help: 'only the runs for which all tokens hold' },
    archived: { type: 'boolean', help: 'archived runs too' },
  },
  run: async ({ json, text, flag }) => {
    const line = `${text('filter') ?? ''}${flag('archived') ? ' is:any' : ''}`;
    const query = parseRunQuery(line, new Set(configKeys));
    const [problem] = query.problems;
    if (problem) throw new UsageError(`--filter: ${problem.token}: ${problem.message}.`);
    return withSession('list', async (session) => {
      const [all, valueOf] = await Promise.all([
        session.call('runs.list', {}),
        valuesOf(session, query.keys),
      ]);
      const runs = all.filter((run) => query.matches(run, valueOf));
      if (json) printJson(runs);
      else if (all.length === 0)
        console.log(
          'There are no runs yet. Try: hugginggreen demo, or hugginggreen run config.json',
        );
      else if (runs.length === 0) console.log(noneOf(all, line));
      else console.log(runsTable(runs));
      return exitCode.ok;
    });
  },
};

const noneOf = (all: readonly RunSummary[], line: string): string =>
  line.trim() === ''
    ? `All ${all.length} runs are archived: hugginggreen list --archived`
    : `None of the ${all.length} runs fits this filter.`;

/** What the filter asks of configs and metrics, by run and key. */
async function valuesOf(
  session: Session,
  keys: string[],
): Promise<(run: RunSummary, key: string) => RunValue> {
  if (keys.length === 0) return () => undefined;
  const { ids, values } = await session.call('runs.values', { keys });
  const rows = new Map(ids.map((id, i) => [id, i]));
  return ({ id }, key) => {
    const row = rows.get(id);
    return row === undefined ? undefined : values[key]?.[row];
  };
}

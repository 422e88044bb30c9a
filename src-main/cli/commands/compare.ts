import type { Comparison } from '../../contract.ts';
import { exitCode, printJson, runIds, type Command } from '../command.ts';
import { withSession } from '../session.ts';
import { missing, number, table } from '../text.ts';

export const compare: Command = {
  name: 'compare',
  usage: 'ID ID...',
  summary: 'Sets runs side by side; the first one is the baseline.',
  options: { all: { type: 'boolean', help: 'also what does not differ' } },
  run: async ({ positionals, json, flag }) => {
    const ids = runIds(positionals, 2);
    return withSession('compare', async (session) => {
      const comparison = await session.call('runs.compare', { ids });
      if (json) printJson(comparison);
      else console.log(comparisonTable(comparison, flag('all')));
      return exitCode.ok;
    });
  },
};

export function comparisonTable({ runs, rows }: Comparison, all: boolean): string {
  const shown = rows.filter(({ differs, group }) => all || differs || group !== 'config');
  return table(
    ['', ...runs.map(({ id, name }) => `${id} ${name}`.slice(0, 28)), 'difference'],
    shown.map(({ label, unit, values, uncertainty }) => [
      unit ? `${label} (${unit})` : label,
      ...values.map((value, i) => cell(value, uncertainty[i] ?? null)),
      change(values),
    ]),
  );
}

function cell(value: number | string | boolean | null, uncertainty: number | null): string {
  if (typeof value !== 'number') return value === null ? missing : String(value);
  const text = Number.isInteger(value) ? String(value) : number(value, 4);
  return uncertainty === null ? text : `${text} ± ${number(uncertainty, 2)}`;
}

/** Of the last run against the first. */
function change(values: Comparison['rows'][number]['values']): string {
  const [first, last] = [values[0], values.at(-1)];
  if (typeof first !== 'number' || typeof last !== 'number' || first === 0) return '';
  const percent = (last / first - 1) * 100;
  return `${percent > 0 ? '+' : ''}${percent.toFixed(1)} %`;
}

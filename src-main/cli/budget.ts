/** Budgets on the command line: `--budget 0.5kWh,200g,2h`. */
import type { BudgetConfig } from '../contract.ts';
import { UsageError, type Line, type Option } from './command.ts';

export const budgetOption: Option = {
  type: 'string',
  value: 'LIMITS',
  help: 'most of energy, emissions, time: 0.5kWh,200g,2h; none: no limit',
};

const units: Record<string, readonly ['wh' | 'gCO2e' | 'minutes', factor: number]> = {
  wh: ['wh', 1],
  kwh: ['wh', 1000],
  mwh: ['wh', 1e-3],
  g: ['gCO2e', 1],
  gco2e: ['gCO2e', 1],
  kg: ['gCO2e', 1000],
  kgco2e: ['gCO2e', 1000],
  s: ['minutes', 1 / 60],
  min: ['minutes', 1],
  h: ['minutes', 60],
};

/** What is limited; null where the option is not given. @throws UsageError on what is no limit */
export function budgetOf(line: Pick<Line, 'text'>): Partial<BudgetConfig> | null {
  const text = line.text('budget');
  if (text === undefined) return null;
  const limits: Partial<BudgetConfig> = { wh: null, gCO2e: null, minutes: null };
  if (text.trim() === 'none') return limits;
  for (const part of text.split(',')) {
    const [, figure, unit] = /^\s*(\d*\.?\d+)\s*([a-z0-9]+)\s*$/i.exec(part) ?? [];
    const known = units[unit?.toLowerCase() ?? ''];
    if (!known || !(Number(figure) > 0))
      throw new UsageError(
        `--budget ${text}: "${part.trim()}" is no limit. They look like 0.5kWh, 20Wh, 200g, 1.5kg, 90s, 30min, 2h.`,
      );
    const [quantity, factor] = known;
    if (limits[quantity] !== null) throw new UsageError(`--budget ${text} limits one thing twice.`);
    limits[quantity] = Number((Number(figure) * factor).toPrecision(12));
  }
  return limits;
}

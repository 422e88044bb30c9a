/** Beginning a run once more: its command as it stands in the form. */
import { showCommand, type RunDetail } from '../../../src-main/contract.ts';
import { asTyped } from '../format/number.ts';
import { emptyCommand, type CommandDraft } from '../session.svelte.ts';

export function draftOfCommand({ command, summary }: RunDetail): CommandDraft | null {
  if (!command) return null;
  const { argv, cwd, watch, energy, budget } = command;
  const limit = (value: number | null | undefined) => (value == null ? '' : asTyped(value));
  return {
    ...emptyCommand,
    line: showCommand(argv),
    cwd,
    // their values were kept nowhere
    environment: command.env.map((name) => `# ${name}=`).join('\n'),
    name: summary.name,
    dataset: summary.dataset,
    watch: watch.jsonl ? 'jsonl' : watch.tensorboard ? 'tensorboard' : 'output',
    path: watch.jsonl ?? watch.tensorboard ?? '',
    region: energy.region,
    baseline: String(energy.baselineSeconds),
    wh: limit(budget?.wh),
    gCO2e: limit(budget?.gCO2e),
    minutes: limit(budget?.minutes),
  };
}

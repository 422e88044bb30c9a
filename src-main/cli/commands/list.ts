import { exitCode, printJson, type Command } from '../command.ts';
import { withSession } from '../session.ts';
import { runsTable } from '../text.ts';

export const list: Command = {
  name: 'list',
  usage: '',
  summary: 'Lists all runs, the newest first.',
  options: {},
  run: async ({ json }) =>
    withSession('list', async (session) => {
      const runs = await session.call('runs.list', {});
      if (json) printJson(runs);
      else if (runs.length === 0)
        console.log(
          'There are no runs yet. Try: hugginggreen demo, or hugginggreen run config.json',
        );
      else console.log(runsTable(runs));
      return exitCode.ok;
    }),
};

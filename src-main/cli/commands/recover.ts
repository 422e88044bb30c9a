import { exitCode, printJson, runIds, UsageError, type Command } from '../command.ts';
import { interruptionLine } from '../interruption.ts';
import { withSession } from '../session.ts';

export const recover: Command = {
  name: 'recover',
  usage: '[ID --failed]',
  summary: 'Lists the runs that the end of the program interrupted, or marks one as failed.',
  details: `To go on with one: hugginggreen run --resume ID. One that is marked as failed can still be resumed.`,
  options: { failed: { type: 'boolean', help: 'the run counts as failed' } },
  run: async ({ positionals, flag, json }) => {
    const [id, ...more] = positionals.length > 0 ? runIds(positionals) : [];
    if (more.length > 0) throw new UsageError('One run at a time.');
    if (flag('failed') !== (id !== undefined))
      throw new UsageError('It is: hugginggreen recover, or hugginggreen recover ID --failed');
    return withSession('recover', async (session) => {
      if (id !== undefined) await session.call('runs.markFailed', { id });
      const runs = await session.call('runs.list', {});
      const left = runs.filter(({ status, origin }) => status === 'interrupted' && !origin);
      if (json) printJson(left);
      else {
        if (id !== undefined) console.log(`Run ${id} counts as failed.`);
        for (const run of left) console.log(interruptionLine(run));
        if (left.length === 0 && id === undefined) console.log('No run is interrupted.');
      }
      return exitCode.ok;
    });
  },
};

import { findBrowser } from '../../core/print.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { exportTo, makeFolder } from '../files.ts';
import { follow } from '../follow.ts';
import { withSession } from '../session.ts';
import { runsTable } from '../text.ts';
import { comparisonTable } from './compare.ts';

export const demo: Command = {
  name: 'demo',
  usage: '[--out DIR]',
  summary:
    'Runs the built-in example: a plain ViT against a patch-dropping one, in about two minutes.',
  options: {
    out: {
      type: 'string',
      value: 'DIR',
      help: 'where CSV and report go; default hugginggreen-demo',
    },
  },
  run: async ({ positionals, text, json }) => {
    if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much.`);
    const out = text('out') ?? 'hugginggreen-demo';
    await makeFolder(out);
    return withSession(
      'demo',
      async (session) => {
        const followed = await follow(session, () => session.call('runs.example', {}), {
          quiet: json,
        });
        const runs = followed.map(({ run }) => run);
        const ids = runs.map(({ id }) => id);
        const comparison = await session.call('runs.compare', { ids });
        const done = runs.every(({ status }) => status === 'done');
        if (!json) {
          console.log(runsTable(runs));
          if (done) console.log(`\n${comparisonTable(comparison, false)}`);
          for (const { error } of runs)
            if (error) console.error([error.message, error.hint].filter(Boolean).join('\n'));
        }
        const files = await exportTo(session, out, ids, [
          'runs',
          'samples',
          'metrics',
          'report',
          ...((await findBrowser()) ? (['pdf'] as const) : []),
        ]);
        if (json) printJson({ runs, comparison, files });
        else console.log(`\n${files.join('\n')}`);
        if (done) return exitCode.ok;
        return followed.some(({ interrupted }) => interrupted)
          ? exitCode.interrupted
          : exitCode.failed;
      },
      true,
    );
  },
};

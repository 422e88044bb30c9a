import type { CheckpointList, KeptCheckpoint } from '../../contract.ts';
import { exitCode, printJson, runIds, UsageError, type Command } from '../command.ts';
import { withSession } from '../session.ts';
import { bytes, count, date, missing, score, table } from '../text.ts';

export const checkpoints: Command = {
  name: 'checkpoints',
  usage: 'ID [--verify | --free]',
  summary: 'Lists the checkpoints of a run, checks them, or deletes all but the best.',
  details: `--verify reads the files and compares their SHA-256 with that which the trainer wrote down; exit code 1
where one is missing or changed. --free cannot be undone here.`,
  options: {
    verify: { type: 'boolean', help: 'read all files and compare their SHA-256' },
    free: { type: 'boolean', help: 'delete all but the best' },
  },
  run: async ({ positionals, flag, json }) => {
    const [id, ...more] = runIds(positionals);
    if (more.length > 0) throw new UsageError('One run at a time.');
    if (flag('verify') && flag('free')) throw new UsageError('--verify or --free, not both.');
    return withSession('checkpoints', async (session) => {
      const before = await session.call('checkpoints.list', { id: id! });
      const list = flag('free')
        ? await session.call('checkpoints.free', { id: id! })
        : flag('verify')
          ? await session.call('checkpoints.verify', { id: id! })
          : before;
      if (json) printJson(list);
      else {
        if (flag('free')) console.log(`Deleted ${bytes(before.free.bytes)}.\n`);
        console.log(describe(id!, list));
      }
      const sound = list.checkpoints.every(({ problem }) => problem === null);
      return flag('verify') && !sound ? exitCode.failed : exitCode.ok;
    });
  },
};

function describe(id: number, { checkpoints, free, folder }: CheckpointList): string {
  if (checkpoints.length === 0) return `Run ${id} has no checkpoint.`;
  const rows = checkpoints.map((one) => [
    String(one.step),
    String(one.epoch),
    score(one.macroF1),
    one.f1PerKwh === null ? missing : count(Math.round(one.f1PerKwh)),
    one.bytes === null ? missing : bytes(one.bytes),
    date(one.at),
    one.sha256?.slice(0, 12) ?? missing,
    remarks(one),
  ]);
  const head = ['step', 'epoch', 'macro F1', 'F1 per kWh', 'size', 'written (UTC)', 'SHA-256', ''];
  return [
    table(head, rows),
    `\n${folder}`,
    ...(free.count > 0
      ? [`All but the best take ${bytes(free.bytes)}: hugginggreen checkpoints ${id} --free`]
      : []),
  ].join('\n');
}

function remarks({ roles, best, bestPerKwh, state, problem }: KeptCheckpoint): string {
  return [
    ...(roles.includes('last') ? ['last'] : []),
    ...(best ? ['best F1'] : []),
    ...(bestPerKwh ? ['best F1 per kWh'] : []),
    ...(state === 'whole' ? ['whole'] : []),
    ...(problem === null ? [] : [`${state}: ${problem}`]),
  ].join(', ');
}

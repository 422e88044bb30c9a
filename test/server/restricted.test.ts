import { expect, test } from 'vitest';
import type { AppInfo, Handlers } from '../../src-main/contract.ts';
import { restricted } from '../../src-main/server/restricted.ts';

test('a served page can neither start commands nor open windows of the desktop behind it', async () => {
  const reached: string[] = [];
  const can = { pdf: true, revealInFolder: true, chooseFolder: true, serve: true, commands: true };
  const all = new Proxy({} as Handlers, {
    ownKeys: () => [
      'app.info',
      'app.chooseDataDir',
      'datasets.chooseFolder',
      'runs.reveal',
      'runs.command',
      'runs.list',
    ],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: (_, name: string) => () => {
      reached.push(name);
      return { can } as AppInfo;
    },
  });
  const served = restricted(all);
  const info = await served['app.info']({});
  expect(Object.entries(info.can).filter(([, allowed]) => allowed)).toEqual([['pdf', true]]);
  expect(() => served['app.chooseDataDir']({ usual: false })).toThrow(/cannot be chosen/);
  expect(() => served['datasets.chooseFolder']({})).toThrow(/cannot be chosen/);
  expect(() => served['runs.reveal']({ id: 1 })).toThrow(/cannot be shown/);
  expect(() => served['runs.command']({} as never)).toThrow(/cannot be started/);
  await served['runs.list']({});
  expect(reached).toEqual(['app.info', 'runs.list']);
});

import { expect, test } from 'vitest';
import { runsTable } from '../../src-main/cli/text.ts';
import { newRun, openScene } from '../core/store/scene.ts';

test('the list of runs tells those of the example by their state, whatever their names', async () => {
  const store = await openScene();
  const id = await store.createRun(newRun('My best', { status: 'done', example: true }));
  await store.createRun(newRun('Another', { status: 'done' }));
  const lines = runsTable(await store.listRuns()).split('\n');
  const line = (name: string) => lines.find((one) => one.includes(name))!.trim();
  expect(line('My best')).toMatch(new RegExp(`^${id}\\s+done \\(example\\)\\s+My best`));
  expect(line('Another')).not.toContain('example');
});

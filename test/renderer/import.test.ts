import { afterEach, beforeEach, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { userEvent } from 'vitest/browser';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { droppedFiles } from '../../src-renderer/lib/import.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink } from '../mocks/link.ts';

beforeEach(() => {
  location.hash = '#/runs';
});
afterEach(() => localStorage.clear());

it('takes several files at once and says what became of each', async () => {
  const link = mockLink();
  const screen = await render(App, { session: new Session(createApi(link)) });
  await screen.getByRole('button', { name: 'Import', exact: true }).click();
  await userEvent.upload(screen.getByLabelText('Files…'), [
    new File(['taken'], 'a.csv'),
    new File(['known shifted'], 'b.csv'),
    // UTF-16 with its mark
    new File([new Uint8Array([0xff, 0xfe, 0xe9, 0x00])], 'c.CSV'),
    new File(['run_id,t_rel_s'], 'd-samples.csv'),
    new File(['x'], 'notes.txt'),
  ]);
  await expect
    .element(
      screen.getByText(
        '1 row of 3 files taken, 1 already here, 1 refused, 1 file of samples, metrics, phases or predictions not needed: imported runs have totals only, 1 file of another kind left alone.',
      ),
    )
    .toBeVisible();
  await expect.element(screen.getByText('row 3: cells have shifted')).toBeVisible();
  const asked = link.asked.filter(({ name }) => name === 'runs.import');
  expect(asked.map(({ input }) => input)).toEqual([
    { name: 'a.csv', csv: 'taken' },
    { name: 'b.csv', csv: 'known shifted' },
    { name: 'c.CSV', csv: 'é' },
    { name: 'd-samples.csv', csv: 'run_id,t_rel_s' },
  ]);
  await screen.getByRole('button', { name: 'Close the result of the import' }).click();
  await expect.element(screen.getByText('row 3: cells have shifted')).not.toBeInTheDocument();
});

it('searches dropped folders to the bottom, with the way to each file', async () => {
  const file = (path: string) => ({
    isFile: true,
    name: path.split('/').at(-1),
    fullPath: path,
    file: (done: (file: File) => void) => done(new File(['x'], 'x.csv')),
  });
  /** A folder as browsers give it: some entries at a time, then none. */
  const folder = (path: string, inside: { name?: string }[]) => ({
    isFile: false,
    name: path.split('/').at(-1),
    fullPath: path,
    createReader: () => {
      const rest = [...inside];
      return { readEntries: (done: (some: unknown[]) => void) => done(rest.splice(0, 2)) };
    },
  });
  const top = folder('/RQ2', [
    folder('/RQ2/run 10', [file('/RQ2/run 10/emissions.csv')]),
    folder('/RQ2/run 2', [file('/RQ2/run 2/emissions.csv')]),
    file('/RQ2/a.csv'),
  ]);
  const items = [top, file('/b.csv'), null].map((entry) => ({ webkitGetAsEntry: () => entry }));
  const found = await droppedFiles({ items } as unknown as DataTransfer);
  expect(found.map(({ path }) => path)).toEqual([
    'RQ2/a.csv',
    'RQ2/run 2/emissions.csv',
    'RQ2/run 10/emissions.csv',
    'b.csv',
  ]);
});

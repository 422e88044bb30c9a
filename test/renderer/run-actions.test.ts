import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, stories } from '../mocks/link.ts';
import { openApp } from './open-app.ts';

beforeEach(async () => {
  localStorage.setItem('hugginggreen.tour', 'seen');
  await page.viewport(1280, 800);
});
afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

async function open(hash: string, link = mockLink()) {
  const { session, screen } = await openApp(hash, link);
  const asked = (name: string) =>
    link.asked.filter((one) => one.name === name).map(({ input }) => input);
  return { link, session, screen, asked };
}
const done = stories().filter(({ status }) => status === 'done');

describe.each([
  ['its page', () => open(`#/run/${done[0]!.id}`)],
  ['the live view', () => open('#/live', mockLink({ runs: [done[0]!] }))],
])('what can be done with a run on %s', (_, show) => {
  const { id } = done[0]!;

  it('is done by the keys of the table: star, tag, rename', async () => {
    const { screen, session, asked } = await show();
    await expect.element(screen.getByRole('button', { name: 'Tag' }).or(screen.getByLabelText('New tag')).first()).toBeVisible(); // prettier-ignore
    await userEvent.keyboard('s');
    await expect.poll(() => session.run(id)?.star).toBe(true);
    await userEvent.keyboard('t');
    await expect.element(screen.getByLabelText('New tag')).toHaveFocus();
    await userEvent.keyboard('paper{Enter}');
    await expect.poll(() => session.run(id)?.tags).toEqual(['paper']);
    (document.activeElement as HTMLElement).blur();
    await userEvent.keyboard('{F2}');
    await expect.element(screen.getByLabelText('Name of the run')).toHaveFocus();
    await userEvent.keyboard('Better name{Enter}');
    await expect.poll(() => asked('runs.rename')).toEqual([{ id, name: 'Better name' }]);
  });

  it('archives it so that it can be undone, and asks before it is deleted', async () => {
    const { screen, session, asked } = await show();
    await expect.element(screen.getByText(done[0]!.config!.name).first()).toBeVisible();
    await userEvent.keyboard('e');
    await expect.poll(() => session.run(id)?.archivedAt).not.toBeNull();
    await expect.element(screen.getByText('archived', { exact: true })).toBeVisible();
    await screen.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(() => session.run(id)?.archivedAt).toBeNull();
    await userEvent.keyboard('{Delete}');
    const question = screen.getByRole('alertdialog', { name: `Delete run ${id}?` });
    await question.getByRole('button', { name: 'Delete' }).click();
    await expect.poll(() => asked('runs.delete')).toEqual([{ ids: [id], undoSeconds: 12 }]);
  });

  it('opens its report from the palette', async () => {
    const { screen } = await show();
    await expect.element(screen.getByText(done[0]!.config!.name).first()).toBeVisible();
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard('report');
    await screen
      .getByRole('option', { name: /report/i })
      .first()
      .click();
    await expect.poll(() => location.hash).toBe(`#/report?ids=${id}`);
  });

  it('sets it up once more from the palette', async () => {
    const { screen, session } = await show();
    await expect.element(screen.getByText(done[0]!.config!.name).first()).toBeVisible();
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard('clone{Enter}');
    await expect
      .poll(() => session.notices.map(({ message }) => message))
      .toEqual([`The form has the config of run ${id}.`]);
  });
});

describe('the page of a run', () => {
  it('puts it into the archive and takes it out again', async () => {
    const { id } = done[0]!;
    const { screen, session } = await open(`#/run/${id}`);
    await screen.getByRole('button', { name: 'Archive' }).click();
    await expect.poll(() => session.run(id)?.archivedAt).not.toBeNull();
    await screen.getByRole('button', { name: 'Take out of the archive' }).click();
    await expect.poll(() => session.run(id)?.archivedAt).toBeNull();
  });
});

describe('an action of one view', () => {
  const take = async (words: string) => {
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard(`${words}{Enter}`);
  };

  it('is taken from any other: one goes there first', async () => {
    const { screen, asked } = await open('#/data', mockLink({ runs: [done[0]!] }));
    await take('measure idle power');
    await expect.poll(() => asked('machine.idle')).toMatchObject([{ seconds: 60 }]);
    expect(location.hash).toBe('#/machine');
    await take('import files');
    await expect.element(screen.getByText('A folder…')).toBeVisible();
    expect(location.hash).toBe('#/runs');
    await take('wall meter');
    await expect.poll(() => location.hash).toBe('#/machine/calibrate');
  });

  it('measures no idle power while a run computes, and skips a cool-down only where there is one', async () => {
    const { screen, link, session, asked } = await open('#/data');
    await expect.poll(() => session.queue).not.toBeNull();
    for (const words of ['measure idle power', 'cool-down']) {
      await userEvent.keyboard('{Control>}k{/Control}');
      await userEvent.keyboard(words);
      await expect.element(screen.getByText('Nothing is called that.')).toBeVisible();
      await userEvent.keyboard('{Escape}');
    }
    link.emit('queue', {
      ...session.queue!,
      coolDown: { since: 0, mostSeconds: 120, watts: 90, targetWatts: 60 },
    });
    await expect.poll(() => session.queue?.coolDown).not.toBeNull();
    await take('cool-down');
    await expect.poll(() => asked('queue.skipCoolDown')).toHaveLength(1);
  });
});

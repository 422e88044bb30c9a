import { describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page } from 'vitest/browser';
import { createApi } from '../../src-renderer/api.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import NewExperiment from '../../src-renderer/views/NewExperiment.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink } from '../mocks/link.ts';

const show = async (link = mockLink()) => {
  await page.viewport(1280, 800);
  const session = new Session(createApi(link));
  const screen = await render(NewExperiment, { session });
  await screen.getByRole('button', { name: 'Your own command' }).click();
  const started = () => link.asked.findLast(({ name }) => name === 'runs.command')?.input;
  return { link, session, screen, started };
};

describe('the form of a command', () => {
  it('starts what was typed, as arguments and not as a shell would', async () => {
    const { screen, started } = await show();
    const start = screen.getByRole('button', { name: /the command$/ });
    await expect.element(start).toBeDisabled();
    await screen.getByLabelText('Command', { exact: true }).fill(`python train.py --note "a b"`);
    await screen.getByLabelText('Working folder').fill('/home/ada/net');
    await screen.getByLabelText('Environment').fill('CUDA_VISIBLE_DEVICES=0\nproblem=none');
    await screen.getByLabelText('Dataset').fill('MNIST');
    await screen.getByLabelText('Metrics').selectOptions('tensorboard');
    await expect.element(start).toBeDisabled();
    await screen.getByLabelText('Folder', { exact: true }).fill('runs');
    await screen.getByLabelText('Idle baseline').fill('3');
    await screen.getByLabelText('Energy', { exact: true }).fill('-2');
    await expect.element(screen.getByText('A number above 0, or empty.')).toBeVisible();
    await screen.getByLabelText('Energy', { exact: true }).fill('20');
    await start.click();
    await expect.poll(started).toEqual({
      command: ['python', 'train.py', '--note', 'a b'],
      cwd: '/home/ada/net',
      env: { CUDA_VISIBLE_DEVICES: '0', problem: 'none' },
      name: '',
      dataset: 'MNIST',
      model: '',
      watch: { tensorboard: 'runs' },
      energy: { region: null, baselineSeconds: 3 },
      budget: { wh: 20, gCO2e: null, minutes: null },
    });
    await expect.poll(() => location.hash).toBe('#/live');
  });

  it('says what cannot be meant, and keeps what was typed', async () => {
    const { screen } = await show();
    await screen.getByLabelText('Command', { exact: true }).fill('python train.py | tee log');
    await expect.element(screen.getByText(/"\|" needs a shell/)).toBeVisible();
    await screen.getByLabelText('Working folder').fill('net');
    await expect.element(screen.getByText(/from the root/)).toBeVisible();
    await screen.getByRole('button', { name: 'One run' }).click();
    await screen.getByRole('button', { name: 'Your own command' }).click();
    await expect.element(screen.getByLabelText('Working folder')).toHaveValue('net');
  });

  it('offers no start where the server allows none, and says how', async () => {
    const plain = mockLink();
    const info = (await plain.call('app.info', {})) as { ok: { can: object } };
    const { screen } = await show(
      mockLink({
        replace: {
          'app.info': () => ({ ...info.ok, can: { ...info.ok.can, commands: false } }) as never,
        },
      }),
    );
    await expect.element(screen.getByText('--allow-commands')).toBeVisible();
    await screen.getByLabelText('Command', { exact: true }).fill('true');
    await screen.getByLabelText('Working folder').fill('/');
    await expect.element(screen.getByRole('button', { name: /the command$/ })).toBeDisabled();
  });
});

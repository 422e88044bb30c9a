/** The whole page on an in-memory host, at an address. */
import { render } from 'vitest-browser-svelte';
import { expect } from 'vitest';
import App from '../../src-renderer/App.svelte';
import { createApi } from '../../src-renderer/api.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import { mockLink } from '../mocks/link.ts';

export async function openApp(hash: string, link = mockLink()) {
  location.hash = hash;
  const session = new Session(createApi(link));
  const screen = await render(App, { session });
  await expect.element(screen.getByRole('heading', { level: 1 })).toBeVisible();
  return { link, session, screen };
}

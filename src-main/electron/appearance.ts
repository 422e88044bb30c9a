/**
 * How the window is drawn. Electron has to know it before it is ready, and so before the data are opened: a small
 * file beside them remembers it from start to start.
 *
 * Where a card is measured the window is drawn by the processor: its compositor would draw on that very card, and its
 * watts and memory would stand in the readings of a run.
 */
import { app, nativeTheme } from 'electron';
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { settingsSchema, type Handlers } from '../contract.ts';
import type { EventBus } from '../core/events.ts';

const fileName = 'window.json';
const appearance = v.object({ theme: settingsSchema.entries.theme, withoutGpu: v.boolean() });
type Appearance = v.InferOutput<typeof appearance>;

const usual: Appearance = { theme: 'system', withoutGpu: false };

function remembered(home: string): Appearance {
  try {
    return v.parse(appearance, JSON.parse(readFileSync(join(home, fileName), 'utf8')));
  } catch {
    return usual;
  }
}

/** Before Electron is ready. */
export function takeAppearance(home: string): void {
  const { theme, withoutGpu } = remembered(home);
  nativeTheme.themeSource = theme;
  if (withoutGpu) app.disableHardwareAcceleration();
}

interface Options {
  home: string;
  events: Pick<EventBus, 'listen'>;
  handlers: Pick<Handlers, 'settings.get' | 'machine.get'>;
}

/** Follows the settings and what is measured; the theme at once, the rest from the next start on. */
export function keepAppearance({ home, events, handlers }: Options): void {
  let kept = remembered(home);
  const look = async (): Promise<void> => {
    const [{ theme, windowGpu }, { components, sources, inventory }] = await Promise.all([
      handlers['settings.get']({}),
      handlers['machine.get']({}),
    ]);
    nativeTheme.themeSource = theme;
    // until the sensors are known, what was known the last time holds
    if (inventory === null || sources.length === 0) return;
    const measured = components.some(({ kind }) => kind === 'gpu');
    const next = { theme, withoutGpu: measured && windowGpu === 'unless measured' };
    if (next.theme === kept.theme && next.withoutGpu === kept.withoutGpu) return;
    const path = join(home, fileName);
    await writeFile(`${path}.new`, JSON.stringify(next));
    await rename(`${path}.new`, path);
    kept = next;
  };
  /** One after the other, and no more than one that waits: sensors are announced in bursts. */
  let turn = Promise.resolve();
  let waits = false;
  events.listen(({ event }) => {
    if (event !== 'machine' || waits) return;
    waits = true;
    turn = turn.then(() => {
      waits = false;
      return look().catch((cause: unknown) =>
        console.error(`How the window is drawn was not kept: ${(cause as Error).message}`),
      );
    });
  });
}

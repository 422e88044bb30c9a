/** The host's end of the meter, with meters that misbehave. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { startMetering, type Metering } from '../../src-main/core/metering.ts';
import { spawnNode } from '../../src-main/core/spawn.ts';
import { defaultMeterSettings } from '../../src-main/meter/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'metering-'));
let metering: Metering | null = null;
afterEach(async () => {
  await metering?.close();
  rmSync(folder, { recursive: true });
});

test('a meter that hangs in a driver is ended and started again, and said so', async () => {
  const entry = join(folder, 'hangs.mjs');
  const lives = join(folder, 'lives');
  // the first one never comes back from its first message, as from a driver that does not answer
  writeFileSync(
    entry,
    `import { appendFileSync, readFileSync } from 'node:fs';
     appendFileSync(${JSON.stringify(lives)}, 'x');
     const first = readFileSync(${JSON.stringify(lives)}, 'utf8').length === 1;
     process.on('disconnect', () => process.exit());
     process.on('message', ({ type }) => {
       if (type === 'stop') process.exit();
       if (type !== 'start') return;
       if (first) for (;;);
       const say = () => process.send({ type: 'sources', session: 's', components: [], sources: [{ name: 'rapl' }] });
       say();
       setInterval(say, 50);
     });`,
  );
  const said: string[] = [];
  metering = startMetering({
    spawn: spawnNode,
    entry,
    settings: defaultMeterSettings(folder, {}),
    changed: () => {},
    samples: () => {},
    notice: (_, message) => said.push(message),
    restartMs: 1,
    silentMs: 2000,
  });
  await expect.poll(() => said.length, { timeout: 15_000 }).toBeGreaterThan(1);
  expect(said[0]).toContain('has not said anything for 2 s');
  expect(said[1]).toContain('ended unexpectedly (SIGKILL)');
  await expect.poll(() => metering!.sources, { timeout: 15_000 }).toHaveLength(1);
}, 30_000);

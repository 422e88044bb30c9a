/** The host's end of the meter, with meters that misbehave. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startMetering, type Metering } from '../../src-main/core/metering.ts';
import { spawnNode } from '../../src-main/core/spawn.ts';
import { defaultMeterSettings } from '../../src-main/meter/settings.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metering-'));
});
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

test('what is read in another way from now on is another session: earlier runs keep their label', async () => {
  const entry = join(folder, 'relabels.mjs');
  writeFileSync(
    entry,
    `const say = (provenance, method, joules) => {
       const info = { key: 'gpu:1', kind: 'gpu', name: 'Card', source: 'nvml', provenance, method };
       process.send({ type: 'sources', session: 's', components: [info], sources: [] });
       const series = [{ key: 'gpu:1', joules: [joules], watts: [1], flags: [0] }];
       process.send({ type: 'samples', batch: { session: 's', t: [joules], series } });
     };
     process.on('disconnect', () => process.exit());
     process.on('message', ({ type }) => {
       if (type === 'stop') process.exit();
       if (type !== 'start') return;
       say('integrated', 'power', 1);
       say('integrated', 'power, a new value every 100 ms', 2);
       say('counted', 'counter', 3);
       say('counted', 'counter', 4);
       say('integrated', 'power', 5);
     });`,
  );
  const sessions: string[] = [];
  metering = startMetering({
    spawn: spawnNode,
    entry,
    settings: defaultMeterSettings(folder, {}),
    changed: () => {},
    samples: ({ session }) => sessions.push(session),
    notice: () => {},
  });
  await expect.poll(() => sessions, { timeout: 15_000 }).toEqual(['s', 's', 's.2', 's.2', 's.3']);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SampleFlag } from '../../../src-main/meter/messages.ts';
import { replay } from '../../../src-main/meter/sources/replay.ts';
import { parseTrace } from '../../../src-main/meter/sources/trace.ts';
import { nowhere } from '../child.ts';
import { component, contextFor, openNow, readAt } from '../context.ts';
import { temporaryFolder } from '../fakes.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const header = (rest: object = {}) =>
  JSON.stringify({ type: 'trace', about: 'a made-up card, for this test', ...rest });
const info = {
  key: 'gpu:GPU-a',
  kind: 'gpu',
  name: 'NVIDIA H200',
  source: 'nvml',
  provenance: 'counted',
  uncertaintyPercent: 5,
  uncertaintyWatts: null,
  method: 'NVML energy counter',
};
const found = JSON.stringify({ type: 'sources', session: 's', components: [info], sources: [] });
const samples = (
  points: [t: number, joules: number | null, watts: number | null, flags?: number][],
) =>
  JSON.stringify({
    type: 'samples',
    batch: {
      session: 's',
      t: points.map(([t]) => 7e6 + t * 1e6),
      series: [
        {
          key: info.key,
          joules: points.map(([, joules]) => joules),
          watts: points.map(([, , watts]) => watts),
          flags: points.map(([, , , flags]) => flags ?? 0),
          utilPercent: points.map(() => 90),
          memoryMb: points.map(() => null),
          tempC: points.map(() => 50),
        },
      ],
    },
  });

async function play(...lines: string[]) {
  const path = join(folder.path, 'trace');
  writeFileSync(path, lines.join('\n'));
  const context = contextFor(nowhere({ replay: path }));
  return { context, source: await openNow(replay, context) };
}

describe('a replay', () => {
  it('gives the recorded watts and joules, labelled with where they come from', async () => {
    const { source, context } = await play(
      header(),
      found,
      samples([
        [0, 1000, 500],
        [1, 1500, 510],
        [2, 2100, 620],
      ]),
    );
    expect(component(source, info.key).info).toMatchObject({
      name: 'NVIDIA H200 (replay)',
      source: 'replay',
      provenance: 'counted',
      method: 'Replay of a made-up card, for this test; recorded as: NVML energy counter',
    });
    expect(readAt(source, 10, info.key)).toMatchObject({ joules: 0, watts: 500, tempC: 50 });
    expect(readAt(source, 10.5, info.key)).toMatchObject({ joules: 250, watts: 500 });
    expect(readAt(source, 11.5, info.key)).toMatchObject({ joules: 800, watts: 510 });
    expect(readAt(source, 12, info.key)).toMatchObject({ joules: 1100, watts: 620 });
    expect(readAt(source, 12.1, info.key)).toMatchObject({ joules: null, watts: null });
    expect(source.health).toMatchObject({ state: 'unavailable', detail: 'The trace has ended.' });
    expect(context.events).toHaveLength(1);
  });

  it('keeps holes as holes and gaps as gaps', async () => {
    const { source } = await play(
      header(),
      found,
      samples([
        [0, 0, 100],
        [1, null, null],
        [2, 200, 100],
        [9, 200, 100, SampleFlag.gap | SampleFlag.foreign],
        [10, 300, 100],
      ]),
    );
    readAt(source, 0, info.key);
    expect(readAt(source, 1.5, info.key)).toMatchObject({ joules: null, watts: null });
    expect(readAt(source, 2, info.key)).toMatchObject({ joules: 200, flags: 0 });
    expect(readAt(source, 8, info.key)).toMatchObject({ joules: 200, flags: 0 });
    expect(readAt(source, 9, info.key)).toMatchObject({
      joules: 200,
      flags: SampleFlag.gap | SampleFlag.foreign,
    });
    expect(readAt(source, 10, info.key)).toMatchObject({ joules: 300, flags: 0 });
  });

  it('at ten times the speed still has joules = watts x the time that passes here', async () => {
    const points = samples([
      [0, 0, 100],
      [10, 1000, 100],
    ]);
    const { source } = await play(header({ speed: 10 }), found, points);
    readAt(source, 0, info.key);
    expect(readAt(source, 0.5, info.key).joules).toBeCloseTo(50, 9);
  });

  it('begins again where it is a loop, with a gap', async () => {
    const points = samples([
      [0, 0, 100],
      [1, 100, 100],
    ]);
    const { source } = await play(header({ loop: true }), found, points);
    readAt(source, 0, info.key);
    expect(readAt(source, 1, info.key).joules).toBe(100);
    expect(readAt(source, 1.5, info.key)).toMatchObject({ joules: 100, flags: SampleFlag.gap });
    expect(readAt(source, 2, info.key).joules).toBe(150);
  });

  it('uses what can be read of a file that is cut off', async () => {
    const points = samples([[0, 5, 60]]);
    const { source } = await play(header(), found, points, points.slice(0, 40));
    expect(readAt(source, 0, info.key)).toMatchObject({ joules: 0, watts: 60 });
    expect(source.health.detail).toContain('1 line(s)');
  });

  it.each([
    ['', 'no samples'],
    ['{"type":"trace"}', 'no samples'],
    ['a,b\n1,2\n', 'no column "t_rel_s"'],
  ])('says why it cannot replay %j', async (text, why) => {
    const { source } = await play(text);
    expect(source.health.state).toBe('unavailable');
    expect(source.health.detail).toContain(why);
  });

  it('says that the file is not there', async () => {
    const source = await openNow(replay, contextFor(nowhere({ replay: '/nowhere/trace' })));
    expect(source.health.detail).toMatch(/\/nowhere\/trace cannot be replayed: ENOENT/);
  });
});

it('reads samples as the program exports them', () => {
  const trace = parseTrace(
    [
      '# about: node 7, driver 590.48.01',
      '# speed: 2',
      'run_id,t_utc,t_rel_s,component,source,power_w,energy_wh_cum,util_percent,mem_mb,temp_c,valid',
      '1,2026-01-01T00:00:00Z,3,"gpu0",nvml,100,0.5,97,2000,61,true',
      '1,2026-01-01T00:00:01Z,4,"gpu0",nvml,,,,,,true',
      '1,2026-01-01T00:00:02Z,5,"gpu0",nvml,120,0.6,0,2000,61,false',
      '1,2026-01-01T00:00:02Z,5,"gp',
      '1,2026-01-01T00:00:00Z,4,ram,dimm,20,0.1,,,,1',
    ].join('\r\n'),
  );
  expect(trace).toMatchObject({
    about: 'node 7, driver 590.48.01',
    speed: 2,
    loop: false,
    badLines: 1,
    length: 2e6,
  });
  expect(trace.tracks).toMatchObject([
    {
      info: { key: 'gpu0', kind: 'gpu', provenance: 'counted' },
      t: [0, 1e6, 2e6],
      joules: [1800, null, 2160],
      watts: [100, null, 120],
      flags: [0, 0, SampleFlag.gap],
      utilPercent: [97, null, 0],
    },
    { info: { key: 'ram', kind: 'ram', provenance: 'constant' }, t: [1e6] },
  ]);
});

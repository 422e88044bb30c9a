import { describe, expect, it } from 'vitest';
import { configKeys } from '../../src-main/contract/config-keys.ts';
import { statusOf, type RunSummary } from '../../src-main/contract.ts';
import {
  parseRunQuery,
  queryFields,
  queryTokens,
  unitsOf,
} from '../../src-main/contract/run-query.ts';

const run = (id: number, more: Partial<RunSummary> = {}): RunSummary => ({
  id,
  name: `run ${id}`,
  status: 'done',
  createdAt: Date.UTC(2026, 10, 20, 12),
  startedAt: Date.UTC(2026, 10, 20, 12),
  endedAt: null,
  group: 'a',
  dataset: 'CIFAR-10',
  model: 'ViT 32/4, D 64, L 4, h 4',
  selection: 'off',
  method: 'standard',
  matrix: null,
  copyOf: null,
  example: false,
  paused: false,
  origin: null,
  command: null,
  engine: 'cuda',
  seed: id,
  epoch: 3,
  epochs: 3,
  step: 30,
  steps: 30,
  parameters: 1_200_000,
  loss: 0.5,
  microF1: 0.9,
  macroF1: 0.9,
  f1Split: 'test',
  imagesSeen: 1000,
  imagesPerSecond: 100,
  seconds: 3600,
  wh: 400,
  uncertaintyWh: null,
  gCO2e: 120,
  whByKind: { gpu: 300, cpu: 100 },
  wallWh: null,
  processWh: null,
  f1PerWh: 0.2,
  error: null,
  star: false,
  note: null,
  tags: [],
  archivedAt: null,
  ...more,
});

const runs = [
  run(1, { tags: ['paper', 'Main'], macroF1: 0.914, whByKind: { gpu: 500, cpu: null } }),
  run(2, { dataset: 'CIFAR-100', tags: ['old'], star: true, status: 'failed', macroF1: null }),
  run(3, { archivedAt: 5, wh: null, whByKind: {}, gCO2e: null }),
  run(4, { name: 'keep 50 % of patches', note: 'odd, run again', wh: 2500, seconds: 59 }),
];
const found = (line: string) =>
  runs.filter((one) => parseRunQuery(line).matches(one)).map(({ id }) => id);
const said = (line: string) =>
  parseRunQuery(line, new Set(configKeys)).problems.map(({ message }) => message);

describe('the search of runs', () => {
  it('finds words anywhere and leaves archived runs away unless they are asked for', () => {
    expect(found('')).toEqual([1, 2, 4]);
    expect(found('is:any')).toEqual([1, 2, 3, 4]);
    expect(found('is:archived')).toEqual([3]);
    expect(found('-is:archived')).toEqual([1, 2, 4]);
    expect(found('ODD')).toEqual([4]);
    expect(found('"50 % of"')).toEqual([4]);
    expect(found('-"50 % of"')).toEqual([1, 2]);
  });

  it('knows CIFAR-10 from CIFAR-100, however it is written', () => {
    expect(found('dataset:cifar10')).toEqual([1, 4]);
    expect(found('dataset:CIFAR-100')).toEqual([2]);
    expect(found('dataset:"cifar 10"')).toEqual([1, 4]);
    expect(found('dataset:cifar')).toEqual([1, 2, 4]);
    expect(found('dataset=cifar')).toEqual([]);
    expect(found('model:vit')).toHaveLength(3);
  });

  it('understands units, and the number of the table without one', () => {
    expect(found('gpu>0.4kWh')).toEqual([1]);
    expect(found('gpu>400')).toEqual([1]);
    expect(found('gpu>1.44MJ')).toEqual([1]);
    expect(found('gpu>1440kj')).toEqual([1]);
    expect(found('kwh>2')).toEqual([4]);
    expect(found('time<1min')).toEqual([4]);
    expect(found('time>=1h -id:4')).toEqual([1, 2]);
    expect(found('co2<=0.12kg')).toEqual([1, 2, 4]);
    expect(found('parameters>1M')).toHaveLength(3);
    expect(found('f1>=91%')).toEqual([1]);
  });

  it('takes a number for what it shows: as many digits as were typed', () => {
    expect(found('f1:.91')).toEqual([1]);
    expect(found('f1=0.914')).toEqual([1]);
    expect(found('f1=0.913')).toEqual([]);
    expect(found('f1:0.91,0.90')).toEqual([1, 4]);
    expect(found('id:1,4')).toEqual([1, 4]);
  });

  it('has every number in exactly one of <, = and >, and what is missing in none', () => {
    for (const [key, field] of Object.entries(queryFields)) {
      if (field.kind !== 'number') continue;
      const small = field.dimension === 'share' ? 0.5 : 50;
      for (const one of runs) {
        const holds = (line: string) => parseRunQuery(`is:any ${line}`).matches(one);
        const own = field.of(one);
        const both = [holds(`${key}<${small}`), holds(`${key}>=${small}`)].filter(Boolean);
        expect(both, key).toHaveLength(own === null ? 0 : 1);
        expect(holds(`${key}:none`), key).toBe(own === null);
        expect(holds(`-${key}<${small}`)).toBe(!holds(`${key}<${small}`));
      }
    }
  });

  it('compares the units of one dimension with each other', () => {
    const one = run(9, { wh: 1234.5, seconds: 1234.5, gCO2e: 1234.5 });
    for (const key of ['wh', 'time', 'co2']) {
      const field = queryFields[key]!;
      for (const unit of unitsOf(field)) {
        const factor = { Wh: 1, s: 1, g: 1 }[unit];
        if (factor) expect(parseRunQuery(`${key}:1234.5${unit}`).matches(one)).toBe(true);
        expect(parseRunQuery(`${key}>0${unit} ${key}<1e12${unit}`).matches(one), unit).toBe(true);
      }
    }
  });

  it('reads tags whole, by their beginning, and their absence', () => {
    expect(found('tag:paper')).toEqual([1]);
    expect(found('tag:main')).toEqual([1]);
    expect(found('tag:pap')).toEqual([]);
    expect(found('tag:pap*')).toEqual([1]);
    expect(found('tag:paper,old')).toEqual([1, 2]);
    expect(found('tag:none')).toEqual([4]);
    expect(found('-tag:old')).toEqual([1, 4]);
  });

  it('reads days, months and ages', () => {
    expect(found('started:2026-11-20')).toHaveLength(3);
    expect(found('started:2026-11')).toHaveLength(3);
    expect(found('started<2026-11-20')).toEqual([]);
    expect(found('started>=2026-11-20')).toHaveLength(3);
    expect(found('ended:none')).toHaveLength(3);
    const young = run(5, { startedAt: Date.now() - 60_000 });
    expect(parseRunQuery('started<1h').matches(young)).toBe(true);
    expect(parseRunQuery('started>1h').matches(young)).toBe(false);
  });

  it('asks for keys of configs and metrics by name, as they are written there', () => {
    const query = parseRunQuery(
      'TRAIN.LR<1e-3 metric.val_acc>0.5 model.qkvbias:no',
      new Set(configKeys),
    );
    expect(query.problems).toEqual([]);
    expect(query.keys).toEqual(['train.lr', 'metric.val_acc', 'model.qkvBias']);
    const values: Record<string, number | boolean> = {
      'train.lr': 5e-4,
      'metric.val_acc': 0.7,
      'model.qkvBias': false,
    };
    expect(query.matches(runs[0]!, (_, key) => values[key])).toBe(true);
    expect(query.matches(runs[0]!, (_, key) => ({ ...values, 'train.lr': 2e-3 })[key])).toBe(false);
    expect(query.matches(runs[0]!)).toBe(false);
    const lr = parseRunQuery('train.lr:0.001');
    expect(lr.matches(runs[0]!, () => 0.0012)).toBe(false);
    expect(lr.matches(runs[0]!, () => 0.001)).toBe(true);
  });

  it('finds a run by the state that is shown of it, and by the one beneath', () => {
    const query = (line: string) => parseRunQuery(line);
    const paused = run(9, { status: 'stopped', paused: true });
    expect(statusOf(paused).label).toBe('paused');
    for (const line of ['status:paused', 'status:stopped', 'status=paused'])
      expect(query(line).matches(paused), line).toBe(true);
    expect(query('-status:paused').matches(paused)).toBe(false);
    expect(query('status:paused').matches(run(10, { status: 'stopped' }))).toBe(false);
  });

  it('says what it does not understand, and where', () => {
    expect(parseRunQuery('status:done colour:red').problems).toEqual([
      { at: 12, token: 'colour:red', message: 'there is no column "colour"' },
    ]);
    expect(said('status:doen')[0]).toContain('queued, baseline');
    expect(said('gpu>4potatoes')[0]).toContain('"potatoes" is no unit of "gpu": Wh, mWh, kWh');
    expect(said('f1>90')[0]).toContain('write 90% for percent');
    expect(said('f1>=abc')[0]).toContain('"abc" is no number');
    expect(said('name>5')[0]).toContain('write name:5');
    expect(said('train.lrr>5')[0]).toContain('no config has a key "train.lrr"');
    expect(said('wh>')[0]).toContain('a value is missing');
    expect(said('is:big')[0]).toContain('starred, archived');
    expect(said('started:2026-13-01')[0]).toContain('is no date');
    expect(said('name:"a b')[0]).toContain('a quote is not closed');
    // what is understood goes on holding
    expect(found('dataset:cifar100 colour:red')).toEqual([2]);
  });

  it('never throws, whatever is typed, and cuts the line into all of its tokens', () => {
    const pieces = [
      'status',
      ':',
      '<',
      '>=',
      '"',
      '\\',
      '-',
      ' ',
      ',',
      '.',
      'train.lr',
      '9e',
      'kWh',
      '*',
      'ü',
      '%',
    ];
    let seed = 7;
    const next = () => (seed = (seed * 48_271) % 2_147_483_647);
    for (let i = 0; i < 3000; i++) {
      const line = Array.from(
        { length: (next() % 9) + 1 },
        () => pieces[next() % pieces.length],
      ).join('');
      const { problems } = parseRunQuery(line, new Set(configKeys));
      expect(
        queryTokens(line)
          .map(({ source }) => source)
          .join('')
          .replaceAll(/\s/g, ''),
      ).toBe(line.replaceAll(/\s/g, ''));
      for (const { at, token } of problems) expect(line.slice(at, at + token.length)).toBe(token);
    }
  });
});

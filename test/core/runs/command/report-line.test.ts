import { expect, test } from 'vitest';
import { readJsonRecord } from '../../../../src-main/core/runs/command/json-record.ts';
import { lineSplitter } from '../../../../src-main/core/runs/command/lines.ts';
import { meaningOf, scoreOf } from '../../../../src-main/core/runs/command/metric-names.ts';
import { readReportLine } from '../../../../src-main/core/runs/command/report-line.ts';

test('each statement of the line format', () => {
  const values = (pairs: [string, number | null][]) => new Map(pairs);
  expect(readReportLine('::hg phase train epoch=3')).toEqual({
    type: 'phase',
    name: 'train',
    epoch: 3,
  });
  expect(readReportLine('::hg phase Validation')).toEqual({
    type: 'phase',
    name: 'evaluate',
    epoch: null,
  });
  expect(readReportLine('::hg phase augment-2')).toMatchObject({ name: 'augment-2' });
  expect(readReportLine('  ::hg   phase end ')).toEqual({ type: 'phase end' });
  expect(readReportLine('::hg metric step=120 loss=0.53 acc=.8 lr=1e-3')).toEqual({
    type: 'metric',
    step: 120,
    epoch: null,
    values: values([
      ['loss', 0.53],
      ['acc', 0.8],
      ['lr', 0.001],
    ]),
  });
  expect(readReportLine('::hg eval split=test epoch=0.5 macro_f1=0.79 loss=nan')).toEqual({
    type: 'eval',
    split: 'test',
    step: null,
    epoch: 1,
    values: values([
      ['macro_f1', 0.79],
      ['loss', null],
    ]),
  });
  expect(readReportLine('::hg images 128')).toEqual({ type: 'images', count: 128 });
  expect(readReportLine('::hg total steps=1000 epochs=10')).toEqual({
    type: 'total',
    steps: 1000,
    epochs: 10,
  });
});

test.each([
  '::hg',
  '::hg metrik loss=1',
  '::hg metric',
  '::hg metric loss',
  '::hg metric loss=',
  '::hg metric =3',
  '::hg metric loss=0x10',
  '::hg metric step=1.5 loss=1',
  '::hg metric step=-1 loss=1',
  '::hg metric step=1e300 loss=1',
  '::hg metric __proto__.x=1 ok=<script>',
  '::hg eval split=train macro_f1=1',
  '::hg images many',
  '::hg images 1 2',
  '::hg total steps=nan',
  '::hg phase',
  '::hg phase 3',
  '::hg phase baseline',
  `::hg phase ${'x'.repeat(41)}`,
  `::hg metric ${'x'.repeat(200)}=1`,
])('%s is malformed, and says why', (line) => {
  expect(readReportLine(line)).toMatchObject({ type: 'malformed', why: expect.any(String) });
});

test('whatever else stands on the output is no statement', () => {
  for (const line of [
    '',
    '::hgx metric',
    'loss=1',
    'see ::hg metric loss=1',
    '{"a":1}',
    '\u0000\u0001',
  ])
    expect(readReportLine(line)).toBeNull();
});

/** A small generator with a known seed, so that a failure can be had again. */
function randomBytes(seed: number, length: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length }, () => (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) >> 16),
  );
}

test('random bytes and random cuts: lines come out whole, and nothing throws', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const noise = randomBytes(seed, 400);
    const text = Buffer.concat([
      noise,
      Buffer.from('\n::hg metric step=7 loss=0.5\r\n'),
      noise,
      Buffer.from('\n::hg phase end'),
    ]);
    const statements: unknown[] = [];
    const splitter = lineSplitter(100, (line, cut) => {
      const said = readReportLine(line);
      if (said && !cut && said.type !== 'malformed') statements.push(said.type);
    });
    for (let at = 0; at < text.length; at += (seed % 13) + 1)
      splitter.push(text.subarray(at, at + (seed % 13) + 1));
    splitter.end();
    expect(statements).toEqual(['metric', 'phase end']);
  }
});

test('a line without an end does not grow without one', () => {
  const lines: [number, boolean][] = [];
  const splitter = lineSplitter(100, (line, cut) => lines.push([line.length, cut]));
  for (let i = 0; i < 1000; i++) splitter.push(Buffer.alloc(1000, 'x'));
  splitter.push(Buffer.from('\nshort\n'));
  expect(lines).toEqual([
    [100, true],
    [5, false],
  ]);
});

test.each([
  ['loss', 'training', 'loss'],
  ['train/loss', 'training', 'loss'],
  ['Loss/train', 'training', 'loss'],
  ['train_loss_step', 'training', 'loss'],
  ['epoch_loss', 'training', 'loss'],
  ['lr', 'training', 'lr'],
  ['lr-AdamW', 'training', 'lr'],
  ['train/learning_rate', 'training', 'lr'],
  ['val_loss', 'validation', 'loss'],
  ['Accuracy/val', 'validation', 'accuracy'],
  ['eval/f1_macro', 'validation', 'macroF1'],
  ['valMacroF1', 'validation', 'macroF1'],
  ['macro_f1', 'validation', 'macroF1'],
  ['test.micro_f1', 'test', 'microF1'],
  ['validation/epoch_accuracy', 'validation', 'accuracy'],
])('%s means %s %s', (name, of, quantity) => {
  expect(meaningOf(name)).toEqual({ of, quantity });
});

test.each([
  'f1',
  'val_f1',
  'accuracy',
  'train_accuracy',
  'train/macro_f1',
  'gpu',
  'constructor',
  '',
])('%s could be anything, or is of the training images', (name) => {
  expect(meaningOf(name)).toBeNull();
});

test('within a split that is told the bare names are enough', () => {
  expect([
    scoreOf('acc'),
    scoreOf('macro_f1'),
    scoreOf('loss'),
    scoreOf('f1'),
    scoreOf('lr'),
  ]).toEqual(['accuracy', 'macroF1', 'loss', null, null]);
});

test('numbers of Python that JSON does not know, beside words that look like them', () => {
  const record = readJsonRecord(
    '{"step": 3, "a": NaN, "b": -Infinity, "NaN, b": 2, "c": "x: NaN, \\" "}',
  );
  expect(record?.step).toBe(3);
  expect([...record!.values]).toEqual([
    ['a', null],
    ['b', null],
    ['NaN, b', 2],
  ]);
});

test.each([
  ['blanks', `{"a": ${' '.repeat(900_000)}`],
  ['quotes', `{"a": ${String.raw`\"`.repeat(450_000)}`],
  ['open strings', `"${String.raw`\"`.repeat(450_000)}\\`],
])('a line of a million %s is refused at once', (_, line) => {
  const began = performance.now();
  expect(readJsonRecord(line)).toBeNull();
  expect(performance.now() - began).toBeLessThan(2000);
});

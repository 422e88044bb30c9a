import { describe, expect, it } from 'vitest';
import { cardsOf, countsIn, runCards, type Card } from '../../../src-main/core/energy/cards.ts';

/** The library's order is not that of the bus. */
const cards: Card[] = [
  { name: 'NVIDIA H200', uuid: 'GPU-bbbb2222', busId: '00000000:3B:00.0', mig: [] },
  { name: 'NVIDIA H200', uuid: 'GPU-aaaa1111', busId: '00000000:18:00.0', mig: [] },
  {
    name: 'NVIDIA A100',
    uuid: 'GPU-aabb3333',
    busId: '00000000:5E:00.0',
    mig: ['MIG-1c1c', 'MIG-2d2d'],
  },
];
const order = { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
const auto = { gpu: null, engine: 'auto' } as const;
const visible = (list: string, more: Record<string, string> = {}, engine = auto) =>
  runCards(engine, { CUDA_VISIBLE_DEVICES: list, ...more }, cards);

describe('the cards of a run', () => {
  it('are all where nothing is said', () => {
    expect(runCards(auto, {}, cards)).toEqual({ counted: null, env: order, note: null });
  });

  it.each([
    ['GPU-bbbb2222', 'GPU-bbbb2222', 'gpu:GPU-bbbb2222'],
    ['gpu-bb', 'GPU-bbbb2222', 'gpu:GPU-bbbb2222'],
    ['MIG-2d', 'MIG-2d2d', 'gpu:GPU-aabb3333'],
  ])('is the one that the config names: %s', (gpu, shown, key) => {
    expect(runCards({ gpu, engine: 'cuda' }, { CUDA_VISIBLE_DEVICES: '0' }, cards)).toEqual({
      counted: [key],
      env: { ...order, CUDA_VISIBLE_DEVICES: shown },
      note: null,
    });
  });

  it.each([
    ['GPU-cccc', 'no GPU "GPU-cccc"'],
    ['GPU-aa', 'several'],
    ['1', 'no GPU "1"'],
  ])('are refused where the config names none or several: %s', (gpu, words) => {
    expect(() => runCards({ gpu, engine: 'auto' }, {}, cards)).toThrow(words);
  });

  it.each(['cpu', 'wasm'] as const)('are all on the processor (%s)', (engine) => {
    const own = { CUDA_VISIBLE_DEVICES: '0' };
    expect(runCards({ gpu: null, engine }, own, cards).counted).toBeNull();
    expect(runCards({ gpu: 'GPU-bbbb2222', engine }, own, cards).counted).toBeNull();
  });

  it.each([
    ['0', ['GPU-aaaa1111']],
    ['1', ['GPU-bbbb2222']],
    ['1, 0', ['GPU-bbbb2222', 'GPU-aaaa1111']],
    ['GPU-aaaa', ['GPU-aaaa1111']],
    ['MIG-1c1c,MIG-2d2d', ['GPU-aabb3333']],
    ['2,-1,0', ['GPU-aabb3333']],
    ['-1', []],
    ['', []],
    ['NoDevFiles', []],
  ])('are those that CUDA_VISIBLE_DEVICES="%s" shows', (list, uuids) => {
    const { counted, note } = visible(list);
    expect(counted).toEqual(uuids.map((uuid) => `gpu:${uuid}`));
    expect(note).toBeNull();
  });

  it.each(['7', 'GPU-a', 'GPU-zz', 'all', '0,,1', '0;1', '1.5'])(
    'are all, with a note, where CUDA_VISIBLE_DEVICES="%s" says nothing clear',
    (list) => {
      const { counted, note } = visible(list);
      expect(counted).toBeNull();
      expect(note).toContain(`CUDA_VISIBLE_DEVICES is "${list}"`);
    },
  );

  it('are not told by an index where CUDA counts unlike cards by their speed', () => {
    const fastest = { CUDA_DEVICE_ORDER: 'FASTEST_FIRST' };
    expect(visible('0', fastest).note).toContain('FASTEST_FIRST');
    expect(visible('GPU-bb', fastest)).toEqual({
      counted: ['gpu:GPU-bbbb2222'],
      env: {},
      note: null,
    });
  });

  it('are not those of CUDA for an engine that does not use it', () => {
    const own = { CUDA_VISIBLE_DEVICES: '0' };
    expect(runCards({ gpu: null, engine: 'webgpu' }, own, cards).counted).toBeNull();
  });

  it('leaves the environment of a card that is no NVIDIA card alone', () => {
    const amd: Card[] = [...cards, { name: 'AMD', uuid: 'amd-0000:03:00.0' }];
    expect(runCards({ gpu: 'amd-0000:03', engine: 'webgpu' }, {}, amd)).toEqual({
      counted: ['gpu:amd-0000:03:00.0'],
      env: {},
      note: null,
    });
  });

  it('are known from what is read while the inventory is not there yet', () => {
    const gpu = { key: 'gpu:GPU-1', kind: 'gpu', name: 'X' } as never;
    const cpu = { key: 'cpu', kind: 'cpu', name: 'Y' } as never;
    expect(cardsOf(null, [cpu, gpu])).toEqual([{ name: 'X', uuid: 'GPU-1' }]);
  });

  it('leave processor and memory in every run', () => {
    const isCounted = countsIn({ counted: ['gpu:a'] });
    expect([isCounted('cpu', 'cpu'), isCounted('gpu:a', 'gpu'), isCounted('gpu:b', 'gpu')]).toEqual(
      [...[true, true, false]],
    );
  });
});

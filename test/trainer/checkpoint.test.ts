import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { parseExperimentConfig } from '../../src-main/experiment-config.ts';
import {
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type CheckpointName,
} from '../../src-main/trainer/checkpoint.ts';
import { parameterCount } from '../../src-main/trainer/models/parameters.ts';
import { vitParameters } from '../../src-main/trainer/models/vit.ts';
import { decodeSafetensors } from '../../src-main/trainer/safetensors.ts';
import { vitOf } from '../fixtures/vit.ts';

const parsed = parseExperimentConfig({
  model: { image: 8, patch: 4, dim: 6, layers: 1, heads: 2, dimHead: 3 },
});
if (!parsed.ok) throw new Error('bad config');
const { config } = parsed;
const parametersOf = (layers: number) =>
  vitParameters({
    model: { ...vitOf(config), layers },
    attention: { kind: 'standard', normaliser: 'softmax' },
    channels: 3,
    classes: 3,
  });
const parameters = parametersOf(1);
const size = parameterCount(parameters);

const checkpoint = (step: number): Checkpoint => ({
  config,
  classes: ['a', 'b', 'c'],
  position: { epoch: 1, stepInEpoch: 2, step, imagesSeen: 10 * step, stage: 0 },
  best: null,
  state: {
    parameters: Float32Array.from({ length: size }, (_, i) => i + step),
    moment1: Float32Array.from({ length: size }, (_, i) => -i),
    moment2: Float32Array.from({ length: size }, (_, i) => i / 7),
  },
});

const root = mkdtempSync(join(tmpdir(), 'checkpoint-'));
afterAll(() => rmSync(root, { recursive: true }));
let dir: string;
beforeEach(() => (dir = mkdtempSync(join(root, 'run-'))));

const write = (step: number, ...kinds: CheckpointName[]) =>
  writeCheckpoint(dir, [kinds[0] ?? 'last', ...kinds.slice(1)], { parameters }, checkpoint(step));

const read = (path: string) => readCheckpoint(path, () => ({ parameters }));

describe('a checkpoint', () => {
  it('comes back as it was written', async () => {
    const { path, bytes } = await write(5);
    expect(await read(path)).toEqual(checkpoint(5));
    const onDisk = readdirSync(dir).reduce((sum, name) => sum + readFileSync(join(dir, name)).length, 0); // prettier-ignore
    expect(bytes).toBe(onDisk);
  });

  it('holds the tensors of a PyTorch module by their names', async () => {
    await write(5);
    const { tensors } = decodeSafetensors(readFileSync(join(dir, 'step-5.safetensors')), 'it');
    expect(tensors['b0.qkv.weight']!.shape).toEqual([18, 6]);
    expect(tensors['patch.weight']!.shape).toEqual([6, 3, 4, 4]);
    expect(tensors['moment2.head.bias']!.shape).toEqual([3]);
  });

  it('keeps the tensors of best and last, no others', async () => {
    await write(5, 'last', 'best');
    await write(6);
    await write(7);
    expect(readdirSync(dir).sort()).toEqual([
      'best.json',
      'last.json',
      'step-5.safetensors',
      'step-7.safetensors',
    ]);
  });

  it('keeps those of a step of its own, also when the step comes again', async () => {
    const at = (step: number, shift = 0) => {
      const one = checkpoint(step);
      one.state.parameters[0]! += shift;
      return writeCheckpoint(dir, ['last', `step-${step}`], { parameters }, one);
    };
    for (const step of [5, 6, 7]) await at(step);
    await write(8, 'last', 'best-per-kwh');
    await write(9);
    // a run that was resumed from step 5 comes to step 6 once more, with other weights
    const { file } = await at(6, 0.5);
    expect(file).toMatch(/^step-6-[0-9a-f]{8}\.safetensors$/);
    await write(7);
    const tensors = readdirSync(dir).filter((name) => name.endsWith('.safetensors'));
    expect(tensors.sort()).toEqual([
      'step-5.safetensors',
      file,
      'step-7.safetensors',
      'step-8.safetensors',
    ]);
    for (const name of ['last', 'best-per-kwh', 'step-5', 'step-6', 'step-7'])
      await expect(read(join(dir, `${name}.json`))).resolves.toBeDefined();
    expect((await read(join(dir, 'step-6.json'))).state.parameters[0]).toBe(6.5);
  });

  it('leaves the best one alone where the state changed between two steps', async () => {
    const best = checkpoint(5);
    await writeCheckpoint(dir, ['last', 'best'], { parameters }, best);
    const changed = checkpoint(5);
    changed.state.parameters[0] = 77;
    await writeCheckpoint(dir, ['last'], { parameters }, changed);
    expect(await read(join(dir, 'best.json'))).toEqual(best);
    expect(await read(join(dir, 'last.json'))).toEqual(changed);
    await write(6);
    expect(readdirSync(dir).filter((name) => name.endsWith('.safetensors'))).toHaveLength(2);
  });

  it('clears away what a killed process left half-written', async () => {
    await write(5);
    writeFileSync(join(dir, 'step-6.safetensors.partial'), 'half');
    expect((await read(join(dir, 'last.json'))).position.step).toBe(5);
    await write(7);
    expect(readdirSync(dir).sort()).toEqual(['last.json', 'step-7.safetensors']);
  });

  it('is refused by name and reason where it does not fit', async () => {
    const { path } = await write(5);
    const refusal = (use = parameters) => readCheckpoint(path, () => ({ parameters: use }));
    await expect(refusal(parametersOf(2))).rejects.toThrow(
      /step-5.safetensors cannot be used: it has no tensor "b1.ln1.g": another architecture/,
    );
    const json = readFileSync(path, 'utf8');
    writeFileSync(path, json.replace('"version": 1', '"version": 2'));
    await expect(refusal()).rejects.toThrow(/it has version 2, this program reads version 1/);
    writeFileSync(path, json.slice(0, 100));
    await expect(refusal()).rejects.toThrow(/it is no JSON; the file may be cut off/);
    rmSync(path);
    await expect(refusal()).rejects.toThrow(
      /last.json cannot be used: it cannot be read \(ENOENT\)/,
    );
  });

  it('is refused where a tensor file was cut off, changed or lost', async () => {
    const { path } = await write(5);
    const file = join(dir, 'step-5.safetensors');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, -4));
    await expect(read(path)).rejects.toThrow(/instead of/);
    const changed = Buffer.from(bytes);
    changed[changed.length - 1]! ^= 1;
    writeFileSync(file, changed);
    await expect(read(path)).rejects.toThrow(/SHA-256 differs/);
    rmSync(file);
    await expect(read(path)).rejects.toThrow(/cannot be read \(ENOENT\)/);
  });

  it.runIf(process.platform === 'linux').each([
    ['the disk is full', '/dev/full', 'DISK_FULL', /The disk is full: .*step-6.* could not be/],
    ['the folder is gone', '/nowhere/at/all', 'STORE', /step-6.* could not be written \(ENOENT\)/],
  ])('leaves the old one as it was where %s', async (_, target, code, message) => {
    const { path } = await write(5);
    symlinkSync(target, join(dir, 'step-6.safetensors.partial'));
    const error: unknown = await write(6).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect(await read(path)).toEqual(checkpoint(5));
    expect(readdirSync(dir).sort()).toEqual(['last.json', 'step-5.safetensors']);
  });
});

describe('safetensors', () => {
  const file = (header: unknown, data = 8): Uint8Array => {
    const json = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + json.length + data);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
    bytes.set(json, 8);
    return bytes;
  };
  const tensor = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };

  it('reads a file as the format says', () => {
    const bytes = file({ __metadata__: { format: 'pt' }, w: tensor });
    bytes.set(new Uint8Array(new Float32Array([1.5, -2]).buffer), bytes.length - 8);
    const { tensors, metadata } = decodeSafetensors(bytes, 'w.safetensors');
    expect(tensors.w).toEqual({ shape: [2], data: new Float32Array([1.5, -2]) });
    expect(metadata).toEqual({ format: 'pt' });
  });

  it.each([
    ['nothing in it', new Uint8Array(3), /only 3 bytes/],
    ['a header past its end', new Uint8Array(8).fill(255, 0, 4), /header should end at byte/],
    ['no JSON', file('x').fill(0x7b, 8, 11), /its header is no JSON/],
    ['a list', file([1]), /no list of tensors/],
    ['an unknown type', file({ w: { ...tensor, dtype: 'BF16' } }), /"w" is BF16; only F32 is read/],
    ['data past its end', file({ w: { ...tensor, data_offsets: [4, 12] } }), /"w" should end at/],
    ['a wrong length', file({ w: { ...tensor, shape: [3] } }), /"w" \[3\] does not have 8 bytes/],
    ['a negative side', file({ w: { ...tensor, shape: [-2] } }), /does not describe tensor "w"/],
  ])('refuses a file with %s', (_, bytes, reason) => {
    expect(() => decodeSafetensors(bytes, 'x.safetensors')).toThrow(reason);
    expect(() => decodeSafetensors(bytes, 'x.safetensors')).toThrow(/x.safetensors is damaged/);
  });
});

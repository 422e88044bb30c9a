/** Each family of models learns from some images what it then tells of others. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ExperimentConfigInput } from '../../../src-main/experiment-config.ts';
import { Sfc32 } from '../../../src-main/trainer/data/prng.ts';
import { openOrtEngine } from '../../../src-main/trainer/engine/session.ts';
import { train } from '../../../src-main/trainer/loop.ts';
import type { FromTrainer } from '../../../src-main/trainer/messages.ts';
import { configOf } from './model-step.ts';

// whole runs: seconds each, far more where many share the cores
vi.setConfig({ testTimeout: 240_000 });

const root = mkdtempSync(join(tmpdir(), 'learning-'));
afterAll(() => rmSync(root, { recursive: true }));

/** F1 on the test images after a whole run. */
async function testF1(input: ExperimentConfigInput): Promise<number> {
  const messages: FromTrainer[] = [];
  await train({
    config: configOf(input),
    dataDir: join(root, 'data'),
    runDir: mkdtempSync(join(root, 'run-')),
    resume: null,
    openEngine: async () => ({ engine: openOrtEngine('cpu', { threads: 2 }), why: 'a test' }),
    post: (message) => messages.push(message),
    stop: new AbortController().signal,
  });
  const tests = messages.flatMap((m) =>
    m.type === 'evaluation' && m.result.split === 'test' ? [m.result.microF1] : [],
  );
  expect(tests).toHaveLength(1);
  return tests[0]!;
}

it('ResNet-8 recognises unseen shapes, ten kinds', async () => {
  const f1 = await testF1({
    dataset: { kind: 'greensynth', size: 16, train: 1200, validation: 10, test: 400, noise: 0 },
    model: { kind: 'resnet', depth: 8, image: 16 },
    train: { epochs: 4, batch: 32, lr: 3e-3, labelSmoothing: 0, evalEvery: 100 },
  });
  expect(f1).toBeGreaterThan(0.35); // chance: 0.1
});

/**
 * ImageSig cannot see GreenSynth's shapes: a row that goes to an object's colour and comes back the same
 * way has no signature. What signatures tell is the order of colours along a row, whatever room each
 * takes: the classes are ten orders of four colours.
 */
describe('of orders of colours, ten of them', () => {
  const folder = join(root, 'stripes');
  const side = 18;
  const perClass = 60;
  const colours = [
    [220, 40, 40],
    [40, 200, 60],
    [50, 60, 220],
    [230, 210, 60],
  ] as const;
  const orders = ['0123', '0132', '0213', '0231', '0312', '0321', '1023', '1032', '1203', '1302'];

  beforeAll(async () => {
    const random = new Sfc32(5, 0, 0);
    for (const order of orders) {
      mkdirSync(join(folder, order), { recursive: true });
      for (let image = 0; image < perClass; image++) {
        const widths = order.split('').map(() => 1 + random.randint(6));
        const total = widths.reduce((sum, width) => sum + width, 0);
        const light = 0.6 + 0.4 * random.unit();
        const pixels = Buffer.alloc(side * side * 3);
        for (let x = 0; x < side; x++) {
          let left = ((x + 0.5) / side) * total;
          const stripe = widths.findIndex((width) => (left -= width) < 0);
          const colour = colours[Number(order[stripe])]!;
          for (let y = 0; y < side; y++)
            for (let c = 0; c < 3; c++)
              pixels[(y * side + x) * 3 + c] = light * colour[c]! + random.randint(17);
        }
        await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
          .png({ compressionLevel: 0 })
          .toFile(join(folder, order, `${image}.png`));
      }
    }
  });

  it.each<[NonNullable<ExperimentConfigInput['model']>, number]>([
    [{ kind: 'imagesig', head: 'fc', image: side }, 5],
    [{ kind: 'imagesig', head: 'cnn', image: side }, 6],
    [{ kind: 'imagesig', head: 'transformer', image: side }, 3],
    [{ kind: 'efficientnetv2-micro', image: 8 }, 4],
  ])('%o recognises unseen images', async (model, epochs) => {
    const f1 = await testF1({
      dataset: { kind: 'image-folder', path: folder, size: side, validation: 0.1, test: 0.3 },
      model,
      train: { epochs, batch: 32, lr: 3e-3, labelSmoothing: 0, evalEvery: 100 },
    });
    expect(f1).toBeGreaterThan(0.5); // chance: 0.1
  });
});

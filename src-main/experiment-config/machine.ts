/** What a run computes on, and how its energy is read and priced. */
import * as v from 'valibot';
import { hints, integer, real } from './fields.ts';

export const compute = v.pipe(
  v.strictObject({
    engine: v.pipe(
      v.optional(
        v.picklist(['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml', 'tensorflow', 'wasm']),
        'auto',
      ),
      v.title('Engine'),
      hints({
        choices: {
          auto: 'the fastest that works here',
          cpu: 'ONNX Runtime on the processor',
          webgpu: 'ONNX Runtime on any GPU (Vulkan, Metal, Direct3D 12)',
          cuda: 'ONNX Runtime on an NVIDIA GPU; needs npm run setup:cuda',
          dml: 'ONNX Runtime through DirectML, Windows',
          coreml: 'ONNX Runtime through Core ML, macOS',
          tensorflow: 'tfjs-node-gpu, eager; needs npm run setup:tensorflow',
          wasm: 'TensorFlow.js WebAssembly, eager: works everywhere, slowly',
        },
      }),
    ),
    gpu: v.pipe(
      v.optional(
        v.nullable(
          v.pipe(v.string(), v.trim(), v.minLength(1, 'must not be empty'), v.maxLength(100)),
        ),
        null,
      ),
      v.title('GPU'),
      v.description(
        'Card to train on, by its UUID or a unique beginning of it; only that card is counted. Empty: the cards that CUDA_VISIBLE_DEVICES names, else all. On the processor (cpu, wasm) all cards count, since they draw idle power',
      ),
      hints({ advanced: true }),
    ),
    threads: v.pipe(
      v.optional(v.nullable(integer(1, 1024)), null),
      v.title('CPU threads'),
      v.description('Empty: one per core'),
      hints({ advanced: true }),
    ),
  }),
  v.title('Compute'),
);

export const energy = v.pipe(
  v.strictObject({
    region: v.pipe(
      v.optional(v.nullable(v.string()), null),
      v.title('Region'),
      v.description(
        'Carbon-intensity preset; empty: the region of the settings, else the world average',
      ),
    ),
    pue: v.pipe(
      v.optional(v.nullable(real(1, 5)), null),
      v.title('PUE'),
      v.description('Power usage effectiveness of the building; empty: that of the settings'),
      hints({ advanced: true }),
    ),
    waterLPerKwh: v.pipe(
      v.optional(v.nullable(real(0, 1000)), null),
      v.title('Water'),
      v.description('A line of its own beside emissions; empty: that of the settings'),
      hints({ unit: 'L/kWh', advanced: true }),
    ),
    embodiedKg: v.pipe(
      v.optional(v.nullable(real(0, 1e7)), null),
      v.title('Embodied carbon'),
      v.description('Manufacture of the machine; empty: that of the settings'),
      hints({ unit: 'kgCO2e', advanced: true }),
    ),
    embodiedYears: v.pipe(
      v.optional(v.nullable(real(0.1, 100)), null),
      v.title('Life of the machine'),
      v.description('Over which its manufacture is spread; empty: that of the settings'),
      hints({ unit: 'years', advanced: true }),
    ),
    baselineSeconds: v.pipe(
      v.optional(integer(0, 600), 10),
      v.title('Idle baseline'),
      v.description('Measured before the run starts'),
      hints({ unit: 's' }),
    ),
  }),
  v.title('Energy'),
);

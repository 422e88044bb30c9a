/**
 * Every attention variant and every way to leave tokens out at the authors' geometry: parameters, MACs and the time of a captured training
 * step on `cpu`, beside standard attention. All take turns, so what counts is the ratio. A variant with at least a
 * quarter fewer MACs must also be faster, or the table says why it is not.
 */
import { forwardMacs, parameterCount } from '../../src-main/core/experiments/cost.ts';
import { parseExperimentConfig } from '../../src-main/experiment-config.ts';
import type { ExperimentConfigInput } from '../../src-main/experiment-config.ts';
import { openOrtEngine } from '../../src-main/trainer/engine/session.ts';
import { authors224, vitStep } from '../trainer/engine/vit-step.ts';
import { vitOf } from '../fixtures/vit.ts';

type Attention = NonNullable<ExperimentConfigInput['attention']>;
type Routing = NonNullable<ExperimentConfigInput['routing']>;

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const WARM_UP = 2;
const geometry = { ...authors224, layers: 2, batch: 8 };
const classes = 10;
const patches = (geometry.image / geometry.patch) ** 2;

const variants: [string, Attention, Routing?][] = [
  ['standard', { kind: 'standard' }],
  ['standard, sparsemax', { kind: 'standard', normaliser: 'sparsemax' }],
  ['standard, entmax15', { kind: 'standard', normaliser: 'entmax15' }],
  ['gmm_fixed', { kind: 'gmm_fixed' }],
  ['gmm_fixed, gate', { kind: 'gmm_fixed', gate: true }],
  ['gmm_repo', { kind: 'gmm_repo' }],
  ['map_em, magnitude', { kind: 'map_em', prior: 'magnitude' }],
  ['map_em, uniform', { kind: 'map_em' }],
  ['map_em, one key iteration', { kind: 'map_em', keyIterations: 1 }],
  ['mgk, full', { kind: 'mgk' }],
  ['mgk, shifted', { kind: 'mgk', keys: 'shifted' }],
  ['mgk, shifted, hard', { kind: 'mgk', keys: 'shifted', mixing: 'hard' }],
  ['ecoformer', { kind: 'ecoformer' }],
  ['delta', { kind: 'delta' }],
  ['route, attention', { kind: 'standard' }, { kind: 'route' }],
  ['route, whole block', { kind: 'standard' }, { kind: 'route', scope: 'block' }],
  ['prune', { kind: 'standard' }, { kind: 'prune' }],
  ['merge 24 per layer', { kind: 'standard' }, { kind: 'merge', tokens: 24 }],
];

/** Why fewer MACs may not be fewer milliseconds here. */
const reasons: Record<string, string> = {
  'mgk, full': 'a logarithm and an exponential more for every pair of tokens',
  'mgk, shifted': 'a logarithm and an exponential more for every pair of tokens',
};

const engine = openOrtEngine('cpu', { threads: 2 });
const contenders = await Promise.all(
  variants.map(async ([name, attention, routing = { kind: 'none' }]) => {
    const vit = vitStep({ ...geometry, attention, routing });
    const { image, patch, dim, layers, heads, dimHead } = geometry;
    const parsed = parseExperimentConfig({
      model: { image, patch, dim, layers, heads, dimHead },
      attention,
      routing,
      train: { clipNorm: 1 },
    });
    if (!parsed.ok) throw new Error(parsed.issues[0]?.message);
    const { config } = parsed;
    return {
      name,
      parameters: parameterCount(vitOf(config), classes, config.attention, config.routing),
      macs: forwardMacs(vitOf(config), classes, patches, config.attention, config.routing),
      vit,
      program: await engine.compile(vit.step, vit.specs),
      state: await engine.createState(vit.state()),
      times: [] as number[],
    };
  }),
);

for (let round = 1 - WARM_UP; round <= ROUNDS; round++)
  for (const { vit, program, state, times } of contenders) {
    const feeds = vit.feeds(round + WARM_UP);
    const started = performance.now();
    await program.run(state, feeds);
    if (round > 0) times.push(performance.now() - started);
  }

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const [standard] = contenders;
const baseline = { macs: standard!.macs, ms: median(standard!.times) };

console.log(
  `\n${geometry.image}x${geometry.image}, patch ${geometry.patch}, D ${geometry.dim}, ${geometry.layers} layers, ` +
    `${geometry.heads} heads x ${geometry.dimHead}, batch ${geometry.batch}, ${engine.description}`,
);
console.log(
  `  ${'variant'.padEnd(28)} ${'parameters'.padStart(10)} ${'MMACs'.padStart(8)} ${'ratio'.padStart(6)} ${'ms/step'.padStart(8)} ${'ratio'.padStart(6)}`,
);
let missed = 0;
for (const { name, parameters, macs, times } of contenders) {
  const [work, time] = [macs / baseline.macs, median(times) / baseline.ms];
  const slow = work <= 0.75 && time >= 1;
  const reason = reasons[name];
  if (slow && !reason) missed++;
  const remark = slow ? `  fewer MACs, not faster: ${reason ?? 'MISSED'}` : '';
  console.log(
    `  ${name.padEnd(28)} ${String(parameters).padStart(10)} ${(macs / 1e6).toFixed(1).padStart(8)} ${work.toFixed(2).padStart(6)} ` +
      `${median(times).toFixed(0).padStart(8)} ${time.toFixed(2).padStart(6)}${remark}`,
  );
}
await Promise.all(contenders.flatMap(({ program, state }) => [program.dispose(), state.dispose()]));
await engine.dispose();
process.exitCode = missed > 0 ? 1 : 0;

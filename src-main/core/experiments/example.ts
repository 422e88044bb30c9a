/**
 * The built-in example: a plain ViT against one that drops patches, on GreenSynth, with the same seed,
 * the same data and the same schedule. Sized for about two minutes on two CPU cores, baselines included.
 */
import {
  parseExperimentConfig,
  type ExperimentConfig,
  type ExperimentConfigInput,
} from '../../contract.ts';

const common = {
  dataset: { kind: 'greensynth', train: 3_840, validation: 512, test: 1_024 },
  model: { kind: 'vit', image: 32, patch: 4, dim: 64, layers: 2, heads: 4, dimHead: 16 },
  train: { epochs: 16, batch: 64, lr: 2e-3, seed: 42 },
  energy: { baselineSeconds: 5 },
} satisfies ExperimentConfigInput;

const arms: ExperimentConfigInput[] = [
  { ...common, name: 'Example: plain ViT' },
  {
    ...common,
    name: 'Example: patch-dropping ViT',
    selection: {
      mode: 'drop',
      heuristic: 'variance_channel_mean',
      keepRatio: 0.5,
      probabilistic: true,
      prob: 1,
      schedule: 'anneal',
      tail: 0.2,
    },
  },
];

/** The two configs, in the order in which they run; the first is the baseline of the comparison. */
export function exampleConfigs(): ExperimentConfig[] {
  return arms.map((arm) => {
    const parsed = parseExperimentConfig(arm);
    if (!parsed.ok) throw new Error(`example: ${parsed.issues[0]!.message}`);
    return parsed.config;
  });
}

/**
 * What one layer of each attention variant costs beside an MLP: its heads, how many projections it has, the
 * parameters of its own and the MACs between its projections (method C.6, F.1, F.2). Products of
 * matrices are counted, exactly; elementwise work (softmax, norms) is not, as in method A.4.
 */
import type { AttentionConfig, AttentionKind, VitModel } from '../../contract.ts';

type Model = VitModel;
type ConfigOf<Kind extends AttentionKind> = Extract<AttentionConfig, { kind: Kind }>;

export interface AttentionCost {
  heads: number;
  /** Linear maps D -> h d before the heads; the one behind them is not counted here. */
  projections: number;
  /** Parameters of one layer beside projections. */
  parameters: number;
  /** MACs of one layer and image on n tokens, between the projections. */
  macs(n: number): number;
  /** MACs more where each key is weighed by the patches it stands for; 0 where a bias is there already. */
  sizedMacs?(n: number): number;
}

/** A number per key is one more coordinate of queries and keys. */
const keyBias = (heads: number) => (n: number) => heads * n ** 2;

/** 2 h n² d: the scores and the weighted sum of the values. */
const pairwise = (heads: number, d: number, n: number) => 2 * heads * n ** 2 * d;

const costs: {
  [Kind in AttentionKind]: (config: ConfigOf<Kind>, model: Model) => AttentionCost;
} = {
  standard: (_, { heads, dimHead }) => ({
    heads,
    projections: 3,
    parameters: 0,
    macs: (n) => pairwise(heads, dimHead, n),
    sizedMacs: keyBias(heads),
  }),
  // the gate needs the scores it has already
  gmm_fixed: (_, { heads, dimHead }) => ({
    heads,
    projections: 3,
    parameters: 0,
    macs: (n) => pairwise(heads, dimHead, n),
    sizedMacs: keyBias(heads),
  }),
  mgk: ({ keys, mixing, halfHeads }, { heads: all, dimHead }) => {
    const heads = halfHeads ? all / 2 : all;
    const [projections, shift] = keys === 'full' ? [4, 0] : [3, dimHead];
    const scores = keys === 'full' ? 2 : 1;
    return {
      heads,
      projections,
      parameters: heads * (shift + (mixing === 'learned' ? 2 : 0)),
      macs: (n) => heads * n ** 2 * (scores * (dimHead + 1) + dimHead),
    };
  },
  ecoformer: ({ bits, anchors, hash }, { heads, dimHead }) => ({
    heads,
    projections: 2,
    // a learned hash stores the mean of its kernel
    parameters: heads * anchors * (dimHead + bits + (hash === 'learned' ? 1 : 0)),
    macs: (n) => heads * n * (anchors * dimHead + anchors * bits + 2 * bits * dimHead),
  }),
  // it multiplies weights and values twice
  gmm_repo: (_, { heads, dimHead }) => ({
    heads,
    projections: 3,
    parameters: 0,
    macs: (n) => 1.5 * pairwise(heads, dimHead, n),
  }),
  // zeros are multiplied like all else
  delta: (_, { heads, dimHead }) => ({
    heads,
    projections: 3,
    parameters: 0,
    macs: (n) => pairwise(heads, dimHead, n),
  }),
  map_em: ({ prior, keyIterations, valueIterations }, { heads, dimHead }) => {
    const bias = prior === 'uniform' || prior === 'learned' ? 1 : 0;
    return {
      heads,
      projections: 3,
      parameters: heads + (prior === 'learned' ? heads * dimHead : 0),
      macs: (n) =>
        (1 + keyIterations + valueIterations) * pairwise(heads, dimHead, n) +
        heads * n ** 2 * (bias * (1 + keyIterations) + valueIterations),
      sizedMacs: (n) => (bias === 1 ? 0 : keyBias(heads)(n)),
    };
  },
};

export function attentionCost<Kind extends AttentionKind>(
  config: ConfigOf<Kind> & { kind: Kind },
  model: Model,
): AttentionCost {
  const cost: (config: ConfigOf<Kind>, model: Model) => AttentionCost = costs[config.kind];
  return cost(config, model);
}

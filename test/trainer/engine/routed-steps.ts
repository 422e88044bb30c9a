/** Small ViTs that leave tokens out, for the comparison of engines. */
import type { VitStepOptions } from './vit-step.ts';

const geometry: VitStepOptions = {
  ...{ image: 16, patch: 4, dim: 16, layers: 4, heads: 2, dimHead: 8, batch: 4 },
};

export const routedSteps: Record<string, VitStepOptions> = {
  route: { ...geometry, routing: { kind: 'route' } },
  'route whole blocks': { ...geometry, routing: { kind: 'route', scope: 'block' }, keep: 12 },
  prune: { ...geometry, routing: { kind: 'prune' }, attention: { kind: 'map_em' } },
  merge: { ...geometry, routing: { kind: 'merge', tokens: 3 } },
};

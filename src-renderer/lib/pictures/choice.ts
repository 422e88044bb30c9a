/** How a person last looked at pictures, kept over pages and starts. */
import type { Layer } from './maps.ts';

const openKey = 'hugginggreen.pictures.open';
const layerKey = 'hugginggreen.pictures.layer';
const layers: readonly Layer[] = ['image', 'kept', 'attention', 'both'];

export const rememberedOpen = (): boolean => localStorage.getItem(openKey) !== 'no';
export const rememberOpen = (open: boolean) => localStorage.setItem(openKey, open ? 'yes' : 'no');

export const rememberedLayer = (): Layer =>
  layers.find((name) => name === localStorage.getItem(layerKey)) ?? 'attention';
export const rememberLayer = (layer: Layer) => localStorage.setItem(layerKey, layer);

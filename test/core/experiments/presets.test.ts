import { describe, expect, it } from 'vitest';
import { parseExperimentConfig } from '../../../src-main/contract.ts';
import { warningsOf } from '../../../src-main/core/experiments/check.ts';
import { exampleConfigs } from '../../../src-main/core/experiments/example.ts';
import { forecast } from '../../../src-main/core/experiments/forecast.ts';
import { presets } from '../../../src-main/core/experiments/presets.ts';
import counts from '../../fixtures/golden/counts.json' with { type: 'json' };

describe('presets', () => {
  it('are those of the method and more, complete and titled', () => {
    const all = presets();
    expect(all.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'authors-notebook',
        'green-224',
        'green-32',
        'paper-RQ1-literal',
        'paper-RQ1-practical',
        'paper-RQ2',
        'paper-RQ2-heads',
        'quick-demo',
      ]),
    );
    for (const { id, title, description, config } of all) {
      expect(parseExperimentConfig(config), id).toEqual({ ok: true, config });
      expect(title && description && config.name, id).toBeTruthy();
    }
  });

  it('have the sizes that the method gives them', () => {
    const costOf = (id: string) => forecast(presets().find((preset) => preset.id === id)!.config);
    expect(costOf('authors-notebook').parameters).toBe(counts.vit.authors_L4.params);
    expect(costOf('paper-RQ2')).toMatchObject({
      macsKept: counts.vit.authors_L4.macs_k70,
      kept: 138,
    });
    expect(costOf('paper-RQ1-literal').parameters).toBe(counts.vit.paper_RQ1_literal_h16.params);
    expect(costOf('authors-notebook').trainRatio).toBe(1);
    expect(costOf('green-32').trainRatio).toBeLessThan(0.9);
    const plain = costOf('green-32').macsFull;
    expect(costOf('mgk-32').macsFull / plain).toBeCloseTo(0.86, 2);
  });
});

describe('the example', () => {
  it('differs in name and selection only', () => {
    const [plain, dropping] = exampleConfigs();
    expect(exampleConfigs()).toHaveLength(2);
    expect(plain?.selection.mode).toBe('off');
    expect(dropping?.selection.mode).toBe('drop');
    expect({ ...dropping, name: plain?.name, selection: plain?.selection }).toEqual(plain);
    expect(plain?.dataset.kind).toBe('greensynth');
  });

  it('gives no reason for a warning, and neither does the recommended start', () => {
    const recommended = presets().find(({ id }) => id === 'green-32')!.config;
    for (const config of [...exampleConfigs(), recommended])
      expect(warningsOf(config, forecast(config), { bytes: 8e9, name: 'it' })).toEqual([]);
  });

  it('saves operations where patches are dropped', () => {
    const [plain, dropping] = exampleConfigs().map((config) => forecast(config));
    expect(plain?.trainRatio).toBe(1);
    expect(dropping?.trainRatio).toBeLessThan(0.8);
  });
});

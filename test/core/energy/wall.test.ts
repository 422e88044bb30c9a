import { expect, test } from 'vitest';
import { fitWall } from '../../../src-main/core/energy/wall.ts';

const points = (...all: [number, number][]) =>
  all.map(([countedWatts, wallWatts]) => ({ countedWatts, wallWatts }));

test('two points of a line give back the line, and leave nothing over that could be judged', () => {
  const fit = fitWall(points([60, 50 + 1.11 * 60], [400, 50 + 1.11 * 400]));
  expect(fit.baseWatts).toBeCloseTo(50, 9);
  expect(fit.factor).toBeCloseTo(1.11, 9);
  expect(fit.residualWatts).toBeNull();
  expect(fit.warnings).toEqual([]);
});

test('more points are fitted by least squares, with what the line leaves over', () => {
  const exact = fitWall(points([100, 160], [200, 280], [300, 400], [400, 520]));
  expect(exact.factor).toBeCloseTo(1.2, 9);
  expect(exact.baseWatts).toBeCloseTo(40, 9);
  expect(exact.residualWatts).toBeCloseTo(0, 9);
  // by hand: mean 200 and 280, sxy 24 000, sxx 20 000; leftovers -10, 20, -10
  const noisy = fitWall(points([100, 150], [200, 300], [300, 390]));
  expect(noisy.factor).toBeCloseTo(1.2, 9);
  expect(noisy.baseWatts).toBeCloseTo(40, 9);
  expect(noisy.residualWatts).toBeCloseTo(Math.sqrt((100 + 400 + 100) / 3), 9);
});

test('a base below zero is laid through the origin, and said', () => {
  const fit = fitWall(points([100, 80], [200, 260]));
  expect(fit.baseWatts).toBe(0);
  expect(fit.factor).toBeCloseTo((100 * 80 + 200 * 260) / (100 ** 2 + 200 ** 2), 9);
  expect(fit.residualWatts).toBeGreaterThan(0);
  expect(fit.warnings.join()).toContain('laid through 0 W');
  expect(fit.warnings.join()).toContain('less than what is counted');
});

test('a doubtful line says why', () => {
  expect(fitWall(points([100, 150], [120, 175])).warnings.join()).toContain('close together');
  expect(fitWall(points([10, 80], [100, 120])).warnings.join()).toContain('Less than 0.8');
  expect(fitWall(points([10, 80], [50, 380])).warnings.join()).toContain('not counted');
});

test('points without a line are refused with a reason', () => {
  expect(() => fitWall([])).toThrow('there is none');
  expect(() => fitWall(points([50, 80]))).toThrow('there is one');
  expect(() => fitWall(points([50, 80], [50.2, 180]))).toThrow('the same at every point');
  expect(() => fitWall(points([0, 80], [0, 180]))).toThrow('the same at every point');
  expect(() => fitWall(points([50, 180], [100, 80]))).toThrow('no more under load');
  expect(() => fitWall(points([NaN, 80], [100, 180]))).toThrow('no power');
  expect(() => fitWall(points([50, -1], [100, 180]))).toThrow('no power');
});

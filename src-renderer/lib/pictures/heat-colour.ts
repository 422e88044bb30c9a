/**
 * Cividis (Nuñez, Anderton and Renslow 2018, PLoS ONE 13(7)): dark blue to yellow, even steps to the eye, and the same
 * to eyes that do not tell red from green. A polynomial of it, as d3-scale-chromatic has one (ISC licence).
 */
const channels: readonly (readonly number[])[] = [
  [-4.54, -35.34, 2381.73, -6402.7, 7024.72, -2710.57],
  [32.49, 170.73, 52.82, -131.46, 176.58, -67.37],
  [81.24, 442.36, -2482.43, 6167.24, -6614.94, 2475.67],
];

/** @param heat 0 to 1 */
export function heatColour(heat: number, alpha = 1): string {
  const t = Math.min(1, Math.max(0, heat));
  const [red, green, blue] = channels.map((terms) => {
    const value = terms.reduceRight((sum, term) => sum * t + term, 0);
    return Math.min(255, Math.max(0, Math.round(value)));
  });
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** The whole scale, for a legend. */
export const heatGradient = `linear-gradient(90deg, ${Array.from({ length: 11 }, (_, i) => heatColour(i / 10)).join(', ')})`;

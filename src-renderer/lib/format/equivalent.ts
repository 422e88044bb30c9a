/** What emissions are like, for who has no feeling for grams. Only ever in a hint: it is no result. */
import { significant, type Maybe } from './number.ts';

/** 400 g of CO2 a mile from the exhaust of a typical passenger car: US EPA, EPA-420-F-23-014, June 2023. */
const carGramsPerKm = 400 / 1.609344;

/** Null where there is nothing to compare. */
export function drive(gCO2e: Maybe): string | null {
  if (gCO2e == null || gCO2e <= 0) return null;
  const km = gCO2e / carGramsPerKm;
  const distance = km < 1 ? `${significant(km * 1000, 2)} m` : `${significant(km, 2)} km`;
  return `About what a typical passenger car emits over ${distance} (${Math.round(carGramsPerKm)} g CO2 per km at the exhaust: US EPA, 2023).`;
}

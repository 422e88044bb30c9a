/**
 * What the power reading of an NVIDIA card means, by the generation of its chip.
 *
 * Source: Yang, Adamek, Armour, "Part-time Power Measurements: nvidia-smi's Lack of Attention" (SC24,
 * arXiv 2312.02741) with its published tables, measured against external meters. Blackwell is not in it.
 */

/** `nvmlDeviceArchitecture_t`. */
export const architecture = {
  kepler: 2,
  maxwell: 3,
  pascal: 4,
  volta: 5,
  turing: 6,
  ampere: 7,
  ada: 8,
  hopper: 9,
  blackwell: 10,
} as const;

const names: Record<number, string> = {
  [architecture.kepler]: 'Kepler',
  [architecture.maxwell]: 'Maxwell',
  [architecture.pascal]: 'Pascal',
  [architecture.volta]: 'Volta',
  [architecture.turing]: 'Turing',
  [architecture.ampere]: 'Ampere',
  [architecture.ada]: 'Ada',
  [architecture.hopper]: 'Hopper',
  [architecture.blackwell]: 'Blackwell',
};

export interface PowerMeaning {
  /** `mean over 1 s (Hopper)`; where nobody has published it, the sentence says so. */
  words: string;
  /** False where it is not known what the reading averages over. */
  known: boolean;
  /** The sensor looks at a part of the time only, so that short changes may escape it. */
  partlySeen: boolean;
}

/** The chip of A100, A800 and A30, whose sensor looks 25 of every 100 ms. */
export const isGa100 = (chip: number, name: string): boolean =>
  chip === architecture.ampere && /\bA(100|800|30)X?\b/.test(name);

/**
 * The reading that is a line's power: `power.draw`, its average field, or `nvmlDeviceGetPowerUsage`, which
 * are the same wherever both exist. (The instantaneous field is another one, and never read as a line.)
 * @param chip `nvmlDeviceArchitecture_t`, 0 when it is not known
 */
export function powerMeaning(chip: number, name: string): PowerMeaning {
  const generation = isGa100(chip, name) ? 'GA100' : (names[chip] ?? null);
  const means = (words: string, partlySeen = false): PowerMeaning => ({
    words: `${words} (${generation})`,
    known: true,
    partlySeen,
  });
  if (isGa100(chip, name))
    return means('25 ms of every 100 ms: a quarter of the time is seen', true);
  switch (chip) {
    case architecture.kepler:
      return means('smoothed, a new value every 15 to 100 ms', true);
    case architecture.maxwell:
      return means('smoothed, a new value every 100 ms', true);
    case architecture.pascal:
    case architecture.volta:
      return means('10 ms of every 20 ms: half of the time is seen', true);
    case architecture.turing:
      return means('mean over 100 ms');
    case architecture.ampere:
    case architecture.ada:
    case architecture.hopper:
      return means('mean over 1 s');
    default:
      return {
        words: `what it averages over is not known for ${generation ?? 'this generation'}`,
        known: false,
        // older than Kepler, or a driver too old to name its generation
        partlySeen: chip < architecture.kepler,
      };
  }
}

/** Generation by the name of a card, for where no driver library tells it; 0 when it is not known. */
export function architectureOf(name: string): number {
  const known: [RegExp, number][] = [
    [
      /\b(B100|B200|B300|GB10|GB200|GB300)\b|\bRTX (PRO|50[5-9]0)\b|Blackwell/,
      architecture.blackwell,
    ],
    [/\b(H20|H100|H200|H800|GH200)\b/, architecture.hopper],
    [/\b(L4|L20|L40S?|L2)\b|\bRTX 40[5-9]0\b|\bAda\b/, architecture.ada],
    [/\b(A2|A10G?|A16|A30X?|A40|A100X?|A800)\b|\bRTX (30[5-9]0|A\d{3,4})\b/, architecture.ampere],
    [/\bT4G?\b|\bRTX (20[6-8]0|[3-8]000)\b|\bGTX 16\d0\b|\bTITAN RTX\b/, architecture.turing],
    [/\bV100S?\b|\bTITAN V\b|\bGV100\b/, architecture.volta],
    [/\b(P4|P6|P40|P100)\b|\bGTX 10[1-8]0\b|\bTITAN X[pP]\b/, architecture.pascal],
    [/\b(M4|M6|M10|M40|M60)\b|\bGTX 9\d0\b/, architecture.maxwell],
    [/\b(K20|K40|K80)[cmX]*\b/, architecture.kepler],
  ];
  return known.find(([words]) => words.test(name))?.[1] ?? 0;
}

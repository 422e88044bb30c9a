/** Checkpoints that a run left, and what may be freed of them. */

/** A checkpoint of a run: its tensors, with the JSON files that point to them. */
export interface KeptCheckpoint {
  step: number;
  epoch: number;
  /** Milliseconds since 1970; null where it was not kept. */
  at: number | null;
  /** Under which names it is kept; one without is kept by its step. */
  roles: ('last' | 'best' | 'best-per-kwh')[];
  /** Of its JSON files. */
  paths: string[];
  /** Path of the tensors; null where it was not recorded. */
  tensors: string | null;
  /** On the disk; null where it is gone. */
  bytes: number | null;
  /** Of the tensors, as the trainer wrote them; null where it was not recorded. */
  sha256: string | null;
  /**
   * `there` as far as names and sizes tell; `whole`: its SHA-256 was found to be that of the trainer;
   * `changed`: it is not; `missing`: a file is gone.
   */
  state: 'there' | 'whole' | 'changed' | 'missing';
  /** What is wrong with it. */
  problem: string | null;
  /** On validation at this step; null where it was not evaluated then. */
  macroF1: number | null;
  /** In points of a hundred per kWh that the run had used until then. */
  f1PerKwh: number | null;
  /** Of those that are there. */
  best: boolean;
  bestPerKwh: boolean;
}

export interface CheckpointList {
  /** Of the run. */
  folder: string;
  /** The latest first. */
  checkpoints: KeptCheckpoint[];
  /** What would go if all but the best were deleted, and the steps of those that stay. */
  free: { count: number; bytes: number; keeps: number[] };
  /** A deletion can still be undone. */
  undo: boolean;
}

/** The calibration of the whole machine against a meter at the socket. */

/** A plug with a meter on the local network. */
export const plugKinds = ['shelly', 'tasmota'] as const;
export type PlugKind = (typeof plugKinds)[number];
export interface PlugAddress {
  kind: PlugKind;
  /** Name or IP address, with a port if need be. */
  host: string;
}

/** Mean powers over one stretch of time. */
export interface CalibrationPoint {
  /** Of all components that are read, W. */
  countedWatts: number;
  /** At the socket, W; null until it is typed in. */
  wallWatts: number | null;
  seconds: number;
  /** How the power at the socket was found: the plug's energy counter, its power, or a person. */
  by: 'counter' | 'power' | 'typed' | null;
  /** What is doubtful about it. */
  remarks: string[];
}

/** Watts at the socket = baseWatts + factor x counted watts. */
export interface CalibrationResult {
  baseWatts: number;
  factor: number;
  /** Root mean square of what the line leaves over, W; null where two points lie on it by necessity. */
  residualWatts: number | null;
  warnings: string[];
}

export interface KeptCalibration extends CalibrationResult {
  /** Milliseconds since 1970. */
  at: number;
  /** Who read the meter. */
  method: string;
  idle: CalibrationPoint;
  load: CalibrationPoint;
  /** Why it is not true of this machine as it is read now; null: it applies to runs that start. */
  stale: string | null;
}

/** The calibration of the whole machine against a meter at the socket. */
export interface Calibration {
  kept: KeptCalibration | null;
  /** The one under way. */
  session: {
    /** Null: a person reads the meter. */
    source: PlugAddress | null;
    /** The plug, as it answered last. */
    plug: { name: string; watts: number | null } | null;
    idle: CalibrationPoint | null;
    load: CalibrationPoint | null;
    measuring: {
      which: 'idle' | 'load';
      /** `starting`: the load is on its way; `settling`: until its power is steady. */
      stage: 'starting' | 'settling' | 'measuring';
      /** Of this stage. */
      elapsed: number;
      seconds: number;
      /** Over the last seconds. */
      countedWatts: number | null;
      wallWatts: number | null;
      /** The run that is the load. */
      run: number | null;
    } | null;
    /** Why the last measurement gave no point. */
    error: { message: string; hint: string | null } | null;
    /** Of both points; null until they are there. */
    result: CalibrationResult | null;
    /** Why they give none. */
    refusal: { message: string; hint: string | null } | null;
  } | null;
}

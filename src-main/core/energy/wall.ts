/**
 * What the whole machine takes from the socket, from what its sensors count.
 *
 * Board, fans, disks and the losses of the power supply have no sensor, but they follow the counted power
 * in a line: on a workstation under 198 GPU jobs a wall meter showed 50 W + 1.11 x counted, R2 0.98, and
 * two points of calibration brought the mean error from 24 % to 4 % (data of raphischer/ai-energy-validation,
 * arXiv 2509.22092; evaluated anew).
 */
import { AppError } from '../../contract.ts';

/** Mean powers over the same stretch of time, W. */
export interface WallPoint {
  countedWatts: number;
  wallWatts: number;
}

export interface WallFit {
  /** What the machine takes beside everything that is counted, W. */
  baseWatts: number;
  /** Watts at the socket for each counted watt. */
  factor: number;
  /** Root mean square of what the line leaves over, W; null where two points lie on it by necessity. */
  residualWatts: number | null;
  /** What makes the line doubtful, in sentences. */
  warnings: string[];
}

/** Counted power under load over that at idle, below which two points say little about a slope. */
export const leastSpread = 1.3;
/** Losses and fans make a slope of 1.05 to 1.3; beyond these bounds something else was measured. */
export const plausibleFactor = { from: 0.8, to: 2 };

/**
 * The line through two or more points by least squares: wall = baseWatts + factor x counted. The base is
 * a power that is taken, so it is never below 0: where the line would cross the axis there, the factor is
 * fitted again through the origin.
 * @throws AppError BAD_INPUT where the points carry no line that could be a machine's
 */
export function fitWall(points: readonly WallPoint[]): WallFit {
  if (points.length < 2)
    throw new AppError(
      'BAD_INPUT',
      `A calibration needs two points, and there ${points.length === 1 ? 'is one' : 'is none'}.`,
      'Measure once while the machine is idle and once under load.',
    );
  for (const { countedWatts, wallWatts } of points)
    if (!isPower(countedWatts) || !isPower(wallWatts))
      throw new AppError(
        'BAD_INPUT',
        `A point of the calibration is no power: ${countedWatts} W counted, ${wallWatts} W at the socket.`,
        'Measure it again.',
      );
  const counted = points.map(({ countedWatts }) => countedWatts);
  const wall = points.map(({ wallWatts }) => wallWatts);
  const [lowest, highest] = [Math.min(...counted), Math.max(...counted)];
  const [meanX, meanY] = [mean(counted), mean(wall)];
  const sxx = sum(counted.map((x) => (x - meanX) ** 2));
  // as good as the same power twice: any slope would be noise
  if (highest - lowest <= 0.01 * highest)
    throw new AppError(
      'BAD_INPUT',
      `The counted power was the same at every point (${round(lowest)} W), so no line can be laid through them.`,
      'What is counted here may not follow the load: look at the sources on the page of this machine. Or the load did not load the machine.',
    );
  let factor = sum(points.map((_, i) => (counted[i]! - meanX) * (wall[i]! - meanY))) / sxx;
  if (factor <= 0)
    throw new AppError(
      'BAD_INPUT',
      'The meter showed no more under load than at idle, although more was counted.',
      'Is this machine plugged into that meter, alone and without a battery that takes over? Then measure both points again.',
    );
  let baseWatts = meanY - factor * meanX;
  const warnings: string[] = [];
  if (baseWatts < 0) {
    warnings.push(
      `The line through the points would have the machine take ${round(baseWatts)} W with nothing counted; it was laid through 0 W instead. Components may be counted too high, or the load was not the same for meter and sensors.`,
    );
    baseWatts = 0;
    factor = sum(points.map((_, i) => counted[i]! * wall[i]!)) / sum(counted.map((x) => x * x));
  }
  if (highest < leastSpread * lowest)
    warnings.push(
      `The points lie close together (${round(lowest)} and ${round(highest)} W counted): under load it should be at least ${leastSpread} times as much as at idle. Figures far from them are uncertain.`,
    );
  if (factor < plausibleFactor.from)
    warnings.push(
      `A counted watt is only ${round(factor)} W at the socket. Less than ${plausibleFactor.from} is not plausible: a component may be counted too high, or twice, or the meter does not see the whole machine.`,
    );
  if (factor > plausibleFactor.to)
    warnings.push(
      `A counted watt is ${round(factor)} W at the socket. More than ${plausibleFactor.to} is not plausible for losses alone: a part that works under load is not counted (a graphics card, perhaps), or something else is plugged into the meter.`,
    );
  if (points.some(({ countedWatts, wallWatts }) => wallWatts < countedWatts))
    warnings.push(
      'At one point the meter showed less than what is counted inside the machine. Modelled components may be too high, or the meter does not see the whole machine.',
    );
  const left = points.map((_, i) => wall[i]! - baseWatts - factor * counted[i]!);
  const exact = points.length === 2 && baseWatts > 0;
  return {
    baseWatts,
    factor,
    residualWatts: exact ? null : Math.sqrt(mean(left.map((difference) => difference ** 2))),
    warnings,
  };
}

const isPower = (watts: number): boolean => Number.isFinite(watts) && watts >= 0;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const round = (value: number): number => Number(value.toPrecision(3));

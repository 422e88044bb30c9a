/**
 * The machine's idle power as it was last measured, kept until the next baseline. It is of the sensors
 * that measured it: one that has another source or another model (a new TDP, say) has another idle power.
 */
import type { Machine } from '../../contract.ts';
import type { ComponentInfo } from '../../meter/messages.ts';

interface RememberedIdle {
  /** Milliseconds since 1970. */
  at: number;
  watts: Record<string, number | null>;
  /** How each component was read. */
  sensors: Record<string, string>;
}

type Sensor = Pick<ComponentInfo, 'key' | 'source' | 'provenance' | 'method'>;

/** A sensor's own words may change from one start to the next (what was probed of it): they do not count. */
const sensorOf = ({ source, provenance, method }: Sensor): string =>
  provenance === 'modelled' || provenance === 'constant'
    ? `${source}: ${method}`
    : `${source}, ${provenance}`;

export const rememberedIdle = (
  watts: Record<string, number | null>,
  components: readonly Sensor[],
): RememberedIdle => ({
  at: Date.now(),
  watts,
  sensors: Object.fromEntries(components.map((sensor) => [sensor.key, sensorOf(sensor)])),
});

/** What of it is true of the present sensors; null where nothing is. */
export function presentIdle(idle: unknown, components: readonly Sensor[]): Machine['idle'] {
  const { at, watts, sensors } = (idle ?? {}) as Partial<RememberedIdle>;
  if (at === undefined || !watts || !sensors) return null;
  const present = components.filter(
    (sensor) => sensor.key in watts && sensors[sensor.key] === sensorOf(sensor),
  );
  if (present.length === 0) return null;
  return { at, watts: Object.fromEntries(present.map(({ key }) => [key, watts[key] ?? null])) };
}

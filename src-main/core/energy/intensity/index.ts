/**
 * Hourly carbon intensity: asked of a source, kept in the store, and never required. Nothing goes over the
 * network unless the user chose a service; what cannot be had is told in a sentence and left out.
 */
import {
  AppError,
  type HourlyIntensity,
  type IntensityProfile,
  type IntensityProvider,
  type IntensityState,
} from '../../../contract.ts';
import type { Store } from '../../store/store.ts';
import { electricityMaps } from './electricity-maps.ts';
import { dayBetween, readProfile, type Profile } from './profile.ts';
import type { IntensitySource } from './source.ts';
import {
  coveredUntil,
  covers,
  endOf,
  hourMs,
  merged,
  noSteps,
  valueAt,
  within,
  type Steps,
} from './steps.ts';
import { ukIntensity } from './uk.ts';

export type { IntensitySource } from './source.ts';

/** Who is asked, and for where. */
export interface IntensityChoice {
  provider: IntensityProvider;
  zone: string;
}

export interface Hours {
  hourly: HourlyIntensity;
  /** Why something is missing; null when nothing is. */
  problem: string | null;
}

export interface IntensityService {
  state(): Promise<IntensityState>;
  setKey(key: string | null): Promise<void>;
  /** @throws AppError BAD_INPUT when nothing of the file can be used */
  importProfile(
    name: string,
    csv: string,
  ): Promise<{ profile: IntensityProfile; taken: number; refused: Profile['refused'] }>;
  removeProfile(name: string): Promise<void>;
  /** What is known of some intervals (ms since 1970), from the store and where need be the source. */
  hours(
    choice: IntensityChoice,
    intervals: readonly { from: number; to: number }[],
  ): Promise<Hours>;
  /** What is to come, as far as a profile or a service's forecast knows it; nothing of it is kept. */
  ahead(choice: IntensityChoice, from: number, to: number): Promise<Hours>;
  /** The figure of this moment, asked anew. @throws AppError where there is none */
  now(choice: IntensityChoice): Promise<{ name: string; at: number; gPerKwh: number }>;
  /** Without figures yet: what a run begins with. */
  nothingYet(choice: IntensityChoice): HourlyIntensity;
}

type Kept = Pick<
  Store,
  | 'recall'
  | 'remember'
  | 'intensitySteps'
  | 'addIntensitySteps'
  | 'removeIntensity'
  | 'intensityProfiles'
>;

/** Under this name the key lies among the settings; no answer and no export has it. */
const keyName = 'electricityMapsKey';
/** Figures of the last hours are forecasts and estimates: they are asked for again. */
const settledMs = 2 * hourMs;
/** What a service foresees changes no more often. */
const foreseenMs = hourMs / 2;
const profileKinds = { day: 'profile-day', hours: 'profile' } as const;

export function createIntensity(store: Kept): IntensityService {
  const key = async (): Promise<string | null> => {
    const { [keyName]: value } = await store.recall([keyName]);
    return typeof value === 'string' ? value : null;
  };

  const profiles = async (): Promise<IntensityProfile[]> =>
    (await store.intensityProfiles()).map(({ provider, zone, first, last, ...rest }) => {
      const day = provider === profileKinds.day;
      return {
        name: zone,
        kind: day ? 'day' : 'hours',
        from: day ? null : first,
        to: day ? null : last + hourMs,
        ...rest,
      };
    });

  const profileSource: IntensitySource = {
    name: 'profile',
    label: 'Profile from a file',
    about: (zone) => ({
      kind: 'profile',
      provider: 'profile',
      zone,
      name: `profile ${zone}`,
      source: 'CSV file of the user',
      basis: 'as in the profile',
    }),
    async hours(zone, from, to) {
      const profile = (await profiles()).find(({ name }) => name === zone);
      if (!profile)
        throw new AppError(
          'NOT_FOUND',
          `There is no profile "${zone}".`,
          'Import its CSV file in the settings.',
        );
      const stored = await store.intensitySteps(
        profileKinds[profile.kind],
        zone,
        ...(profile.kind === 'day' ? ([0, 24 * hourMs] as const) : ([from - hourMs, to] as const)),
      );
      return {
        ...profileSource.about(zone),
        ...(profile.kind === 'day' ? dayBetween(stored, from, to) : stored),
      };
    },
  };

  const sources: Record<IntensityProvider, IntensitySource> = {
    profile: profileSource,
    'electricity-maps': electricityMaps(key),
    uk: ukIntensity,
  };

  const foreseen = new Map<string, { at: number; to: number; hours: Hours }>();

  const nothingYet = ({ provider, zone }: IntensityChoice): HourlyIntensity => ({
    ...sources[provider].about(zone),
    ...noSteps,
  });

  const fetched = async (
    choice: IntensityChoice,
    from: number,
    to: number,
  ): Promise<HourlyIntensity> => {
    const { provider, zone } = choice;
    const found = await sources[provider].hours(zone, from, to);
    if (provider !== 'profile') await store.addIntensitySteps(provider, found.zone, found);
    return found;
  };

  /** Of one interval, what is kept and settled; what is not, from the source. */
  const hoursOf = async (
    choice: IntensityChoice,
    from: number,
    to: number,
  ): Promise<{ found: HourlyIntensity | null; steps: Steps; problem: string | null }> => {
    const { provider, zone } = choice;
    if (provider === 'profile') {
      const found = await sources.profile.hours(zone, from, to);
      const problem = covers(found, from, to) ? null : 'The profile does not have every hour.';
      return { found, steps: found, problem };
    }
    const asked = provider === 'uk' ? zone.toUpperCase() : zone;
    const kept = await store.intensitySteps(provider, asked, from - hourMs, to);
    const settled = Date.now() - settledMs;
    if (covers(kept, from, to) && to <= settled) return { found: null, steps: kept, problem: null };
    try {
      // what is known and settled is not asked for again: of a run of days the last hours are all that is new,
      // and a plan of a service may give no more than these
      const start = Math.max(from, Math.min(coveredUntil(kept, from), settled));
      const found = await fetched(choice, start, to);
      const steps = merged(found, kept);
      const problem = covers(steps, from, to)
        ? null
        : `${sources[provider].label} does not have every hour (yet).`;
      return { found, steps, problem };
    } catch (cause) {
      return { found: null, steps: kept, problem: sentence(cause) };
    }
  };

  return {
    nothingYet,
    state: async () => {
      const own = await key();
      return {
        providers: [
          { name: 'profile', label: profileSource.label, network: false, needsKey: false },
          {
            name: 'electricity-maps',
            label: sources['electricity-maps'].label,
            network: true,
            needsKey: true,
          },
          { name: 'uk', label: ukIntensity.label, network: true, needsKey: false },
        ],
        keyEnd: own === null ? null : own.slice(-3),
        profiles: await profiles(),
      };
    },
    setKey: async (value) => {
      await store.remember({ [keyName]: value });
      // what was refused without it, or with another one
      foreseen.clear();
    },
    importProfile: async (name, csv) => {
      const { kind, steps, taken, refused } = readProfile(csv);
      for (const provider of Object.values(profileKinds))
        await store.removeIntensity(provider, name);
      await store.addIntensitySteps(profileKinds[kind], name, steps);
      const profile = (await profiles()).find((one) => one.name === name)!;
      return { profile, taken, refused };
    },
    removeProfile: async (name) => {
      for (const provider of Object.values(profileKinds))
        await store.removeIntensity(provider, name);
    },
    hours: async (choice, intervals) => {
      let hourly = nothingYet(choice);
      let steps: Steps = noSteps;
      let problem: string | null = null;
      for (const { from, to } of intervals) {
        if (to <= from) continue;
        try {
          const answer = await hoursOf(choice, from, to);
          if (answer.found) hourly = answer.found;
          steps = merged(answer.steps, steps);
          problem ??= answer.problem;
        } catch (cause) {
          problem ??= sentence(cause);
        }
      }
      return { hourly: { ...hourly, ...within(steps, intervals) }, problem };
    },
    ahead: async (choice, from, to) => {
      const key = `${choice.provider} ${choice.zone}`;
      const last = foreseen.get(key);
      // a form asks whenever something is typed; a service is asked twice an hour
      if (last && Date.now() - last.at < foreseenMs && to <= last.to) return last.hours;
      const source = sources[choice.provider];
      const until = to + hourMs;
      const asked = source.ahead
        ? source.ahead(choice.zone, from, until)
        : source.hours(choice.zone, from, until);
      const hours = await asked.then(
        (hourly): Hours => ({ hourly, problem: null }),
        (cause: unknown): Hours => ({ hourly: nothingYet(choice), problem: sentence(cause) }),
      );
      if (choice.provider !== 'profile') foreseen.set(key, { at: Date.now(), to: until, hours });
      return hours;
    },
    now: async (choice) => {
      const at = Date.now();
      const found = await fetched(choice, at - hourMs, at);
      const gPerKwh = valueAt(found, at - 1);
      const last = found.at.length - 1;
      if (gPerKwh === null && (last < 0 || at - endOf(found, last) > settledMs))
        throw new AppError('UNAVAILABLE', `${found.name} has no figure for this hour.`);
      return gPerKwh === null
        ? { name: found.name, at: found.at[last]!, gPerKwh: found.gPerKwh[last]! }
        : { name: found.name, at, gPerKwh };
    },
  };
}

const sentence = (cause: unknown): string => {
  if (cause instanceof AppError) return cause.message;
  throw cause;
};

/**
 * IOReport's "Energy Model" through koffi: energy that macOS keeps for each part of an Apple chip.
 *
 * The library is private to Apple: signatures are those that macmon and OSHI use alike. Objects of
 * functions with Create or Copy in their name are ours to release, all others belong to the object that
 * they were taken from. No blocks are needed: a sample is a dictionary whose "IOReportChannels" is an
 * array with one dictionary per channel.
 */
import koffi from 'koffi';

type Ref = bigint;

const utf8 = 0x08000100;
const longestText = 256;

const joulesPerUnit: Record<string, number> = { mJ: 1e-3, uJ: 1e-6, nJ: 1e-9 };

export interface EnergyChannel {
  /** Its place in a sample. */
  readonly index: number;
  /** Chips of several dies may have two of one name. */
  readonly name: string;
  /** Joules since some moment of the past; only differences mean something. */
  readonly joules: number;
}

export interface EnergyModel {
  /** Every channel and its energy now, in a unit that is known; the first sample of those that follow. */
  readonly first: readonly EnergyChannel[];
  /** From now on only these channels are read. */
  select(channels: readonly EnergyChannel[]): void;
  /**
   * Joules that each selected channel gained since the last call, or since `first`; a channel that is
   * not in the sample any more is NaN. After a failure the next call covers the time in between.
   *
   * @throws Error when there is no sample
   */
  gains(out: Float64Array): void;
  close(): void;
}

/**
 * Subscribes to the energy channels.
 *
 * @param given one library that stands for both of macOS's; null: libIOReport and CoreFoundation
 * @throws Error when it cannot be loaded, and when there are no such channels
 */
export function openEnergyModel(given: string | null): EnergyModel {
  const io = koffi.load(given ?? '/usr/lib/libIOReport.dylib');
  const foundation =
    given === null
      ? koffi.load('/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation')
      : io;
  const cf = {
    release: foundation.func('void CFRelease(void *)') as unknown as (object: Ref) => void,
    string: foundation.func(
      'void *CFStringCreateWithCString(void *, const char *, uint32_t)',
    ) as unknown as (allocator: null, text: string, encoding: number) => Ref | null,
    text: foundation.func(
      'uint8_t CFStringGetCString(void *, void *, long, uint32_t)',
    ) as unknown as (string: Ref, out: Buffer, bytes: number, encoding: number) => number,
    valueOf: foundation.func('void *CFDictionaryGetValue(void *, void *)') as unknown as (
      dictionary: Ref,
      key: Ref,
    ) => Ref | null,
    count: foundation.func('long CFArrayGetCount(void *)') as unknown as (array: Ref) => number,
    item: foundation.func('void *CFArrayGetValueAtIndex(void *, long)') as unknown as (
      array: Ref,
      index: number,
    ) => Ref | null,
    mutableCopy: foundation.func(
      'void *CFDictionaryCreateMutableCopy(void *, long, void *)',
    ) as unknown as (allocator: null, capacity: number, dictionary: Ref) => Ref | null,
  };
  const report = {
    channels: io.func(
      'void *IOReportCopyChannelsInGroup(void *, void *, uint64_t, uint64_t, uint64_t)',
    ) as unknown as (group: Ref, subgroup: null, c: number, d: number, e: number) => Ref | null,
    subscribe: io.func(
      'void *IOReportCreateSubscription(void *, void *, _Out_ void **, uint64_t, void *)',
    ) as unknown as (
      a: null,
      wanted: Ref,
      subscribed: [Ref | null],
      id: number,
      e: null,
    ) => Ref | null,
    sample: io.func('void *IOReportCreateSamples(void *, void *, void *)') as unknown as (
      subscription: Ref,
      channels: Ref,
      c: null,
    ) => Ref | null,
    delta: io.func('void *IOReportCreateSamplesDelta(void *, void *, void *)') as unknown as (
      before: Ref,
      after: Ref,
      c: null,
    ) => Ref | null,
    name: io.func('void *IOReportChannelGetChannelName(void *)') as unknown as (
      channel: Ref,
    ) => Ref | null,
    unit: io.func('void *IOReportChannelGetUnitLabel(void *)') as unknown as (
      channel: Ref,
    ) => Ref | null,
    value: io.func('int64_t IOReportSimpleGetIntegerValue(void *, int32_t)') as unknown as (
      channel: Ref,
      b: number,
    ) => number | bigint,
  };

  /** Everything that is released at the end, in the order in which it was made. */
  const owned: Ref[] = [];
  const own = (object: Ref | null, what: string): Ref => {
    if (object === null) throw new Error(`IOReport gave ${what}`);
    owned.push(object);
    return object;
  };
  const letter = Buffer.alloc(longestText);
  const textOf = (string: Ref | null): string => {
    if (string === null || cf.text(string, letter, longestText, utf8) === 0) return '';
    return letter.toString('utf8', 0, letter.indexOf(0)).trim();
  };

  let before: Ref | null = null;
  try {
    const key = own(cf.string(null, 'IOReportChannels', utf8), 'no string');
    const group = own(cf.string(null, 'Energy Model', utf8), 'no string');
    const found = report.channels(group, null, 0, 0, 0);
    if (found === null) throw new Error('IOReport has no group "Energy Model"');
    owned.push(found);
    const wanted = own(cf.mutableCopy(null, 0, found), 'no copy of its channels');
    const subscribed: [Ref | null] = [null];
    const subscription = own(
      report.subscribe(null, wanted, subscribed, 0, null),
      'no subscription to the energy channels',
    );
    // what was granted may be less than what was wanted
    const channels = subscribed[0] === null ? wanted : own(subscribed[0], 'no channels');

    const itemsOf = (sample: Ref): Ref => {
      const array = cf.valueOf(sample, key);
      if (array === null) throw new Error('A sample of IOReport has no channels');
      return array;
    };
    const sample = (): Ref => {
      const taken = report.sample(subscription, channels, null);
      if (taken === null) throw new Error('IOReport gave no sample');
      return taken;
    };

    before = sample();
    const items = itemsOf(before);
    const first: EnergyChannel[] = [];
    const factors = new Map<number, number>();
    const count = cf.count(items);
    for (let index = 0; index < count; index++) {
      const item = cf.item(items, index);
      if (item === null) continue;
      const name = textOf(report.name(item));
      const factor = joulesPerUnit[textOf(report.unit(item))];
      if (name === '' || factor === undefined) continue;
      factors.set(index, factor);
      first.push({ index, name, joules: Number(report.value(item, 0)) * factor });
    }

    let chosen: { name: string; index: number; factor: number }[] = [];
    return {
      first,
      select(selected) {
        chosen = selected.map(({ index, name }) => ({ index, name, factor: factors.get(index)! }));
      },
      gains(out) {
        const now = sample();
        const delta = report.delta(before!, now, null);
        if (delta === null) {
          cf.release(now);
          throw new Error('IOReport gave no difference of two samples');
        }
        try {
          const array = itemsOf(delta);
          const length = cf.count(array);
          chosen.forEach(({ name, index, factor }, place) => {
            const item = index < length ? cf.item(array, index) : null;
            out[place] =
              item !== null && textOf(report.name(item)) === name
                ? Number(report.value(item, 0)) * factor
                : NaN;
          });
        } catch (cause) {
          cf.release(now);
          throw cause;
        } finally {
          cf.release(delta);
        }
        cf.release(before!);
        before = now;
      },
      close() {
        if (before !== null) cf.release(before);
        before = null;
        for (const object of owned.splice(0).reverse()) cf.release(object);
      },
    };
  } catch (cause) {
    if (before !== null) cf.release(before);
    for (const object of owned.splice(0).reverse()) cf.release(object);
    throw cause;
  }
}

/**
 * RAPL through Linux's powercap tree: energy counters of processor packages and of their memory.
 *
 * Counted are the package zones, each once, and each package's own `dram` child. Not counted: `core` and
 * `uncore` (inside package), `psys` (contains package), `intel-rapl-mmio` (a mirror of the package zone,
 * taken only where the first is not there or closed to us), and the zones in which several dies of one
 * socket show the same counter (seen on Threadripper and EPYC).
 * Source: Documentation/power/powercap in the Linux tree; CVE-2020-8694 for the permissions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CounterEnergy } from '../energy.ts';
import { KernelFile } from '../load.ts';
import { SampleFlag } from '../messages.ts';
import type { ComponentInfo } from '../messages.ts';
import { MachineFigures } from './machine-figures.ts';
import { clearReading, emptyReading, idleSource, messageOf } from './source.ts';
import type {
  Component,
  Health,
  Reading,
  Source,
  SourceContext,
  SourceDefinition,
} from './source.ts';

const defaultRoot = '/sys/class/powercap';
const joulesPerUnit = 1e-6;
/** Independent counters this close to each other are one counter (a 32-bit one: chance 1 in 30 000). */
const mirrorJoules = 1;
/** Power is computed over at least this time, so that a mark right after a sample is not noise. */
const wattsOverMicros = 50_000;
const reopenMicros = 1_000_000;
/** No package and no memory draws nothing for so long: a counter that stands still does not count. */
const frozenMicros = 5_000_000;

/** A domain of the powercap tree. */
interface Zone {
  path: string;
  /** `package-0`, `package-0-die-1`, `dram`, ... */
  name: string;
  /** What keeps us from its counter; null: it can be read. */
  obstacle: { code: string; message: string } | null;
  /** Microjoules at the time of looking; null where it cannot be read. */
  energy: number | null;
}

const textOf = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
};

/** A positive whole number; null for anything else. */
const numberOf = (path: string): number | null => {
  const text = textOf(path);
  return text !== null && /^\d+$/.test(text) && Number(text) > 0 ? Number(text) : null;
};

function look(path: string): Zone | null {
  const name = textOf(join(path, 'name'));
  if (name === null) return null;
  try {
    const text = readFileSync(join(path, 'energy_uj'), 'utf8').trim();
    // virtual machines and parts without memory counters show a zone that never counts
    const counts = /^\d+$/.test(text) && Number(text) > 0;
    if (counts) return { path, name, obstacle: null, energy: Number(text) };
    const message = `energy_uj holds ${JSON.stringify(text.slice(0, 40))}`;
    return { path, name, obstacle: { code: 'NUMBER', message }, energy: null };
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'UNKNOWN';
    return { path, name, obstacle: { code, message: messageOf(cause) }, energy: null };
  }
}

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch {
    return [];
  }
};

/**
 * The package zones to read: one for each counter that exists.
 * @param sockets of the machine: where there are more packages, dies of one socket are called packages
 */
function choosePackages(root: string, sockets: number): { packages: Zone[]; left: string[] } {
  const names = list(root);
  const zonesOf = (control: string): Zone[] =>
    names
      .filter((name) => new RegExp(`^${control}:\\d+$`).test(name))
      .map((name) => look(join(root, name)))
      .filter((zone): zone is Zone => zone !== null && /^package-\d+/.test(zone.name));
  const chosen = new Map<string, Zone>();
  const left: string[] = [];
  for (const zone of [...zonesOf('intel-rapl'), ...zonesOf('intel-rapl-mmio')]) {
    const same = chosen.get(zone.name);
    const better = same === undefined || (same.obstacle !== null && zone.obstacle === null);
    if (better) chosen.set(zone.name, zone);
    else left.push(`${zone.name} again (mirror)`);
  }
  const packages: Zone[] = [];
  for (const zone of chosen.values()) {
    const socket = socketOf(zone);
    const mirror = packages.find(
      (other) =>
        (chosen.size > sockets || socketOf(other) === socket) &&
        zone.energy !== null &&
        other.energy !== null &&
        zone.energy > 0 &&
        Math.abs(zone.energy - other.energy) * joulesPerUnit < mirrorJoules,
    );
    if (mirror) left.push(`${zone.name} (the same counter as ${mirror.name})`);
    else packages.push(zone);
  }
  return { packages, left };
}

const socketOf = ({ name }: Zone): string => /^package-\d+/.exec(name)![0];

/** The `dram` child of a package: inside its folder, or beside it as the class folder lists it. */
function memoryOf(root: string, zone: Zone): Zone | null {
  const id = zone.path.slice(root.length).replace(/^[/\\]+/, '');
  const child = new RegExp(`^${id}:\\d+$`);
  for (const folder of [zone.path, root])
    for (const name of list(folder)) {
      if (!child.test(name)) continue;
      const found = look(join(folder, name));
      if (found?.name === 'dram') return found;
    }
  return null;
}

/** A counter that is read while the source is open. */
class Domain implements Component {
  readonly info: ComponentInfo;
  readonly reading: Reading = emptyReading();
  readonly alive = true;
  failure: string | null = null;
  readonly rangeKnown: boolean;
  readonly #path: string;
  readonly #energy: CounterEnergy;
  readonly #range: number | null;
  readonly #maxWatts: number;
  #file: KernelFile | null = null;
  #openedAt = -Infinity;
  #lastRaw = -1;
  #frozen = false;
  #movedAt = -Infinity;

  constructor(info: ComponentInfo, zone: Zone, energy: CounterEnergy, maxWatts: number) {
    this.info = info;
    this.#path = join(zone.path, 'energy_uj');
    this.#range = numberOf(join(zone.path, 'max_energy_range_uj'));
    this.rangeKnown = this.#range !== null;
    this.#energy = energy;
    this.#maxWatts = maxWatts;
  }

  read(now: number): void {
    const raw = this.#counter(now);
    if (raw === null) {
      // a failed read is missing; taken for 0 it would look like a wrap
      clearReading(this.reading);
      return;
    }
    if (raw !== this.#lastRaw) {
      // what it did while it stood still nobody knows
      if (this.#frozen) this.#energy.breakOff();
      this.#frozen = false;
      this.#lastRaw = raw;
      this.#movedAt = now;
    } else if (now - this.#movedAt >= frozenMicros) {
      this.#frozen = true;
      this.failure = `${this.#path} stands still`;
      clearReading(this.reading);
      return;
    }
    this.#energy.add(raw, now, this.#range, this.#maxWatts);
    this.reading.joules = this.#energy.joules;
    this.reading.watts = this.#energy.watts(now, wattsOverMicros);
    this.reading.utilPercent = null;
    this.reading.memoryMb = null;
    this.reading.flags = this.#energy.takeGap() ? SampleFlag.gap : 0;
  }

  #counter(now: number): number | null {
    try {
      if (this.#file === null) {
        if (now - this.#openedAt < reopenMicros) return null;
        this.#openedAt = now;
        this.#file = new KernelFile(this.#path, 32);
      }
      const raw = this.#file.readNumber();
      this.failure = raw === null ? `${this.#path} does not hold a number` : null;
      return raw;
    } catch (cause) {
      this.failure = messageOf(cause);
      this.close();
      return null;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}

/**
 * Two ways to the counters, with what they open. A rule of udev rather than of tmpfiles: it also holds
 * where the driver is loaded after the start. Both files, because without the range each wrap is a gap.
 */
const permissionFix = [
  '# Until the next restart, for every user of this machine:',
  'sudo find /sys/devices/virtual/powercap -name energy_uj -o -name max_energy_range_uj | xargs sudo chmod a+r',
  '# Or for good, for the members of the group "energy" only:',
  'sudo groupadd -f energy && sudo usermod -aG energy "$USER"',
  "sudo tee /etc/udev/rules.d/70-energy-counters.rules <<'RULE'",
  `SUBSYSTEM=="powercap", KERNEL=="intel-rapl*:*", ACTION=="add|change", RUN+="/bin/sh -c 'cd /sys%p && chgrp energy energy_uj max_energy_range_uj && chmod g+r energy_uj max_energy_range_uj'"`,
  'RULE',
  'sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=powercap',
  '# Then log out and in again, and look for sensors again.',
  '# Risk: whoever may read these counters can infer what other programs of this machine compute',
  '# (PLATYPUS, CVE-2020-8694). On a machine shared with people you do not trust, keep the estimate.',
].join('\n');

/**
 * Power of one package beyond which a reading is an error: 3 times its design power, but never less
 * than short turbo limits reach.
 */
function maxPackageWatts(zone: Zone, tdpWatts: number | null): number {
  const limit = numberOf(join(zone.path, 'constraint_0_max_power_uw'));
  const design = Math.max(tdpWatts ?? 0, (limit ?? 0) / 1e6);
  return design > 0 ? Math.max(300, 3 * design) : 1500;
}
const maxMemoryWatts = 600;

function open(context: SourceContext): Source {
  const root = context.settings.paths.powercap ?? defaultRoot;
  const { packages, left } = choosePackages(root, context.inventory.cpu.sockets);
  const memoryWanted = context.settings.ram.mode !== 'off';
  const readable = packages.filter(({ obstacle }) => obstacle === null);
  const closed = packages.filter(({ obstacle }) => obstacle !== null);
  if (packages.length === 0)
    return idleSource(
      'unavailable',
      `No processor package under ${root}` +
        (context.inventory.virtual ? ': virtual machines rarely see the counters.' : '.'),
      context.inventory.virtual || process.platform !== 'linux'
        ? null
        : 'On bare metal, load the driver: sudo modprobe intel_rapl_msr (it serves AMD too, kernel 5.11 or newer).',
    );
  const denied = closed.some(({ obstacle }) => /^(EACCES|EPERM)$/.test(obstacle!.code));
  const closedText = closed.map(({ name, obstacle }) => `${name}: ${obstacle!.message}`).join('; ');
  if (readable.length === 0)
    return idleSource(
      'unavailable',
      denied
        ? `The counters are there, but only root may read them (${closedText}).`
        : `The counters cannot be read (${closedText}).`,
      denied ? permissionFix : null,
    );

  const { cpu } = context.inventory;
  const domains: Domain[] = [];
  const add = (zone: Zone, kind: 'cpu' | 'ram', id: string, maxWatts: number): void => {
    const key = `${kind}:${id}`;
    const info: ComponentInfo = {
      key,
      kind,
      name:
        kind === 'cpu' ? `${cpu.brand}, ${id}` : `Memory of package ${id.slice('dram-'.length)}`,
      source: 'rapl',
      provenance: 'counted',
      uncertaintyPercent: 5,
      uncertaintyWatts: null,
      method: `RAPL energy counter, ${join(zone.path, 'energy_uj')}`,
    };
    domains.push(
      new Domain(info, zone, context.ledger.counter(key, 'rapl', joulesPerUnit), maxWatts),
    );
  };
  const closedMemory: Zone[] = [];
  for (const zone of readable) {
    add(zone, 'cpu', zone.name, maxPackageWatts(zone, cpu.tdpWatts));
    const memory = memoryWanted ? memoryOf(root, zone) : null;
    if (memory?.obstacle === null)
      add(memory, 'ram', zone.name.replace('package', 'dram'), maxMemoryWatts);
    else if (memory !== null) closedMemory.push(memory);
  }
  if (list(root).some((name) => textOf(join(root, name, 'name')) === 'psys'))
    left.push('psys (contains the packages)');
  if (!memoryWanted) left.push('memory (left out by the settings)');
  const withoutRange = domains.filter(({ rangeKnown }) => !rangeKnown);

  const notes = [
    `Reads ${domains.map(({ info }) => info.key).join(', ')}.`,
    left.length > 0 ? `Not counted: ${left.join(', ')}.` : '',
    closed.length > 0 ? `Closed to us, so energy is missing: ${closedText}.` : '',
    closedMemory.length > 0
      ? `Memory counters cannot be read: ${closedMemory[0]!.obstacle!.message}.`
      : '',
    withoutRange.length > 0
      ? `max_energy_range_uj cannot be read for ${withoutRange.map(({ info }) => info.key).join(', ')}: each wrap of the counter is a gap.`
      : '',
  ];
  const well: Health = {
    state: 'reading',
    detail: notes.filter(Boolean).join(' '),
    fix: withoutRange.length > 0 || denied || closedMemory.length > 0 ? permissionFix : null,
  };
  let health = well;
  const figures = new MachineFigures(context.settings.paths.procStat);

  const heed = (): void => {
    const failing = domains.filter(({ failure }) => failure !== null);
    const detail = failing.map(({ info, failure }) => `${info.key}: ${failure}`).join('; ');
    const before = health;
    if (failing.length === 0) health = well;
    else if (health.detail !== detail) health = { state: 'failed', detail, fix: null };
    if (health === before) return;
    const ill = health.state === 'failed';
    if (ill !== (before.state === 'failed'))
      context.event(
        ill ? 'warning' : 'info',
        failing[0]?.info.key ?? null,
        ill
          ? `A RAPL counter cannot be read any more: ${detail}. Its energy is missing until it comes back.`
          : 'All RAPL counters can be read again.',
      );
    context.changed();
  };

  return {
    get health() {
      return health;
    },
    components: domains,
    read(now) {
      for (const domain of domains) domain.read(now);
      figures.show(domains, now);
      if (health.state === 'failed' || domains.some(({ failure }) => failure !== null)) heed();
    },
    close() {
      for (const domain of domains) domain.close();
      figures.close();
    },
  };
}

export const rapl: SourceDefinition = {
  name: 'rapl',
  label: 'RAPL counters',
  exists: ({ paths }, platform) => platform === 'linux' || paths.powercap !== null,
  open,
};

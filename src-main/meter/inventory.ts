/**
 * What this machine is, asked once per start and never in the sampling loop.
 *
 * `systeminformation` starts subprocesses (PowerShell, dmidecode, lspci); each answer is optional,
 * has a time limit, and has a plainer one from Node behind it.
 */
import { readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem, type } from 'node:os';
import si from 'systeminformation';
import type { Inventory, MeterSettings } from './messages.ts';
import { matchTdp, tdpTable } from './tdp.ts';

const limitMs = 4000;

async function within<T>(answer: () => Promise<T>, ms = limitMs): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([answer(), late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

const firstText = (...candidates: (string | null | undefined)[]): string | null =>
  candidates.map((text) => text?.trim()).find((text) => text) ?? null;

/** Sockets and cores from `/proc/cpuinfo`, the kernel's own word; nulls elsewhere. */
export function parseCpuinfo(text: string): {
  sockets: number | null;
  physicalCores: number | null;
  hypervisor: boolean;
} {
  const sockets = new Set<string>();
  const cores = new Set<string>();
  let socket = '';
  for (const line of text.split('\n')) {
    const [name, value] = line.split(':', 2).map((part) => part.trim());
    if (name === 'physical id') sockets.add((socket = value ?? ''));
    if (name === 'core id') cores.add(`${socket}/${value}`);
  }
  return {
    sockets: sockets.size || null,
    physicalCores: cores.size || null,
    hypervisor: /^flags\s*:.*\bhypervisor\b/m.test(text),
  };
}

function cpuinfo(): ReturnType<typeof parseCpuinfo> {
  try {
    return parseCpuinfo(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return { sockets: null, physicalCores: null, hypervisor: false };
  }
}

/** The machine without its graphics cards, which the sources name better. Never rejects. */
export async function takeInventory(settings: MeterSettings): Promise<Inventory> {
  const [cpu, os, layout, board, system] = await Promise.all([
    within(() => si.cpu()),
    within(() => si.osInfo()),
    within(() => si.memLayout()),
    within(() => si.baseboard()),
    within(() => si.system()),
  ]);
  const kernel = cpuinfo();
  const threads = cpus();
  const brand =
    firstText(threads[0]?.model, `${cpu?.manufacturer ?? ''} ${cpu?.brand ?? ''}`) ??
    'Unknown processor';
  // without the right to ask the firmware, the whole memory comes back as one nameless module
  const dimms = (layout ?? []).filter((module) => module.size > 0 && module.type !== '');
  const given = settings.cpuTdpWatts;
  const match = given === null ? matchTdp(tdpTable(settings.resourcesDir), brand) : null;
  return {
    hostname: hostname(),
    os: firstText(`${os?.distro ?? ''} ${os?.release ?? ''}`) ?? `${type()} ${release()} ${arch()}`,
    cpu: {
      brand,
      sockets: Math.max(1, kernel.sockets ?? cpu?.processors ?? 1),
      physicalCores: kernel.physicalCores ?? (cpu?.physicalCores || threads.length || 1),
      cores: threads.length || cpu?.cores || 1,
      tdpWatts: given ?? match?.watts ?? null,
      tdpMatch: given !== null ? 'given in the settings' : (match?.model ?? null),
    },
    memory: { totalBytes: totalmem(), dimms: settings.dimms ?? (dimms.length || null) },
    gpus: [],
    board: firstText(`${board?.manufacturer ?? ''} ${board?.model ?? ''}`, system?.model),
    virtual: kernel.hypervisor || (system?.virtual ?? false),
  };
}

/**
 * Graphics cards that no source reads (other makers, a missing driver): their names at least. Their memory is
 * not known: `vram` is the largest PCI region on Linux, ends at 4 GiB on Windows, and is shared on chips.
 */
export async function otherGpus(): Promise<Inventory['gpus']> {
  const graphics = await within(() => si.graphics());
  return (graphics?.controllers ?? [])
    .filter(({ model }) => model !== '')
    .map(({ vendor, model, driverVersion }) => ({
      name: model.startsWith(vendor) ? model : `${vendor} ${model}`.trim(),
      memoryBytes: null,
      driver: driverVersion || null,
      uuid: null,
    }));
}

/**
 * Names of processor counters as Windows shows them, by its Energy Meter Interface and among its
 * performance counters alike.
 */
import type { ComponentInfo, Inventory } from '../messages.ts';

export interface PackageChannel {
  key: string;
  kind: 'cpu' | 'ram';
  /** Number of the package. */
  id: number;
}

/**
 * The whole package and its memory. Not `_PP0`, `_PP1` and `_CoreN_CORE`, which are parts of the package,
 * nor `_Total`.
 */
export function packageChannel(name: string): PackageChannel | null {
  const match = /^RAPL_Package(\d+)_(PKG|DRAM)$/i.exec(name.trim());
  if (match === null) return null;
  const id = Number(match[1]);
  return match[2]!.toUpperCase() === 'PKG'
    ? { key: `cpu:package-${id}`, kind: 'cpu', id }
    : { key: `ram:dram-${id}`, kind: 'ram', id };
}

export const packageName = (
  channel: PackageChannel,
  inventory: Inventory,
): ComponentInfo['name'] =>
  channel.kind === 'cpu'
    ? `${inventory.cpu.brand}, package-${channel.id}`
    : `Memory of package ${channel.id}`;

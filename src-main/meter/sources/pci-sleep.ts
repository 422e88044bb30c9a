/** Whether NVIDIA's cards sleep: asking the driver would wake them, asking the kernel does not. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const nvidia = '0x10de';
/** PCI class of displays and 3D controllers. */
const display = '0x03';

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/**
 * True where there are NVIDIA cards and the kernel has suspended all of them.
 * @param drm folder of the graphics devices, `/sys/class/drm`; the PCI devices are found from there
 */
export function nvidiaSleeps(drm: string | null): boolean {
  const folder = join(drm ?? '/sys/class/drm', '..', '..', 'bus', 'pci', 'devices');
  let devices: string[];
  try {
    devices = readdirSync(folder);
  } catch {
    return false;
  }
  const cards = devices
    .map((name) => join(folder, name))
    .filter((path) => textOf(join(path, 'vendor')) === nvidia)
    .filter((path) => textOf(join(path, 'class')).startsWith(display));
  return (
    cards.length > 0 &&
    cards.every((path) => textOf(join(path, 'power', 'runtime_status')) === 'suspended')
  );
}

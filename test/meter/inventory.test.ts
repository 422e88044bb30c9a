import { cpus, hostname, totalmem } from 'node:os';
import { expect, it } from 'vitest';
import { parseCpuinfo, takeInventory } from '../../src-main/meter/inventory.ts';
import { nowhere } from './child.ts';

it('counts sockets and cores as the kernel lists them', () => {
  const thread = (socket: number, core: number) =>
    `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}\nflags\t\t: fpu vme\n`;
  const text = [thread(0, 0), thread(0, 1), thread(1, 0), thread(1, 1), thread(1, 1)].join('\n');
  expect(parseCpuinfo(text)).toEqual({ sockets: 2, physicalCores: 4, hypervisor: false });
  expect(parseCpuinfo('flags : fpu hypervisor')).toEqual({
    sockets: null,
    physicalCores: null,
    hypervisor: true,
  });
});

it('describes this machine, and takes what the user knows better', async () => {
  const inventory = await takeInventory(nowhere({}, { cpuTdpWatts: 77, dimms: 6 }));
  expect(inventory).toMatchObject({
    hostname: hostname(),
    cpu: { cores: cpus().length, tdpWatts: 77, tdpMatch: 'given in the settings' },
    memory: { totalBytes: totalmem(), dimms: 6 },
  });
  expect(inventory.cpu.brand).not.toBe('');
  expect(inventory.cpu.sockets).toBeGreaterThanOrEqual(1);
});

/** A machine of stubs for the meter's benches: 8 cards and 2 packages with memory, whose counters move. */
import { join } from 'node:path';
import { nowhere } from '../meter/child.ts';
import { compileNvml, powercap, replaceFile, setEnergy, temporaryFolder } from '../meter/fakes.ts';
import type { MeterSettings } from '../../src-main/meter/messages.ts';

export interface StubMachine {
  settings: MeterSettings;
  /** For the meter's environment. */
  env: Record<string, string>;
  remove(): void;
}

/** @returns null, having said why, where there is no C compiler or no Linux. */
export function stubMachine(hz: number): StubMachine | null {
  if (process.platform !== 'linux') {
    console.log('skipped, the stub driver and /proc need Linux');
    return null;
  }
  const folder = temporaryFolder();
  const library = compileNvml(folder.path);
  if (library === null) return null;
  const script = join(folder.path, 'cards');
  replaceFile(script, 'gpus 8\n');
  const root = join(folder.path, 'powercap');
  const zones = ['intel-rapl:0', 'intel-rapl:1'].flatMap((zone) => [zone, `${zone}/${zone}:0`]);
  // far apart: packages of one socket that agree are taken for one
  let joules = zones.map((_, index) => 1000 * (index + 1));
  const counter = (index: number): number => Math.round(joules[index]! * 1e6);
  powercap(
    root,
    Object.fromEntries(
      [0, 1].map((id) => [
        `intel-rapl:${id}`,
        {
          name: `package-${id}`,
          energy: counter(2 * id),
          range: 262_143_328_850,
          children: [{ name: 'dram', energy: counter(2 * id + 1), range: 65_712_999_613 }],
        },
      ]),
    ),
  );
  const mover = setInterval(() => {
    joules = joules.map((value) => value + 20);
    zones.forEach((zone, index) => setEnergy(root, zone, counter(index)));
  }, 1000);
  return {
    settings: nowhere({ nvml: library, powercap: root }, { hz }),
    env: { FAKE_NVML: script, FAKE_NVML_FIXED: '1' },
    remove: () => {
      clearInterval(mover);
      folder.remove();
    },
  };
}

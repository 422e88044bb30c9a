/** The outside, faked: a driver library compiled from C, a powercap tree, an nvidia-smi. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'hugginggreen-meter-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * Compiles a stub library of test/fixtures. Without a C compiler: null and a line that says so, but an
 * error in CI, where nothing may be skipped unseen.
 */
function compile(folder: string, source: string, library: string): string | null {
  const path = join(folder, library);
  const file = fileURLToPath(new URL(`../fixtures/${source}`, import.meta.url));
  try {
    execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', path, file], { stdio: 'pipe' });
    return path;
  } catch (cause) {
    const compiler = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    if (!compiler || process.env.CI) throw cause;
    console.warn(`Skipped: the tests with ${library} need a C compiler (cc).`);
    return null;
  }
}

/** The stub of NVIDIA's driver library. */
export const compileNvml = (folder: string): string | null =>
  compile(folder, 'nvml/fake_nvml.c', 'libnvidia-ml-stub.so');

/** The stub of Windows' libraries for energy meters. */
export const compileEmi = (folder: string): string | null =>
  compile(folder, 'emi/fake_emi.c', 'emi-stub.so');

/** The stub of macOS's IOReport and CoreFoundation. */
export const compileIoreport = (folder: string): string | null =>
  compile(folder, 'ioreport/fake_ioreport.c', 'ioreport-stub.so');

/** Replaces a file in one step, so that a reader never sees half of it. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

export interface FakeZone {
  name: string;
  energy?: number | 'denied' | string;
  range?: number | 'denied';
  children?: FakeZone[];
}

/**
 * A powercap class folder as the kernel lays it out: zones in one folder, children both inside their
 * parent and beside it. "denied" is a link to nowhere, because root may read every file.
 */
export function powercap(root: string, zones: Record<string, FakeZone>): void {
  mkdirSync(root, { recursive: true });
  for (const [id, zone] of Object.entries(zones)) {
    const path = join(root, id);
    writeZone(path, zone);
    zone.children?.forEach((child, index) => {
      writeZone(join(path, `${id}:${index}`), child);
      symlinkSync(join(path, `${id}:${index}`), join(root, `${id}:${index}`));
    });
  }
}

function writeZone(path: string, { name, energy, range }: FakeZone): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'name'), `${name}\n`);
  if (energy === 'denied') symlinkSync('/nowhere/energy_uj', join(path, 'energy_uj'));
  else writeFileSync(join(path, 'energy_uj'), typeof energy === 'string' ? energy : `${energy}\n`);
  if (range === 'denied') symlinkSync('/nowhere/range', join(path, 'max_energy_range_uj'));
  else if (range !== undefined) writeFileSync(join(path, 'max_energy_range_uj'), `${range}\n`);
}

/** Sets a counter in place, as the kernel would: a reader never sees an empty file. */
export function setEnergy(root: string, zone: string, microjoules: number): void {
  const file = openSync(join(root, zone, 'energy_uj'), 'r+');
  writeSync(file, `${microjoules}\n`, 0);
  closeSync(file);
}

/** A shell script in the place of a command. */
export function commandScript(folder: string, name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A shell script in the place of nvidia-smi. `$1` holds the query. */
export const nvidiaSmiScript = (folder: string, body: string): string =>
  commandScript(folder, 'nvidia-smi', body);

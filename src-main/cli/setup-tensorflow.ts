/**
 * `npm run setup:tensorflow`: fetches the native part of the optional package @tensorflow/tfjs-node-gpu
 * by running that package's own install script. The default install leaves it out: it is some hundred
 * megabytes for a CUDA version (11.2) that few machines have.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const NAME = '@tensorflow/tfjs-node-gpu';

function main(): number {
  const folder = findPackage();
  if (!folder) {
    console.error(
      `${NAME} is not installed: it is an optional dependency. Run npm install without --omit=optional, then this again.`,
    );
    return 1;
  }
  console.log(`Fetching the native part of ${NAME} (some hundred megabytes) ...`);
  const { status, error } = spawnSync(
    process.execPath,
    [join(folder, 'scripts', 'install.js'), 'gpu', 'download'],
    { cwd: folder, stdio: 'inherit' },
  );
  if (status === 0) {
    console.log('Done. The engine "tensorflow" can be chosen; `hugginggreen doctor` tries it.');
    return 0;
  }
  console.error(
    [
      '',
      `The native part of ${NAME} could not be installed${error ? ` (${error.message})` : ''}.`,
      'Its server may be out of reach from here, or may refuse the download, as it did for others.',
      'Nothing else depends on it: the engines cpu, webgpu and cuda run the same models, faster.',
    ].join('\n'),
  );
  return 1;
}

function findPackage(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${NAME}/package.json`));
  } catch {
    return null;
  }
}

process.exitCode = main();

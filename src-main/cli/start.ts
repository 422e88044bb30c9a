/**
 * `npm start`: the desktop window; where there cannot be one, the same interface in a browser, after one
 * line that says why.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { wireError } from '../contract.ts';
import { ensureBuilt, root } from './build.ts';
import { exitCode, UsageError } from './command.ts';
import { serveInterface } from './commands/serve.ts';
import { electronBinary, electronHome } from './electron-binary.ts';

/** Why no window can be opened here; null when one can. */
function whyNoDisplay(env: NodeJS.ProcessEnv): string | null {
  if (process.platform !== 'linux' || env.DISPLAY || env.WAYLAND_DISPLAY) return null;
  return 'There is no display';
}

/** Fetches the binary where it is missing (a download of about 120 MB, once). */
function fetchElectron(): string | null {
  const present = electronBinary();
  if (present) return present;
  console.error('Fetching Electron, once ...');
  spawnSync(process.execPath, [join(electronHome(), 'install.js')], {
    cwd: root,
    stdio: 'ignore',
    timeout: 600_000,
  });
  return electronBinary();
}

function openDesktop(binary: string): Promise<number> {
  // some terminals (of editors that are Electron themselves) carry this, and Electron would be Node
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: undefined };
  // root cannot use Chromium's sandbox
  const flags = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const child = spawn(binary, [root, ...flags], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (!process.stdin.isTTY) child.kill(signal);
    });
  return new Promise((resolve) => {
    child.on('error', () => resolve(exitCode.failed));
    child.on('exit', (code) => resolve(code ?? exitCode.failed));
  });
}

async function start(): Promise<number> {
  const [option] = process.argv.slice(2);
  if (option !== undefined)
    throw new UsageError(
      `npm start takes no options, and "${option}" is one. To serve the window elsewhere: npx hugginggreen serve --port 8765`,
    );
  const reason = whyNoDisplay(process.env);
  const binary = reason ? null : fetchElectron();
  if (binary) {
    await ensureBuilt('desktop', 'report');
    return openDesktop(binary);
  }
  console.error(
    `${reason ?? 'Electron could not be fetched'}: HuggingGreen is served to a browser instead.`,
  );
  await serveInterface({ json: false });
  return exitCode.ok;
}

try {
  process.exitCode = await start();
} catch (cause) {
  const meant = cause instanceof UsageError;
  const { message, hint } = meant ? { message: cause.message, hint: null } : wireError(cause);
  console.error([message, hint].filter(Boolean).join('\n'));
  process.exitCode = meant ? exitCode.usage : exitCode.failed;
}

import { startServer } from '../../server/main.ts';
import { ensureBuilt, pageDir } from '../build.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { lastingHost } from '../session.ts';

export const serve: Command = {
  name: 'serve',
  usage: '[--port N] [--host ADDRESS]',
  summary: 'Serves the interface to a browser; for machines without a screen.',
  details: `Only this computer can connect, with the token in the printed address. From another computer use
an SSH tunnel: ssh -L 8765:127.0.0.1:8765 MACHINE. Ctrl-C ends it; a run stops with a checkpoint.`,
  options: {
    port: { type: 'string', value: 'N', help: 'default 8765, or the next free one; 0: any' },
    host: { type: 'string', value: 'ADDRESS', help: 'default 127.0.0.1; others are not encrypted' },
  },
  run: async ({ positionals, text, json }) => {
    if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much.`);
    await serveInterface({ port: portOf(text('port')), address: text('host'), json });
    return exitCode.ok;
  },
};

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`"${text}" is not a port.`);
  return port;
}

/** Serves until a signal comes. */
export async function serveInterface({
  port,
  address,
  json,
}: {
  port?: number;
  address?: string;
  json: boolean;
}): Promise<void> {
  await ensureBuilt('page', 'report');
  const host = await lastingHost('hugginggreen serve');
  try {
    const { handlers, events, download } = host;
    let { remark } = host;
    const server = await startServer({
      handlers,
      events,
      download,
      pageDir,
      connected: () => {
        if (remark) events.emit('notice', { level: 'warning', message: remark, hint: null });
        remark = null;
      },
      exactPort: port !== undefined,
      ...(port !== undefined && { port }),
      ...(address !== undefined && { address }),
    });
    if (json) printJson({ url: server.url, port: server.port, token: server.token });
    else console.log(`HuggingGreen is at ${server.url}`);
    await signalled();
    await server.close();
  } finally {
    await host.close();
  }
}

/** Resolves when the person wants it to end; insisting ends it at once. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    onInterrupt(
      () => {
        console.error('Ending; a run that trains stops with a checkpoint first ...');
        resolve();
      },
      () => process.exit(exitCode.interrupted),
    );
  });
}

import type { AppError } from '../../contract.ts';
import { defaultMetricsPort, metricsAddress } from '../../core/metrics/index.ts';
import { startServer } from '../../server/main.ts';
import { restricted } from '../../server/restricted.ts';
import { ensureBuilt, pageDir } from '../build.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { lastingHost } from '../session.ts';

export const serve: Command = {
  name: 'serve',
  usage: '[--port N] [--host ADDRESS] [--metrics [PORT|HOST:PORT]]',
  summary: 'Serves the interface to a browser; for machines without a screen.',
  details: `Only this computer can connect, with the token in the printed address. From another computer use
an SSH tunnel: ssh -L 8765:127.0.0.1:8765 MACHINE. Ctrl-C ends it; a run stops with a checkpoint.
The page starts no commands of your own unless --allow-commands is given: with it, whoever has the token
can run any program as you. hugginggreen run -- COMMAND on this computer works in any case.
--metrics serves joules, watts and runs to Prometheus as OpenMetrics text, to this computer only and without a
token; give another address (0.0.0.0:${defaultMetricsPort}) to let others read it.`,
  options: {
    port: { type: 'string', value: 'N', help: 'default 8765, or the next free one; 0: any' },
    host: { type: 'string', value: 'ADDRESS', help: 'default 127.0.0.1; others are not encrypted' },
    'allow-commands': {
      type: 'boolean',
      help: 'let the page start commands: whoever has the token can then run any program as you',
    },
    metrics: {
      type: 'string',
      value: '[PORT|HOST:PORT]',
      implied: String(defaultMetricsPort),
      help: `metrics for Prometheus, default 127.0.0.1:${defaultMetricsPort}`,
    },
  },
  run: async ({ positionals, text, flag, json }) => {
    if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much.`);
    const metrics = text('metrics');
    try {
      if (metrics !== undefined) metricsAddress(metrics);
    } catch (cause) {
      throw new UsageError(`${(cause as AppError).message} ${(cause as AppError).hint}`);
    }
    await serveInterface({
      port: portOf(text('port')),
      address: text('host'),
      metrics,
      allowCommands: flag('allow-commands'),
      json,
    });
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
  metrics,
  allowCommands = false,
  json,
}: {
  port?: number;
  address?: string;
  /** Where to serve metrics; where left out, the setting decides. */
  metrics?: string;
  /** The page may start commands; this computer's own command line always may. */
  allowCommands?: boolean;
  json: boolean;
}): Promise<void> {
  await ensureBuilt('page', 'report');
  const host = await lastingHost('hugginggreen serve');
  try {
    const { handlers, events, download } = host;
    let { remark } = host;
    const served = metrics === undefined ? null : await host.serveMetrics(metrics);
    const server = await startServer({
      handlers: allowCommands ? handlers : restricted(handlers),
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
    if (json)
      printJson({
        url: server.url,
        port: server.port,
        token: server.token,
        metrics: served?.url ?? null,
      });
    else {
      console.log(`HuggingGreen is at ${server.url}`);
      if (served) console.log(`Metrics are at ${served.url}`);
    }
    if (served?.warning) console.error(served.warning);
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

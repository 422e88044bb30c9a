/**
 * Power of the processor from a running LibreHardwareMonitor (Windows), asked through its web server when
 * the settings name it. That program needs an administrator and a driver; this one starts neither.
 *
 * Its `/data.json` is a tree of nodes: `Text` is the name of a sensor, `Value` is written in the system's
 * language (`34,5 W`), `SensorId` is `/intelcpu/0/power/0` and `Type` is `Power` (0.9.4 and newer).
 * `RawValue` is no plainer: 0.9.6 writes the same text there (its issue 2253).
 */
import { monotonicMicros } from '../../port.ts';
import type { ComponentInfo } from '../messages.ts';
import { MachineFigures } from './machine-figures.ts';
import { PowerChannel, plausibleWatts } from './power-channel.ts';
import type { PowerValue } from './power-channel.ts';
import { idleSource, isLeftToRead, messageOf, readerOf } from './source.ts';
import type { Health, Source, SourceContext, SourceDefinition } from './source.ts';
import { packageName } from './windows-channels.ts';

/** LibreHardwareMonitor itself looks once a second. */
const periodMs = 1000;
const timeoutMs = 2000;
const longestDelayMs = 60_000;
const longestBytes = 16 * 2 ** 20;

interface Node {
  Text?: unknown;
  Value?: unknown;
  SensorId?: unknown;
  Type?: unknown;
  Children?: unknown;
}
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** `34,5 W`, `34.5 W`, `880 mW`; null where it is no power. */
export function wattsOf(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const match = /^(\d+(?:[.,]\d+)?)\s*(m?)W$/.exec(value.trim());
  if (match === null) return null;
  return Number(match[1]!.replace(',', '.')) / (match[2] ? 1000 : 1);
}

/**
 * The packages of the tree and their memory. Cores and graphics of a processor are parts of its package;
 * `CPU Platform` contains it.
 *
 * @throws Error when it is not such a tree
 */
export function powersOf(tree: unknown): PowerValue[] {
  if (!isNode(tree) || !Array.isArray(tree.Children))
    throw new Error('the answer is not the tree of sensors that LibreHardwareMonitor gives');
  const values: PowerValue[] = [];
  const visit = (node: Node, depth: number): void => {
    if (node.Type === 'Power' && typeof node.SensorId === 'string') {
      const cpu = /^\/(?:intel|amd)cpu\/(\d+)\/power\/\d+$/.exec(node.SensorId);
      const text = typeof node.Text === 'string' ? node.Text : '';
      const key =
        cpu === null
          ? null
          : /^(CPU )?Package$/i.test(text)
            ? `cpu:package-${cpu[1]}`
            : /^(CPU )?Memory$/i.test(text)
              ? `ram:dram-${cpu[1]}`
              : null;
      if (key !== null && !values.some((value) => value.key === key))
        values.push({ key, watts: wattsOf(node.Value) });
    }
    if (Array.isArray(node.Children) && depth < 20)
      for (const child of node.Children as unknown[]) if (isNode(child)) visit(child, depth + 1);
  };
  visit(tree, 0);
  return values;
}

/** Address of the tree. @throws Error when the setting is no http(s) address */
export function dataAddress(setting: string): URL {
  const address = URL.canParse(setting) ? new URL(setting) : null;
  if (address === null || !/^https?:$/.test(address.protocol))
    throw new Error(
      `"${setting}" is no address of a web server; usual is http://127.0.0.1:8085 (see Options, Remote web server).`,
    );
  if (!address.pathname.endsWith('/data.json'))
    address.pathname = `${address.pathname.replace(/\/$/, '')}/data.json`;
  return address;
}

/** @throws Error when there is no answer in time, or not the one that was asked for */
async function ask(address: URL, closing: AbortSignal): Promise<PowerValue[]> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]);
  // a redirect would lead to a host that nobody has named
  const answer = await fetch(address, { signal, redirect: 'error' });
  if (!answer.ok) {
    await answer.body?.cancel();
    throw new Error(`it answers ${answer.status} ${answer.statusText}`.trim());
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > longestBytes) throw new Error(`it sends more than ${longestBytes / 2 ** 20} MiB`);
    chunks.push(chunk);
  }
  let tree: unknown;
  try {
    tree = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Error('the answer is no JSON');
  }
  return powersOf(tree);
}

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const code = (cause.cause as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNREFUSED'
    ? 'nobody listens there'
    : (code ?? (cause.cause instanceof Error ? cause.cause.message : cause.message));
};

async function open(context: SourceContext): Promise<Source> {
  const setting = context.settings.libreHardwareMonitor;
  if (setting === null) return idleSource('unused', 'Only where the settings name its web server.');
  const reader = readerOf('cpu', context);
  if (reader) return idleSource('unused', `${reader.definition.label} reads the processor.`);

  let address: URL;
  try {
    address = dataAddress(setting);
  } catch (cause) {
    return idleSource('unavailable', messageOf(cause));
  }
  const closing = new AbortController();
  const channels: PowerChannel[] = [];
  try {
    const now = monotonicMicros();
    for (const value of await ask(address, closing.signal)) {
      const kind = value.key.startsWith('cpu') ? 'cpu' : 'ram';
      if (plausibleWatts(kind, value.watts) === null || !isLeftToRead(kind, context)) continue;
      const id = Number(/\d+$/.exec(value.key)![0]);
      const info: ComponentInfo = {
        key: value.key,
        kind,
        name: packageName({ key: value.key, kind, id }, context.inventory),
        source: 'libre-hardware-monitor',
        provenance: 'integrated',
        uncertaintyPercent: 10,
        uncertaintyWatts: null,
        method: 'LibreHardwareMonitor, power of the package every second, integrated',
      };
      const channel = new PowerChannel(context, info, periodMs * 1000);
      channel.take(value, now);
      channels.push(channel);
    }
  } catch (cause) {
    return idleSource(
      'unavailable',
      `LibreHardwareMonitor at ${address.origin} cannot be asked: ${reasonOf(cause)}.`,
      'Start LibreHardwareMonitor as administrator and switch on Options, Remote web server; then look for sensors again.',
    );
  }
  if (!channels.some(({ info }) => info.kind === 'cpu'))
    return idleSource(
      'unavailable',
      `LibreHardwareMonitor at ${address.origin} shows no power of a processor package.`,
      'Start it as administrator and let it install its driver (PawnIO).',
    );

  const well: Health = {
    state: 'reading',
    detail: `Reads ${channels.map(({ info }) => info.key).join(', ')} from ${address.origin}.`,
    fix: null,
  };
  let health = well;
  let delayMs = periodMs;
  let timer: NodeJS.Timeout | null = null;

  const poll = async (): Promise<void> => {
    try {
      const values = await ask(address, closing.signal);
      const now = monotonicMicros();
      for (const channel of channels) {
        const value = values.find(({ key }) => key === channel.info.key);
        channel.take(value ?? { key: channel.info.key, watts: null }, now);
      }
      delayMs = periodMs;
      if (health !== well) {
        health = well;
        context.event('info', null, 'LibreHardwareMonitor answers again.');
        context.changed();
      }
    } catch (cause) {
      if (closing.signal.aborted) return;
      const detail = `LibreHardwareMonitor at ${address.origin}: ${reasonOf(cause)}.`;
      if (health === well)
        context.event(
          'warning',
          channels[0]!.info.key,
          `${detail} The processor is not measured meanwhile.`,
        );
      if (health.detail !== detail) {
        health = { state: 'failed', detail, fix: null };
        context.changed();
      }
      delayMs = Math.min(2 * delayMs, longestDelayMs);
    }
    again();
  };
  const again = (): void => {
    if (!closing.signal.aborted) timer = setTimeout(() => void poll(), delayMs);
  };
  again();

  const figures = new MachineFigures(context.settings.paths.procStat);
  return {
    get health() {
      return health;
    },
    components: channels,
    read(now) {
      for (const channel of channels) channel.read(now);
      figures.show(channels, now);
    },
    close() {
      closing.abort();
      if (timer !== null) clearTimeout(timer);
      figures.close();
    },
  };
}

export const libreHardwareMonitor: SourceDefinition = {
  name: 'libre-hardware-monitor',
  label: 'LibreHardwareMonitor',
  exists: ({ libreHardwareMonitor }, platform) =>
    platform === 'win32' || libreHardwareMonitor !== null,
  open,
};

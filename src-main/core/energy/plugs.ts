/**
 * Plugs with a meter on the local network, read over plain HTTP: the makers' own calls, no account, no
 * cloud. The address is the person's; nothing is looked for.
 *
 * Sources: Shelly's API pages (second generation and later: Switch.GetStatus, PM1.GetStatus; first: /meter/0,
 * /status), Tasmota's command page (Status 10).
 */
import { AppError, type PlugAddress, type PlugKind } from '../../contract.ts';
import { monotonicMicros } from '../../port.ts';

export interface PlugReading {
  /** Middle of the request, monotonic microseconds. */
  at: number;
  /** Active power, W; null where the plug names none. */
  watts: number | null;
  /** The plug's own count of energy, Wh, since whenever; null where it has none. */
  wh: number | null;
}

export interface Plug {
  /** `Shelly (generation 2) at 192.168.1.20`. */
  readonly name: string;
  /** @throws AppError UNAVAILABLE that says what is wrong with the plug or the way to it */
  read(signal?: AbortSignal): Promise<PlugReading>;
}

/** A plug in the same house answers in some tens of milliseconds. */
const patienceMs = 3000;
/** No answer of a plug is longer. */
const longestAnswer = 65_536;

export const plugLabel: Record<PlugKind, string> = { shelly: 'Shelly', tasmota: 'Tasmota' };

/**
 * Finds out how the plug is read, by reading it once.
 * @throws AppError BAD_INPUT for an address that is none, UNAVAILABLE where there is no such plug
 */
export async function openPlug(
  { kind, host }: PlugAddress,
  timeoutMs = patienceMs,
): Promise<{ plug: Plug; first: PlugReading }> {
  const base = baseOf(host);
  const label = plugLabel[kind];
  const ask = (path: string, signal?: AbortSignal) =>
    answerOf(label, base, path, timeoutMs, signal);
  const problems: AppError[] = [];
  for (const { name, path, take } of dialects[kind]) {
    const read = async (signal?: AbortSignal): Promise<PlugReading> => {
      const began = monotonicMicros();
      const answer = await ask(path, signal);
      const at = (began + monotonicMicros()) / 2;
      return { at, ...checked(take(answer), `${label} at ${base.host}`) };
    };
    try {
      const first = await read();
      return { plug: { name: `${name} at ${base.host}`, read }, first };
    } catch (cause) {
      if (!(cause instanceof AppError)) throw cause;
      problems.push(cause);
      // another dialect would meet the same silence, or the same lock
      if (!(cause instanceof OtherDialect)) break;
    }
  }
  // a device of this make without a meter says more than the calls that it does not know
  throw problems.find((problem) => problem instanceof NoPower) ?? problems.at(-1)!;
}

/** `shelly://192.168.1.20`, `tasmota://plug.lan:8080`. @throws AppError BAD_INPUT */
export function parsePlug(text: string): PlugAddress {
  const [, kind, host] = /^([a-z]+):\/\/(.+?)\/?$/i.exec(text.trim()) ?? [];
  const known = kind?.toLowerCase();
  if (host === undefined || (known !== 'shelly' && known !== 'tasmota'))
    throw new AppError(
      'BAD_INPUT',
      `"${text}" is not the address of a plug.`,
      'Write it as shelly://HOST or tasmota://HOST, HOST being its name or IP address in the local network.',
    );
  baseOf(host);
  return { kind: known, host };
}

/** @throws AppError BAD_INPUT */
function baseOf(host: string): URL {
  const text = host.trim();
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  const plain =
    url !== null &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.hostname !== '' &&
    url.pathname === '/' &&
    url.search + url.hash + url.username + url.password === '';
  if (text === '' || !plain)
    throw new AppError(
      'BAD_INPUT',
      text === ''
        ? 'The address of the plug is missing.'
        : `"${text}" is not the address of a plug.`,
      'Give its name or IP address, with a port if it has an unusual one: 192.168.1.20 or plug.lan:8080.',
    );
  return url;
}

// --- what the plugs say ---------------------------------------------------------------------------

type Figures = Omit<PlugReading, 'at'>;
interface Dialect {
  name: string;
  path: string;
  /** @throws OtherDialect where the answer is none of this dialect */
  take(json: unknown): Figures;
}

/** Not an error of the plug: it is read another way, or is another thing. */
class OtherDialect extends AppError {}
class NoPower extends OtherDialect {}

const shellySecond = (name: string, path: string): Dialect => ({
  name,
  path,
  take: (json) => {
    if (!('apower' in fields(json))) throw noPower('apower');
    return { watts: number(json, 'apower'), wh: number(json, 'aenergy', 'total') };
  },
});

const shellyFirst = (path: string, ...way: string[]): Dialect => ({
  name: 'Shelly (generation 1)',
  path,
  take: (json) => {
    const meter = at(json, ...way);
    if (!('power' in fields(meter))) throw noPower('power');
    const total = number(meter, 'total');
    return {
      // the plug says itself when it cannot measure
      watts: fields(meter).is_valid === false ? null : number(meter, 'power'),
      // watt-minutes
      wh: total === null ? null : total / 60,
    };
  },
});

const dialects: Record<PlugKind, Dialect[]> = {
  shelly: [
    shellySecond('Shelly (generation 2 or later)', '/rpc/Switch.GetStatus?id=0'),
    shellySecond('Shelly (power meter)', '/rpc/PM1.GetStatus?id=0'),
    shellyFirst('/meter/0'),
    shellyFirst('/status', 'meters', '0'),
  ],
  tasmota: [
    {
      name: 'Tasmota',
      path: '/cm?cmnd=Status%2010',
      take: (json) => {
        const locked = fields(json).WARNING;
        if (typeof locked === 'string') throw needsPassword('Tasmota');
        const energy = at(json, 'StatusSNS', 'ENERGY');
        const { Power: power } = fields(energy);
        if (power === undefined) throw noPower('StatusSNS.ENERGY.Power');
        if (Array.isArray(power))
          throw new AppError(
            'UNAVAILABLE',
            `This Tasmota device has ${power.length} meters, and which of them feeds this machine is not known.`,
            'Use a plug with one meter, or type the readings in.',
          );
        const total = number(energy, 'Total');
        return { watts: number(energy, 'Power'), wh: total === null ? null : total * 1000 };
      },
    },
  ],
};

const noPower = (where: string): NoPower =>
  new NoPower(
    'UNAVAILABLE',
    `The answer has no power (${where}): this is another device, or one without a meter.`,
    'Check kind and address of the plug; a plain switch cannot measure.',
  );

const needsPassword = (who: string): AppError =>
  new AppError(
    'UNAVAILABLE',
    `${who} asks for a password.`,
    'Switch the password of its local pages off for the time of the measurement, or type the readings in.',
  );

/** Missing stays missing; a figure that cannot be true is an error rather than a reading. */
function checked({ watts, wh }: Figures, who: string): Figures {
  if (watts === null)
    throw new AppError(
      'UNAVAILABLE',
      `${who} names no power at present.`,
      'Look at its own page: does it show watts?',
    );
  if (watts < 0)
    throw new AppError(
      'UNAVAILABLE',
      `${who} shows ${watts} W, less than nothing: it counts what flows back.`,
      'Turn the meter round, or take off what feeds into the same line.',
    );
  return { watts, wh: wh !== null && wh >= 0 ? wh : null };
}

const fields = (json: unknown): Record<string, unknown> =>
  typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};

const at = (json: unknown, ...way: string[]): unknown =>
  way.reduce((inner, key) => fields(inner)[key], json);

function number(json: unknown, ...way: string[]): number | null {
  const value = at(json, ...way);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

// --- the way there --------------------------------------------------------------------------------

/** @throws AppError UNAVAILABLE, CANCELLED */
async function answerOf(
  label: string,
  base: URL,
  path: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<unknown> {
  const who = `${label} at ${base.host}`;
  const timeout = AbortSignal.timeout(timeoutMs);
  const unavailable = (message: string, hint: string): AppError =>
    new AppError('UNAVAILABLE', message, hint);
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(path, base), {
      // a plug sends nobody elsewhere
      redirect: 'manual',
      headers: { accept: 'application/json' },
      signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
    });
    text = await limitedText(response);
  } catch (cause) {
    if (signal?.aborted) throw new AppError('CANCELLED', 'The measurement was cancelled.');
    if (cause instanceof AppError) throw cause;
    if (timeout.aborted)
      throw unavailable(
        `${who} did not answer within ${timeoutMs / 1000} s.`,
        'Is it on, and in the same network as this machine?',
      );
    const reason = (cause as Error).cause;
    const why = reason instanceof Error ? reason.message || reason.name : (cause as Error).message;
    throw unavailable(
      `${who} cannot be reached (${why}).`,
      'Check the address, and that the plug is on and in the same network as this machine.',
    );
  }
  if (response.status === 401 || response.status === 403) throw needsPassword(who);
  const other = (what: string): OtherDialect =>
    new OtherDialect(
      'UNAVAILABLE',
      `${who} ${what}: it is another device, or another kind of plug.`,
      'Check kind and address of the plug.',
    );
  if (!response.ok) throw other(`answered ${response.status}`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw other('did not answer in JSON');
  }
}

/** @throws AppError UNAVAILABLE where the answer is longer than any plug's */
async function limitedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // cancelled by leaving the loop
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > longestAnswer)
      throw new AppError(
        'UNAVAILABLE',
        'The answer is far too long for a plug.',
        'Check the address of the plug.',
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

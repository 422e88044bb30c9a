/** The calibration with a wall meter, without a page: for a script, a server, or a plug on the desk. */
import { AppError, type Calibration, type KeptCalibration } from '../../contract.ts';
import { parsePlug } from '../../core/energy/plugs.ts';
import { exitCode, printJson, UsageError, type Command, type Line } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { progressLine, type ProgressLine } from '../progress.ts';
import { withSession, type Session } from '../session.ts';
import { date, number, withUnit } from '../text.ts';

type Which = 'idle' | 'load';

/** What the person asked for. */
type Order =
  | { do: 'show' | 'forget' }
  | {
      do: 'measure';
      plug: ReturnType<typeof parsePlug> | null;
      /** What the meter shows, W, where a person reads it. */
      typed: Record<Which, number> | null;
      seconds: number | null;
    };

export const calibrate: Command = {
  name: 'calibrate',
  usage: '--plug URL | --idle W --load W | --show | --forget',
  summary: 'Calibrates the whole machine against a meter at the socket.',
  details: [
    'Measures once while the machine is idle and once under a training load, about three minutes in all,',
    'and lays a line through both points. Runs that start from then on also say what they took at the',
    'socket, beside what was counted. --idle and --load give what a meter without a network showed: its',
    'mean power at idle, and under the load of this command in an earlier go.',
    'Only this machine on the meter, nothing else running, a notebook fully charged.',
  ].join('\n'),
  options: {
    plug: { type: 'string', value: 'URL', help: 'shelly://HOST or tasmota://HOST reads the meter' },
    idle: { type: 'string', value: 'W', help: 'what the meter shows at idle' },
    load: { type: 'string', value: 'W', help: 'what the meter shows under load' },
    seconds: { type: 'string', value: 'N', help: 'length of each measurement, 10 or more' },
    show: { type: 'boolean', help: 'show the calibration that is kept' },
    forget: { type: 'boolean', help: 'forget it; runs that carry it keep their figure' },
  },
  run: async (line) => {
    const order = read(line);
    return withSession('calibrate', async (session) => {
      if (order.do === 'measure') return measure(session, order, line.json);
      const { kept } =
        order.do === 'forget' ? await session.call('calibration.forget', {}) : await known(session);
      if (line.json) printJson(kept);
      else console.log(kept ? describe(kept) : 'This machine is not calibrated.');
      return exitCode.ok;
    });
  },
};

/** @throws UsageError */
function read(line: Line): Order {
  const { positionals, text, flag } = line;
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much.`);
  const [plug, idle, load] = [text('plug'), text('idle'), text('load')];
  const typed = idle !== undefined || load !== undefined;
  const wishes = [flag('show'), flag('forget'), plug !== undefined, typed].filter(Boolean).length;
  if (wishes !== 1)
    throw new UsageError(
      wishes === 0
        ? 'Who reads the meter? Give --plug URL, or --idle W and --load W.'
        : 'One at a time: --plug, --idle with --load, --show or --forget.',
    );
  if (flag('show')) return { do: 'show' };
  if (flag('forget')) return { do: 'forget' };
  const seconds = text('seconds') === undefined ? null : amount('seconds', text('seconds'), 10);
  return {
    do: 'measure',
    plug: plug === undefined ? null : parsePlug(plug),
    typed: typed ? { idle: amount('idle', idle, 0), load: amount('load', load, 0) } : null,
    seconds,
  };
}

function amount(option: string, text: string | undefined, least: number): number {
  const value = Number(text?.trim() || NaN);
  if (!Number.isFinite(value) || value < least)
    throw new UsageError(
      text === undefined
        ? `--${option} is missing: both readings are needed.`
        : `--${option} ${text} is not a number of ${least} or more.`,
    );
  return value;
}

async function measure(
  session: Session,
  { plug, typed, seconds }: Order & { do: 'measure' },
  json: boolean,
): Promise<number> {
  const line = progressLine(process.stderr, json);
  let interrupted = false;
  const cancel = (): void => {
    interrupted = true;
    session.call('calibration.cancel', {}).catch(() => {});
  };
  const stopListening = onInterrupt(cancel, cancel);
  try {
    const { session: begun } = await session.call('calibration.start', { source: plug });
    if (begun?.plug) line.print(`${begun.plug.name}: ${withUnit(begun.plug.watts, 'W')} now`);
    for (const which of ['idle', 'load'] as const) {
      const order = {
        which,
        ...(seconds !== null && { seconds, settleSeconds: Math.min(10, seconds / 3) }),
      };
      const point = await measured(session, order, line);
      if (interrupted) return exitCode.interrupted;
      if (typed) await session.call('calibration.read', { which, wallWatts: typed[which] });
      line.print(
        `${which}: ${withUnit(point.countedWatts, 'W')} counted, ${withUnit(typed?.[which] ?? point.wallWatts, 'W')} at the socket`,
      );
    }
    const { kept } = await session.call('calibration.finish', {});
    if (json) printJson(kept);
    else console.log(describe(kept!));
    return exitCode.ok;
  } catch (cause) {
    if (interrupted) return exitCode.interrupted;
    await session.call('calibration.cancel', {}).catch(() => {});
    throw cause;
  } finally {
    stopListening();
    line.end();
  }
}

const stageWords = {
  starting: 'getting ready',
  settling: 'waiting until the power is steady',
  measuring: 'measuring',
};

/** @throws AppError with the reason why there is no point */
async function measured(
  session: Session,
  order: { which: Which; seconds?: number; settleSeconds?: number },
  line: ProgressLine,
) {
  const { which } = order;
  const over = Promise.withResolvers<void>();
  session.on('calibration', ({ session: now }) => {
    if (!now?.measuring) return over.resolve();
    const { stage, elapsed, seconds } = now.measuring;
    line.show(
      `${which}: ${stageWords[stage]}, ${withUnit(now.measuring.countedWatts, 'W')} counted`,
      stage === 'measuring' && seconds > 0 ? elapsed / seconds : null,
      `${which} ${stage}`,
    );
  });
  await session.call('calibration.measure', order);
  await Promise.race([
    over.promise,
    session.lost.then(() => {
      throw new AppError('UNAVAILABLE', 'The program that measures has ended.', 'Try again.');
    }),
  ]);
  const { session: now } = await session.call('calibration.get', {});
  const point = now?.[which] ?? null;
  if (now?.error) throw new AppError('UNAVAILABLE', now.error.message, now.error.hint);
  if (!point) throw new AppError('CANCELLED', 'The calibration was cancelled.');
  return point;
}

/** The machine has to be known before what is kept of it can be. */
async function known(session: Session): Promise<Calibration> {
  const changed = Promise.withResolvers<void>();
  const look = async (): Promise<void> => {
    if ((await session.call('machine.get', {})).inventory) changed.resolve();
  };
  session.on('machine', () => void look().catch(() => {}));
  await look();
  await changed.promise;
  return session.call('calibration.get', {});
}

function describe(kept: KeptCalibration): string {
  const { baseWatts, factor, residualWatts, warnings, stale, at, method } = kept;
  return [
    `At the socket: ${number(baseWatts)} W x time + ${number(factor)} x counted energy, ± 4 %`,
    `calibrated ${date(at)} UTC, ${method}${residualWatts === null ? '' : `; ${number(residualWatts, 2)} W left over`}`,
    ...(stale === null ? [] : [stale]),
    ...warnings.map((warning) => `- ${warning}`),
  ].join('\n');
}

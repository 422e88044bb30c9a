/**
 * A webhook of the person's own: what the notifications say, posted as JSON to an address of the settings.
 *
 * Off unless an address is set. No run waits for it or fails with it: a post that is not taken is a notice.
 * The address may hold a secret; it is in no sentence of ours beyond its host.
 */
import { runEnding } from '../contract/run-ending.ts';
import { AppError, type Events, type RunStatus, type RunSummary } from '../contract.ts';
import type { EventBus } from './events.ts';

/** What is posted. Energy in Wh without PUE, emissions in gCO2e with it, F1 as a share; null is missing. */
export interface WebhookMessage {
  event: RunStatus | 'warning' | 'test';
  program: 'HuggingGreen';
  /** ISO 8601, UTC. */
  at: string;
  title: string;
  message: string;
  run: {
    id: number;
    name: string;
    status: RunStatus;
    macroF1: number | null;
    microF1: number | null;
    f1Split: RunSummary['f1Split'];
    wh: number | null;
    gCO2e: number | null;
    seconds: number | null;
  } | null;
}

export interface Webhook {
  /** @throws AppError UNAVAILABLE where it is not taken, CONFLICT where no address is set */
  test(): Promise<{ status: number; milliseconds: number }>;
  /** Waits for what is on its way, no longer than a post may take. */
  close(): Promise<void>;
}

interface WebhookOptions {
  events: Pick<EventBus, 'listen'>;
  address: () => string | null;
  notice: (notice: Events['notice']) => void;
  /** Default: 10 s. */
  patienceMs?: number;
}

export function createWebhook(options: WebhookOptions): Webhook {
  const { events, address, patienceMs = 10_000 } = options;
  const statuses = new Map<number, RunStatus>();
  const underWay = new Set<Promise<unknown>>();

  const post = async (to: string, message: WebhookMessage): Promise<number> => {
    const host = URL.parse(to)?.host ?? 'its address';
    const fail = (what: string): AppError =>
      new AppError(
        'UNAVAILABLE',
        `The webhook at ${host} ${what}.`,
        'Check its address in the settings.',
      );
    let response: Response;
    try {
      response = await fetch(to, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(message),
        redirect: 'error',
        signal: AbortSignal.timeout(patienceMs),
      });
      await response.body?.cancel();
    } catch (cause) {
      throw (cause as Error).name === 'TimeoutError'
        ? fail(`did not answer within ${patienceMs / 1000} s`)
        : fail('could not be reached');
    }
    if (!response.ok) throw fail(`answered with HTTP ${response.status}`);
    return response.status;
  };

  const send = (message: WebhookMessage): void => {
    const to = address();
    if (to === null) return;
    const sending = post(to, message).catch((cause: unknown) => {
      const { message, hint } = cause as AppError;
      options.notice({ level: 'warning', message, hint });
    });
    underWay.add(sending);
    void sending.finally(() => underWay.delete(sending));
  };

  const stopListening = events.listen(({ event, data }) => {
    if (event === 'run') {
      const run = data as RunSummary;
      const before = statuses.get(run.id) ?? null;
      statuses.set(run.id, run.status);
      const ending = runEnding(before, run);
      if (ending) send(messageOf(run.status, ending.title, ending.body, run));
    }
    if (event === 'notice') {
      const { title, message } = data as Events['notice'];
      if (title !== undefined) send(messageOf('warning', title, message, null));
    }
  });

  return {
    test: async () => {
      const to = address();
      if (to === null)
        throw new AppError('CONFLICT', 'No webhook is set.', 'Give its address first.');
      const began = performance.now();
      const status = await post(
        to,
        messageOf('test', 'A test of HuggingGreen', 'The webhook works.', null),
      );
      return { status, milliseconds: Math.round(performance.now() - began) };
    },
    close: async () => {
      stopListening();
      await Promise.all(underWay);
    },
  };
}

function messageOf(
  event: WebhookMessage['event'],
  title: string,
  message: string,
  run: RunSummary | null,
): WebhookMessage {
  return {
    event,
    program: 'HuggingGreen',
    at: new Date().toISOString(),
    title,
    message,
    run: run && {
      id: run.id,
      name: run.name,
      status: run.status,
      macroF1: run.macroF1,
      microF1: run.microF1,
      f1Split: run.f1Split,
      wh: run.wh,
      gCO2e: run.gCO2e,
      seconds: run.seconds,
    },
  };
}

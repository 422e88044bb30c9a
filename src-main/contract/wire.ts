/** How calls, answers and events travel: the same over Electron’s IPC, a WebSocket and the control socket. */
import * as v from 'valibot';
import { type CallName, calls, type Handlers } from './calls.ts';
import { AppError, type WireError, wireError } from './errors.ts';
import type { EventName } from './events.ts';

/** Raised with every change that an older page would not understand. */
export const contractVersion = 2;

export interface WireCall {
  id: number;
  name: string;
  input: unknown;
}
export type WireReply = { id: number; ok: unknown } | { id: number; error: WireError };
export interface WireEvent {
  event: EventName;
  seq: number;
  data: unknown;
}

/** What a shell gives to the renderer: `window.host` under Electron, a WebSocket in a browser. */
export interface Link {
  call(name: string, input: unknown): Promise<unknown>;
  listen(hear: (event: WireEvent) => void): () => void;
}

/** A call as text off the wire; null when it is none. */
export function parseCall(text: string): WireCall | null {
  try {
    const { id, name, input } = JSON.parse(text) as Partial<WireCall>;
    return typeof id === 'number' && typeof name === 'string' ? { id, name, input } : null;
  } catch {
    return null;
  }
}

/** Answers one message against the handlers; never throws, so that every shell fails alike. */
export async function answer(handlers: Handlers, message: WireCall): Promise<WireReply> {
  const { id, name, input } = message;
  try {
    if (!Object.hasOwn(calls, name)) throw new AppError('NOT_FOUND', `There is no call "${name}".`);
    const key = name as CallName;
    const parsed = v.safeParse(calls[key].input as v.GenericSchema, input);
    if (!parsed.success) {
      const issues = parsed.issues.map((issue) => ({
        path: v.getDotPath(issue) ?? '',
        message: issue.message,
      }));
      const first = issues[0];
      throw new AppError(
        'BAD_INPUT',
        `${name}: ${first?.path ? `${first.path}: ` : ''}${first?.message ?? 'bad input'}`,
        null,
        issues,
      );
    }
    const handle = handlers[key] as (input: unknown) => unknown;
    return { id, ok: (await handle(parsed.output)) ?? null };
  } catch (cause) {
    const error = wireError(cause);
    if (error.code === 'INTERNAL') console.error(`${name}:`, cause);
    return { id, error };
  }
}

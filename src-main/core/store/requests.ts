/**
 * From requests to answers, in order.
 *
 * Requests that arrived together are done together: their writes share one transaction (a savepoint
 * each, so that one that fails takes no other with it), and they are answered once it is committed.
 * Reads see every write that was asked before them.
 */
import type BetterSqlite3 from 'better-sqlite3';
import { wireError } from '../../contract.ts';
import { readable, writable } from './database.ts';
import { isCorruption, storeError } from './errors.ts';
import type { OpenDatabase } from './open.ts';
import { operations, reads } from './operations.ts';
import type { StoreReply, StoreRequest } from './store.ts';

/** Queries that take longer are logged with their name (milliseconds). */
const slow = 40;

const isRead = ({ name }: StoreRequest): boolean => Object.hasOwn(reads, name);

/** Returns what takes requests; `closed` is called after the answer to `close`. */
export function requestQueue(
  { writer, reader, launch }: OpenDatabase,
  file: string,
  post: (reply: StoreReply) => void,
  closed: () => void,
): (request: StoreRequest) => void {
  const forReading = readable(reader);
  const forWriting = writable(writer);
  let queue: StoreRequest[] = [];
  let damaged = false;

  const failure = (id: number, cause: unknown): StoreReply => {
    damaged ||= isCorruption(cause);
    return { type: 'failure', id, error: wireError(storeError(cause, file)) };
  };

  const perform = (request: StoreRequest): StoreReply => {
    const { id, name, values } = request;
    const start = performance.now();
    try {
      if (!Object.hasOwn(operations, name)) throw new Error(`The store has no operation ${name}.`);
      // the client's types are derived from the operations: names and values match
      const operation = operations[name as keyof typeof operations] as (
        db: unknown,
        ...values: unknown[]
      ) => unknown;
      const value = isRead(request)
        ? operation(forReading, ...values)
        : writer.transaction(() => operation(forWriting, ...values))();
      return { type: 'answer', id, value };
    } catch (cause) {
      return failure(id, cause);
    } finally {
      const ms = performance.now() - start;
      if (ms > slow) post({ type: 'slow', name, ms });
    }
  };

  const write = (requests: StoreRequest[]): void => {
    if (requests.length === 0) return;
    const replies: StoreReply[] = [];
    try {
      writer.exec('begin immediate');
      for (const request of requests) {
        replies.push(perform(request));
        // a full disk may end the transaction at once, and with it every write of the batch
        if (!writer.inTransaction) throw outOfSpace();
      }
      writer.exec('commit');
    } catch (cause) {
      if (writer.inTransaction) writer.exec('rollback');
      requests.forEach(({ id }, i) => {
        if (replies[i]?.type !== 'failure') replies[i] = failure(id, cause);
      });
    }
    replies.forEach(post);
  };

  const close = (id: number): void => {
    let reply: StoreReply = { type: 'answer', id, value: null };
    try {
      // a launch that is left open has the whole file checked at the next start
      if (!damaged) endLaunch(writer, launch);
    } catch (cause) {
      reply = failure(id, cause);
    }
    reader.close();
    writer.close();
    post(reply);
    closed();
  };

  const drain = (): void => {
    const requests = queue;
    queue = [];
    let writes: StoreRequest[] = [];
    for (const request of requests) {
      const closing = request.name === 'close';
      if (!closing && !isRead(request)) {
        writes.push(request);
        continue;
      }
      write(writes);
      writes = [];
      if (closing) return close(request.id);
      post(perform(request));
    }
    write(writes);
  };

  return (request) => {
    if (queue.push(request) === 1) setImmediate(drain);
  };
}

const outOfSpace = () =>
  Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });

/** Marks this launch as ended well, and with it earlier ones whose file has been checked since. */
function endLaunch(writer: BetterSqlite3.Database, launch: number): void {
  writer
    .prepare('update launch set closed_ms = ? where closed_ms is null and id <= ?')
    .run(Date.now(), launch);
  writer.pragma('optimize');
}

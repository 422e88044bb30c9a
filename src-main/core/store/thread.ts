/**
 * The thread that owns the database file; nothing else opens it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { wireError } from '../../contract.ts';
import { storeError } from './errors.ts';
import { openDatabase } from './open.ts';
import { operations } from './operations.ts';
import { requestQueue } from './requests.ts';
import { loadSqlite } from './sqlite.ts';
import type { StoreReply, StoreRequest } from './store.ts';

const { file } = workerData as { file: string };
const port = parentPort;
if (!port) throw new Error('This file is a worker thread; it is started by the program.');
const post = (reply: StoreReply) => port.postMessage(reply);

try {
  const database = openDatabase(await loadSqlite(), file);
  const take = requestQueue(database, file, post, () => port.close());
  port.on('message', (request: StoreRequest) => take(request));
  post({ type: 'opened', opened: database.opened, names: Object.keys(operations) });
} catch (cause) {
  post({ type: 'refused', error: wireError(storeError(cause, file)) });
  port.close();
}

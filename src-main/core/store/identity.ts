/** What a run is called everywhere: the same on every computer that has it. */
import { createHash } from 'node:crypto';
import type { RunIdentity } from './types.ts';

/** @returns a UUID; that of the file or of the other computer which a run came from stands */
export function uuidOf({
  id,
  createdAt,
  group,
  hostname,
  importedRunId,
  originUuid,
}: Pick<
  RunIdentity,
  'id' | 'createdAt' | 'group' | 'hostname' | 'importedRunId' | 'originUuid'
>): string {
  if (originUuid) return originUuid;
  if (importedRunId) return importedRunId;
  const digest = createHash('sha256')
    .update(JSON.stringify([hostname, id, createdAt, group]))
    .digest('hex');
  // the form of RFC 9562, version 8: made by a rule of our own
  const variant = '89ab'[Number.parseInt(digest[16]!, 16) % 4];
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
}

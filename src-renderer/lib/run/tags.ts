/** Tags of runs, added and taken away; what is taken away can be brought back for ten seconds. */
import type { RunSummary } from '../../../src-main/contract.ts';
import type { Session } from '../session.svelte.ts';

export const addTag = (session: Session, runs: readonly RunSummary[], tag: string) =>
  session.attempt(() =>
    session.api.call('runs.annotate', { ids: runs.map(({ id }) => id), addTags: [tag] }),
  );

export async function removeTag(session: Session, runs: readonly RunSummary[], tag: string) {
  // those that had it, and no others, get it back
  const ids = runs.filter(({ tags }) => tags.includes(tag)).map(({ id }) => id);
  const done = await session.attempt(() =>
    session.api.call('runs.annotate', { ids, removeTags: [tag] }),
  );
  if (done)
    session.offerUndo(`The tag "${tag}" was taken away.`, 10, () =>
      session.api.call('runs.annotate', { ids, addTags: [tag] }),
    );
}

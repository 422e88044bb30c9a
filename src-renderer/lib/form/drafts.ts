/** What stands in the forms of a new experiment, over a reload of the page: in the tab, as long as that is open. */
import { contractVersion } from '../../../src-main/contract.ts';
import type { Session } from '../session.svelte.ts';

const key = 'hugginggreen.drafts';

type Drafts = Pick<Session, 'draft' | 'jsonDraft' | 'matrixOrder' | 'sweepDraft' | 'commandDraft'>;

/** Of a command's environment the names alone: there may be keys in it, and values are kept nowhere. */
export function keepDrafts(session: Drafts): void {
  const { draft, jsonDraft, matrixOrder, sweepDraft, commandDraft } = session;
  const command = commandDraft && {
    ...commandDraft,
    environment: commandDraft.environment.replace(/^\s*([^#=\s][^=\n]*)=.*$/gm, '# $1='),
  };
  const drafts = { draft, jsonDraft, matrixOrder, sweepDraft, commandDraft: command };
  sessionStorage.setItem(key, JSON.stringify({ version: contractVersion, drafts }));
}

/** Nothing where there is nothing, or what another version of the program wrote. */
export function keptDrafts(): Partial<Drafts> {
  try {
    const { version, drafts } = JSON.parse(sessionStorage.getItem(key) ?? '{}') as {
      version?: unknown;
      drafts?: Partial<Drafts>;
    };
    return version === contractVersion && drafts ? drafts : {};
  } catch {
    return {};
  }
}

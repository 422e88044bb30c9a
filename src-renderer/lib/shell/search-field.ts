/** The field to which `/` leads while it is shown; a view without one has no search. */
import type { Attachment } from 'svelte/attachments';
import { frameActions } from './context.ts';

/** For `{@attach …}`; called while the component begins, as it asks for the frame. */
export function searchField(): Attachment<HTMLElement> {
  const actions = frameActions();
  return (field) => actions?.bind({ search: () => field.focus() });
}

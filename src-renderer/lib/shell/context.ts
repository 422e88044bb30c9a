/** The actions of the program, for the views: each binds its own while it is shown. */
import { getContext, setContext } from 'svelte';
import type { Actions } from './actions.svelte.ts';

const key = Symbol('actions');

/** Called by the frame, once. */
export const provideActions = (actions: Actions): Actions => setContext(key, actions);

/** Null for a view that is shown without the frame. */
export const frameActions = (): Actions | null => getContext<Actions | undefined>(key) ?? null;

/** Whether a component is drawn on paper: hints are plain words there, and marks are drawn to print well. */
import { getContext, setContext } from 'svelte';

const key = Symbol('paper');

/** Called by the report, for all that it contains. */
export const providePaper = () => setContext(key, true);

export const onPaper = (): boolean => getContext<true | undefined>(key) ?? false;

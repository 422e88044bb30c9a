/** Key combinations: as they are written in the table of actions, typed, and shown. */

const isMac = /mac/i.test(navigator.userAgent);

interface Combination {
  key: string;
  mod: boolean;
  shift: boolean;
  alt: boolean;
}

export function parseKeys(keys: string): Combination {
  const parts = keys.split('+');
  const key = parts.pop() || '+';
  const has = (name: string) => parts.includes(name);
  return { key, mod: has('Mod'), shift: has('Shift'), alt: has('Alt') };
}

type Typed = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>;

/** Whether this event is the combination. A character that needs Shift (`?`) is told by itself. */
export function isTyped(keys: string, event: Typed): boolean {
  const { key, mod, shift, alt } = parseKeys(keys);
  if ((isMac ? event.metaKey : event.ctrlKey) !== mod) return false;
  if ((isMac ? event.ctrlKey : event.metaKey) || event.altKey !== alt) return false;
  if (event.key.toLowerCase() !== key.toLowerCase()) return false;
  const letter = /^[a-z]$/i.test(key) || key.length > 1;
  return !letter || event.shiftKey === shift;
}

/** `⌘K`, `Ctrl K`. */
export function shownKeys(keys: string): string {
  const { key, mod, shift, alt } = parseKeys(keys);
  const parts = [mod && (isMac ? '⌘' : 'Ctrl'), alt && (isMac ? '⌥' : 'Alt'), shift && '⇧', key];
  return parts.filter(Boolean).join(isMac ? '' : ' ');
}

/** For `aria-keyshortcuts`: `Control+K`. */
export const ariaKeys = (keys: string): string => keys.replace('Mod', isMac ? 'Meta' : 'Control');

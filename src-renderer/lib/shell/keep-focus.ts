/**
 * Where the focus goes when a button takes away the entry it stands in: to the same button of the entry that comes
 * in its place, not to the top of the page, from where a person with a keyboard would have to walk back.
 */

/** So long after a click what it takes away may take to be gone: the host is asked first. */
const patienceMs = 5000;

const focusable = 'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled';
const within = (part: Element): HTMLElement[] => [
  ...(part.matches(focusable) ? [part as HTMLElement] : []),
  ...part.querySelectorAll<HTMLElement>(focusable),
];

/** Where a button was: its ancestors from the nearest on, each with its place among those beside it. */
interface Spot {
  button: HTMLElement;
  ancestors: { part: Element; place: number }[];
  at: number;
}

/** @param page what is watched; a click that replaces all of it leaves the focus alone @returns the end of it */
export function keepFocus(page: HTMLElement): () => void {
  let spot: Spot | null = null;
  const clicked = ({ target }: MouseEvent): void => {
    const button = (target as Element).closest<HTMLElement>(focusable);
    spot = button && spotOf(button, page);
  };
  const watch = new MutationObserver(() => {
    if (!spot || spot.button.isConnected) return;
    const lost = spot;
    spot = null;
    const { activeElement } = document;
    if (activeElement !== document.body || performance.now() - lost.at > patienceMs) return;
    neighbour(lost)?.focus({ preventScroll: true });
  });
  page.addEventListener('click', clicked, true);
  watch.observe(page, { childList: true, subtree: true });
  return () => {
    page.removeEventListener('click', clicked, true);
    watch.disconnect();
  };
}

function spotOf(button: HTMLElement, page: HTMLElement): Spot {
  const ancestors: Spot['ancestors'] = [];
  for (let part: Element = button; part !== page && part.parentElement; part = part.parentElement)
    ancestors.push({ part, place: [...part.parentElement.children].indexOf(part) });
  return { button, ancestors, at: performance.now() };
}

/** Null where nothing of what stood around it is left but the page itself. */
function neighbour({ button, ancestors }: Spot): HTMLElement | null {
  const left = ancestors.findIndex(({ part }) => part.isConnected);
  const entry = ancestors[left - 1];
  // a button that was only exchanged for another, which does something else, is no entry that was taken away
  if (left < 2 || !entry) return null;
  // buttons of an entry come and go at its front: the first one need not move up by a place
  const fromEnd = within(entry.part).reverse().indexOf(button);
  const beside = ancestors[left]!.part.children;
  for (const next of [beside[entry.place], beside[entry.place - 1]]) {
    const buttons = next ? within(next) : [];
    const there = buttons.at(-1 - fromEnd);
    const found = there?.className === button.className ? there : buttons[0];
    if (found) return found;
  }
  for (const { part } of ancestors.slice(left)) {
    const [first] = within(part);
    if (first) return first;
  }
  return null;
}

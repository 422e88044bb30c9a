/**
 * Ctrl-C and the other signals to end. One key press may arrive several times, from the terminal and
 * from every npm in between; only one that comes seconds later is meant as a second one.
 */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** As long as the host takes a repeated stop for the same one. */
const insistMs = 3000;

/**
 * @param first called once
 * @param again called for every signal some seconds after that
 * @returns what ends the listening
 */
export function onInterrupt(first: () => void, again: () => void): () => void {
  let since: number | null = null;
  const hear = (): void => {
    if (since === null) {
      since = performance.now();
      first();
    } else if (performance.now() - since >= insistMs) again();
  };
  for (const signal of signals) process.on(signal, hear);
  return () => {
    for (const signal of signals) process.off(signal, hear);
  };
}

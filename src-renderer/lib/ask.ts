/** Questions that a later one makes void. */

/**
 * Asks, for an `$effect`: an answer that comes after the effect has begun anew, or is over, is nobody's.
 * @param take what is done with the answer
 * @param refuse what is done with the error in its place
 * @param more.pauseMs how long it waits for another change first, such as the next letter that is typed. What the
 * question reads then brings no new one: the effect has to read it before.
 * @param more.again calls what it is given when the answer may have changed meanwhile (the host was away)
 * @returns drops the question, and what it is answered
 */
export function askAnew<T>(
  question: () => Promise<T>,
  take: (answer: T) => void,
  refuse: (cause: unknown) => void,
  {
    pauseMs = 0,
    again = () => () => {},
  }: { pauseMs?: number; again?: (ask: () => void) => () => void } = {},
): () => void {
  let dropped = false;
  const ask = () =>
    question().then(
      (answer) => {
        if (!dropped) take(answer);
      },
      (cause: unknown) => {
        if (!dropped) refuse(cause);
      },
    );
  const timer = pauseMs > 0 ? setTimeout(() => void ask(), pauseMs) : void ask();
  const stop = again(() => void ask());
  return () => {
    dropped = true;
    stop();
    clearTimeout(timer);
  };
}

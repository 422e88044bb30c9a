/**
 * Charts draw in animation frames, none while the page is hidden, and no more in one frame than leaves
 * the page its time to answer: the others follow with the next.
 */
const waiting = new Set<() => void>();
let asked = false;
/** After this many milliseconds of drawing the rest waits for another frame. */
const budgetMs = 6;

function ask() {
  if (asked || document.hidden || waiting.size === 0) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const began = performance.now();
    for (const job of waiting) {
      waiting.delete(job);
      job();
      if (performance.now() - began > budgetMs) break;
    }
    ask();
  });
}

document.addEventListener('visibilitychange', ask);

/** Runs `job` in one of the next frames; asking twice before it runs it once. */
export function onFrame(job: () => void): void {
  waiting.add(job);
  ask();
}

export const dropFrame = (job: () => void): void => void waiting.delete(job);

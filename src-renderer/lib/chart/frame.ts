/** All charts redraw in one animation frame, and none while the page is hidden. */
const waiting = new Set<() => void>();
let asked = false;

function ask() {
  if (asked || document.hidden) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const jobs = [...waiting];
    waiting.clear();
    for (const job of jobs) job();
  });
}

document.addEventListener('visibilitychange', ask);

/** Runs `job` with the next frame; asking twice before it runs it once. */
export function onFrame(job: () => void): void {
  waiting.add(job);
  ask();
}

export const dropFrame = (job: () => void): void => void waiting.delete(job);

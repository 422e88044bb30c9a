/** Eight charts that grow by a point four times a second; `charts.ts` beside this folder drives it. */
import { mount } from 'svelte';
import { createState } from './state.svelte.ts';
import Eight from './Eight.svelte';

const points = Number(new URLSearchParams(location.search).get('points') ?? 100_000);
const state = createState(points);
mount(Eight, { target: document.getElementById('charts')!, props: { get charts() { return state.charts; } } }); // prettier-ignore

/** Main-thread time of every frame in which charts were drawn, of one update of them all. */
async function update(): Promise<number[]> {
  const frames: number[] = [];
  const began = performance.now();
  state.grow();
  // effects run in a microtask, drawing in the frames that follow
  await Promise.resolve();
  await Promise.resolve();
  frames.push(performance.now() - began);
  const native = requestAnimationFrame;
  let busy = true;
  globalThis.requestAnimationFrame = (job) =>
    native((at) => {
      const start = performance.now();
      job(at);
      frames.push(performance.now() - start);
      busy = true;
    });
  while (busy) {
    busy = false;
    await new Promise((resolve) => native(() => setTimeout(resolve, 0)));
    await new Promise((resolve) => native(() => setTimeout(resolve, 0)));
  }
  globalThis.requestAnimationFrame = native;
  return frames;
}
Object.assign(globalThis, { update });

/** Eight charts that grow by a point at each update; `charts.ts` beside this folder drives it. */
import { mount } from 'svelte';
import { createState, type Way } from './state.svelte.ts';
import Eight from './Eight.svelte';

const asked = new URLSearchParams(location.search);
const state = createState(Number(asked.get('points')), asked.get('way') as Way);
mount(Eight, { target: document.getElementById('charts')!, props: { get charts() { return state.charts; } } }); // prettier-ignore

let arrive = () => {};
/** Makes the data of the next update, which is not measured. */
const prepare = () => void (arrive = state.next());

/** Time on the clock of every frame in which charts were drawn, of one update of them all, in ms. */
async function update(): Promise<number[]> {
  const frames: number[] = [];
  const began = performance.now();
  arrive();
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
Object.assign(globalThis, { prepare, update });

/**
 * Draws the data embedded in the page into `#report`, on sheets of its paper. In a frame of the program's
 * own view it takes orders how to look, and tells what was typed and how many sheets there are.
 */
import { flushSync, mount, unmount } from 'svelte';
import type { ReportData } from '../../src-main/contract.ts';
import { moment } from '../lib/format/time.ts';
import '../lib/ui/tokens.css';
import '../lib/ui/base.css';
import { orderOf, tellView, type ReportOrder } from './frame.ts';
import { paginate } from './paginate.ts';
import './paper.css';
import Report from './Report.svelte';

const target = document.getElementById('report');
const embedded = document.getElementById('report-data')?.textContent;
const pageStyle = document.getElementById('report-page');
if (!target || !embedded || !pageStyle) throw new Error('This page carries no report data.');
const data = JSON.parse(embedded) as ReportData;
const inView = window.parent !== window;

let drawn: Record<string, unknown> | null = null;

function draw(target: HTMLElement, look: Partial<ReportOrder>) {
  const shown: ReportData = { ...data, ...look.look };
  const { scrollTop } = document.documentElement;
  if (drawn) void unmount(drawn);
  target.replaceChildren();
  pageStyle!.textContent = `@page { size: ${shown.paper === 'a4' ? 'A4' : 'letter'}; margin: 0 }`;
  document.title = `${shown.title} - energy report`;
  document.documentElement.classList.toggle('grey', look.grey ?? false);
  document.documentElement.style.zoom = '1';
  drawn = mount(Report, {
    target,
    props: { data: shown, ...(look.view && { onedit: (edit) => tellView({ edit }) }) },
  });
  flushSync();
  const flow = target.querySelector<HTMLElement>('.flow')!;
  const sheets = paginate(flow, bodyHeight(flow), {
    title: shown.title,
    date: moment(shown.generatedAt),
    origin: `HuggingGreen ${shown.appVersion}`,
  });
  fit();
  document.documentElement.scrollTop = scrollTop;
  if (inView) tellView({ pages: sheets.length });
}

/** Room for text on a sheet, px, as the styles have it. */
function bodyHeight(flow: HTMLElement): number {
  const probe = document.createElement('div');
  probe.className = 'body-height';
  flow.after(probe);
  const { height } = probe.getBoundingClientRect();
  probe.remove();
  return height;
}

/** A sheet is never wider than the window; paper keeps its size. */
function fit() {
  const sheet = target!.querySelector<HTMLElement>('.sheet');
  if (!sheet) return;
  const room = document.documentElement.clientWidth - 24;
  target!.style.zoom = String(Math.min(1, room / sheet.offsetWidth));
}

// paper is light, whatever the screen prefers
document.documentElement.dataset.theme = 'light';
draw(target, {});
addEventListener('resize', fit);
if (inView) {
  addEventListener('message', (event) => {
    const order = event.source === window.parent ? orderOf(event.data) : null;
    if (order === 'print') window.print();
    else if (order) draw(target, order);
  });
}

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

let drawn: Record<string, unknown> | null = null;

/** @param order of the view that frames the page; null where it stands alone */
function draw(target: HTMLElement, order: ReportOrder | null) {
  const shown: ReportData = { ...data, ...order?.look };
  const root = document.documentElement;
  const { scrollTop } = root;
  const writing = placeOfWriting();
  if (drawn) void unmount(drawn);
  target.replaceChildren();
  target.style.zoom = '1';
  pageStyle!.textContent = `@page { size: ${shown.paper === 'a4' ? 'A4' : 'letter'}; margin: 0 }`;
  document.title = `${shown.title} - energy report`;
  root.classList.toggle('grey', order?.grey ?? false);
  root.dataset.ground = order?.theme ?? 'light';
  drawn = mount(Report, {
    target,
    props: { data: shown, ...(order && { onedit: (edit) => tellView({ edit }) }) },
  });
  flushSync();
  const flow = target.querySelector<HTMLElement>('.flow')!;
  const sheets = paginate(flow, bodyHeight(flow), {
    title: shown.title,
    date: moment(shown.generatedAt),
    origin: `HuggingGreen ${shown.appVersion}`,
  });
  fit();
  root.scrollTop = scrollTop;
  if (writing) goOnWriting(writing);
  if (order) tellView({ pages: sheets.length });
}

/** The field that a person writes in while the sheets are laid out anew. */
interface Writing {
  field: string | null;
  text: string;
  /** Letters before the cursor. */
  at: number;
}

function placeOfWriting(): Writing | null {
  const field = document.activeElement;
  const selection = getSelection();
  if (!(field instanceof HTMLElement) || !field.isContentEditable) return null;
  const before = document.createRange();
  before.selectNodeContents(field);
  if (selection?.focusNode) before.setEnd(selection.focusNode, selection.focusOffset);
  return { field: field.ariaLabel, text: field.innerText, at: before.toString().length };
}

function goOnWriting({ field, text, at }: Writing) {
  const fields = [...target!.querySelectorAll<HTMLElement>('[contenteditable]')];
  const own = fields.find(({ ariaLabel }) => ariaLabel === field);
  if (!own) return;
  if (own.innerText !== text) own.textContent = text;
  own.focus({ preventScroll: true });
  const words = own.firstChild;
  if (words instanceof Text) getSelection()?.collapse(words, Math.min(at, words.length));
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
addEventListener('resize', fit);
if (window.parent === window) draw(target, null);
else {
  addEventListener('message', ({ source, data }) => {
    const order = source === window.parent ? orderOf(data) : null;
    if (order === 'print') window.print();
    else if (order) draw(target, order);
  });
  tellView({ ready: true });
}

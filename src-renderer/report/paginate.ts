/**
 * Divides the report into sheets of paper, so that the screen shows what will be printed, in every browser,
 * with a running head and the number of every page as text.
 *
 * It obeys what the styles say of breaks (`break-before`, `break-after`, `break-inside`), as printing would:
 * a table is divided between rows and has its head on every sheet, a paragraph between lines, a grid between
 * its rows; figures stay whole, a heading stays with what it heads. Everything is measured once where it lies
 * in one piece, and only then moved.
 */

/** What is not divided: with where it lies from the top of the flow, in px. */
export interface Unit {
  top: number;
  bottom: number;
  /** Begins a sheet. */
  fresh: boolean;
  /** Does not end one: what follows belongs to it. */
  stays: boolean;
  /** Height of what is repeated above it where it begins a sheet: the head of its table. */
  head: number;
}

/** A unit with what it is made of, and the elements below the flow that it lies in, the outermost first. */
type Piece = Unit & { around: Element[]; content: Element[] | Lines };
/** Lines of a paragraph, as a part of its text. */
interface Lines {
  paragraph: HTMLElement;
  from: number;
  to: number;
}

/** A table lower than this is not divided, px: about six rows. */
const wholeTable = 150;
/** Lines of a paragraph that stay together at either end. */
const orphans = 2;

export interface Running {
  /** Left above every sheet but the first. */
  title: string;
  /** Right above them. */
  date: string;
  /** Left below every sheet. */
  origin: string;
}

/** Which units lie on which sheet of `height` px. */
export function sheetsOf<U extends Unit>(units: readonly U[], height: number): U[][] {
  const sheets: U[][] = [];
  for (let start = 0; start < units.length;) {
    const top = units[start]!.top - units[start]!.head;
    let end = start + 1;
    while (end < units.length && !units[end]!.fresh && units[end]!.bottom - top <= height) end++;
    if (end < units.length && !units[end]!.fresh) {
      let last = end;
      while (last > start && units[last - 1]!.stays) last--;
      // a chain that fills a whole sheet has to break somewhere
      if (last > start) end = last;
    }
    sheets.push(units.slice(start, end));
    start = end;
  }
  return sheets;
}

/**
 * Moves the children of `flow` onto sheets behind it, which leaves it empty.
 * @param height of what has room on one sheet, px
 */
export function paginate(flow: HTMLElement, height: number, running: Running): HTMLElement[] {
  const pieces = piecesOf(flow, [], flow.getBoundingClientRect().top);
  const tables = new Set(pieces.flatMap(({ around }) => around.filter(isTable)));
  const widths = new Map([...tables].map((table) => [table, columnWidths(table)]));
  const contents = sheetsOf(pieces, height);
  const sheets = contents.map((content, i) => {
    const sheet = element('div', 'sheet');
    const body = element('div', 'body');
    fill(body, content, widths);
    if (i > 0) sheet.append(marginLine('running', running.title, running.date));
    sheet.append(body, marginLine('foot', running.origin, `page ${i + 1} of ${contents.length}`));
    return sheet;
  });
  flow.replaceChildren();
  flow.after(...sheets);
  return sheets;
}

function element(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** A line in the margin of a sheet; who has the document read out has no use for it. */
function marginLine(className: string, left: string, right: string): HTMLElement {
  const line = element('div', className);
  line.ariaHidden = 'true';
  line.append(element('span', '', left), element('span', '', right));
  return line;
}

// --- measuring ------------------------------------------------------------------------------------

const isTable = (one: Element): one is HTMLTableElement => one instanceof HTMLTableElement;

function piecesOf(parent: Element, around: Element[], origin: number): Piece[] {
  return [...parent.children].flatMap((child): Piece[] => {
    const style = getComputedStyle(child);
    if (style.display === 'none') return [];
    const { top, bottom, height } = child.getBoundingClientRect();
    const stays = style.breakAfter === 'avoid';
    const whole: Piece = {
      top: top - origin,
      bottom: bottom - origin,
      fresh: false,
      stays,
      head: 0,
      around,
      content: [child],
    };
    const parts = partsOf(child, style, height, whole, origin);
    const [first, last] = [parts[0], parts.at(-1)];
    if (first && style.breakBefore === 'page') first.fresh = true;
    if (last) last.stays ||= stays;
    return parts;
  });
}

function partsOf(
  child: Element,
  { breakInside, display }: CSSStyleDeclaration,
  height: number,
  whole: Piece,
  origin: number,
): Piece[] {
  if (breakInside === 'avoid') return [whole];
  if (isTable(child)) return height < wholeTable ? [whole] : rowsOf(child, whole, origin);
  if (
    child.firstElementChild === null &&
    child instanceof HTMLElement &&
    /^(P|DIV)$/.test(child.tagName)
  )
    return linesOf(child, whole, origin);
  if (display === 'grid') return gridRows(child, whole, origin);
  const divided = /^(ARTICLE|SECTION|HEADER|DIV|UL|OL)$/.test(child.tagName) && display === 'block';
  return divided ? piecesOf(child, [...whole.around, child], origin) : [whole];
}

/** The head lies with the first row, and has to be had again by every other one that begins a sheet. */
function rowsOf(table: HTMLTableElement, whole: Piece, origin: number): Piece[] {
  const head = table.tHead?.getBoundingClientRect().height ?? 0;
  const rows = [...table.rows].filter((row) => row.parentElement !== table.tHead);
  return rows.map((row, i): Piece => {
    const { top, bottom } = row.getBoundingClientRect();
    return {
      top: i === 0 ? whole.top : top - origin,
      bottom: bottom - origin,
      fresh: false,
      // neither the first row alone below the head, nor the last, nor a sum, alone above nothing
      stays:
        i === 0 ||
        i === rows.length - 2 ||
        rows[i + 1]?.parentElement === table.tFoot ||
        getComputedStyle(row).breakAfter === 'avoid',
      head: i === 0 ? 0 : head,
      around: [...whole.around, table, row.parentElement!],
      content: [row],
    };
  });
}

/** Of the row with the most cells, as nothing else tells how wide each column is. */
function columnWidths(table: HTMLTableElement): number[] {
  const most = [...table.rows].reduce<HTMLTableRowElement | null>(
    (found, row) => (row.cells.length > (found?.cells.length ?? 0) ? row : found),
    null,
  );
  return [...(most?.cells ?? [])].map((cell) => cell.getBoundingClientRect().width);
}

/** What begins at one height lies beside each other. */
function gridRows(grid: Element, whole: Piece, origin: number): Piece[] {
  const placed = [...grid.children].map((child) => ({ child, at: child.getBoundingClientRect() }));
  return [...Map.groupBy(placed, ({ at }) => Math.round(at.top)).values()].map((row) => ({
    ...whole,
    top: Math.min(...row.map(({ at }) => at.top)) - origin,
    bottom: Math.max(...row.map(({ at }) => at.bottom)) - origin,
    around: [...whole.around, grid],
    content: row.map(({ child }) => child),
  }));
}

function linesOf(paragraph: HTMLElement, whole: Piece, origin: number): Piece[] {
  const [text] = paragraph.childNodes;
  if (!(text instanceof Text) || paragraph.childNodes.length > 1) return [whole];
  const lines = lineStarts(text);
  if (lines.length < 2 * orphans) return [whole];
  return lines.map(({ from, top }, i) => ({
    ...whole,
    top: i === 0 ? whole.top : top - origin,
    bottom: i === lines.length - 1 ? whole.bottom : lines[i + 1]!.top - origin,
    stays: i < orphans - 1 || (i >= lines.length - orphans && i < lines.length - 1),
    content: { paragraph, from, to: lines[i + 1]?.from ?? text.length },
  }));
}

/** Where in the text each line begins, and how high it lies. */
function lineStarts(text: Text): { from: number; top: number }[] {
  const range = document.createRange();
  const lines: { from: number; top: number }[] = [];
  let below = -Infinity;
  for (const { index } of text.data.matchAll(/\S+/g)) {
    range.setStart(text, index);
    range.setEnd(text, index + 1);
    const { top, bottom } = range.getBoundingClientRect();
    if ((top + bottom) / 2 < below) continue;
    lines.push({ from: index, top });
    below = bottom;
  }
  return lines;
}

// --- moving ---------------------------------------------------------------------------------------

/** Puts pieces into the body of a sheet, each inside of copies of the elements that it lay in. */
function fill(
  body: HTMLElement,
  pieces: readonly Piece[],
  widths: ReadonlyMap<Element, readonly number[]>,
) {
  const copies = new Map<Element, Element>();
  pieces.forEach((piece, i) => {
    let place: Element = body;
    for (const outer of piece.around) {
      let copy = copies.get(outer);
      if (!copy) {
        copy = outer.cloneNode(false) as Element;
        copies.set(outer, copy);
        if (isTable(outer) && isTable(copy)) prepare(copy, outer, widths.get(outer) ?? []);
        place.append(copy);
        if (i === 0) flush(copy);
      }
      place = copy;
    }
    if (Array.isArray(piece.content)) place.append(...piece.content);
    else write(place, piece.content, copies);
    if (i === 0) for (const child of place.children) flush(child);
  });
}

/** The upper margin of what begins a sheet is that of the sheet. */
const flush = (first: Element) => {
  if (first instanceof HTMLElement) first.style.marginTop = '0';
};

/** Columns as wide as they were, and a copy of the head. */
function prepare(copy: HTMLTableElement, table: HTMLTableElement, widths: readonly number[]) {
  copy.style.tableLayout = 'fixed';
  const columns = document.createElement('colgroup');
  for (const width of widths) {
    const column = document.createElement('col');
    column.style.width = `${width}px`;
    columns.append(column);
  }
  copy.append(columns);
  if (table.tHead) copy.append(table.tHead.cloneNode(true));
}

function write(place: Element, { paragraph, from, to }: Lines, copies: Map<Element, Element>) {
  let copy = copies.get(paragraph);
  if (!copy) {
    copy = paragraph.cloneNode(false) as Element;
    copies.set(paragraph, copy);
    place.append(copy);
  }
  copy.textContent = (copy.textContent ?? '') + (paragraph.textContent ?? '').slice(from, to);
}

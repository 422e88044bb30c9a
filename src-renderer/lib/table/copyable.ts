/**
 * Cells and rows of a table go to the clipboard by Ctrl C, where no text is selected.
 *
 * Taken is what the keyboard or a click marked, else the cell under the pointer. Arrows move the mark;
 * Left from the first cell marks the whole row.
 */

/** What is to be copied, and what it is called to whoever asked. */
export interface Copied {
  text: string;
  what: string;
}

/** Cells with tabs between them and rows with line ends, as spreadsheets take them. */
export const tabbed = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => row.map((cell) => cell.replace(/\s+/g, ' ').trim()).join('\t')).join('\n');

/** Hands over on Ctrl C what `taken` gives, unless text is selected or a person types. */
export function onCopy(taken: () => Copied | null, told: (what: string) => void): () => void {
  const copy = (event: ClipboardEvent) => {
    const typing = (event.target as Element | null)?.closest?.('input, textarea, select');
    if (event.defaultPrevented || typing || getSelection()?.isCollapsed === false) return;
    const copied = taken();
    if (!copied || !event.clipboardData) return;
    event.clipboardData.setData('text/plain', copied.text);
    event.preventDefault();
    told(copied.what);
  };
  document.addEventListener('copy', copy);
  return () => document.removeEventListener('copy', copy);
}

/** An attachment for a plain table. */
export const copyable = (told: (what: string) => void) => (table: HTMLTableElement) => {
  /** A cell of null is the whole row. */
  let mark: { row: HTMLTableRowElement; cell: HTMLTableCellElement | null } | null = null;
  let under: HTMLTableCellElement | null = null;

  function show(next: typeof mark) {
    for (const old of table.querySelectorAll('[data-marked]')) old.removeAttribute('data-marked');
    mark = next;
    if (!mark) return;
    const shown = mark.cell ?? mark.row;
    shown.setAttribute('data-marked', '');
    shown.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  const cellOf = (target: EventTarget | null) =>
    (target as Element | null)?.closest<HTMLTableCellElement>('td, th') ?? null;

  function press(event: KeyboardEvent) {
    if (event.target !== table || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...table.rows];
    const first = table.tBodies[0]?.rows[0] ?? rows[0];
    if (!first) return;
    // rows come and go while a run is under way
    const at = mark?.row.isConnected ? mark : null;
    const cells = at ? [...at.row.cells] : [];
    const column = at?.cell ? cells.indexOf(at.cell) : -1;
    const to = (by: number): typeof mark => {
      if (!at) return { row: first, cell: first.cells[0] ?? null };
      const row = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(at.row) + by))]!;
      return {
        row,
        cell: column < 0 ? null : (row.cells[column] ?? [...row.cells].at(-1) ?? null),
      };
    };
    const along = (by: number): typeof mark => {
      if (!at) return to(0);
      const next = Math.min(cells.length - 1, column + by);
      return { row: at.row, cell: next < 0 ? null : (cells[next] ?? null) };
    };
    const next = {
      ArrowDown: () => to(1),
      ArrowUp: () => to(-1),
      ArrowRight: () => along(1),
      ArrowLeft: () => along(-1),
      Escape: () => null,
    }[event.key];
    if (!next) return;
    event.preventDefault();
    show(next());
  }

  function click(event: MouseEvent) {
    const cell = cellOf(event.target);
    if (!cell || (event.target as Element).closest('a, button, input')) return;
    // who draws over text wants the text
    if (getSelection()?.isCollapsed === false) return;
    show({ row: cell.parentElement as HTMLTableRowElement, cell });
    table.focus({ preventScroll: true });
  }
  const point = ({ target }: Event) => (under = cellOf(target));
  const leave = () => (under = null);

  const text = (cell: HTMLElement) => cell.innerText;
  const ofRow = ({ cells }: HTMLTableRowElement) => tabbed([[...cells].map(text)]);
  const stop = onCopy(() => {
    if (document.activeElement === table && mark?.row.isConnected)
      return mark.cell?.isConnected
        ? { text: tabbed([[text(mark.cell)]]), what: 'the cell' }
        : { text: ofRow(mark.row), what: 'the row' };
    const within = table.contains(document.activeElement) ? cellOf(document.activeElement) : null;
    if (within) return { text: tabbed([[text(within)]]), what: 'the cell' };
    return under?.isConnected ? { text: tabbed([[text(under)]]), what: 'the cell' } : null;
  }, told);

  table.tabIndex = 0;
  const heard: [string, (event: never) => void][] = [
    ['keydown', press],
    ['click', click],
    ['pointerover', point],
    ['pointerleave', leave],
  ];
  for (const [name, act] of heard) table.addEventListener(name, act as EventListener);
  return () => {
    stop();
    for (const [name, act] of heard) table.removeEventListener(name, act as EventListener);
  };
};

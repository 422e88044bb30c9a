/**
 * CSV by RFC 4180, record by record. A record that breaks the rules is reported and the next line begins
 * anew, so that one stray quote costs one row and not the file.
 */

export interface CsvRecord {
  cells: string[];
  /** What is wrong with the record; `cells` is then what was read before it. */
  fault: string | null;
}

/** Sign, number of cells at most: a line of a million separators is no row of a table. */
export interface CsvShape {
  delimiter: ',' | ';' | '\t';
  columns: number;
}

/**
 * Records of a text without byte order mark. Lines end with CR LF, LF or CR; quoted cells may contain
 * all of them. Linear in the length of the text.
 */
export function* readCsv(text: string, { delimiter, columns }: CsvShape): Iterable<CsvRecord> {
  const plain = new RegExp(`[^${delimiter}\\r\\n]*`, 'y');
  const lineEnd = /\r\n|\n|\r|$/g;
  let at = 0;

  /** Index behind the cell that starts at `at`, or what is wrong with it. */
  const cell = (cells: string[]): string | null => {
    if (text[at] !== '"') {
      plain.lastIndex = at;
      const [found] = plain.exec(text)!;
      at += found.length;
      cells.push(found);
      return found.includes('"')
        ? 'a quote stands inside a cell that does not begin with one'
        : null;
    }
    let end = text.indexOf('"', at + 1);
    while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
    if (end < 0) return 'a quote is opened and never closed';
    cells.push(text.slice(at + 1, end).replaceAll('""', '"'));
    at = end + 1;
    const next = text[at];
    return next === undefined || next === delimiter || next === '\n' || next === '\r'
      ? null
      : 'text follows a closing quote';
  };

  while (at < text.length) {
    const start = at;
    const cells: string[] = [];
    let fault = cell(cells);
    while (fault === null && text[at] === delimiter) {
      if (cells.length >= columns) fault = `it has more than ${columns} cells`;
      else {
        at++;
        fault = cell(cells);
      }
    }
    // after a fault nobody knows where the cells of this line end
    lineEnd.lastIndex = fault === null ? at : start;
    const end = lineEnd.exec(text)!;
    at = end.index + end[0].length;
    yield { cells, fault };
    if (end[0] === '') return;
  }
}

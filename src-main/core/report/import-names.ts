/**
 * Names and groups of imported runs. CodeCarbon names neither: most of its files are called
 * `emissions.csv`, and what was tried stands in the folders around them.
 */

/** What the path of a file says about its runs. */
export interface FilePlace {
  /** `RQ2/variance/run 3` for `RQ2/variance/run 3/emissions.csv`. */
  label: string;
  /** The label without what only counts repeats: `RQ2/variance`. Null for a file without folders. */
  group: string | null;
  /** Rows of the file. */
  rows: number;
}

export interface RowFacts {
  /** The project's name where somebody chose one. */
  project: string | null;
  task: string | null;
  hardware: string | null;
  /** Of this row and no other. */
  unique: string;
}

/** Longest name of a run. */
const longest = 200;

/** @param path with `/` or `\`; may be a bare file name */
export function placeOf(path: string, rows: number): FilePlace {
  const parts = path.split(/[\\/]+/).filter((part) => !/^(\.*|[a-z]:)$/i.test(part));
  const stem = (parts.pop() ?? '').replace(/\.csv$/i, '') || 'imported';
  if (parts.length === 0) return { label: stem, group: null, rows };
  // every file is called so
  const own = stem.replace(/^(codecarbon[-_ ]?)?emissions?[-_ ]*/i, '');
  const repeats = own === '' || /^\(?\d{1,4}\)?$/.test(own);
  const label = [...parts, ...(own === '' ? [] : [own])];
  const group = [...parts, ...(repeats ? [] : [own])]
    .map((part) => part.replace(repeatMark, ''))
    .filter((part) => part !== '');
  return { label: label.join('/'), group: group.join('/'), rows };
}

/** `run 3`, `seed42`: a bare number may be a keep ratio or a depth, and is no repeat. */
const repeatMark =
  /(^|[\s_.-]+)(run|rep|repeat|repetition|replicate|seed|trial|try|fold)[\s_.-]*\d+$/i;

/** The name of a row's run, and the group of which it is a repeat: same place, project, task, hardware. */
export function nameOf(
  place: FilePlace,
  index: number,
  { project, task, hardware, unique }: RowFacts,
): { name: string; group: string } {
  const inFolder = place.group !== null;
  const named = !inFolder && project !== null ? [project] : [place.label];
  if (inFolder && project !== null && !place.label.includes(project)) named.push(project);
  if (task !== null) named.push(task);
  // names that somebody chose repeat on purpose
  if (place.rows > 1 && task === null && (inFolder || project === null))
    named.push(String(index + 1));
  const name = named.join(' ');
  const what = [place.group, project, task, hardware].filter((part) => part !== null);
  // files called emissions.csv from here and there are no repeats of each other
  const group = inFolder || project !== null ? what.join(', ') : `${name}, ${unique}`;
  return {
    name: name.length <= longest ? name : `…${name.slice(1 - longest)}`,
    group: `imported: ${group}`,
  };
}

/** The default names nothing. */
export const ownProject = (project: string | null): string | null =>
  project === null || ['codecarbon', 'HuggingGreen'].includes(project) ? null : project;

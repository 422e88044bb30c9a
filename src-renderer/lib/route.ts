/** Where the person is, kept in the address' fragment: `#/compare?ids=3,4`. Copying it copies the view. */
export const views = ['machine', 'new', 'live', 'runs', 'compare', 'data', 'settings'] as const;
export type ViewName = (typeof views)[number];

export interface Route {
  view: ViewName | 'run' | 'matrix' | 'report' | 'about' | 'calibrate';
  /** Of `#/run/12` and `#/matrix/3`. */
  id: number | null;
  query: Record<string, string>;
}

/** Whether an address leads somewhere; what does not shows the machine. */
export function leadsSomewhere(hash: string): boolean {
  const [path = ''] = hash.replace(/^#\/?/, '').split('?', 1);
  const { view, id } = parseRoute(hash);
  const itself =
    id === null ? (view === 'calibrate' ? 'machine/calibrate' : view) : `${view}/${id}`;
  // the address of a served page begins with its token
  return path === '' || path.startsWith('token=') || path.replace(/\/$/, '') === itself;
}

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [first = '', second = ''] = path.split('/');
  const query = Object.fromEntries(new URLSearchParams(search));
  if ((first === 'run' || first === 'matrix') && /^[1-9]\d*$/.test(second))
    return { view: first, id: +second, query };
  if (first === 'report') return { view: 'report', id: null, query };
  if (first === 'about') return { view: 'about', id: null, query };
  if (first === 'machine' && second === 'calibrate') return { view: 'calibrate', id: null, query };
  const view = views.find((name) => name === first) ?? 'machine';
  return { view, id: null, query };
}

export function routeHash(path: string, query: Record<string, string> = {}): string {
  const search = new URLSearchParams(query).toString().replaceAll('%2C', ',');
  return `#/${path}${search ? `?${search}` : ''}`;
}

export const compareHash = (ids: readonly number[]) =>
  routeHash('compare', ids.length > 0 ? { ids: ids.join(',') } : {});
export const reportHash = (ids: readonly number[]) => routeHash('report', { ids: ids.join(',') });

/** Of a query, `3,4`: whole numbers above 0, each once. */
export const idsOf = (text: string): number[] => [
  ...new Set(
    text
      .split(',')
      .map(Number)
      .filter((id) => Number.isInteger(id) && id > 0),
  ),
];

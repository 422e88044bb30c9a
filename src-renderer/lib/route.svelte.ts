/** The address as reactive state. */
import { parseRoute, routeHash, type Route } from './route.ts';

class Router {
  current = $state<Route>(parseRoute(location.hash));

  constructor() {
    addEventListener('hashchange', () => (this.current = parseRoute(location.hash)));
  }

  go(path: string, query: Record<string, string> = {}) {
    location.hash = routeHash(path, query);
  }

  /** Keeps view state in the address without a new entry in the history. */
  setQuery(query: Record<string, string>) {
    const path = location.hash.replace(/^#\/?/, '').split('?', 1)[0] ?? '';
    history.replaceState(null, '', routeHash(path, query));
    this.current = parseRoute(location.hash);
  }
}

export const router = new Router();

// What GraphiQL keeps in the browser: tabs, history and layout. Headers are reduced to the name of the caller and variables to what
// a person typed; both are filled in again when they are read.

import { createLocalStorage, type Storage } from '@graphiql/toolkit';

import { restoredHeaders, storedHeaders } from './authorization';
import { withFilled, withoutFilled } from './variables';

export interface Tab {
  query: string | null;
  variables: string | null;
  headers: string | null;
}

export interface Session {
  tabs: Tab[];
  activeTabIndex: number;
}

/** Keys of GraphiQL whose values hold operations. */
const OPERATIONS = ['graphiql:tabState', 'graphiql:queries', 'graphiql:favorites'];
/** Copies of the open editors, which the tabs hold too. */
const EDITORS = ['graphiql:query', 'graphiql:variables', 'graphiql:headers'];

const isOperation = (value: unknown): value is Tab => typeof value === 'object' && value !== null && 'query' in value;

/** Changes every operation in a stored text. */
function changed(text: string, change: (operation: Tab) => Tab): string {
  return JSON.stringify(JSON.parse(text, (_, value) => (isOperation(value) ? change(value) : value)));
}

const stored = (operation: Tab): Tab => ({
  ...operation,
  headers: storedHeaders(operation.headers ?? ''),
  variables: withoutFilled(operation.query ?? '', operation.variables ?? ''),
});

const restored =
  (isSandbox: boolean) =>
  (operation: Tab): Tab => ({
    ...operation,
    headers: restoredHeaders(operation.headers ?? '', isSandbox),
    variables: withFilled(operation.query ?? '', operation.variables ?? ''),
  });

/** Removes what earlier versions of this page stored: their history held headers with keys. */
function removeOldItems() {
  for (const key of Object.keys(localStorage).filter((name) => name.startsWith('graphiql:'))) localStorage.removeItem(key);
}

/** Opens the storage, and reads the session of the visit before; none at the first visit. */
export function openStorage(isSandbox: boolean): { storage: Storage; session: Session | undefined } {
  removeOldItems();
  const local = createLocalStorage({ namespace: 'ticketgraph' });
  const read = (key: string) => {
    const text = local.getItem(key);
    try {
      return text && OPERATIONS.includes(key) ? changed(text, restored(isSandbox)) : text;
    } catch {
      return null; // Not written by this page.
    }
  };
  const session = sessionIn(read('graphiql:tabState'));
  const storage: Storage = {
    ...local,
    get length() {
      return local.length;
    },
    // GraphiQL takes the same session that this page takes its first editors from.
    getItem: (key: string) => (key === 'graphiql:tabState' ? (session ? JSON.stringify(session) : null) : read(key)),
    setItem(key: string, value: string) {
      if (EDITORS.includes(key)) return;
      local.setItem(key, OPERATIONS.includes(key) ? changed(value, stored) : value);
    },
  };
  return { storage, session };
}

function sessionIn(text: string | null): Session | undefined {
  if (!text) return undefined;
  try {
    const session: Session = JSON.parse(text);
    // An empty tab is not worth restoring, and GraphiQL would open it instead of the one that was open.
    const tabs = session.tabs.filter(({ query }) => query);
    const open = session.tabs[session.activeTabIndex];
    return tabs.length > 0 ? { ...session, tabs, activeTabIndex: Math.max(0, open ? tabs.indexOf(open) : 0) } : undefined;
  } catch {
    return undefined;
  }
}

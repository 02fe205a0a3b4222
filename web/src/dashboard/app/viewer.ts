// Who is signed in, and what it may do. The server decides again at each request.

import type { ViewerQuery } from '../api/documents';

export type Viewer = ViewerQuery['viewer'];

/** What every view is given. */
export interface ViewProps {
  viewer: Viewer;
  /** What stands in the address after the name of the view. */
  path: string[];
}

export function may(viewer: Viewer, scope: string): boolean {
  return viewer.scopes.includes(scope) || viewer.scopes.includes('admin');
}

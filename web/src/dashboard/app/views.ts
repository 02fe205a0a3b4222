// Which views a caller has, by its reseller and its scopes.

import type { ComponentType } from 'react';

import { AttentionCount } from '../attention/AttentionCount';
import { AttentionPage } from '../attention/AttentionPage';
import { AuditPage } from '../audit/AuditPage';
import { ConnectionsPage } from '../connections/ConnectionsPage';
import { ResellersPage } from '../connections/ResellersPage';
import { OrdersPage } from '../orders/OrdersPage';
import { OverviewPage } from '../overview/OverviewPage';
import { ReconciliationPage } from '../reconciliation/ReconciliationPage';
import { SalesPage } from '../sales/SalesPage';
import { SourcesPage } from '../sources/SourcesPage';
import { WebhooksPage } from '../webhooks/WebhooksPage';
import type { Words } from '../words';
import { may, type Viewer, type ViewProps } from './viewer';

export interface View {
  name: keyof Words['nav'];
  Component: ComponentType<ViewProps>;
  /** What is counted beside its name. */
  Count?: ComponentType;
}

interface Entry extends View {
  /** Callers with or without a reseller; none: both. */
  of?: 'operators' | 'resellers';
  /** All of them are needed. */
  scopes: string[];
}

const ENTRIES: Entry[] = [
  { name: 'sales', Component: SalesPage, of: 'resellers', scopes: ['report:read'] },
  { name: 'overview', Component: OverviewPage, of: 'operators', scopes: ['report:read'] },
  { name: 'sources', Component: SourcesPage, of: 'operators', scopes: ['catalog:read'] },
  { name: 'attention', Component: AttentionPage, Count: AttentionCount, of: 'operators', scopes: ['order:read', 'report:read'] },
  { name: 'orders', Component: OrdersPage, scopes: ['order:read'] },
  { name: 'connections', Component: ConnectionsPage, of: 'resellers', scopes: ['report:read'] },
  { name: 'resellers', Component: ResellersPage, of: 'operators', scopes: ['report:read'] },
  { name: 'reconciliation', Component: ReconciliationPage, of: 'operators', scopes: ['report:read'] },
  { name: 'webhooks', Component: WebhooksPage, scopes: ['webhook:write'] },
  { name: 'audit', Component: AuditPage, of: 'operators', scopes: ['admin'] },
];

const isOf = ({ of }: Entry, viewer: Viewer) => of === undefined || (of === 'operators') === (viewer.reseller === null);

const missingFor = (viewer: Viewer, { scopes }: Entry) => scopes.filter((scope) => !may(viewer, scope));

export function viewsOf(viewer: Viewer): View[] {
  return ENTRIES.filter((entry) => isOf(entry, viewer) && missingFor(viewer, entry).length === 0);
}

/** The view with a name that only misses scopes of the caller, and those scopes. */
export function refusedView(viewer: Viewer, name: string): { name: View['name']; missing: string[] } | null {
  const entry = ENTRIES.find((known) => known.name === name && isOf(known, viewer));
  return entry ? { name: entry.name, missing: missingFor(viewer, entry) } : null;
}

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
import type { Words } from '../words';
import { may, type Viewer, type ViewProps } from './viewer';

export interface View {
  name: keyof Words['nav'];
  Component: ComponentType<ViewProps>;
  /** What is counted beside its name. */
  Count?: ComponentType;
}

export function viewsOf(viewer: Viewer): View[] {
  const isOperator = viewer.reseller === null;
  const [reads, orders, reports] = [may(viewer, 'catalog:read'), may(viewer, 'order:read'), may(viewer, 'report:read')];
  const views: [boolean, View][] = [
    [!isOperator && reports, { name: 'sales', Component: SalesPage }],
    [isOperator && reports, { name: 'overview', Component: OverviewPage }],
    [isOperator && reads, { name: 'sources', Component: SourcesPage }],
    [isOperator && orders && reports, { name: 'attention', Component: AttentionPage, Count: AttentionCount }],
    [orders, { name: 'orders', Component: OrdersPage }],
    [!isOperator && reports, { name: 'connections', Component: ConnectionsPage }],
    [isOperator && reports, { name: 'resellers', Component: ResellersPage }],
    [isOperator && reports, { name: 'reconciliation', Component: ReconciliationPage }],
    [isOperator && may(viewer, 'admin'), { name: 'audit', Component: AuditPage }],
  ];
  return views.filter(([has]) => has).map(([, view]) => view);
}

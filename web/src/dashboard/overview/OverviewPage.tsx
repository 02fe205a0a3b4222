// What an operator looks at first. Each section asks for itself, so one that fails costs nothing of the others.

import { may, type ViewProps } from '../app/viewer';
import { NEEDS_PERSON } from '../attention/AttentionCount';
import { Cases } from '../attention/Cases';
import { Page } from '../ui/parts';
import { useTranslation } from '../words';
import { Callers } from './Callers';
import { SalesSummary } from './SalesSummary';
import { SourcesSummary } from './SourcesSummary';
import { WaitingDeliveries } from './WaitingDeliveries';

/** Orders that need a person and are shown here. */
const NEWEST = 5;

export function OverviewPage({ viewer }: ViewProps) {
  const { t } = useTranslation();
  const [reads, orders] = [may(viewer, 'catalog:read'), may(viewer, 'order:read')];
  return (
    <Page title={t.overview.title}>
      <SalesSummary />
      {reads ? <SourcesSummary viewer={viewer} /> : null}
      {orders ? (
        <Cases
          title={t.attention.needPerson}
          status={NEEDS_PERSON}
          none={t.attention.needPersonNone}
          hint={t.attention.needPersonHint}
          first={NEWEST}
        />
      ) : null}
      {reads && orders ? <WaitingDeliveries /> : null}
      {may(viewer, 'admin') ? <Callers /> : null}
    </Page>
  );
}

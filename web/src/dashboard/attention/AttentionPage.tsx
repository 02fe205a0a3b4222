// Orders that need a person, with what to do; and those that the service is still working on.

import type { OrderStatus } from '../api/documents';
import { Page } from '../ui/parts';
import { useTranslation } from '../words';
import { NEEDS_PERSON } from './AttentionCount';
import { Cases } from './Cases';

const ON_THE_WAY: OrderStatus[] = ['HOLDING', 'CONFIRMING', 'COMPENSATING', 'CANCELLING', 'RELEASING'];

export function AttentionPage() {
  const { t } = useTranslation();
  return (
    <Page title={t.attention.title}>
      <Cases
        title={t.attention.needPerson}
        status={NEEDS_PERSON}
        none={t.attention.needPersonNone}
        hint={t.attention.needPersonHint}
      />
      <Cases title={t.attention.onTheWay} status={ON_THE_WAY} none={t.attention.onTheWayNone} hint={t.attention.onTheWayHint} />
    </Page>
  );
}

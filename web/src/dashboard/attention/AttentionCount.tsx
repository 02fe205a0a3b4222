// How many orders need a person, beside the name of the view. Nothing where there are none, or where it is not known.

import { AttentionCountDocument, type OrderStatus } from '../api/documents';
import { useAsked } from '../api/use';
import { useTranslation } from '../words';
import { useOrderChanges } from './useOrderChanges';

export const NEEDS_PERSON: OrderStatus[] = ['NEEDS_ATTENTION'];
const ASK_AGAIN = 30_000;

export function AttentionCount() {
  const { t, f } = useTranslation();
  const asked = useAsked(
    { query: AttentionCountDocument, variables: { filter: { status: NEEDS_PERSON } } },
    { every: ASK_AGAIN },
  );
  useOrderChanges(asked.again);
  const count = asked.data?.orders.totalCount ?? 0;
  if (count === 0) return null;
  return (
    <>
      {' '}
      <span className="count" aria-hidden="true">
        {f.number(count)}
      </span>
      <span className="visually-hidden">{t.orders.count(count)}</span>
    </>
  );
}

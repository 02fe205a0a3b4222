// What an operator can do about a leg: settle it, or have it looked up or tried again now.

import { useState } from 'react';
import { useMutation } from 'urql';

import { type AttentionQuery, RetryLegsDocument } from '../api/documents';
import { newKey } from '../api/use';
import { Failure } from '../ui/Answer';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';
import { SettleDialog } from './SettleDialog';

type Order = AttentionQuery['orders']['nodes'][number];

export function LegActions({ order, leg, again }: { order: Order; leg: Order['legs'][number]; again: () => void }) {
  const { t, language } = useTranslation();
  const [isSettling, setSettling] = useState(false);
  const [{ data, error, fetching }, retry] = useMutation(RetryLegsDocument);

  async function tryAgain() {
    await retry({ key: newKey(), legs: [leg.id], locale: language });
    again();
  }

  return (
    <>
      <div className="bar">
        {leg.availableSettlements.length > 0 ? (
          <button type="button" className="main" onClick={() => setSettling(true)}>
            {t.attention.settle.open}
          </button>
        ) : null}
        {order.availableActions.includes('RETRY') ? (
          <button type="button" disabled={fetching} onClick={tryAgain}>
            {t.attention.retry}
          </button>
        ) : null}
      </div>
      {error ? <Failure error={error} /> : null}
      <Problems of={data?.retryLegs.problems ?? []} title={t.attention.retryRefused} areOfTry />
      {isSettling ? <SettleDialog order={order} leg={leg} again={again} onClose={() => setSettling(false)} /> : null}
    </>
  );
}

// What an operator can do about a leg, after a confirmation: settle it, or have it looked up or tried again now.

import { useState } from 'react';
import { useMutation } from 'urql';

import { type AttentionQuery, RetryLegsDocument } from '../api/documents';
import { newKey } from '../api/use';
import { Failure } from '../ui/Answer';
import { Confirm } from '../ui/Confirm';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';
import { SettleDialog } from './SettleDialog';

type Order = AttentionQuery['orders']['nodes'][number];

export function LegActions({ order, leg, again }: { order: Order; leg: Order['legs'][number]; again: () => void }) {
  const { t, language } = useTranslation();
  const [isSettling, setSettling] = useState(false);
  // One key for each opening.
  const [key, setKey] = useState<string | null>(null);
  const [{ data, error, fetching }, retry] = useMutation(RetryLegsDocument);

  async function tryAgain() {
    if (key === null) return;
    const answer = await retry({ key, legs: [leg.id], locale: language });
    if (answer.data?.retryLegs.problems.length === 0) setKey(null);
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
          <button type="button" onClick={() => setKey(newKey())}>
            {t.attention.retry}
          </button>
        ) : null}
      </div>
      {key !== null ? (
        <Confirm
          title={t.attention.retry}
          explain={t.confirm.retry(leg.source.institution, order.number)}
          go={t.attention.retry}
          isBusy={fetching}
          onGo={tryAgain}
          onClose={() => setKey(null)}
        >
          {error ? <Failure error={error} /> : null}
          <Problems of={data?.retryLegs.problems ?? []} title={t.attention.retryRefused} areOfTry />
        </Confirm>
      ) : null}
      {isSettling ? <SettleDialog order={order} leg={leg} again={again} onClose={() => setSettling(false)} /> : null}
    </>
  );
}

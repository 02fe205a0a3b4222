// Giving held places back: only of the version that is seen, and at most once.

import { useState } from 'react';
import { useMutation } from 'urql';

import { newKey } from '../api/use';
import { ReleaseOrderDocument } from '../api/documents';
import { Failure } from '../ui/Answer';
import { Dialog } from '../ui/Dialog';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';
import type { Order } from './order';

export function Release({ order, again }: { order: Order; again: () => void }) {
  const { t, language } = useTranslation();
  const [key, setKey] = useState<string | null>(null);
  const [seen, setSeen] = useState(order.version);
  const [{ data, error, fetching }, release] = useMutation(ReleaseOrderDocument);

  async function go() {
    if (key === null) return;
    const answer = await release({ key, order: order.id, version: seen, locale: language });
    if (answer.data?.releaseOrder.problems.length === 0) setKey(null);
    again();
  }

  return (
    <>
      <button
        type="button"
        onClick={() => {
          setSeen(order.version);
          setKey(newKey());
        }}
      >
        {t.order.release}
      </button>
      {key !== null ? (
        <Dialog title={t.order.release} onClose={() => setKey(null)}>
          <p>{t.order.releaseSure}</p>
          {error ? <Failure error={error} title={t.cancel.lost} /> : null}
          <Problems of={data?.releaseOrder.problems ?? []} title={t.cancel.refused} areOfTry />
          <div className="bar">
            <button type="button" className="danger" disabled={fetching} onClick={go}>
              {t.order.release}
            </button>
            <button type="button" onClick={() => setKey(null)}>
              {t.state.cancel}
            </button>
          </div>
        </Dialog>
      ) : null}
    </>
  );
}

// Cancellation in two steps: the quote shows the refund, and only what was quoted is canceled. One key for each quote, so that
// sending again after a lost answer undoes nothing twice.

import { useId, useState } from 'react';
import { useMutation } from 'urql';

import { CancelOrderDocument, QuoteCancellationDocument, type QuoteCancellationMutation } from '../api/documents';
import { newKey } from '../api/use';
import { useNow } from '../ui/Ago';
import { Failure } from '../ui/Answer';
import { Dialog } from '../ui/Dialog';
import { Facts, Sums } from '../ui/parts';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';
import { type Order, titleOf } from './order';

type Quote = NonNullable<QuoteCancellationMutation['quoteCancellation']['quote']>;

/** A quote, the version of the order that it was made of, and the key of its only use. */
interface Offer {
  quote: Quote;
  version: number;
  key: string;
}

export function CancelDialog({ order, onClose }: { order: Order; onClose: () => void }) {
  const { t, language } = useTranslation();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(order.lines.map(({ id }) => id)));
  const [offer, setOffer] = useState<Offer | null>(null);
  const [{ data, error, fetching }, ask] = useMutation(QuoteCancellationDocument);

  async function quote() {
    const isWhole = chosen.size === order.lines.length;
    const answer = await ask({ order: order.id, lines: isWhole ? null : [...chosen], locale: language });
    const quoted = answer.data?.quoteCancellation.quote;
    setOffer(quoted ? { quote: quoted, version: order.version, key: newKey() } : null);
  }

  function choose(id: string, isChosen: boolean) {
    const next = new Set(chosen);
    if (isChosen) next.add(id);
    else next.delete(id);
    setChosen(next);
    setOffer(null);
  }

  return (
    <Dialog title={t.cancel.title} onClose={onClose}>
      <fieldset>
        <legend>{t.cancel.which}</legend>
        {order.lines.map((line) => (
          <label key={line.id} className="check">
            <input type="checkbox" checked={chosen.has(line.id)} onChange={(event) => choose(line.id, event.target.checked)} />
            <LineName order={order} id={line.id} />
          </label>
        ))}
      </fieldset>
      {error ? <Failure error={error} /> : null}
      <Problems of={data?.quoteCancellation.problems ?? []} title={t.cancel.refused} areOfTry />
      {offer ? (
        <Decide order={order} offer={offer} onClose={onClose} />
      ) : (
        <div className="bar">
          <button type="button" className="main" disabled={fetching || chosen.size === 0} onClick={quote}>
            {fetching ? t.cancel.asking : t.cancel.ask}
          </button>
          <button type="button" onClick={onClose}>
            {t.state.cancel}
          </button>
        </div>
      )}
    </Dialog>
  );
}

function Decide({ order, offer: { quote, version, key }, onClose }: { order: Order; offer: Offer; onClose: () => void }) {
  const { t, f, language } = useTranslation();
  const [reason, setReason] = useState('');
  const [{ data, error, fetching }, cancel] = useMutation(CancelOrderDocument);
  const field = useId();
  const isExpired = useNow() > Date.parse(quote.expiresAt);
  const isOutdated = order.version !== version && !fetching && !data;

  async function go() {
    const answer = await cancel({ key, quote: quote.id, reason: reason.trim() || null, locale: language });
    if (answer.data?.cancelOrder.problems.length === 0) onClose();
  }

  return (
    <div className="quote" aria-live="polite">
      <h3>{t.cancel.quote}</h3>
      <Facts
        rows={[
          [t.cancel.refund, <Sums of={quote.refund} />],
          [t.cancel.fee, quote.fee.some(({ amount }) => amount > 0) ? <Sums of={quote.fee} /> : t.cancel.nothing],
        ]}
      />
      {quote.mustAlsoCancel.length > 0 ? (
        <div className="notice tone-warn">
          <p>{t.cancel.also}</p>
          <ul>
            {quote.mustAlsoCancel.map((line) => (
              <li key={line.id}>
                <LineName order={order} id={line.id} />
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      <p className="small">
        {isExpired ? t.cancel.expired : isOutdated ? t.cancel.changed : t.cancel.expires(f.time(quote.expiresAt))}
      </p>
      <label htmlFor={field}>{t.cancel.reason}</label>
      <input id={field} value={reason} maxLength={200} onChange={(event) => setReason(event.target.value)} />
      {error ? <Failure error={error} title={t.cancel.lost} /> : null}
      <Problems of={data?.cancelOrder.problems ?? []} title={t.cancel.refused} areOfTry />
      <div className="bar">
        <button type="button" className="danger" disabled={fetching || isExpired || isOutdated} onClick={go}>
          {fetching ? t.cancel.going : t.cancel.go}
        </button>
        <button type="button" onClick={onClose}>
          {t.state.cancel}
        </button>
      </div>
    </div>
  );
}

function LineName({ order, id }: { order: Order; id: string }) {
  const { t, f } = useTranslation();
  const line = order.lines.find((known) => known.id === id);
  if (!line) return <>{id}</>;
  return (
    <span>
      {t.order.onSale(line.quantity)} · {titleOf(line) ?? line.ticketType.name} · {f.money(line.total.retail)}
    </span>
  );
}

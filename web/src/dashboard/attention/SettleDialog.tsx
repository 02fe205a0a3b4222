// Settling a leg: what the vendor's own books show of it. One key for each opening, so that sending again settles nothing twice.

import { useId, useState } from 'react';
import { useMutation } from 'urql';

import { type AttentionQuery, type LegSettlement, SettleLegDocument } from '../api/documents';
import { newKey } from '../api/use';
import { Failure } from '../ui/Answer';
import { Dialog } from '../ui/Dialog';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';

type Order = AttentionQuery['orders']['nodes'][number];
type Leg = Order['legs'][number];

interface Props {
  order: Order;
  leg: Leg;
  onClose: () => void;
  again: () => void;
}

export function SettleDialog({ order, leg, onClose, again }: Props) {
  const { t, language } = useTranslation();
  // Only of the version that was seen.
  const [{ key, version }] = useState(() => ({ key: newKey(), version: order.version }));
  const [outcome, setOutcome] = useState<LegSettlement | null>(null);
  const [note, setNote] = useState('');
  const [reference, setReference] = useState({ kind: '', value: '' });
  const [{ data, error, fetching }, settle] = useMutation(SettleLegDocument);
  const fields = useId();
  const words = t.attention.settle;

  async function go() {
    if (outcome === null) return;
    const refs = outcome === 'SOLD' && reference.value.trim() ? [reference] : null;
    const answer = await settle({ key, leg: leg.id, version, outcome, note: note.trim(), refs, locale: language });
    // The problems of the legs are those of the order; what was refused has the path of a field.
    const isRefused = answer.data?.settleLeg.problems.some(({ path }) => path !== null);
    if (answer.data && !isRefused) onClose();
    again();
  }

  return (
    <Dialog title={words.title(leg.source.institution)} onClose={onClose}>
      <p>{words.explain(leg.ourReference)}</p>
      <fieldset>
        <legend>{words.books}</legend>
        {leg.availableSettlements.map((one) => (
          <label key={one} className="check">
            <input type="radio" name={`${fields}-outcome`} checked={outcome === one} onChange={() => setOutcome(one)} />
            {words.outcomes[one]}
          </label>
        ))}
      </fieldset>
      {outcome !== null ? <p className="notice tone-calm">{t.confirm.settle[outcome]}</p> : null}
      {outcome === 'SOLD' ? (
        <>
          <label htmlFor={`${fields}-kind`}>{words.kind}</label>
          <input
            id={`${fields}-kind`}
            value={reference.kind}
            maxLength={255}
            onChange={(event) => setReference({ ...reference, kind: event.target.value })}
          />
          <label htmlFor={`${fields}-value`}>{words.value}</label>
          <input
            id={`${fields}-value`}
            value={reference.value}
            maxLength={255}
            onChange={(event) => setReference({ ...reference, value: event.target.value })}
          />
        </>
      ) : null}
      <label htmlFor={`${fields}-note`}>{words.note}</label>
      <textarea id={`${fields}-note`} value={note} maxLength={2000} rows={3} onChange={(event) => setNote(event.target.value)} />
      {error ? <Failure error={error} /> : null}
      <Problems of={data?.settleLeg.problems ?? []} title={words.refused} areOfTry />
      <div className="bar">
        <button type="button" className="main" disabled={fetching || outcome === null || note.trim() === ''} onClick={go}>
          {words.go}
        </button>
        <button type="button" onClick={onClose}>
          {t.state.cancel}
        </button>
      </div>
    </Dialog>
  );
}

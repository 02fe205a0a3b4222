// The notes of an order, and adding one. One key for each opening.

import { useId, useState } from 'react';
import { useMutation } from 'urql';

import { AddOrderNoteDocument, type AttentionQuery } from '../api/documents';
import { newKey } from '../api/use';
import { Failure } from '../ui/Answer';
import { Dialog } from '../ui/Dialog';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';

type Order = AttentionQuery['orders']['nodes'][number];

export function Notes({ of }: { of: Order['notes'] }) {
  const { t, f } = useTranslation();
  if (of.length === 0) return null;
  return (
    <ul className="plain" aria-label={t.confirm.note.list}>
      {of.map(({ at, by, text }, place) => (
        <li key={`${at}-${place}`}>
          {text}{' '}
          <span className="small">
            {by}, {f.time(at)}
          </span>
        </li>
      ))}
    </ul>
  );
}

export function AddNote({ order, again }: { order: Order; again: () => void }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="bar">
      <button type="button" onClick={() => setOpen(true)}>
        {t.confirm.note.open}
        <span className="visually-hidden"> {order.number}</span>
      </button>
      {isOpen ? <NoteDialog order={order} again={again} onClose={() => setOpen(false)} /> : null}
    </div>
  );
}

function NoteDialog({ order, again, onClose }: { order: Order; again: () => void; onClose: () => void }) {
  const { t, language } = useTranslation();
  const [key] = useState(newKey);
  const [text, setText] = useState('');
  const [{ data, error, fetching }, add] = useMutation(AddOrderNoteDocument);
  const field = useId();
  const words = t.confirm.note;
  // The problems of the legs are those of the order; what was refused has the path of a field.
  const refused = data?.addOrderNote.problems.filter(({ path }) => path !== null) ?? [];

  async function go() {
    const answer = await add({ key, order: order.id, text: text.trim(), locale: language });
    const isRefused = answer.data?.addOrderNote.problems.some(({ path }) => path !== null);
    if (answer.data && !isRefused) onClose();
    again();
  }

  return (
    <Dialog title={words.title(order.number)} onClose={onClose}>
      <p>{words.explain}</p>
      <label htmlFor={field}>{words.text}</label>
      <textarea id={field} value={text} maxLength={2000} rows={3} onChange={(event) => setText(event.target.value)} />
      {error ? <Failure error={error} /> : null}
      <Problems of={refused} title={words.refused} areOfTry />
      <div className="bar">
        <button type="button" className="main" disabled={fetching || text.trim() === ''} onClick={go}>
          {words.go}
        </button>
        <button type="button" onClick={onClose}>
          {t.state.cancel}
        </button>
      </div>
    </Dialog>
  );
}

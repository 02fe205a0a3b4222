// Pausing a source, and ending the pause. One key for each opening.

import { useId, useState } from 'react';
import { useMutation } from 'urql';

import { type PauseMode, PauseSourceDocument, ResumeSourceDocument, type SourcesQuery } from '../api/documents';
import { newKey } from '../api/use';
import { Failure } from '../ui/Answer';
import { Confirm } from '../ui/Confirm';
import { Dialog } from '../ui/Dialog';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';

type Source = SourcesQuery['sources'][number];

const MODES: PauseMode[] = ['REFUSE_NEW_ORDERS', 'STOP_ALL_CALLS'];

export function Pause({ source, mayPause, again }: { source: Source; mayPause: boolean; again: () => void }) {
  const { t, f } = useTranslation();
  // What was clicked stays open, even if somebody else pauses or resumes the source meanwhile.
  const [isOpen, setOpen] = useState<'pause' | 'resume' | null>(null);
  const { paused } = source;
  const close = () => setOpen(null);

  return (
    <>
      {paused ? (
        <p className="notice tone-warn">
          {t.sources.pause.modes[paused.mode]} {t.sources.since(f.time(paused.since))}
          {paused.note ? ` · ${paused.note}` : ''}
        </p>
      ) : null}
      {mayPause ? (
        <div className="bar">
          <button type="button" onClick={() => setOpen(paused ? 'resume' : 'pause')}>
            {paused ? t.sources.pause.resume : t.sources.pause.open}
            <span className="visually-hidden"> {source.institution}</span>
          </button>
        </div>
      ) : null}
      {isOpen === 'resume' ? <ResumeDialog source={source} again={again} onClose={close} /> : null}
      {isOpen === 'pause' ? <PauseDialog source={source} again={again} onClose={close} /> : null}
    </>
  );
}

function ResumeDialog({ source, onClose, again }: { source: Source; onClose: () => void; again: () => void }) {
  const { t, language } = useTranslation();
  const [key] = useState(newKey);
  const [{ data, error, fetching }, resume] = useMutation(ResumeSourceDocument);

  async function go() {
    const answer = await resume({ key, source: source.id, locale: language });
    if (answer.data?.resumeSource.problems.length === 0) onClose();
    again();
  }

  return (
    <Confirm
      title={t.confirm.resumeTitle(source.institution)}
      explain={t.confirm.resume(source.institution)}
      go={t.sources.pause.resume}
      isBusy={fetching}
      onGo={go}
      onClose={onClose}
    >
      {error ? <Failure error={error} /> : null}
      <Problems of={data?.resumeSource.problems ?? []} areOfTry />
    </Confirm>
  );
}

function PauseDialog({ source, onClose, again }: { source: Source; onClose: () => void; again: () => void }) {
  const { t, language } = useTranslation();
  const [key] = useState(newKey);
  const [mode, setMode] = useState<PauseMode>('REFUSE_NEW_ORDERS');
  const [note, setNote] = useState('');
  const [{ data, error, fetching }, pause] = useMutation(PauseSourceDocument);
  const fields = useId();

  async function go() {
    const answer = await pause({ key, source: source.id, mode, note: note.trim(), locale: language });
    if (answer.data?.pauseSource.problems.length === 0) onClose();
    again();
  }

  return (
    <Dialog title={t.sources.pause.title(source.institution)} onClose={onClose}>
      <fieldset>
        <legend>{t.sources.pause.which}</legend>
        {MODES.map((one) => (
          <label key={one} className="check">
            <input type="radio" name={`${fields}-mode`} checked={mode === one} onChange={() => setMode(one)} />
            {t.sources.pause.modes[one]}
          </label>
        ))}
      </fieldset>
      <p className="notice tone-calm">{t.confirm.pause[mode]}</p>
      <label htmlFor={`${fields}-note`}>{t.sources.pause.note}</label>
      <input id={`${fields}-note`} value={note} maxLength={2000} onChange={(event) => setNote(event.target.value)} />
      {error ? <Failure error={error} /> : null}
      <Problems of={data?.pauseSource.problems ?? []} areOfTry />
      <div className="bar">
        <button type="button" className="danger" disabled={fetching || note.trim() === ''} onClick={go}>
          {t.sources.pause.go}
        </button>
        <button type="button" onClick={onClose}>
          {t.state.cancel}
        </button>
      </div>
    </Dialog>
  );
}

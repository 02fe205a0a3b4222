// Where a person goes to the provider, or gives a caller's key. The key goes to the API in a header, and nowhere else.

import { type FormEvent, useEffect, useId, useState } from 'react';

import { Brand } from '../../brand/Brand';
import { callers, isSandbox } from '../../sandbox/callers';
import { Card, Page } from '../ui/parts';
import { useTranslation } from '../words';
import { Preferences } from './Preferences';
import { goToProvider, type Reason } from './session';

interface Ways {
  /** The name of the provider, if one is configured. */
  provider: string | null;
  reason: Reason | null;
  onKey: (key: string) => void;
}

export function SignIn({ provider, reason, onKey }: Ways) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [isShown, setShown] = useState(false);
  const [isEmpty, setEmpty] = useState(false);
  const field = useId();
  const trouble = isEmpty ? t.signIn.anonymous : reason === 'key' ? t.signIn.refused : null;

  function submit(event: FormEvent) {
    event.preventDefault();
    const key = text.trim();
    setEmpty(key === '');
    if (key !== '') onKey(key);
  }

  return (
    <>
      <header className="top">
        <div className="top-line">
          <Brand />
          <span className="who" />
          <Preferences />
        </div>
      </header>
      <Page title={t.signIn.title}>
        {reason && reason !== 'key' ? (
          <p className="notice tone-warn sign-in" role="alert">
            {t.session.reasons[reason]}
          </p>
        ) : null}
        {provider === null ? null : <ProviderButton provider={provider} reason={reason} />}
        <form className="card sign-in" onSubmit={submit} noValidate>
          <p id={`${field}-hint`}>{t.signIn.explain}</p>
          <label htmlFor={field}>{t.signIn.key}</label>
          <input
            id={field}
            type={isShown ? 'text' : 'password'}
            value={text}
            onChange={(event) => setText(event.target.value)}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            aria-describedby={`${field}-hint ${field}-trouble`}
            aria-invalid={trouble !== null}
          />
          <p id={`${field}-trouble`} className="field-error" role="alert">
            {trouble}
          </p>
          <div className="bar">
            <button type="submit" className="main">
              {t.signIn.go}
            </button>
            <button type="button" className="quiet" aria-pressed={isShown} onClick={() => setShown(!isShown)}>
              {isShown ? t.signIn.hide : t.signIn.show}
            </button>
          </div>
        </form>
        <ReadyCallers onKey={onKey} />
      </Page>
    </>
  );
}

function ProviderButton({ provider, reason }: { provider: string; reason: Reason | null }) {
  const { t } = useTranslation();
  return (
    <section className="card sign-in" aria-label={provider}>
      <div className="bar">
        <button type="button" className="main" onClick={() => goToProvider(false)}>
          {t.session.signInWith(provider)}
        </button>
        {reason === 'no-access' || reason === 'refused' ? (
          <button type="button" className="quiet" onClick={() => goToProvider(true)}>
            {t.session.otherAccount}
          </button>
        ) : null}
      </div>
    </section>
  );
}

/** In the sandbox, a click for each caller that has something to see here. */
function ReadyCallers({ onKey }: { onKey: (key: string) => void }) {
  const { t } = useTranslation();
  const [isShown, setShown] = useState(false);
  useEffect(() => void isSandbox().then(setShown), []);
  if (!isShown) return null;
  return (
    <Card title={t.signIn.sandbox} className="sign-in">
      <p className="small">{t.signIn.sandboxHint}</p>
      <div className="bar">
        {callers
          .filter(({ name, reseller }) => reseller !== undefined || name === 'operator')
          .map(({ name, key }) => (
            <button key={name} type="button" onClick={() => onKey(key)}>
              {name}
            </button>
          ))}
      </div>
    </Card>
  );
}

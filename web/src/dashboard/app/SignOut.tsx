// Who has signed in, and the ways out: this browser, or every browser of the person.

import { useState } from 'react';

import { useStore } from '../../store';
import { useTranslation } from '../words';
import { endSession, session } from './session';
import { key } from './settings';
import type { Viewer } from './viewer';

/** The reseller or caller, and the person if one has signed in. */
export function Who({ viewer }: { viewer?: Viewer }) {
  const person = useStore(session);
  const caller = viewer?.reseller?.name ?? viewer?.name;
  const names = person && viewer ? [person.name, viewer.reseller?.name] : [caller];
  return <span className="who">{names.filter(Boolean).join(' · ')}</span>;
}

export function SignOut() {
  const { t } = useTranslation();
  const person = useStore(session);
  const isPerson = useStore(key) === null && person !== null;
  const [hasFailed, setFailed] = useState(false);

  async function leave(everywhere: boolean) {
    if (isPerson) setFailed(!(await endSession(everywhere)));
    else key.set(null);
  }

  return (
    <>
      <button type="button" className="quiet" onClick={() => void leave(false)}>
        {t.app.signOut}
      </button>
      {isPerson ? (
        <button type="button" className="quiet" onClick={() => void leave(true)}>
          {t.session.signOutEverywhere}
        </button>
      ) : null}
      {hasFailed ? (
        <span role="alert" className="field-error">
          {t.session.signOutFailed}
        </span>
      ) : null}
    </>
  );
}

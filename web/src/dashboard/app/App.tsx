// Who is there decides what is shown: nobody, a reseller, or an operator.

import { useEffect, useState } from 'react';
import { Provider } from 'urql';

import { useStore } from '../../store';
import { type Connection, connect } from '../api/connection';
import { ConnectionContext, useAsked } from '../api/use';
import { ViewerDocument } from '../api/documents';
import { Answer } from '../ui/Answer';
import { Empty, Page } from '../ui/parts';
import { useTranslation } from '../words';
import { askSession, firstReason, type Reason, session } from './session';
import { key } from './settings';
import { Shell } from './Shell';
import { SignIn } from './SignIn';
import { useRoute } from './route';
import type { Viewer } from './viewer';
import { refusedView, viewsOf } from './views';

export function App() {
  const present = useStore(key);
  const person = useStore(session);
  const [connection, setConnection] = useState<Connection | null>(null);
  const [reason, setReason] = useState<Reason | null>(firstReason);
  // The name of the provider, once the server was asked.
  const [provider, setProvider] = useState<string | null>();
  const isKnown = present !== null || person !== null;

  useEffect(() => {
    if (isKnown || provider !== undefined) return;
    let isCurrent = true;
    void askSession().then((answer) => {
      if (!isCurrent) return;
      setProvider(answer.provider?.name ?? null);
      session.set(answer.session);
      if (answer.ended) setReason(answer.ended === 'EXPIRED' ? 'expired' : 'ended');
    });
    return () => {
      isCurrent = false;
    };
  }, [isKnown, provider]);

  useEffect(() => {
    if (!isKnown) return;
    setReason(null);
    const opened = connect(present, () => {
      setReason(present === null ? 'ended' : 'key');
      // The server says whether the session has expired.
      setProvider(undefined);
      if (present === null) session.set(null);
      else key.set(null);
    });
    setConnection(opened);
    return () => {
      setConnection(null);
      opened.close();
    };
  }, [present, isKnown]);

  if (!isKnown) return provider === undefined ? null : <SignIn provider={provider} reason={reason} onKey={key.set} />;
  if (connection === null) return null;
  return (
    <ConnectionContext value={connection}>
      <Provider value={connection.client}>
        <SignedIn />
      </Provider>
    </ConnectionContext>
  );
}

function SignedIn() {
  const asked = useAsked({ query: ViewerDocument, variables: {} });
  const { t } = useTranslation();
  if (!asked.data) {
    return (
      <Shell views={[]}>
        <Page title={t.app.dashboard}>
          <Answer asked={asked}>{() => null}</Answer>
        </Page>
      </Shell>
    );
  }
  return <Views viewer={asked.data.viewer} />;
}

function Views({ viewer }: { viewer: Viewer }) {
  const { t } = useTranslation();
  const [name = '', ...rest] = useRoute();
  const views = viewsOf(viewer);
  const view = name === '' ? views[0] : views.find((known) => known.name === name);
  const refused = view ? null : refusedView(viewer, name);
  return (
    <Shell views={views} viewer={viewer} current={view?.name}>
      {view ? (
        // A view of another thing is another view: nothing of the last one is kept.
        <view.Component key={[view.name, ...rest].join('/')} viewer={viewer} path={rest} />
      ) : refused ? (
        <Page title={t.nav[refused.name]}>
          <p className="notice tone-bad" role="alert">
            {t.errors.FORBIDDEN} {t.app.missing(refused.missing)}
          </p>
        </Page>
      ) : (
        <Page title={views.length > 0 ? t.app.notFound : t.app.dashboard}>
          {views.length > 0 ? <a href="#/">{t.app.toStart}</a> : <Empty title={t.app.nothingToSee} />}
        </Page>
      )}
    </Shell>
  );
}

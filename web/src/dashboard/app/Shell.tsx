// The frame around every view: the name, the views, and what a person may set.

import type { ReactNode } from 'react';

import { Brand } from '../../brand/Brand';
import { useStore } from '../../store';
import { useConnection } from '../api/use';
import { useTranslation } from '../words';
import { Preferences } from './Preferences';
import { hrefOf } from './route';
import { SignOut, Who } from './SignOut';
import type { Viewer } from './viewer';
import type { View } from './views';

function Liveness() {
  const { t } = useTranslation();
  const liveness = useStore(useConnection().liveness);
  if (liveness === 'idle') return null;
  return (
    <span className={`liveness liveness-${liveness}`} role="status">
      {t.app.live[liveness]}
    </span>
  );
}

interface Frame {
  views: View[];
  viewer?: Viewer;
  current?: string;
  children: ReactNode;
}

export function Shell({ views, viewer, current, children }: Frame) {
  const { t } = useTranslation();
  return (
    <>
      <a
        className="skip"
        href="#content"
        onClick={(event) => {
          // The part after # is the address of the view, so the jump is made by hand.
          event.preventDefault();
          document.querySelector<HTMLElement>('#content h1')?.focus();
        }}
      >
        {t.app.skip}
      </a>
      <header className="top">
        <div className="top-line">
          <Brand />
          <Who viewer={viewer} />
          <Liveness />
          <Preferences />
          <SignOut />
        </div>
        {views.length > 0 ? (
          <nav aria-label={t.app.views}>
            <ul>
              {views.map(({ name, Count }) => (
                <li key={name}>
                  <a href={hrefOf(name)} aria-current={name === current ? 'page' : undefined}>
                    {t.nav[name]}
                    {Count ? <Count /> : null}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
        ) : null}
      </header>
      {children}
    </>
  );
}

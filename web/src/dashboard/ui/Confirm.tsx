// A question before something is done: what it will do, and then whether it was done.

import type { ReactNode } from 'react';

import { useTranslation } from '../words';
import { Dialog } from './Dialog';

interface Asked {
  title: string;
  /** What will happen. */
  explain: string;
  go: string;
  isBusy: boolean;
  onGo: () => void;
  onClose: () => void;
  /** What came of a try. */
  children?: ReactNode;
}

export function Confirm({ title, explain, go, isBusy, onGo, onClose, children }: Asked) {
  const { t } = useTranslation();
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{explain}</p>
      {children}
      <div className="bar">
        <button type="button" className="main" disabled={isBusy} onClick={onGo}>
          {go}
        </button>
        <button type="button" onClick={onClose}>
          {t.state.cancel}
        </button>
      </div>
    </Dialog>
  );
}

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
  /** Something that it needs is not given yet. */
  canGo?: boolean;
  /** It cannot be undone. */
  isDangerous?: boolean;
  onGo: () => void;
  onClose: () => void;
  /** What came of a try. */
  children?: ReactNode;
}

export function Confirm({ title, explain, go, isBusy, canGo = true, isDangerous = false, onGo, onClose, children }: Asked) {
  const { t } = useTranslation();
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{explain}</p>
      {children}
      <div className="bar">
        <button type="button" className={isDangerous ? 'danger' : 'main'} disabled={isBusy || !canGo} onClick={onGo}>
          {go}
        </button>
        <button type="button" onClick={onClose}>
          {t.state.cancel}
        </button>
      </div>
    </Dialog>
  );
}

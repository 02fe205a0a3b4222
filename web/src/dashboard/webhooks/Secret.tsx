// The new secret of a webhook, which the API returns once: nothing keeps it when the dialog is closed.

import { Dialog } from '../ui/Dialog';
import { CopyButton } from '../ui/parts';
import { useTranslation } from '../words';
import type { Webhook } from './webhook';

export interface Signing {
  webhook: Webhook;
  /** None if messages are signed with a key pair, or if the response with the secret was lost. */
  secret: string | null;
}

export function Secret({ of: { webhook, secret }, onClose }: { of: Signing; onClose: () => void }) {
  const { t, f } = useTranslation();
  const words = t.webhooks.secret;
  const { publicKey, previousSecretUntil } = webhook;
  const overlap = publicKey === null ? words.overlap : words.keyOverlap;
  return (
    <Dialog title={publicKey === null ? words.title : words.keyTitle} onClose={onClose}>
      {publicKey !== null ? (
        <>
          <p>{words.keyExplain}</p>
          <Key text={publicKey} label={t.webhooks.publicKey} copy={t.webhooks.copyKey} />
        </>
      ) : null}
      {secret !== null ? (
        <>
          <p className="notice tone-warn">{words.explain}</p>
          <Key text={secret} label={words.label} copy={words.copy} />
        </>
      ) : null}
      {publicKey === null && secret === null ? <p className="notice tone-bad">{words.lost}</p> : null}
      {previousSecretUntil !== null ? <p>{overlap(f.time(previousSecretUntil))}</p> : null}
      <div className="bar">
        <button type="button" className="main" onClick={onClose}>
          {words.done}
        </button>
      </div>
    </Dialog>
  );
}

function Key({ text, label, copy }: { text: string; label: string; copy: string }) {
  return (
    <div className="bar" role="group" aria-label={label}>
      <code className="key">{text}</code>
      <CopyButton text={text} label={copy} />
    </div>
  );
}

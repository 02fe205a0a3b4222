// Actions on a webhook: test, enable, disable, replace the secret, replay, delete. Each but the test shows first what it will do.

import { useId, useState } from 'react';

import {
  DeleteWebhookDocument,
  ReplayWebhookDocument,
  RotateWebhookSecretDocument,
  TestWebhookDocument,
  UpdateWebhookDocument,
} from '../api/documents';
import { goTo } from '../app/route';
import { Confirm } from '../ui/Confirm';
import { useTranslation } from '../words';
import { Choice } from './Fields';
import { Secret, type Signing } from './Secret';
import { Trouble } from './Trouble';
import { hostOf, problemsOf, useAction, type Webhook } from './webhook';

const TEST_TYPE = 'webhook.test';

interface Props {
  webhook: Webhook;
  again: () => void;
}

interface DialogProps extends Props {
  onClose: () => void;
}

/** Sends a test message, and then says how the destination responded. */
export function TestButton({ webhook, again }: Props) {
  const { t, f } = useTranslation();
  const { act, error, problems, isBusy } = useAction(TestWebhookDocument);
  const [result, setResult] = useState('');

  async function go() {
    setResult('');
    const done = await act({ webhook: webhook.id });
    const message = done?.webhook?.deliveries.nodes.find(({ type }) => type === TEST_TYPE);
    const attempt = message?.attempts.at(-1);
    if (attempt) {
      const { outcome, status, durationMs } = attempt;
      setResult(t.webhooks.test.result(t.webhookLog.outcomes[outcome], status, f.duration(durationMs)));
    } else if (done) {
      setResult(t.webhooks.test.sent);
    }
    again();
  }

  return (
    <>
      <button type="button" disabled={isBusy} onClick={go}>
        {isBusy ? t.webhooks.test.busy : t.webhooks.test.go}
      </button>
      <div className="test-result">
        <p role="status">{result}</p>
        <Trouble error={error} problems={problems} refused={t.webhooks.test.refused} />
      </div>
    </>
  );
}

/** Enables a webhook that is disabled, and disables one that is active. */
export function StateDialog({ webhook, onClose, again }: DialogProps) {
  const { t } = useTranslation();
  const { act, error, problems, isBusy } = useAction(UpdateWebhookDocument);
  // What was clicked is done, even if somebody else changes the state meanwhile.
  const [wanted] = useState(webhook.state === 'ACTIVE' ? ('DISABLED' as const) : ('ACTIVE' as const));
  const words = wanted === 'ACTIVE' ? t.webhooks.enable : t.webhooks.disable;

  async function go() {
    if (await act({ webhook: webhook.id, state: wanted })) onClose();
    again();
  }

  return (
    <Confirm title={words.title} explain={words.explain} go={words.open} isBusy={isBusy} onGo={go} onClose={onClose}>
      <Trouble error={error} problems={problems} refused={words.refused} />
    </Confirm>
  );
}

export function RotateDialog({ webhook, onClose, again }: DialogProps) {
  const { t } = useTranslation();
  const { act, error, problems, isBusy } = useAction(RotateWebhookSecretDocument);
  const [signing, setSigning] = useState<Signing | null>(null);
  const shown = webhook.publicKey === null ? t.webhooks.rotate : t.webhooks.rotateKey;

  async function go() {
    const done = await act({ webhook: webhook.id });
    if (done?.webhook) setSigning({ webhook: done.webhook, secret: done.secret });
    again();
  }

  if (signing) return <Secret of={signing} onClose={onClose} />;
  return (
    <Confirm title={shown.title} explain={shown.explain} go={shown.open} isBusy={isBusy} onGo={go} onClose={onClose}>
      <Trouble error={error} problems={problems} refused={shown.refused} />
    </Confirm>
  );
}

type Begin = 'CURSOR' | 'START';

/** Replays what follows a cursor: the given one, or one that is entered; or everything. */
export function ReplayDialog({ webhook, after, onClose, again }: DialogProps & { after: string }) {
  const { t } = useTranslation();
  const { act, error, problems, isBusy } = useAction(ReplayWebhookDocument);
  const [begin, setBegin] = useState<Begin>('CURSOR');
  const [cursor, setCursor] = useState(after);
  const field = useId();
  const words = t.webhooks.replay;
  const isOfCursor = begin === 'CURSOR';

  async function go() {
    if (await act({ webhook: webhook.id, cursor: isOfCursor ? cursor.trim() : null })) onClose();
    again();
  }

  return (
    <Confirm
      title={words.title}
      explain={words.explain[begin]}
      go={words.open}
      isBusy={isBusy}
      canGo={!isOfCursor || cursor.trim() !== ''}
      onGo={go}
      onClose={onClose}
    >
      <Choice legend={words.from} names={words.choices} chosen={begin} onChange={setBegin} />
      {isOfCursor ? (
        <div className="field">
          <label htmlFor={field}>{words.cursor}</label>
          <input
            id={field}
            value={cursor}
            autoComplete="off"
            spellCheck={false}
            aria-describedby={`${field}-hint ${field}-trouble`}
            onChange={(event) => setCursor(event.target.value)}
          />
          <p id={`${field}-hint`} className="small">
            {words.cursorHint}
          </p>
          <p id={`${field}-trouble`} className="field-error" role="alert">
            {problemsOf('cursor', problems)}
          </p>
        </div>
      ) : null}
      <Trouble error={error} problems={problems} refused={words.refused} fields={['cursor']} />
    </Confirm>
  );
}

export function DeleteDialog({ webhook, onClose, again }: DialogProps) {
  const { t } = useTranslation();
  const { act, error, problems, isBusy } = useAction(DeleteWebhookDocument);
  const words = t.webhooks.remove;

  async function go() {
    if (await act({ webhook: webhook.id })) {
      onClose();
      goTo('webhooks');
    } else {
      again();
    }
  }

  return (
    <Confirm
      title={words.title}
      explain={words.explain(hostOf(webhook.url))}
      go={words.go}
      isBusy={isBusy}
      isDangerous
      onGo={go}
      onClose={onClose}
    >
      <Trouble error={error} problems={problems} refused={words.refused} />
    </Confirm>
  );
}

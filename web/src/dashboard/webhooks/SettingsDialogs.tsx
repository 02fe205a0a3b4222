// Adding a webhook, and changing one. Only what was changed is sent.

import { type FormEvent, type ReactNode, useState } from 'react';
import type { CombinedError } from 'urql';

import { CreateWebhookDocument, UpdateWebhookDocument } from '../api/documents';
import { goTo } from '../app/route';
import type { Viewer } from '../app/viewer';
import { Dialog } from '../ui/Dialog';
import { useTranslation } from '../words';
import { Fields, isHttpUrl, type Settings } from './Fields';
import { Secret, type Signing } from './Secret';
import { Trouble } from './Trouble';
import { type Problem, useAction, type Webhook } from './webhook';

const WITH_FIELDS = ['url', 'events'];

export function AddDialog({ viewer, onClose, again }: { viewer: Viewer; onClose: () => void; again: () => void }) {
  const { t } = useTranslation();
  const { act, error, problems, isBusy } = useAction(CreateWebhookDocument);
  const [settings, setSettings] = useState<Settings>({ url: '', events: [], include: 'IDS', signature: 'HMAC' });
  const [isUrlWrong, setUrlWrong] = useState(false);
  const [signing, setSigning] = useState<Signing | null>(null);

  async function go() {
    const isUrl = isHttpUrl(settings.url.trim());
    setUrlWrong(!isUrl);
    if (!isUrl) return;
    const done = await act({ ...settings, url: settings.url.trim() });
    if (done?.webhook) setSigning({ webhook: done.webhook, secret: done.secret });
    again();
  }

  if (signing) {
    return (
      <Secret
        of={signing}
        onClose={() => {
          onClose();
          goTo('webhooks', signing.webhook.id);
        }}
      />
    );
  }
  return (
    <SettingsForm words={t.webhooks.add} canGo isBusy={isBusy} onGo={go} onClose={onClose} error={error} problems={problems}>
      <Fields viewer={viewer} settings={settings} onChange={setSettings} problems={problems} isUrlWrong={isUrlWrong} isNew />
    </SettingsForm>
  );
}

interface Edited {
  webhook: Webhook;
  viewer: Viewer;
  onClose: () => void;
  again: () => void;
}

export function EditDialog({ webhook, viewer, onClose, again }: Edited) {
  const { t } = useTranslation();
  const { act, error, problems, isBusy } = useAction(UpdateWebhookDocument);
  // What was seen when the dialog opened, even if somebody else changes the webhook meanwhile.
  const [{ url, events, include, signature }] = useState(webhook);
  const [settings, setSettings] = useState<Settings>({ url, events, include, signature });
  const [isUrlWrong, setUrlWrong] = useState(false);
  const changes = {
    ...(settings.url.trim() === url ? {} : { url: settings.url.trim() }),
    ...(String(settings.events) === String(events) ? {} : { events: settings.events }),
    ...(settings.include === include ? {} : { include: settings.include }),
  };

  async function go() {
    const isUrl = isHttpUrl(settings.url.trim());
    setUrlWrong(!isUrl);
    if (!isUrl) return;
    if (await act({ webhook: webhook.id, ...changes })) onClose();
    again();
  }

  return (
    <SettingsForm
      words={t.webhooks.edit}
      canGo={Object.keys(changes).length > 0}
      isBusy={isBusy}
      onGo={go}
      onClose={onClose}
      error={error}
      problems={problems}
    >
      <Fields viewer={viewer} settings={settings} onChange={setSettings} problems={problems} isUrlWrong={isUrlWrong} />
    </SettingsForm>
  );
}

interface Form {
  words: { title: string; explain: string; go: string; refused: string };
  canGo: boolean;
  isBusy: boolean;
  onGo: () => Promise<void>;
  onClose: () => void;
  error: CombinedError | undefined;
  problems: readonly Problem[];
  children: ReactNode;
}

function SettingsForm({ words, canGo, isBusy, onGo, onClose, error, problems, children }: Form) {
  const { t } = useTranslation();

  function submit(event: FormEvent) {
    event.preventDefault();
    void onGo();
  }

  return (
    <Dialog title={words.title} onClose={onClose}>
      <p>{words.explain}</p>
      <form className="stack" noValidate onSubmit={submit}>
        {children}
        <Trouble error={error} problems={problems} refused={words.refused} fields={WITH_FIELDS} />
        <div className="bar">
          <button type="submit" className="main" disabled={isBusy || !canGo}>
            {words.go}
          </button>
          <button type="button" onClick={onClose}>
            {t.state.cancel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

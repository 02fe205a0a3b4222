// One webhook: its settings, what can be done with it, and the log of its deliveries.

import { useState } from 'react';

import { WebhookDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import type { Viewer } from '../app/viewer';
import { Answer } from '../ui/Answer';
import { Card, CopyButton, Empty, Facts, Page } from '../ui/parts';
import { useTranslation } from '../words';
import { DeleteDialog, ReplayDialog, RotateDialog, StateDialog, TestButton } from './Actions';
import { Deliveries } from './Deliveries';
import { EditDialog } from './SettingsDialogs';
import { reasonOf, Standing } from './Standing';
import { hostOf, type Rights, rightsOf, type Webhook } from './webhook';

const ASK_AGAIN = 5_000;

type Open = { dialog: 'edit' | 'state' | 'rotate' | 'delete' } | { dialog: 'replay'; after: string };

export function WebhookPage({ viewer, id }: { viewer: Viewer; id: string }) {
  const { t } = useTranslation();
  const asked = useAsked({ query: WebhookDocument, variables: { id } }, { every: ASK_AGAIN });
  const node = asked.data?.node;
  const found = node?.__typename === 'Webhook' ? node : null;
  return (
    <Page
      title={found ? t.webhooks.of(hostOf(found.url)) : t.webhooks.title}
      aside={
        <a className="back" href={hrefOf('webhooks')}>
          {t.webhooks.title}
        </a>
      }
    >
      <Answer asked={asked}>
        {() => (found ? <Details webhook={found} viewer={viewer} again={asked.again} /> : <Empty title={t.webhooks.notFound} />)}
      </Answer>
    </Page>
  );
}

function Details({ webhook, viewer, again }: { webhook: Webhook; viewer: Viewer; again: () => void }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<Open | null>(null);
  const rights = rightsOf(viewer, webhook);
  const replay = (after: string) => setOpen({ dialog: 'replay', after });
  const dialog = { webhook, again, onClose: () => setOpen(null) };
  return (
    <>
      <Card
        title={t.webhooks.settings}
        aside={
          <span>
            <Standing of={webhook} />
          </span>
        }
      >
        <Notices webhook={webhook} rights={rights} />
        <SettingsOf webhook={webhook} isOfAll={viewer.reseller === null} />
        <div className="bar">
          {rights.mayAct ? <TestButton webhook={webhook} again={again} /> : null}
          <Buttons webhook={webhook} rights={rights} onOpen={setOpen} />
        </div>
      </Card>
      <Deliveries webhook={webhook.id} viewer={viewer} onReplay={rights.mayAct ? replay : null} />
      {open?.dialog === 'edit' ? <EditDialog {...dialog} viewer={viewer} /> : null}
      {open?.dialog === 'state' ? <StateDialog {...dialog} /> : null}
      {open?.dialog === 'rotate' ? <RotateDialog {...dialog} /> : null}
      {open?.dialog === 'replay' ? <ReplayDialog {...dialog} after={open.after} /> : null}
      {open?.dialog === 'delete' ? <DeleteDialog {...dialog} /> : null}
    </>
  );
}

function Notices({ webhook, rights: { mayAct, missingScopes } }: { webhook: Webhook; rights: Rights }) {
  const { t, f } = useTranslation();
  const reason = reasonOf(webhook, t.webhooks.reasons);
  return (
    <>
      {reason ? <p className="notice tone-bad">{reason}</p> : null}
      {webhook.failingSince !== null && webhook.state === 'ACTIVE' ? (
        <p className="notice tone-warn">{t.webhooks.failingSince(f.time(webhook.failingSince))}</p>
      ) : null}
      {webhook.configured ? (
        <p className="notice tone-calm">
          {t.webhooks.configuredHint} {mayAct ? null : t.webhooks.operatorsOnly}
        </p>
      ) : missingScopes.length > 0 ? (
        <p className="notice tone-calm">{t.webhooks.missingScopes(missingScopes.join(', '))}</p>
      ) : null}
    </>
  );
}

function SettingsOf({ webhook, isOfAll }: { webhook: Webhook; isOfAll: boolean }) {
  const { t, f } = useTranslation();
  const { publicKey, previousSecretUntil } = webhook;
  return (
    <Facts
      rows={[
        [t.webhooks.url, webhook.url],
        [t.webhooks.eventTypes, webhook.events.map((type) => t.webhooks.events[type]).join(', ')],
        [t.webhooks.contents, t.webhooks.includes[webhook.include]],
        [t.webhooks.signature, t.webhooks.signatures[webhook.signature]],
        [
          t.webhooks.publicKey,
          publicKey === null ? null : (
            <>
              <code>{publicKey}</code> <CopyButton text={publicKey} label={t.webhooks.copyKey} />
            </>
          ),
        ],
        [publicKey === null ? t.webhooks.secretUntil : t.webhooks.keyUntil, previousSecretUntil === null ? null : f.time(previousSecretUntil)],
        [t.webhooks.changes, isOfAll && (webhook.reseller?.name ?? t.webhooks.everybody)],
        [t.webhooks.created, f.time(webhook.createdAt)],
      ]}
    />
  );
}

function Buttons({ webhook, rights, onOpen }: { webhook: Webhook; rights: Rights; onOpen: (open: Open) => void }) {
  const { t } = useTranslation();
  const { enable, disable, edit, replay, remove } = t.webhooks;
  const rotate = webhook.publicKey === null ? t.webhooks.rotate : t.webhooks.rotateKey;
  const buttons: [boolean, string, Open][] = [
    [rights.mayEdit, edit.open, { dialog: 'edit' }],
    [rights.mayAct, webhook.state === 'ACTIVE' ? disable.open : enable.open, { dialog: 'state' }],
    [rights.mayEdit, rotate.open, { dialog: 'rotate' }],
    [rights.mayAct, replay.open, { dialog: 'replay', after: '' }],
    [rights.mayDelete, remove.open, { dialog: 'delete' }],
  ];
  return buttons
    .filter(([isShown]) => isShown)
    .map(([, name, open]) => (
      <button key={open.dialog} type="button" className={open.dialog === 'delete' ? 'danger' : undefined} onClick={() => onOpen(open)}>
        {name}
      </button>
    ));
}

// The webhooks of the caller's reseller, or of everybody; and the page of one of them: `webhooks/ID`.

import { useState } from 'react';

import { WebhooksDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import type { Viewer, ViewProps } from '../app/viewer';
import { Answer } from '../ui/Answer';
import { CardTable } from '../ui/CardTable';
import { Card, Empty, Page } from '../ui/parts';
import { useTranslation } from '../words';
import { AddDialog } from './SettingsDialogs';
import { Standing } from './Standing';
import type { Webhook } from './webhook';
import { WebhookPage } from './WebhookPage';

const ASK_AGAIN = 30_000;

export function WebhooksPage({ viewer, path: [id] }: ViewProps) {
  return id === undefined ? <WebhookList viewer={viewer} /> : <WebhookPage viewer={viewer} id={id} />;
}

function WebhookList({ viewer }: { viewer: Viewer }) {
  const { t } = useTranslation();
  const asked = useAsked({ query: WebhooksDocument, variables: {} }, { every: ASK_AGAIN });
  const [isAdding, setAdding] = useState(false);
  return (
    <Page
      title={t.webhooks.title}
      aside={
        <button type="button" className="main" onClick={() => setAdding(true)}>
          {t.webhooks.add.open}
        </button>
      }
    >
      <p>{t.webhooks.explain}</p>
      <Answer asked={asked}>
        {({ webhooks }) =>
          webhooks.length === 0 ? (
            <Empty title={t.webhooks.none} hint={t.webhooks.noneHint} />
          ) : (
            <Card title={t.webhooks.list}>
              <Rows of={webhooks} isOfAll={viewer.reseller === null} />
            </Card>
          )
        }
      </Answer>
      {isAdding ? <AddDialog viewer={viewer} again={asked.again} onClose={() => setAdding(false)} /> : null}
    </Page>
  );
}

function Rows({ of, isOfAll }: { of: readonly Webhook[]; isOfAll: boolean }) {
  const { t } = useTranslation();
  const columns = [t.webhooks.url, t.webhooks.eventTypes, t.webhooks.contents, t.webhooks.state];
  if (isOfAll) columns.push(t.webhooks.changes);
  const rows = of.map((webhook) => ({
    key: webhook.id,
    cells: [
      <a className="destination" href={hrefOf('webhooks', webhook.id)}>
        {webhook.url}
      </a>,
      webhook.events.map((type) => t.webhooks.events[type]).join(', '),
      t.webhooks.includes[webhook.include],
      <Standing of={webhook} isWithReason />,
      webhook.reseller?.name ?? t.webhooks.everybody,
    ],
  }));
  return <CardTable label={t.webhooks.title} columns={columns.map((name) => ({ name }))} rows={rows} />;
}

// The log of a webhook: each message, and behind a click its last attempts with the headers of request and response.

import { useId, useState } from 'react';

import { type WebhookDeliveriesQuery, WebhookDeliveriesDocument, type WebhookDeliveryState } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf, hrefWith, useSettings } from '../app/route';
import { may, type Viewer } from '../app/viewer';
import { Answer } from '../ui/Answer';
import { CardTable } from '../ui/CardTable';
import { Badge, Card, CopyButton, Empty, Facts } from '../ui/parts';
import type { Tone } from '../ui/tone';
import { useTranslation } from '../words';

type Found = Extract<WebhookDeliveriesQuery['node'], { __typename: 'Webhook' }>;
type Delivery = Found['deliveries']['nodes'][number];
type Attempt = Delivery['attempts'][number];
type Header = Attempt['requestHeaders'][number];

const PAGE_SIZE = 20;
const ASK_AGAIN = 5_000;
const TONES: Record<WebhookDeliveryState, Tone> = { DELIVERED: 'good', FAILED: 'bad', PENDING: 'busy' };

interface Shown {
  webhook: string;
  viewer: Viewer;
  /** Replays what follows a cursor; none: the caller may not. */
  onReplay: ((cursor: string) => void) | null;
}

export function Deliveries({ webhook, viewer, onReplay }: Shown) {
  const { t } = useTranslation();
  const after = useSettings().get('after');
  const asked = useAsked(
    { query: WebhookDeliveriesDocument, variables: { id: webhook, first: PAGE_SIZE, after } },
    { every: ASK_AGAIN },
  );
  return (
    <Card title={t.webhookLog.title}>
      <Answer asked={asked}>
        {({ node }) => {
          if (node?.__typename !== 'Webhook' || (node.deliveries.nodes.length === 0 && after === null)) {
            return <Empty title={t.webhookLog.none} hint={t.webhookLog.noneHint} />;
          }
          const { nodes, pageInfo } = node.deliveries;
          return (
            <>
              <Rows of={nodes} viewer={viewer} onReplay={onReplay} />
              <div className="bar pages">
                {after !== null ? <a href={hrefOf('webhooks', webhook)}>{t.webhookLog.newest}</a> : null}
                {pageInfo.hasNextPage ? (
                  <a href={hrefWith({ after: pageInfo.endCursor }, 'webhooks', webhook)}>{t.webhookLog.older}</a>
                ) : null}
              </div>
            </>
          );
        }}
      </Answer>
    </Card>
  );
}

function Rows({ of, viewer, onReplay }: { of: readonly Delivery[]; viewer: Viewer; onReplay: Shown['onReplay'] }) {
  const { t, f } = useTranslation();
  const [open, setOpen] = useState<readonly string[]>([]);
  const id = useId();
  const words = t.webhookLog;
  const toggle = (message: string) =>
    setOpen((shown) => (shown.includes(message) ? shown.filter((one) => one !== message) : [...shown, message]));
  const columns = [
    { name: words.event },
    { name: words.changed },
    { name: words.state },
    { name: words.attempts, isNumber: true },
    { name: words.outcome },
    { name: words.status, isNumber: true },
    { name: words.duration, isNumber: true },
    { name: words.next },
  ];
  const rows = of.map((delivery) => {
    const { messageId, type, changedAt, state, attemptCount, attempts, nextAttemptAt } = delivery;
    const last = attempts.at(-1);
    const isOpen = open.includes(messageId);
    return {
      key: messageId,
      cells: [
        <button
          type="button"
          className="quiet unfold"
          aria-expanded={isOpen}
          aria-controls={isOpen ? `${id}-${messageId}` : undefined}
          onClick={() => toggle(messageId)}
        >
          <code>{type}</code>
        </button>,
        f.moment(changedAt),
        <Badge tone={TONES[state]}>{words.states[state]}</Badge>,
        f.number(attemptCount),
        last ? words.outcomes[last.outcome] : '–',
        last?.status ?? '–',
        last ? f.duration(last.durationMs) : '–',
        nextAttemptAt === null ? '–' : f.moment(nextAttemptAt),
      ],
      more: isOpen ? <Details of={delivery} id={`${id}-${messageId}`} viewer={viewer} onReplay={onReplay} /> : null,
    };
  });
  return <CardTable label={words.title} columns={columns} rows={rows} />;
}

interface Opened {
  of: Delivery;
  id: string;
  viewer: Viewer;
  onReplay: Shown['onReplay'];
}

function Details({ of: { messageId, type, objectId, version, cursor, attemptCount, attempts }, id, viewer, onReplay }: Opened) {
  const { t } = useTranslation();
  const words = t.webhookLog;
  const isOrder = type === 'order.updated' && may(viewer, 'order:read');
  return (
    <div id={id} className="stack">
      <Facts
        rows={[
          [words.message, <code>{messageId}</code>],
          [words.object, objectId && (isOrder ? <a href={hrefOf('orders', objectId)}>{objectId}</a> : <code>{objectId}</code>)],
          [words.version, version],
          [words.cursor, cursor && <code>{cursor}</code>],
        ]}
      />
      {cursor === null ? null : (
        <div className="bar">
          <CopyButton text={cursor} label={words.copyCursor} />
          {onReplay ? (
            <button type="button" onClick={() => onReplay(cursor)}>
              {t.webhooks.replay.after}
            </button>
          ) : null}
        </div>
      )}
      {attempts.map((attempt, place) => (
        <AttemptPart key={attempt.at} of={attempt} number={attemptCount - attempts.length + place + 1} />
      ))}
    </div>
  );
}

function AttemptPart({ of, number }: { of: Attempt; number: number }) {
  const { t, f } = useTranslation();
  const words = t.webhookLog;
  return (
    <section className="attempt" aria-label={`${words.attempt} ${f.number(number)}`}>
      <h3>
        {words.attempt} {f.number(number)}
      </h3>
      <Facts
        rows={[
          [words.when, f.moment(of.at)],
          [words.outcome, words.outcomes[of.outcome]],
          [words.status, of.status ?? words.noStatus],
          [words.duration, f.duration(of.durationMs)],
        ]}
      />
      <div className="heads">
        <Head title={words.request} headers={of.requestHeaders} none={words.noHeaders} />
        <Head title={words.response} headers={of.responseHeaders} none={of.status === null ? words.noResponse : words.noHeaders} />
      </div>
    </section>
  );
}

function Head({ title, headers, none }: { title: string; headers: readonly Header[]; none: string }) {
  return (
    <div>
      <h4>{title}</h4>
      {headers.length === 0 ? (
        <p className="small">{none}</p>
      ) : (
        <pre>{headers.map(({ name, value }) => `${name}: ${value}`).join('\n')}</pre>
      )}
    </div>
  );
}

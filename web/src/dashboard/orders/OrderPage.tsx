// One order: where it stands, what was bought, its legs and their calls, its tickets, and what moved. It follows the order live.

import { useEffect, useState } from 'react';
import { useSubscription } from 'urql';

import { OrderDocument, OrderVersionDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { may, type Viewer } from '../app/viewer';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Card, Empty, Facts, Page, Sums } from '../ui/parts';
import { Problems } from '../ui/Problems';
import { toneOfOrder } from '../ui/tone';
import { useTranslation } from '../words';
import { CancelDialog } from './CancelDialog';
import { Legs } from './Legs';
import { type Order, whereAndWhen } from './order';
import { Release } from './Release';
import { Tickets } from './Tickets';
import { Timeline } from './Timeline';

export function OrderPage({ id, viewer }: { id: string; viewer: Viewer }) {
  const { t, language } = useTranslation();
  const asked = useAsked({ query: OrderDocument, variables: { id, locale: language } });
  const order = asked.data?.order;

  // The subscription only signals a change; the page then refetches, so that one document reads an order.
  const [watched] = useSubscription({ query: OrderVersionDocument, variables: { id } });
  const changed = watched.data?.orderChanged;
  const isBehind = changed !== undefined && order != null && changed.version > order.version;
  useEffect(() => {
    if (isBehind) asked.again();
    // Only a newer version is a reason to ask.
  }, [isBehind, changed?.version]);

  return (
    <Page
      title={order ? t.order.title(order.number) : t.orders.title}
      aside={
        <a className="back" href={hrefOf('orders')}>
          {t.order.back}
        </a>
      }
    >
      <Answer asked={asked}>
        {({ order: found }) =>
          found ? <Whole order={found} viewer={viewer} again={asked.again} /> : <Empty title={t.order.gone} />
        }
      </Answer>
    </Page>
  );
}

function Whole({ order, viewer, again }: { order: Order; viewer: Viewer; again: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <p className="visually-hidden" role="status">
        {t.order.announced(t.orderStatus[order.status] ?? order.status)}
      </p>
      <Problems of={order.problems} title={t.order.problems} />
      <Summary order={order} viewer={viewer} again={again} />
      <Lines order={order} />
      <Card title={t.order.legs}>
        <Legs legs={order.legs} />
      </Card>
      <Card title={t.order.tickets}>
        <Tickets order={order} />
      </Card>
      <Card title={t.order.timeline}>
        <Timeline order={order} />
      </Card>
    </>
  );
}

function Summary({ order, viewer, again }: { order: Order; viewer: Viewer; again: () => void }) {
  const { t, f } = useTranslation();
  const [isCancelling, setCancelling] = useState(false);
  const mayWrite = may(viewer, 'order:write');
  const { contact } = order;
  const buyer = contact && [contact.firstName, contact.lastName].filter(Boolean).join(' ');
  return (
    <Card
      title={t.order.progress}
      aside={
        <div className="bar">
          {mayWrite && order.availableActions.includes('RELEASE') ? <Release order={order} again={again} /> : null}
          {mayWrite && order.availableActions.includes('QUOTE_CANCELLATION') ? (
            <button type="button" className="danger" onClick={() => setCancelling(true)}>
              {t.cancel.open}
            </button>
          ) : null}
        </div>
      }
    >
      <p className="standing">
        <Badge tone={toneOfOrder(order.status)}>{t.orderStatus[order.status] ?? order.status}</Badge>
        {order.testMode ? <Badge tone="calm">{t.orders.test}</Badge> : null}
        {order.isTerminal ? null : <span className="small">{t.order.live}</span>}
      </p>
      <Facts
        rows={[
          [t.order.confirmed, <Sums of={order.totals.map((row) => row.confirmed)} />],
          [t.order.held, order.totals.some((row) => row.held.amount > 0) && <Sums of={order.totals.map((row) => row.held)} />],
          [t.order.requested, <Sums of={order.totals.map((row) => row.requested)} />],
          [
            t.order.refundable,
            order.totals.some((row) => row.refundable) && <Sums of={order.totals.map((row) => row.refundable)} />,
          ],
          [t.order.heldUntil, order.holdExpiresAt && f.time(order.holdExpiresAt)],
          [t.order.guarantee, t.order.guarantees[order.plan.guarantee]],
          [t.order.placed, f.time(order.createdAt)],
          [t.order.changed, <Ago at={order.updatedAt} />],
          [t.order.version, f.number(order.version)],
          [t.orders.reseller, order.reseller?.name],
          [t.orders.reference, order.resellerReference],
          [t.order.buyer, contact && `${buyer}${contact.email ? `, ${contact.email}` : ''}`],
        ]}
      />
      {isCancelling ? (
        <CancelDialog
          order={order}
          onClose={() => {
            setCancelling(false);
            again();
          }}
        />
      ) : null}
    </Card>
  );
}

function Lines({ order }: { order: Order }) {
  const { t, f } = useTranslation();
  return (
    <Card title={t.order.lines}>
      <ul className="rows">
        {order.lines.map((line) => (
          <li key={line.id}>
            <div>
              <strong>{line.performance?.event.title ?? t.order.unknownPerformance}</strong>
              <p className="small">{line.performance ? whereAndWhen(line.performance, f) : null}</p>
            </div>
            <div>
              {t.order.onSale(line.quantity)} · {line.ticketType.name}
            </div>
            <div className="number">{f.money(line.total.retail)}</div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

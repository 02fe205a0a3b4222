// One order: where it stands, what was bought, its legs and their calls, its tickets, and what moved. It follows the order live.

import { type ReactNode, useEffect, useState } from 'react';
import { useSubscription } from 'urql';

import { OrderDocument, OrderVersionDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { may, type Viewer } from '../app/viewer';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Card, Empty, Facts, Page, Sums } from '../ui/parts';
import { Problems } from '../ui/Problems';
import { toneOfOrder } from '../ui/tone';
import { type Money, useTranslation, type Words } from '../words';
import { CancelDialog } from './CancelDialog';
import { listAddress } from './filter';
import { Legs } from './Legs';
import { type Order, titleOf, whereAndWhen } from './order';
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
        <a className="back" href={listAddress.get()}>
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

/** The states in which seats are held that may still be lost. */
const HELD: string[] = ['HOLDING', 'HELD', 'PARTIALLY_HELD', 'CONFIRMING'];

/** What was paid, given back and kept; before that, what is held or requested. Sums that are zero are left out. */
function moneyRows({ totals }: Order, t: Words): [string, ReactNode][] {
  const paid = totals.map(({ confirmed, refunded, fee }) => ({
    ...confirmed,
    amount: confirmed.amount + refunded.amount + fee.amount,
  }));
  const isSome = (of: readonly (Money | null)[]) => of.some((sum) => sum !== null && sum.amount > 0);
  const refunded = totals.map((row) => row.refunded);
  const rows: [boolean, string, readonly (Money | null)[]][] = [
    [!isSome(paid), t.order.requested, totals.map((row) => row.requested)],
    [false, t.order.held, totals.map((row) => row.held)],
    [false, t.order.paid, paid],
    [false, t.order.refunded, refunded],
    [isSome(refunded), t.order.kept, totals.map((row) => row.fee)],
    [false, t.order.refundable, totals.map((row) => row.refundable)],
  ];
  const shown = rows.filter(([always, name, of]) => always || (name !== t.order.requested && isSome(of)));
  return shown.map(([, name, of]) => [name, <Sums of={of} />]);
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
          ...moneyRows(order, t),
          [t.order.heldUntil, HELD.includes(order.status) && order.holdExpiresAt && f.time(order.holdExpiresAt)],
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
              <strong>{titleOf(line) ?? t.order.unknownPerformance}</strong>
              <p className="small">{whereAndWhen(line, f)}</p>
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

// Orders that need a person, with what to do; and those that the service is still working on.

import { useEffect } from 'react';
import { useSubscription } from 'urql';

import { AttentionDocument, type AttentionQuery, OrdersChangedDocument, type OrderStatus } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Card, Empty, Page } from '../ui/parts';
import { Problems } from '../ui/Problems';
import { toneOfOrder } from '../ui/tone';
import { useTranslation, type Words } from '../words';
import { LegActions } from './LegActions';

type Order = AttentionQuery['orders']['nodes'][number];

const NEEDS_PERSON: OrderStatus[] = ['NEEDS_ATTENTION'];
const ON_THE_WAY: OrderStatus[] = ['HOLDING', 'CONFIRMING', 'COMPENSATING', 'CANCELLING', 'RELEASING'];
const ASK_AGAIN = 30_000;

export function AttentionPage() {
  const { t } = useTranslation();
  return (
    <Page title={t.attention.title}>
      <Some
        title={t.attention.needPerson}
        status={NEEDS_PERSON}
        none={t.attention.needPersonNone}
        hint={t.attention.needPersonHint}
      />
      <Some title={t.attention.onTheWay} status={ON_THE_WAY} none={t.attention.onTheWayNone} hint={t.attention.onTheWayHint} />
    </Page>
  );
}

function Some({ title, status, none, hint }: { title: string; status: OrderStatus[]; none: string; hint: string }) {
  const { t, language } = useTranslation();
  const asked = useAsked(
    { query: AttentionDocument, variables: { first: 50, filter: { status }, locale: language } },
    { every: ASK_AGAIN },
  );
  const [watched] = useSubscription({ query: OrdersChangedDocument });
  const changed = watched.data?.ordersChanged;
  useEffect(() => {
    if (!changed) return;
    const timer = setTimeout(asked.again, 400);
    return () => clearTimeout(timer);
    // Only a change is a reason to ask.
  }, [changed?.id, changed?.version]);

  return (
    <Card
      title={title}
      aside={asked.data?.orders.totalCount ? <Badge tone="warn">{t.orders.count(asked.data.orders.totalCount)}</Badge> : null}
    >
      <Answer asked={asked}>
        {({ orders: { nodes } }) =>
          nodes.length === 0 ? (
            <Empty title={none} hint={hint} />
          ) : (
            <ul className="plain stack">
              {nodes.map((order) => (
                <Case key={order.id} order={order} again={asked.again} />
              ))}
            </ul>
          )
        }
      </Answer>
    </Card>
  );
}

/** What a person should do, by what went wrong. */
export function stepsOf(t: Words, { problems, legs }: Order): string[] {
  const steps: Record<string, string> = t.attention.steps;
  const known = problems.map(({ code }) => steps[code]).filter((step) => step !== undefined);
  if (known.length === 0 && legs.some(({ status }) => status === 'OUTCOME_UNKNOWN'))
    known.push(t.attention.steps.OUTCOME_UNKNOWN);
  if (known.length === 0 && legs.some(({ status }) => status === 'NEEDS_ATTENTION')) known.push(t.attention.steps.other);
  return [...new Set(known)];
}

function Case({ order, again }: { order: Order; again: () => void }) {
  const { t, f } = useTranslation();
  const steps = stepsOf(t, order);
  const stuck = order.legs.filter(
    ({ status, availableSettlements }) => status === 'OUTCOME_UNKNOWN' || availableSettlements.length > 0,
  );
  return (
    <li className="leg">
      <h3>
        <a href={hrefOf('orders', order.id)}>{order.number}</a>{' '}
        <Badge tone={toneOfOrder(order.status)}>{t.orderStatus[order.status] ?? order.status}</Badge>
      </h3>
      <p className="small">
        {order.reseller ? `${order.reseller.name} · ` : ''}
        {t.attention.since(f.time(order.updatedAt))}
      </p>
      <Problems of={order.problems} />
      {steps.length > 0 ? (
        <div className="todo">
          <p className="notice-title">{t.attention.todo}</p>
          <ol>
            {steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        </div>
      ) : null}
      <ul className="plain legs">
        {stuck.map((leg) => (
          <li key={leg.id}>
            <Badge tone={toneOfOrder(leg.status)}>
              {leg.source.institution}: {t.legStatus[leg.status]}
            </Badge>{' '}
            <span className="small">{t.attention.quote(leg.ourReference)}</span>{' '}
            {leg.nextCheckAt ? (
              <span className="small">
                {t.order.nextLook}: <Ago at={leg.nextCheckAt} />
              </span>
            ) : null}
            <LegActions order={order} leg={leg} again={again} />
          </li>
        ))}
      </ul>
    </li>
  );
}

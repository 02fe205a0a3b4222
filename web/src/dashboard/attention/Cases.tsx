// Orders with the next step for each: on the page that shows all of them, and on the overview.

import { AttentionDocument, type AttentionQuery, type OrderStatus } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Card, Empty } from '../ui/parts';
import { Problems } from '../ui/Problems';
import { toneOfOrder } from '../ui/tone';
import { useTranslation, type Words } from '../words';
import { LegActions } from './LegActions';
import { AddNote, Notes } from './Notes';
import { useOrderChanges } from './useOrderChanges';

type Order = AttentionQuery['orders']['nodes'][number];

const ASK_AGAIN = 30_000;
/** The most that is shown. */
const ALL = 50;

interface Listed {
  title: string;
  status: OrderStatus[];
  none: string;
  hint: string;
  /** Only the newest of them, with a link to all. */
  first?: number;
}

export function Cases({ title, status, none, hint, first = ALL }: Listed) {
  const { t, language } = useTranslation();
  const asked = useAsked(
    { query: AttentionDocument, variables: { first, filter: { status }, locale: language } },
    { every: ASK_AGAIN },
  );
  useOrderChanges(asked.again);
  const total = asked.data?.orders.totalCount ?? 0;
  return (
    <Card title={title} aside={total > 0 ? <Badge tone="warn">{t.orders.count(total)}</Badge> : null}>
      <Answer asked={asked}>
        {({ orders: { nodes } }) =>
          nodes.length === 0 ? (
            <Empty title={none} hint={hint} />
          ) : (
            <>
              <ul className="plain stack">
                {nodes.map((order) => (
                  <Case key={order.id} order={order} again={asked.again} />
                ))}
              </ul>
              {first < ALL && total > nodes.length ? (
                <p>
                  <a href={hrefOf('attention')}>{t.overview.allCases(total)}</a>
                </p>
              ) : null}
            </>
          )
        }
      </Answer>
    </Card>
  );
}

/** What a person should do, by what went wrong. */
function stepsOf(t: Words, { problems, legs }: Order): string[] {
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
      <Notes of={order.notes} />
      {order.availableActions.includes('RETRY') || order.availableActions.includes('SETTLE') ? (
        <AddNote order={order} again={again} />
      ) : null}
    </li>
  );
}

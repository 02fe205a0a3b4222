// Orders with their legs, live: a change of one that is shown moves it in place, a new one comes on top.

import { useState } from 'react';
import { type CombinedError, useClient, useSubscription } from 'urql';

import {
  type OrderFilter,
  type OrderRowFragment,
  OrdersChangedDocument,
  type OrdersChangedSubscription,
  OrdersDocument,
  type OrdersQuery,
} from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { Ago } from '../ui/Ago';
import { Answer, Failure } from '../ui/Answer';
import { Badge, Empty, Sums, Table as Frame } from '../ui/parts';
import { toneOfOrder } from '../ui/tone';
import { useTranslation } from '../words';

type Rows = ReadonlyMap<string, OrderRowFragment>;
type Page = Pick<OrdersQuery['orders'], 'nodes' | 'pageInfo'>;

function withChange(rows: Rows | undefined, { ordersChanged: order }: OrdersChangedSubscription): Rows {
  const known = rows?.get(order.id);
  if (known && known.version >= order.version) return rows ?? new Map();
  return new Map([...(rows ?? []), [order.id, order]]);
}

function fits(order: OrderRowFragment, filter?: OrderFilter): boolean {
  const { status, sources, createdFrom, createdTo } = filter ?? {};
  const at = Date.parse(order.createdAt);
  return (
    (!status || [status].flat().includes(order.status)) &&
    (!sources || order.legs.some((leg) => [sources].flat().includes(leg.source.id))) &&
    (!createdFrom || at >= Date.parse(createdFrom)) &&
    (!createdTo || at < Date.parse(createdTo))
  );
}

/** Every order that was asked for, as it is known now, and what came since; youngest first. */
function merge(asked: readonly OrderRowFragment[], changed: Rows, filter?: OrderFilter): OrderRowFragment[] {
  const rows = new Map<string, OrderRowFragment>();
  const youngest = Math.max(0, ...asked.map(({ createdAt }) => Date.parse(createdAt)));
  // An old order that changes belongs to a page that is not shown.
  const fresh = [...changed.values()].filter(
    ({ id, createdAt }) => Date.parse(createdAt) >= youngest || asked.some((known) => known.id === id),
  );
  for (const order of [...asked, ...fresh]) {
    const known = rows.get(order.id);
    if (!known || order.version > known.version) rows.set(order.id, order);
  }
  const all = [...rows.values()].sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  return all.filter((order) => fits(order, filter));
}

/** `pageSize` of them; with `hasMore`, further pages can be asked for. */
export function OrdersList({ pageSize = 20, filter, hasMore }: { pageSize?: number; filter?: OrderFilter; hasMore?: boolean }) {
  const { t } = useTranslation();
  const asked = useAsked({ query: OrdersDocument, variables: { first: pageSize, filter } });
  const [changes] = useSubscription({ query: OrdersChangedDocument }, withChange);
  const [older, setOlder] = useState<Page | null>(null);
  return (
    <Answer asked={asked}>
      {({ orders }) => {
        const rows = merge([...orders.nodes, ...(older?.nodes ?? [])], changes.data ?? new Map(), filter);
        if (rows.length === 0) return <None isFiltered={filter !== undefined} />;
        if (!hasMore) return <Table of={rows.slice(0, pageSize)} />;
        const { totalCount } = orders;
        return (
          <>
            <Table of={rows} />
            <div className="bar">
              <span className="small">{totalCount === null ? null : t.orders.count(Math.max(totalCount, rows.length))}</span>
              <More after={older ?? orders} size={pageSize} filter={filter} onPage={setOlder} />
            </div>
          </>
        );
      }}
    </Answer>
  );
}

function None({ isFiltered }: { isFiltered: boolean }) {
  const { t } = useTranslation();
  return isFiltered ? <Empty title={t.orders.noneFiltered} /> : <Empty title={t.orders.none} hint={t.orders.noneHint} />;
}

interface Asking {
  after: Page;
  size: number;
  filter?: OrderFilter;
  /** Called with all older orders loaded so far. */
  onPage: (page: Page) => void;
}

function More({ after: { nodes, pageInfo }, size, filter, onPage }: Asking) {
  const { t } = useTranslation();
  const client = useClient();
  const [error, setError] = useState<CombinedError | undefined>();
  if (!pageInfo.hasNextPage) return null;

  async function ask() {
    const answer = await client.query(OrdersDocument, { first: size, after: pageInfo.endCursor, filter }).toPromise();
    setError(answer.error);
    if (answer.data) onPage({ ...answer.data.orders, nodes: [...nodes, ...answer.data.orders.nodes] });
  }

  return error ? (
    <Failure error={error} again={ask} />
  ) : (
    <button type="button" onClick={ask}>
      {t.state.more}
    </button>
  );
}

function Table({ of: rows }: { of: OrderRowFragment[] }) {
  const { t } = useTranslation();
  const hasResellers = new Set(rows.map((order) => order.reseller?.name)).size > 1;
  const names = [
    t.orders.number,
    t.orders.status,
    t.orders.legs,
    t.orders.total,
    t.orders.placed,
    ...(hasResellers ? [t.orders.reseller] : []),
  ];
  const head = names.map((name) => (
    <th key={name} scope="col">
      {name}
    </th>
  ));
  return (
    <Frame label={t.orders.title} head={head}>
      {rows.map((order) => (
        <tr key={order.id} data-order={order.number}>
          <th scope="row">
            <a href={hrefOf('orders', order.id)}>{order.number}</a>
            {order.testMode ? <span className="small"> {t.orders.test}</span> : null}
          </th>
          <td>
            <Badge tone={toneOfOrder(order.status)}>{t.orderStatus[order.status] ?? order.status}</Badge>
          </td>
          <td>
            <ul className="plain legs">
              {order.legs.map((leg) => (
                <li key={leg.id}>
                  <Badge tone={toneOfOrder(leg.status)}>
                    {leg.source.institution}: {t.legStatus[leg.status] ?? leg.status}
                  </Badge>
                </li>
              ))}
            </ul>
          </td>
          <td>
            <Sums of={order.totals.map((row) => (row.confirmed.amount > 0 ? row.confirmed : row.requested))} />
          </td>
          <td>
            <Ago at={order.createdAt} />
          </td>
          {hasResellers ? <td>{order.reseller?.name ?? '–'}</td> : null}
        </tr>
      ))}
    </Frame>
  );
}

// Orders with their legs, live: a change of one that is shown moves it in place, a new one comes on top.

import { useState } from 'react';
import { useSubscription } from 'urql';

import {
  type OrderFilter,
  type OrderRowFragment,
  OrdersChangedDocument,
  type OrdersChangedSubscription,
  OrdersDocument,
} from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Empty, Sums, Table } from '../ui/parts';
import { toneOfOrder } from '../ui/tone';
import { useSpeech } from '../words';

type Rows = ReadonlyMap<string, OrderRowFragment>;

function withChange(rows: Rows | undefined, { ordersChanged: order }: OrdersChangedSubscription): Rows {
  const known = rows?.get(order.id);
  if (known && known.version >= order.version) return rows ?? new Map();
  return new Map([...(rows ?? []), [order.id, order]]);
}

function fits(order: OrderRowFragment, filter?: OrderFilter): boolean {
  return !filter?.status || [filter.status].flat().includes(order.status);
}

/** The page as it was asked, with what changed since. */
function merge(asked: readonly OrderRowFragment[], changed: Rows, filter?: OrderFilter): OrderRowFragment[] {
  const newer = (order: OrderRowFragment) => {
    const now = changed.get(order.id);
    return now && now.version > order.version ? now : order;
  };
  const known = new Set(asked.map(({ id }) => id));
  const youngest = asked[0]?.createdAt;
  const fresh = [...changed.values()].filter(
    (order) => !known.has(order.id) && (youngest === undefined || Date.parse(order.createdAt) >= Date.parse(youngest)),
  );
  const all = [...fresh.sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt)), ...asked.map(newer)];
  return all.filter((order) => fits(order, filter));
}

export function OrdersList({
  pageSize = 20,
  filter,
  hasMore = false,
}: {
  pageSize?: number;
  filter?: OrderFilter;
  hasMore?: boolean;
}) {
  const { t } = useSpeech();
  const [size, setSize] = useState(pageSize);
  const asked = useAsked({ query: OrdersDocument, variables: { first: size, filter } });
  const [changes] = useSubscription({ query: OrdersChangedDocument }, withChange);
  return (
    <Answer asked={asked}>
      {({ orders: { nodes, pageInfo, totalCount } }) => {
        const rows = merge(nodes, changes.data ?? new Map(), filter);
        if (rows.length === 0)
          return <Empty title={filter ? t.orders.noneFiltered : t.orders.none} hint={filter ? undefined : t.orders.noneHint} />;
        return (
          <>
            <Rows rows={hasMore ? rows : rows.slice(0, pageSize)} />
            {hasMore ? (
              <div className="bar">
                <span className="small">{totalCount === null ? null : t.orders.count(Math.max(totalCount, rows.length))}</span>
                {pageInfo.hasNextPage && size < 100 ? (
                  <button type="button" onClick={() => setSize(Math.min(100, size + 20))}>
                    {t.state.more}
                  </button>
                ) : null}
              </div>
            ) : null}
          </>
        );
      }}
    </Answer>
  );
}

function Rows({ rows }: { rows: OrderRowFragment[] }) {
  const { t } = useSpeech();
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
    <Table label={t.orders.title} head={head}>
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
    </Table>
  );
}

// Orders, live: a change of one that is shown moves it in place, a new one comes on top.

import { useSubscription } from 'urql';

import {
  type OrderFilter,
  type OrderRowFragment,
  OrdersChangedDocument,
  type OrdersChangedSubscription,
  OrdersDocument,
  type OrdersQuery,
} from '../api/documents';
import { useAsked } from '../api/use';
import { Answer } from '../ui/Answer';
import { Empty } from '../ui/parts';
import { useTranslation } from '../words';
import { addressOf, type Shown, sortOf } from './filter';
import { OrdersTable } from './OrdersTable';

type Rows = ReadonlyMap<string, OrderRowFragment>;

function withChange(rows: Rows | undefined, { ordersChanged: order }: OrdersChangedSubscription): Rows {
  const known = rows?.get(order.id);
  if (known && known.version >= order.version) return rows ?? new Map();
  return new Map([...(rows ?? []), [order.id, order]]);
}

function fits(order: OrderRowFragment, filter?: OrderFilter): boolean {
  const { status } = filter ?? {};
  return !status || [status].flat().includes(order.status);
}

/** True if a new order belongs on top of the list: only the server knows what a search finds, and which sources an order has. */
function takesNew(filter?: OrderFilter, shown?: Shown): boolean {
  const { search, sources, visitFrom, visitTo, reseller } = filter ?? {};
  return !search && !sources && !visitFrom && !visitTo && !reseller && !shown?.after && !(shown && sortOf(shown));
}

/** Every order that was asked for, as it is known now, in the order of the server, and above them what came since if `isOpen`. */
function merge(asked: readonly OrderRowFragment[], changed: Rows, isOpen: boolean, filter?: OrderFilter): OrderRowFragment[] {
  const rows = new Map<string, OrderRowFragment>();
  const youngest = Math.max(0, ...asked.map(({ createdAt }) => Date.parse(createdAt)));
  // An old order that changes belongs to a page that is not shown.
  const fresh = [...changed.values()].filter(
    ({ id, createdAt }) => (isOpen && Date.parse(createdAt) >= youngest) || asked.some((known) => known.id === id),
  );
  for (const order of [...asked, ...fresh]) {
    const known = rows.get(order.id);
    if (!known || order.version > known.version) rows.set(order.id, order);
  }
  const known = new Set(asked.map(({ id }) => id));
  const came = [...rows.values()].filter(({ id }) => !known.has(id));
  came.sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  const listed = asked.map((order) => rows.get(order.id) ?? order);
  return [...came, ...listed].filter((order) => fits(order, filter));
}

/** A page of orders. With `shown`, other pages can be reached. */
export function OrdersList({ pageSize = 20, filter, shown }: { pageSize?: number; filter?: OrderFilter; shown?: Shown }) {
  const { language } = useTranslation();
  const after = shown?.after ?? null;
  const orderBy = shown && sortOf(shown);
  const asked = useAsked({ query: OrdersDocument, variables: { first: pageSize, after, filter, orderBy, locale: language } });
  const [changes] = useSubscription({ query: OrdersChangedDocument, variables: { locale: language } }, withChange);
  return (
    <Answer asked={asked}>
      {({ orders }) => {
        const rows = merge(orders.nodes, changes.data ?? new Map(), takesNew(filter, shown), filter);
        if (rows.length === 0 && !after) return <None isFiltered={filter !== undefined} />;
        return (
          <>
            <OrdersTable of={shown ? rows : rows.slice(0, pageSize)} shown={shown} />
            {shown ? <Pages of={orders} shown={shown} /> : null}
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

function Pages({ of: { totalCount, pageInfo }, shown }: { of: OrdersQuery['orders']; shown: Shown }) {
  const { t, f } = useTranslation();
  const next = { page: shown.page + 1, after: pageInfo.endCursor };
  return (
    <div className="bar pages">
      <span className="small">
        {totalCount === null ? null : t.orders.count(totalCount)}
        {shown.after || pageInfo.hasNextPage ? ` · ${t.orders.page(f.number(shown.page))}` : null}
      </span>
      {shown.after ? <a href={addressOf(shown, {})}>{t.orders.firstPage}</a> : null}
      {pageInfo.hasNextPage ? <a href={addressOf(shown, next)}>{t.orders.nextPage}</a> : null}
    </div>
  );
}

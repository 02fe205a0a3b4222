// The table of orders. On a phone each row is a card, so that date and money are seen without scrolling sideways.

import type { ReactNode } from 'react';

import type { OrderRowFragment, OrderSortColumn } from '../api/documents';
import { hrefOf } from '../app/route';
import { Ago } from '../ui/Ago';
import { Badge, Sums } from '../ui/parts';
import { toneOfOrder } from '../ui/tone';
import { type Formats, useTranslation } from '../words';
import { addressOf, nextSort, type Shown } from './filter';

/** With `shown`, the list can be sorted by some columns. */
export function OrdersTable({ of: rows, shown }: { of: OrderRowFragment[]; shown?: Shown }) {
  const { t } = useTranslation();
  const hasResellers = new Set(rows.map((order) => order.reseller?.name)).size > 1;
  const names = [
    t.orders.number,
    t.orders.event,
    t.orders.visit,
    t.orders.tickets,
    t.order.buyer,
    t.orders.reference,
    ...(hasResellers ? [t.orders.reseller] : []),
    t.orders.status,
    t.orders.total,
  ];
  const numbers = [t.orders.tickets, t.orders.total];
  const sorted: Record<string, OrderSortColumn> = {
    [t.orders.number]: 'CREATED',
    [t.orders.visit]: 'VISIT',
    [t.orders.status]: 'STATUS',
    [t.orders.total]: 'TOTAL',
  };
  // A layout that is no table takes the roles away, so they are given.
  return (
    <table className="orders" role="table" aria-label={t.orders.title}>
      <thead role="rowgroup">
        <tr role="row">
          {names.map((name) => (
            <Head key={name} name={name} column={sorted[name]} shown={shown} isNumber={numbers.includes(name)} />
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((order) => (
          <Row key={order.id} order={order} hasResellers={hasResellers} />
        ))}
      </tbody>
    </table>
  );
}

interface Heading {
  name: string;
  column?: OrderSortColumn;
  shown?: Shown;
  isNumber: boolean;
}

/** The head of a column. One that the list can be sorted by leads to the list with the other direction. */
function Head({ name, column, shown, isNumber }: Heading) {
  const { t } = useTranslation();
  const className = isNumber ? 'number' : undefined;
  if (!shown || !column) {
    return (
      <th scope="col" role="columnheader" className={className}>
        {name}
      </th>
    );
  }
  const isSorted = shown.column === column;
  const direction = isSorted ? (shown.isDescending ? 'descending' : 'ascending') : 'none';
  return (
    <th scope="col" role="columnheader" className={className} aria-sort={direction}>
      <a
        className="sort"
        href={addressOf(shown, nextSort(shown, column))}
        title={`${t.listing.sortBy}: ${t.listing.columns[column]}`}
      >
        {name}
      </a>
    </th>
  );
}

function Row({ order, hasResellers }: { order: OrderRowFragment; hasResellers: boolean }) {
  const { t, f } = useTranslation();
  const tickets = order.lines.reduce((sum, line) => sum + line.quantity, 0);
  return (
    <tr role="row" data-order={order.number}>
      <th scope="row" role="rowheader">
        <a href={hrefOf('orders', order.id)}>{order.number}</a>
        <span className="small">
          {order.testMode ? `${t.orders.test} · ` : null}
          <Ago at={order.createdAt} />
        </span>
      </th>
      <Cell of="event">{titlesOf(order).join(', ') || '–'}</Cell>
      <Cell of="visit">{visitOf(order, f)}</Cell>
      <Cell of="tickets">
        <span className="alone">{f.number(tickets)}</span>
        <span className="on-card">{t.order.onSale(tickets)}</span>
      </Cell>
      <Cell of="buyer">{buyerOf(order) || '–'}</Cell>
      <Cell of="reference">{order.resellerReference ?? '–'}</Cell>
      {hasResellers ? <Cell of="reseller">{order.reseller?.name ?? '–'}</Cell> : null}
      <Cell of="status">
        <Badge tone={toneOfOrder(order.status)}>{t.orderStatus[order.status] ?? order.status}</Badge>
      </Cell>
      <Cell of="total">
        <Sums of={order.totals.map((row) => (row.confirmed.amount > 0 ? row.confirmed : row.requested))} />
      </Cell>
    </tr>
  );
}

function Cell({ of, children }: { of: string; children: ReactNode }) {
  return (
    <td role="cell" className={`of-${of}`}>
      {children}
    </td>
  );
}

function titlesOf({ lines }: OrderRowFragment): string[] {
  return [...new Set(lines.map((line) => line.eventTitle).filter((title) => title !== null))];
}

/** The day of the visit, or the first and the last one. */
function visitOf({ lines }: OrderRowFragment, f: Formats): string {
  const days = lines.map((line) => line.visitDate).filter((day) => day !== null);
  const sorted = [...new Set(days)].sort();
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return '–';
  return first === last ? f.day(first) : `${f.day(first)} – ${f.day(last)}`;
}

function buyerOf({ contact }: OrderRowFragment): string {
  if (!contact) return '';
  return [contact.firstName, contact.lastName].filter(Boolean).join(' ') || contact.email || '';
}

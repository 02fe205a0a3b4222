// All orders, or one of them.

import { type FormEvent, useState } from 'react';
import { useClient } from 'urql';

import { FindOrderDocument, type OrderFilter, type OrderStatus, PlaceDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { goTo, hrefOf } from '../app/route';
import type { ViewProps } from '../app/viewer';
import { dayAfter, type Days, isPeriod, today } from '../ui/days';
import { ExportButton } from '../ui/Export';
import { Card, Page } from '../ui/parts';
import { meaningOf } from '../ui/Answer';
import { useTranslation } from '../words';
import { OrderPage } from './OrderPage';
import { OrdersList } from './OrdersList';

const KINDS = {
  all: undefined,
  open: [
    'DRAFT',
    'HOLDING',
    'HELD',
    'PARTIALLY_HELD',
    'CONFIRMING',
    'COMPENSATING',
    'CANCELLING',
    'RELEASING',
    'NEEDS_ATTENTION',
  ],
  sold: ['CONFIRMED', 'PARTIALLY_CONFIRMED', 'PARTIALLY_CANCELLED'],
  ended: ['CANCELLED', 'RELEASED', 'EXPIRED', 'FAILED'],
} satisfies Record<string, OrderStatus[] | undefined>;

type Kind = keyof typeof KINDS;

/** What the address limits the list to: `orders/at/SOURCE/FROM/TO`. */
interface Place {
  source: string;
  days: Days;
}

/** The key is the address: another place is another list. */
export function OrdersPage({ viewer, path }: ViewProps) {
  const [id, source, from, to] = path;
  if (id === 'at' && source !== undefined && from !== undefined && to !== undefined && isPeriod({ from, to })) {
    return <AllOrders key={path.join('/')} place={{ source, days: { from, to } }} />;
  }
  return id === undefined ? <AllOrders key="all" /> : <OrderPage id={id} viewer={viewer} />;
}

/** The orders created in a period at a source, on the calendar of the person. */
function filterOf({ source, days: { from, to } }: Place): OrderFilter {
  const begin = (day: string) => new Date(`${day}T00:00:00`).toISOString();
  return { sources: [source], createdFrom: begin(from), createdTo: begin(dayAfter(to, 1)) };
}

function Where({ place: { source, days } }: { place: Place }) {
  const { t, f } = useTranslation();
  const asked = useAsked({ query: PlaceDocument, variables: { source } });
  const found = asked.data?.node;
  const name = found?.__typename === 'Source' ? found.institution : '–';
  return (
    <p>
      {t.orders.createdIn(name, f.day(days.from), f.day(days.to))} <a href={hrefOf('orders')}>{t.order.back}</a>
    </p>
  );
}

function AllOrders({ place }: { place?: Place }) {
  const { t } = useTranslation();
  const [kind, setKind] = useState<Kind>('all');
  const status = KINDS[kind];
  const at = place ? filterOf(place) : undefined;
  const filter = status || at ? { ...at, ...(status && { status }) } : undefined;
  return (
    <Page title={t.orders.title}>
      <div className="bar">
        <div className="segments" role="group" aria-label={t.orders.filter}>
          {(Object.keys(KINDS) as Kind[]).map((name) => (
            <button key={name} type="button" aria-pressed={name === kind} onClick={() => setKind(name)}>
              {t.orders[name]}
            </button>
          ))}
        </div>
        <FindOrder />
      </div>
      {place ? <Where place={place} /> : null}
      <Card title={t.orders.latest} aside={<ExportOrders filter={filter} />}>
        <OrdersList key={kind} filter={filter} hasMore />
      </Card>
    </Page>
  );
}

/** The parameters of an export are the fields of the filter. */
function ExportOrders({ filter = {} }: { filter?: OrderFilter }) {
  return (
    <div className="bar">
      <ExportButton file="orders.csv" saveAs={`orders_${today()}.csv`} parameters={filter} />
    </div>
  );
}

function FindOrder() {
  const { t } = useTranslation();
  const client = useClient();
  const [number, setNumber] = useState('');
  const [trouble, setTrouble] = useState<string | null>(null);

  async function find(event: FormEvent) {
    event.preventDefault();
    const wanted = number.trim();
    if (wanted === '') return;
    const { data, error } = await client.query(FindOrderDocument, { number: wanted }).toPromise();
    if (data?.order) goTo('orders', data.order.id);
    else setTrouble(error ? meaningOf(t, error) : t.orders.notFound(wanted));
  }

  return (
    <form className="bar find" onSubmit={find} role="search">
      <label>
        {t.orders.find}
        <input value={number} onChange={(event) => setNumber(event.target.value)} autoComplete="off" spellCheck={false} />
      </label>
      <button type="submit">{t.orders.go}</button>
      <p role="alert" className="field-error">
        {trouble}
      </p>
    </form>
  );
}

// All orders, or one of them.

import { type FormEvent, useState } from 'react';
import { useClient } from 'urql';

import { FindOrderDocument, type OrderStatus } from '../api/documents';
import { goTo } from '../app/route';
import type { ViewProps } from '../app/viewer';
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

export function OrdersPage({ viewer, path }: ViewProps) {
  const [id] = path;
  return id === undefined ? <AllOrders /> : <OrderPage id={id} viewer={viewer} />;
}

function AllOrders() {
  const { t } = useTranslation();
  const [kind, setKind] = useState<Kind>('all');
  const status = KINDS[kind];
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
      <Card title={t.orders.latest}>
        <OrdersList key={kind} filter={status && { status }} hasMore />
      </Card>
    </Page>
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

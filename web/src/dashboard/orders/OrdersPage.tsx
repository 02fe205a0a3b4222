// All orders, or one of them.

import { type FormEvent, useEffect, useState } from 'react';

import { useSettings } from '../app/route';
import type { ViewProps } from '../app/viewer';
import { Card, Page } from '../ui/parts';
import { useTranslation } from '../words';
import {
  addressOf,
  areDays,
  filterOf,
  type Kind,
  KINDS,
  listAddress,
  MAX_SEARCH_LENGTH,
  MAX_SEARCH_WORDS,
  type Shown,
  shownOf,
  SIZES,
} from './filter';
import { OrderPage } from './OrderPage';
import { OrdersList } from './OrdersList';

export function OrdersPage({ viewer, path }: ViewProps) {
  const [id] = path;
  return id === undefined ? <AllOrders /> : <OrderPage id={id} viewer={viewer} />;
}

interface Part {
  shown: Shown;
  /** Shows the list with a change, under an address of its own. */
  show: (change: Partial<Shown>) => void;
}

function AllOrders() {
  const { t } = useTranslation();
  const shown = shownOf(useSettings());
  const address = addressOf(shown, { page: shown.page, after: shown.after });
  useEffect(() => listAddress.set(address), [address]);
  const filter = filterOf(shown);
  const show = (change: Partial<Shown>) => {
    location.hash = addressOf(shown, change);
  };
  return (
    <Page title={t.orders.title}>
      <Search key={shown.search} shown={shown} show={show} />
      <Filters shown={shown} show={show} />
      <Card title={filter ? t.orders.results : t.orders.latest} aside={<PageSize shown={shown} show={show} />}>
        {areDays(shown) ? <OrdersList key={address} pageSize={shown.size} filter={filter} shown={shown} /> : null}
      </Card>
    </Page>
  );
}

function Search({ shown, show }: Part) {
  const { t } = useTranslation();
  const [text, setText] = useState(shown.search);
  const isLong = text.trim().split(/\s+/).length > MAX_SEARCH_WORDS;

  function search(event: FormEvent) {
    event.preventDefault();
    if (!isLong) show({ search: text.trim() });
  }

  return (
    <form className="bar search" onSubmit={search} role="search">
      <label>
        {t.orders.search}
        <input
          type="search"
          value={text}
          maxLength={MAX_SEARCH_LENGTH}
          placeholder={t.orders.searchHint}
          onChange={(event) => setText(event.target.value)}
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      <button type="submit" className="main">
        {t.orders.go}
      </button>
      <p role="alert" className="field-error">
        {isLong ? t.orders.tooManyWords(MAX_SEARCH_WORDS) : null}
      </p>
    </form>
  );
}

function Filters({ shown, show }: Part) {
  const { t } = useTranslation();
  const isFiltered = filterOf(shown) !== undefined;
  return (
    <div className="bar">
      <div className="segments" role="group" aria-label={t.orders.filter}>
        {(Object.keys(KINDS) as Kind[]).map((name) => (
          <button key={name} type="button" aria-pressed={name === shown.kind} onClick={() => show({ kind: name })}>
            {t.orders[name]}
          </button>
        ))}
      </div>
      <label>
        {t.orders.visitFrom}
        <input type="date" value={shown.visitFrom} onChange={(event) => show({ visitFrom: event.target.value })} />
      </label>
      <label>
        {t.orders.visitTo}
        <input type="date" value={shown.visitTo} onChange={(event) => show({ visitTo: event.target.value })} />
      </label>
      {isFiltered ? (
        <button type="button" className="quiet" onClick={() => show({ kind: 'all', search: '', visitFrom: '', visitTo: '' })}>
          {t.orders.clear}
        </button>
      ) : null}
      {areDays(shown) ? null : (
        <p role="alert" className="field-error">
          {t.orders.wrongDays}
        </p>
      )}
    </div>
  );
}

function PageSize({ shown, show }: Part) {
  const { t, f } = useTranslation();
  return (
    <div className="bar">
      <label>
        {t.orders.pageSize}
        <select value={shown.size} onChange={(event) => show({ size: Number(event.target.value) })}>
          {SIZES.map((size) => (
            <option key={size} value={size}>
              {f.number(size)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

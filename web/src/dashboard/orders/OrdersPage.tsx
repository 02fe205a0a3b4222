// All orders, or one of them.

import { type FormEvent, useEffect, useState } from 'react';

import { today } from '../../days';
import { type OrderFilter, PlaceDocument, ResellerNamesDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf, useSettings } from '../app/route';
import { may, type Viewer, type ViewProps } from '../app/viewer';
import { ExportButton } from '../ui/Export';
import { Card, Page } from '../ui/parts';
import { useTranslation } from '../words';
import {
  addressOf,
  areDays,
  COLUMNS,
  filterOf,
  type Kind,
  KINDS,
  listAddress,
  MAX_SEARCH_LENGTH,
  MAX_SEARCH_WORDS,
  type Shown,
  shownOf,
  SIZES,
  UNFILTERED,
} from './filter';
import { OrderPage } from './OrderPage';
import { OrdersList } from './OrdersList';

export function OrdersPage({ viewer, path }: ViewProps) {
  const [id] = path;
  return id === undefined ? <AllOrders viewer={viewer} /> : <OrderPage id={id} viewer={viewer} />;
}

interface Part {
  shown: Shown;
  /** Shows the list with a change, under an address of its own. */
  show: (change: Partial<Shown>) => void;
}

function AllOrders({ viewer }: { viewer: Viewer }) {
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
      <Filters shown={shown} show={show} viewer={viewer} />
      {shown.source ? <Where shown={shown} /> : null}
      <Card
        title={filter ? t.orders.results : t.orders.latest}
        aside={
          <>
            <Sort shown={shown} show={show} />
            <PageSize shown={shown} show={show} />
            <ExportOrders filter={filter} />
          </>
        }
      >
        {areDays(shown) ? <OrdersList key={address} pageSize={shown.size} filter={filter} shown={shown} /> : null}
      </Card>
    </Page>
  );
}

/** The row or the part of a statement that the address limits the list to. */
function Where({ shown: { source, confirmedFrom, confirmedTo, currency, event, ticketType } }: { shown: Shown }) {
  const { t, f, language } = useTranslation();
  const part = ticketType || event;
  const asked = useAsked({ query: PlaceDocument, variables: { source, part, hasPart: part !== '', locale: language } });
  const { source: found, part: of } = asked.data ?? {};
  const name = found?.__typename === 'Source' ? found.institution : '–';
  const title = of?.__typename === 'Event' ? of.title : of?.__typename === 'TicketType' ? of.name : null;
  return (
    <p>
      {t.listing.soldIn(name, f.day(confirmedFrom), f.day(confirmedTo))} {currency ? t.listing.inCurrency(currency) : null}{' '}
      {title ? t.listing.of(title) : null} <a href={hrefOf('orders')}>{t.order.back}</a>
    </p>
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

function Filters({ shown, show, viewer }: Part & { viewer: Viewer }) {
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
      {viewer.reseller === null && may(viewer, 'report:read') ? <OfReseller shown={shown} show={show} /> : null}
      {isFiltered ? (
        <button type="button" className="quiet" onClick={() => show({ ...UNFILTERED })}>
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

/** On a phone the heads of the columns are not seen. */
function Sort({ shown, show }: Part) {
  const { t } = useTranslation();
  const directions = ['asc', 'desc'] as const;
  const value = `${shown.column} ${shown.isDescending ? 'desc' : 'asc'}`;
  return (
    <div className="bar sorting">
      <label>
        {t.listing.sortBy}
        <select
          value={value}
          onChange={(event) => {
            const [name, direction] = event.target.value.split(' ');
            const column = COLUMNS.find((column) => column === name);
            if (column) show({ column, isDescending: direction === 'desc' });
          }}
        >
          {COLUMNS.flatMap((column) =>
            directions.map((direction) => (
              <option key={`${column} ${direction}`} value={`${column} ${direction}`}>
                {`${t.listing.columns[column]}, ${t.listing.directions[direction]}`}
              </option>
            )),
          )}
        </select>
      </label>
    </div>
  );
}

/** The resellers whose orders an operator can choose. */
function OfReseller({ shown, show }: Part) {
  const { t } = useTranslation();
  const asked = useAsked({ query: ResellerNamesDocument, variables: {} });
  const resellers = asked.data?.resellers ?? [];
  if (resellers.length === 0) return null;
  return (
    <label>
      {t.orders.reseller}
      <select value={shown.reseller} onChange={(event) => show({ reseller: event.target.value })}>
        <option value="">{t.listing.allResellers}</option>
        {resellers.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
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

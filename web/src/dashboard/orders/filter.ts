// What the list of orders shows, as it stands in the address: whoever opens the address, or goes back to it, sees the same.

import { DAY, isPeriod } from '../../days';
import type { OrderFilter, OrderSort, OrderSortColumn, OrderStatus } from '../api/documents';
import { hrefWith } from '../app/route';

export const KINDS = {
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

export type Kind = keyof typeof KINDS;

export const SIZES = [20, 50, 100];

/** As the API limits it. */
export const MAX_SEARCH_LENGTH = 100;
export const MAX_SEARCH_WORDS = 8;

export interface Shown {
  kind: Kind;
  search: string;
  visitFrom: string;
  visitTo: string;
  /** A reseller, for those who see the orders of all. */
  reseller: string;
  /** The sales of a row of a statement: source and days, all three or none, and with them currency, event or ticket type. */
  source: string;
  confirmedFrom: string;
  confirmedTo: string;
  currency: string;
  event: string;
  ticketType: string;
  column: OrderSortColumn;
  isDescending: boolean;
  size: number;
  /** The page, from 1, and the cursor that it begins after. */
  page: number;
  after: string | null;
}

export const UNFILTERED = {
  kind: 'all',
  search: '',
  visitFrom: '',
  visitTo: '',
  reseller: '',
  source: '',
  confirmedFrom: '',
  confirmedTo: '',
  currency: '',
  event: '',
  ticketType: '',
} satisfies Partial<Shown>;

export const COLUMNS: OrderSortColumn[] = ['CREATED', 'VISIT', 'TOTAL', 'STATUS'];

const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));

/** Reads an address. What does not fit counts as not given. */
export function shownOf(settings: URLSearchParams): Shown {
  const text = (name: string) => settings.get(name) ?? '';
  const day = (name: string) => (isDay(text(name)) ? text(name) : '');
  const [kind, size, page] = [text('show'), Number(text('size')), Number(text('page'))];
  const after = text('after') || null;
  const confirmed = { from: day('confirmedFrom'), to: day('confirmedTo') };
  const place = text('source') && isPeriod(confirmed) ? text('source') : '';
  const currency = /^[A-Z]{3}$/.test(text('currency')) ? text('currency') : '';
  const column = COLUMNS.find((name) => name.toLowerCase() === text('sort')) ?? 'CREATED';
  return {
    kind: Object.hasOwn(KINDS, kind) ? (kind as Kind) : 'all',
    search: text('search'),
    visitFrom: day('visitFrom'),
    visitTo: day('visitTo'),
    reseller: text('reseller'),
    source: place,
    confirmedFrom: place && confirmed.from,
    confirmedTo: place && confirmed.to,
    currency: place && currency,
    event: place && text('event'),
    ticketType: place && text('ticketType'),
    column,
    isDescending: text('direction') === '' ? column === 'CREATED' : text('direction') === 'desc',
    size: SIZES.includes(size) ? size : 20,
    page: after !== null && Number.isInteger(page) && page > 1 ? page : 1,
    after,
  };
}

/** The address of the list with a change. Another filter or size begins on the first page. */
export function addressOf(shown: Shown, change: Partial<Shown>): string {
  const { kind, size, page, after, column, isDescending, ...texts } = { ...shown, page: 1, after: null, ...change };
  const isUsual = isDescending === (column === 'CREATED');
  const settings = {
    show: kind === 'all' ? null : kind,
    ...texts,
    sort: column === 'CREATED' ? null : column.toLowerCase(),
    direction: isUsual ? null : isDescending ? 'desc' : 'asc',
    size: size === 20 ? null : String(size),
    page: after && page > 1 ? String(page) : null,
    after,
  };
  return hrefWith(settings, 'orders');
}

/** True if the days are in their order, and at most ten years apart, as the API limits them. */
export function areDays({ visitFrom, visitTo }: Shown): boolean {
  if (!visitFrom || !visitTo) return true;
  const days = (Date.parse(visitTo) - Date.parse(visitFrom)) / DAY;
  return days >= 0 && days <= 3660;
}

export function filterOf(shown: Shown): OrderFilter | undefined {
  const { kind, search, visitFrom, visitTo, reseller, source, confirmedFrom, confirmedTo, currency, event, ticketType } = shown;
  const status = KINDS[kind];
  if (!status && !search && !visitFrom && !visitTo && !source && !reseller) return undefined;
  const sale = { sources: [source], confirmedFrom, confirmedTo, currency: currency || null };
  return {
    status: status ?? null,
    search: search || null,
    visitFrom: visitFrom || null,
    visitTo: visitTo || null,
    reseller: reseller || null,
    ...(source && { ...sale, event: event || null, ticketType: ticketType || null }),
  };
}

/** The order of the list; undefined: newest first. */
export function sortOf({ column, isDescending }: Shown): OrderSort | undefined {
  if (column === 'CREATED' && isDescending) return undefined;
  return { column, direction: isDescending ? 'DESC' : 'ASC' };
}

/** The other direction of a column that the list is sorted by, or the usual one of another column. */
export function nextSort(shown: Shown, column: OrderSortColumn): Partial<Shown> {
  return { column, isDescending: column === shown.column ? !shown.isDescending : column === 'CREATED' };
}

let lastList = hrefWith({}, 'orders');

/** The address of the list that was seen last, for the way back from an order. Kept in memory only: it may contain a name. */
export const listAddress = {
  get: () => lastList,
  set(address: string) {
    lastList = address;
  },
};

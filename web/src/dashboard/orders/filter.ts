// What the list of orders shows, as it stands in the address: whoever opens the address, or goes back to it, sees the same.

import type { OrderFilter, OrderStatus } from '../api/documents';
import { hrefWith } from '../app/route';
import { DAY, dayAfter, isPeriod } from '../ui/days';

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
  /** The source, and the days of creation on the calendar of the person; all three or none. */
  source: string;
  createdFrom: string;
  createdTo: string;
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
  source: '',
  createdFrom: '',
  createdTo: '',
} satisfies Partial<Shown>;

const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));

/** Reads an address. What does not fit counts as not given. */
export function shownOf(settings: URLSearchParams): Shown {
  const text = (name: string) => settings.get(name) ?? '';
  const day = (name: string) => (isDay(text(name)) ? text(name) : '');
  const [kind, size, page] = [text('show'), Number(text('size')), Number(text('page'))];
  const after = text('after') || null;
  const created = { from: day('createdFrom'), to: day('createdTo') };
  const place = text('source') && isPeriod(created) ? text('source') : '';
  return {
    kind: Object.hasOwn(KINDS, kind) ? (kind as Kind) : 'all',
    search: text('search'),
    visitFrom: day('visitFrom'),
    visitTo: day('visitTo'),
    source: place,
    createdFrom: place && created.from,
    createdTo: place && created.to,
    size: SIZES.includes(size) ? size : 20,
    page: after !== null && Number.isInteger(page) && page > 1 ? page : 1,
    after,
  };
}

/** The address of the list with a change. Another filter or size begins on the first page. */
export function addressOf(shown: Shown, change: Partial<Shown>): string {
  const { kind, size, page, after, ...texts } = { ...shown, page: 1, after: null, ...change };
  const settings = {
    show: kind === 'all' ? null : kind,
    ...texts,
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

export function filterOf({ kind, search, visitFrom, visitTo, source, createdFrom, createdTo }: Shown): OrderFilter | undefined {
  const status = KINDS[kind];
  if (!status && !search && !visitFrom && !visitTo && !source) return undefined;
  const begin = (day: string) => new Date(`${day}T00:00:00`).toISOString();
  return {
    status: status ?? null,
    search: search || null,
    visitFrom: visitFrom || null,
    visitTo: visitTo || null,
    ...(source && { sources: [source], createdFrom: begin(createdFrom), createdTo: begin(dayAfter(createdTo, 1)) }),
  };
}

let lastList = hrefWith({}, 'orders');

/** The address of the list that was seen last, for the way back from an order. Kept in memory only: it may contain a name. */
export const listAddress = {
  get: () => lastList,
  set(address: string) {
    lastList = address;
  },
};

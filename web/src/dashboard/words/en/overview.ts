// English: the overview of an operator, and what an action will do.

import type { CallerKind, LegSettlement, PauseMode, StreamTicketState } from '../../api/documents';
import { plural } from '../plural';

const many = plural('en');

const wait = (seconds: number) =>
  seconds < 120 ? many(seconds, 'second', 'seconds') : many(Math.round(seconds / 60), 'minute', 'minutes');

export const overview = {
  overview: {
    title: 'Overview',
    sales: 'Sales',
    periods: { today: 'Today', last7: '7 days', last30: '30 days' },
    periodOfTable: 'Period of the table',
    bySeller: 'By seller',
    seller: 'Seller',
    ownShop: 'Own shop (no reseller)',
    unconfigured: 'no longer configured',
    tickets: 'Tickets',
    nothingSold: 'No sales',
    before: (range: string) => `Period before: ${range}`,
    change: 'Change',
    salesHint: 'Days are those of each source. Amounts are not converted.',
    queue: (venue: string, requests: number, seconds: number) => {
      if (requests > 0) {
        return `${many(requests, 'order request waits', 'order requests wait')} for ${venue}, about ${wait(seconds)}.`;
      }
      return seconds > 0 ? `A new order request for ${venue} would wait about ${wait(seconds)}.` : 'No order request waits.';
    },
    budget: (requests: number | null, orders: number | null) => {
      if (requests === null) return 'No rate limit is configured.';
      const left = `${many(requests, 'request', 'requests')} left of the rate limit`;
      if (orders === null) return `${left}.`;
      const allowed = orders < 1 ? 'less than one order' : `about ${many(Math.floor(orders), 'order', 'orders')}`;
      return `${left}, which allows ${allowed} a minute.`;
    },
    overQuota: (forecast: string, quota: string) => `${forecast} requests are forecast for this month; ${quota} are allowed.`,
    noFailure: 'No failure since this replica started.',
    allCases: (count: number) => `Show all ${many(count, 'order', 'orders')}`,
    deliveries: 'App deliveries',
    failedTickets: (count: number) => `${many(count, 'ticket', 'tickets')} rejected`,
    pendingTickets: (count: number) => `${many(count, 'ticket', 'tickets')} pending`,
    noApps: 'No app is configured',
    noDeliveries: 'All tickets are in their apps',
    noDeliveriesHint: 'Tickets that wait for an app, or that an app rejected, appear here with their orders.',
    ticket: 'Ticket',
    app: 'App',
    attempts: 'Attempts',
    reason: 'Reason',
    ticketStates: { PENDING: 'Pending', FAILED: 'Rejected' } satisfies Record<StreamTicketState, string>,
    moreTickets: (count: number) => `${many(count, 'more ticket is', 'more tickets are')} not shown.`,
    toStreams: 'Streams of the apps',
    callers: 'API callers',
    caller: 'Caller',
    kinds: {
      CLIENT: 'API key',
      TOKEN_ISSUER: 'Tokens of an issuer',
      ANONYMOUS: 'Without credentials',
    } satisfies Record<CallerKind, string>,
    limit: 'Limit per minute',
    unlimited: 'None',
    lastHour: 'Requests, last hour',
    refusedHour: 'Refused, last hour',
    lastDay: 'Requests, 24 hours',
    refusedDay: 'Refused, 24 hours',
    refusals: (rateLimited: number, forbidden: number) =>
      [
        rateLimited > 0 ? `${rateLimited} over the rate limit` : '',
        forbidden > 0 ? `${forbidden} without permission` : '',
      ]
        .filter(Boolean)
        .join(', '),
    noCallers: 'No callers are configured',
    perReplica: (time: string) =>
      `Counted since ${time} by the replica that answered this request. Other replicas count for themselves.`,
  },
  confirm: {
    retry: (venue: string, order: string) =>
      `Looks up the part of order ${order} at ${venue} now, or repeats its last step, instead of waiting for the next check.`,
    resumeTitle: (venue: string) => `Resume ${venue}`,
    resume: (venue: string) =>
      `${venue} accepts new orders again, and calls that were stopped go on. All replicas follow within seconds.`,
    pause: {
      REFUSE_NEW_ORDERS: 'New orders are refused until you resume. Orders that have begun go on.',
      STOP_ALL_CALLS: 'No call is made until you resume, not even for orders that have begun. Holds may expire meanwhile.',
    } satisfies Record<PauseMode, string>,
    settle: {
      SOLD: 'The sale counts as confirmed. Its tickets are read from the vendor, and the order goes on.',
      NOT_SOLD: 'The sale counts as failed. The order goes on without it, or is undone, as its policy says.',
      UNDONE: 'The sale counts as canceled, and its tickets are void.',
      NOT_UNDONE: 'The sale is kept, and nothing tries to undo it any more.',
    } satisfies Record<LegSettlement, string>,
    note: {
      open: 'Add note',
      list: 'Notes',
      title: (order: string) => `Note on order ${order}`,
      explain: 'Adds a note to the order. Only operators see it, and it cannot be changed.',
      text: 'Note',
      go: 'Add note',
      refused: 'Not added',
    },
  },
};

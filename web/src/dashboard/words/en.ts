// The English words, and with them the list of all words: the other languages do not compile without each of these.

import type {
  AppDeliveryState, AttemptOutcome, ConnectionState, DeliveryStreamKind, FreshnessMode, Guarantee, HealthState, Interval,
  LegOperation, LegStatus, OrderStatus, Retry, TicketStatus,
} from '../api/documents';
import { plural } from './plural';

const many = plural('en');

export const en = {
  app: {
    dashboard: 'Dashboard', skip: 'Skip to the content', views: 'Views', language: 'Language', theme: 'Colours',
    themes: { system: 'As the system', light: 'Light', dark: 'Dark' }, signOut: 'Sign out', settings: 'Settings',
    sandbox: 'For trying out', notFound: 'There is no such view', toStart: 'To the first view',
    nothingToSee: 'This key may see nothing that the dashboard shows. It needs one of the scopes catalog:read, order:read or report:read.',
    live: { idle: 'Not watching', connecting: 'Connecting', live: 'Live', lost: 'Connection lost, trying again' },
  },
  nav: {
    sales: 'Sales', orders: 'Orders', connections: 'Connections', sources: 'Sources', attention: 'Attention',
    resellers: 'Resellers', reconciliation: 'Reconciliation',
  },
  signIn: {
    title: 'Sign in', key: 'Key of the caller', go: 'Sign in', show: 'Show the key', hide: 'Hide the key',
    explain: 'The key that your programs send as a bearer token. It stays in this tab and is forgotten when you close it.',
    refused: 'The server does not know this key.', anonymous: 'Type or paste a key.', checking: 'Looking who you are …',
    sandbox: 'This is the sandbox', sandboxHint: 'Every vendor is emulated, nothing here is real. Sign in as one of its ready callers:',
  },
  state: {
    loading: 'Loading …', again: 'Try again', partly: 'A part could not be loaded', failed: 'This could not be loaded',
    reference: (id: string) => `Reference ${id}`, stale: 'Updating …', more: 'Show more', none: 'None', unknown: 'Not known',
    copy: 'Copy', copied: 'Copied', close: 'Close', cancel: 'Back', yes: 'Yes', no: 'No',
  },
  errors: {
    network: 'The server cannot be reached.', FORBIDDEN: 'This key may not see this.', UNAUTHENTICATED: 'The server does not know this key.',
    RATE_LIMITED: 'Too many requests: wait a moment.', OVERLOADED: 'The service is busy: try again in a moment.',
    LEDGER_UNAVAILABLE: 'Orders cannot be read or written for now.', NOT_FOUND: 'It is not there (any more).',
    BAD_USER_INPUT: 'This cannot be asked in this way.', OPERATION_TOO_COSTLY: 'This asks for too much at once.',
    SOURCE_UNAVAILABLE: 'A source does not answer.', SOURCE_TIMEOUT: 'A source did not answer in time.',
    SOURCE_THROTTLED: 'A source takes no more requests for now.', SOURCE_UNAUTHORIZED: 'A source does not accept the credentials of this service.',
    SOURCE_GONE: 'A source is no longer configured.', UNSUPPORTED_BY_SOURCE: 'The source cannot do this.',
    other: 'Something went wrong in the service.',
  },
  retry: {
    NEVER: 'Trying again will not help.', AFTER_REQUERY: 'Look at the present state first, then decide.',
    SAME_KEY_AFTER_DELAY: 'The same can be tried again after a while.', WITH_NEW_INPUT: 'Something else must be asked for.',
  } satisfies Record<Retry, string>,
  period: {
    title: 'Period', from: 'From', to: 'To', last7: '7 days', last30: '30 days', last90: '90 days', year: '1 year', wrong: 'The period ends before it begins, or is longer than 366 days.',
    interval: 'One column for each', intervals: { DAY: 'Day', WEEK: 'Week', MONTH: 'Month' } satisfies Record<Interval, string>,
  },
  sales: {
    title: 'Sales', of: (name: string) => `Sales of ${name}`, overTime: 'Sales over time', tickets: 'Tickets', orders: 'Orders', gross: 'Charged',
    measure: 'Measure', money: (currency: string) => `Charged in ${currency}`, table: 'The same as a table', from: 'From', source: 'Source', sum: 'Sum',
    chart: (measure: string) => `Columns: ${measure}, by source`, none: 'Nothing was sold in this period',
    noneHint: 'Orders that are confirmed appear here at once. Choose a longer period, or place an order.',
    statement: 'Statement', statementHint: 'A row for each source and currency; nothing is converted.', totals: 'Totals', sold: 'Sold', voided: 'Undone', used: 'Used', unresolved: 'Unresolved',
    refunded: 'Given back', commission: 'Commission', net: 'Owed to the venue', noRate: 'No rate agreed',
    unresolvedHint: (count: number) => `${many(count, 'sale has', 'sales have')} no known outcome yet and ${count === 1 ? 'is' : 'are'} not in the sums.`,
    ticketsSold: (count: number) => many(count, 'ticket sold', 'tickets sold'), inOrders: (count: number) => `in ${many(count, 'order', 'orders')}`,
  },
  orders: {
    title: 'Orders', latest: 'Latest orders', number: 'Order', status: 'Status', placed: 'Placed', total: 'Total', legs: 'Sources', reference: 'Reference',
    filter: 'Show', all: 'All', open: 'On the way', sold: 'Sold', ended: 'Not sold or undone', find: 'Number of an order', go: 'Open', notFound: (number: string) => `There is no order ${number} that you may see.`,
    none: 'No orders yet', noneHint: 'An order appears here as soon as it is planned, and each step of each leg as it happens.', noneFiltered: 'No order is like this.',
    count: (count: number) => many(count, 'order', 'orders'), test: 'Trial', reseller: 'Reseller',
  },
  order: {
    title: (number: string) => `Order ${number}`, back: 'All orders', gone: 'There is no such order, or it is not yours.', progress: 'Where it stands', lines: 'What was bought', legs: 'Legs', tickets: 'Tickets', timeline: 'Timeline',
    attempts: 'Calls to the source', noAttempts: 'Nothing was asked of the source yet.', buyer: 'Buyer', placed: 'Placed', changed: 'Changed', heldUntil: 'Held until', version: 'Version', requested: 'Asked for', held: 'Held', confirmed: 'Sold', refundable: 'Would come back',
    undoing: 'Cancelling', ourReference: 'Our reference', vendorReferences: 'References of the vendor', nextLook: 'Next look', unknownSince: 'Answer lost since', cancelable: 'Can be undone', until: (time: string) => `until ${time}`, fee: (percent: string) => `${percent} is kept`, notCancelable: 'Cannot be undone',
    noTickets: 'No tickets yet', noTicketsHint: 'They appear here once the source has issued them.', seat: 'Seat', usedAt: 'Used', holder: 'Name', code: 'Code', codeHidden: 'This key may not see the code, or there is none yet.', codeOf: (seat: string) => `Code of the ticket ${seat}`, inApp: (app: string) => `In the app ${app}`, visibleFrom: (time: string) => `The code shows from ${time}`,
    drift: 'The two systems do not agree', onSale: (count: number) => many(count, 'ticket', 'tickets'), whole: 'Whole order', moved: (what: string, from: string, to: string) => `${what}: ${from} → ${to}`, problems: 'What went wrong', when: 'When', operation: 'Asked', outcome: 'Came of it', took: 'Took', vendorCode: 'Code of the vendor', unknownPerformance: 'What this is cannot be looked up now',
    guarantee: 'Guarantee', guarantees: { ATOMIC: 'All or nothing', COMPENSATED: 'All, or what was sold is undone', BEST_EFFORT: 'As much as can be had' } satisfies Record<Guarantee, string>,
    live: 'Changes appear here by themselves.', release: 'Give the places back', releaseSure: 'Give the places back now? They go on sale again.', announced: (status: string) => `The order is now: ${status}`,
  },
  cancel: {
    open: 'Cancel …', title: 'Cancel the order', which: 'What shall be undone?', ask: 'What would come back?', asking: 'Asking …', quote: 'This would come back', refund: 'Given back', fee: 'Kept', nothing: 'Nothing', also: 'These go with it, because their source undoes whole orders only:',
    expires: (time: string) => `The quote stands until ${time}.`, expired: 'The quote has expired: ask again.', changed: 'The order has changed since the quote: ask again.', reason: 'Why (for the books of the venue)', go: 'Cancel for good', going: 'Cancelling …', done: 'The order is being undone: watch its legs.', refused: 'This cannot be undone', lost: 'The answer was lost. Trying again does nothing twice.',
  },
  connections: {
    title: 'Connections', of: (name: string) => `Connections of ${name}`, none: 'No source is connected', noneHint: 'The operator of this service connects a reseller with a source in the configuration.', checklist: 'Readiness', recheck: 'Check again', checking: 'Checking …', passed: 'As it must be', failed: 'Something is missing', checkedAt: (time: string) => `Checked ${time}`,
    handover: 'Message to the partner', subject: 'Subject', copyBody: 'Copy the message', missing: 'Must be filled in by hand', noHandover: 'This vendor has no message of this kind.', account: 'Account at the vendor', mappings: 'Words of the reseller', partnerCode: 'Code', meansEvent: 'Event', meansType: 'Ticket type', anyEvent: 'Any', done: (ok: number, all: number) => `${ok} of ${all} as they must be`,
    states: { READY: 'Ready', INCOMPLETE: 'Incomplete', SUSPENDED: 'Switched off by the venue' } satisfies Record<ConnectionState, string>,
  },
  resellers: { title: 'Resellers', none: 'No reseller is configured', noneHint: 'Resellers stand under [resellers] in the configuration.', sales: 'Sales and statement', connections: 'Connections', sources: 'Sources' },
  sources: {
    title: 'Sources', none: 'No source is configured', since: (time: string) => `since ${time}`, budget: 'Requests left', noBudget: 'No limit set', throttled: 'Calls are held back', lastGood: 'Last good answer', lastBad: 'Last failure', never: 'Never', catalogue: 'Age of the catalogue', events: (count: number) => many(count, 'event', 'events'), catalogueLost: 'The catalogue cannot be read',
    modes: { LIVE: 'just asked', CACHED: 'remembered', STALE: 'stale' } satisfies Record<FreshnessMode, string>, health: { UP: 'Answers', DEGRADED: 'Fails at times', DOWN: 'Does not answer' } satisfies Record<HealthState, string>,
    summary: (up: number, all: number) => `${up} of ${many(all, 'source answers', 'sources answer')}`, delivery: (app: string) => `Delivery to ${app}`, stream: 'Stream', lastRun: 'Last run', pending: 'Waiting', refused: 'Refused', run: 'Run now', running: 'Running …', state: 'State', fine: 'Fine', trouble: 'Trouble', behind: 'Behind', announced: (name: string, state: string) => `${name}: ${state}`,
    streams: { INJECTION: 'Into the app', CANCELLED: 'Out of the app', CONTROLLED: 'Let in', STATUS: 'What the app says' } satisfies Record<DeliveryStreamKind, string>,
  },
  attention: {
    title: 'Attention', needPerson: 'A person has to decide', needPersonNone: 'No order needs a person', needPersonHint: 'Where the service cannot find out or undo something by itself, the order stands here with what to do.', onTheWay: 'Still on their way', onTheWayNone: 'Nothing is on its way', onTheWayHint: 'The service is still working on these; it looks again by itself.',
    todo: 'What to do', open: 'Open the order', since: (time: string) => `unchanged since ${time}`, next: (time: string) => `looked at again ${time}`, quote: (reference: string) => `Quote our reference ${reference}.`,
    steps: {
      OUTCOME_NEVER_KNOWN: 'The answer of the source was lost and no look-up found it. Ask the venue whether the sale exists; if it does, have it undone there.',
      OUTCOME_UNKNOWN: 'The answer of the source was lost. The service looks it up by itself; nothing to do yet.',
      UNDO_REFUSED: 'The source refused to undo a sale. Have it undone at the venue.',
      TICKETS_STILL_VALID: 'The money went back but tickets may still open the gate. Have them made void at the venue.',
      CALLED_OFF: 'The venue called it off. Cancel the order, so that the visitor gets the money back.',
      SOURCE_UNAVAILABLE: 'The source does not answer. The service goes on when it is back.',
      other: 'Open the order and read the calls to the source; then ask the venue.',
    },
  },
  reconciliation: {
    title: 'Reconciliation', explain: 'What the vendor holds under our account, beside what our ledger holds.', source: 'Source', from: 'From', to: 'To', go: 'Compare', going: 'Comparing …', matched: 'Agree', missing: 'Sold here, absent at the vendor', orphans: 'At the vendor, unknown here', clean: 'Both sides agree.', checked: (time: string) => `Looked at ${time}`, kind: 'What', value: 'Reference of the vendor', wrong: 'The window ends before it begins, or is longer than 366 days.',
    missingHint: 'Ask the venue what became of these sales before anything is paid.', orphansHint: 'Have these undone at the venue, or find out who made them.',
  },
  orderStatus: {
    DRAFT: 'Planned', HOLDING: 'Being held', HELD: 'Held', PARTIALLY_HELD: 'Partly held', CONFIRMING: 'Being sold', CONFIRMED: 'Sold', PARTIALLY_CONFIRMED: 'Partly sold', COMPENSATING: 'Being taken back', CANCELLING: 'Being cancelled', CANCELLED: 'Cancelled', PARTIALLY_CANCELLED: 'Partly cancelled', RELEASING: 'Being released', RELEASED: 'Released', EXPIRED: 'Expired', FAILED: 'Failed', NEEDS_ATTENTION: 'Needs attention',
  } satisfies Record<OrderStatus, string>,
  legStatus: {
    DRAFT: 'Planned', HOLDING: 'Being held', HELD: 'Held', HOLD_FAILED: 'Not held', CONFIRMING: 'Being sold', CONFIRMED: 'Sold', CONFIRM_FAILED: 'Not sold', OUTCOME_UNKNOWN: 'Being looked up', CANCELLING: 'Being cancelled', CANCELLED: 'Cancelled', RELEASING: 'Being released', RELEASED: 'Released', EXPIRED: 'Expired', NEEDS_ATTENTION: 'Needs attention',
  } satisfies Record<LegStatus, string>,
  ticketStatus: { PENDING: 'No code yet', ISSUED: 'Usable', DELIVERED: 'In the app', TRANSFERRED: 'Handed on', USED: 'Used', VOIDING: 'Being made void', VOID: 'Void' } satisfies Record<TicketStatus, string>,
  appState: {
    NOT_SENT: 'Not sent', INJECTED: 'Sent', DOWNLOADED: 'In the wallet', ACTIVATED: 'Activated', ASSIGNED: 'Assigned to a guest', TRANSFER_PENDING: 'Being handed on', TRANSFERRED: 'Handed on', CONTROLLED: 'Used at the gate', DELETION_PENDING: 'Being deleted', DELETED: 'Deleted',
  } satisfies Record<AppDeliveryState, string>,
  operation: { HOLD: 'Hold', EXTEND: 'Prolong', CONFIRM: 'Sell', RELEASE: 'Release', CANCEL: 'Undo' } satisfies Record<LegOperation, string>,
  outcome: { IN_FLIGHT: 'No answer yet', SUCCEEDED: 'Done', REJECTED: 'Not done', UNKNOWN: 'Answer lost', RESOLVED_DONE: 'Found done', RESOLVED_NOT_DONE: 'Found not done' } satisfies Record<AttemptOutcome, string>,
};

/** Every word in one language. */
export type Words = typeof en;

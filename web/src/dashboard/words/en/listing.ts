// Words of sorted lists of orders, and of statements by event and ticket type.

export const listing = {
  listing: {
    sortBy: 'Sort by',
    columns: { CREATED: 'Time of order', VISIT: 'Visit', TOTAL: 'Total', STATUS: 'Status' },
    directions: { asc: 'ascending', desc: 'descending' },
    allResellers: 'All resellers',
    soldIn: (source: string, from: string, to: string) => `Sales at ${source} from ${from} to ${to}`,
    inCurrency: (currency: string) => `in ${currency}`,
    of: (name: string) => `“${name}”`,
  },
  breakdown: {
    title: 'By event and ticket type',
    hint: 'What an order took at a source is divided among its tickets by their prices. The parts add up to the statement.',
    by: 'Group by',
    groupings: { EVENT: 'Event', TICKET_TYPE: 'Ticket type' },
    other: 'Everything else',
    unnamed: 'No longer in the catalog',
    ordersOf: (name: string) => `Orders with ${name}`,
  },
};

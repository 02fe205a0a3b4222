import type { Words } from '..';

export const listing: Pick<Words, 'listing' | 'breakdown'> = {
  listing: {
    sortBy: 'Sortieren nach',
    columns: { CREATED: 'Bestellzeit', VISIT: 'Besuch', TOTAL: 'Summe', STATUS: 'Status' },
    directions: { asc: 'aufsteigend', desc: 'absteigend' },
    allResellers: 'Alle Wiederverkäufer',
    soldIn: (source, from, to) => `Verkäufe bei ${source} vom ${from} bis ${to}`,
    inCurrency: (currency) => `in ${currency}`,
    of: (name) => `„${name}“`,
  },
  breakdown: {
    title: 'Nach Veranstaltung und Ticketart',
    hint: 'Der Betrag einer Bestellung bei einer Quelle wird nach den Preisen auf ihre Tickets verteilt. Die Zeilen ergeben zusammen die Abrechnung.',
    by: 'Gruppieren nach',
    groupings: { EVENT: 'Veranstaltung', TICKET_TYPE: 'Ticketart' },
    other: 'Alles Übrige',
    unnamed: 'Nicht mehr im Katalog',
    ordersOf: (name) => `Bestellungen mit ${name}`,
  },
};

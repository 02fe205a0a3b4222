// German: the overview of an operator, and what an action will do.

import type { overview as words } from '../en/overview';
import { plural } from '../plural';

const many = plural('de');

const wait = (seconds: number) =>
  seconds < 120 ? many(seconds, 'Sekunde', 'Sekunden') : many(Math.round(seconds / 60), 'Minute', 'Minuten');

export const overview: typeof words = {
  overview: {
    title: 'Übersicht',
    sales: 'Verkäufe',
    periods: { today: 'Heute', last7: '7 Tage', last30: '30 Tage' },
    periodOfTable: 'Zeitraum der Tabelle',
    bySeller: 'Nach Verkäufer',
    seller: 'Verkäufer',
    ownShop: 'Eigener Shop (ohne Wiederverkäufer)',
    unconfigured: 'nicht mehr eingerichtet',
    tickets: 'Tickets',
    nothingSold: 'Keine Verkäufe',
    before: (range) => `Zeitraum davor: ${range}`,
    change: 'Veränderung',
    salesHint: 'Es gelten die Tage der jeweiligen Quelle. Beträge werden nicht umgerechnet.',
    queue: (venue, requests, seconds) => {
      if (requests > 0) {
        return `${many(requests, 'Bestellanfrage wartet', 'Bestellanfragen warten')} auf ${venue}, etwa ${wait(seconds)}.`;
      }
      return seconds > 0
        ? `Eine neue Bestellanfrage an ${venue} würde etwa ${wait(seconds)} warten.`
        : 'Keine Bestellanfrage wartet.';
    },
    budget: (requests, orders) => {
      if (requests === null) return 'Kein Anfragelimit ist eingerichtet.';
      const left = `Noch ${many(requests, 'Anfrage', 'Anfragen')} bis zum Anfragelimit`;
      if (orders === null) return `${left}.`;
      const allowed = orders < 1 ? 'weniger als eine Bestellung' : `etwa ${many(Math.floor(orders), 'Bestellung', 'Bestellungen')}`;
      return `${left}, das ${allowed} je Minute erlaubt.`;
    },
    overQuota: (forecast, quota) => `Für diesen Monat sind ${forecast} Anfragen zu erwarten; ${quota} sind erlaubt.`,
    noFailure: 'Kein Fehler seit dem Start dieser Instanz.',
    allCases: (count) => `Alle anzeigen (${many(count, 'Bestellung', 'Bestellungen')})`,
    deliveries: 'Lieferungen an Apps',
    failedTickets: (count) => `${many(count, 'Ticket', 'Tickets')} abgelehnt`,
    pendingTickets: (count) => `${many(count, 'Ticket', 'Tickets')} ausstehend`,
    noApps: 'Keine App ist eingerichtet',
    noDeliveries: 'Alle Tickets sind in ihren Apps',
    noDeliveriesHint: 'Tickets, die auf eine App warten oder von ihr abgelehnt wurden, stehen hier mit ihren Bestellungen.',
    ticket: 'Ticket',
    app: 'App',
    attempts: 'Versuche',
    reason: 'Grund',
    ticketStates: { PENDING: 'Ausstehend', FAILED: 'Abgelehnt' },
    moreTickets: (count) => `${many(count, 'weiteres Ticket wird', 'weitere Tickets werden')} nicht angezeigt.`,
    toStreams: 'Datenströme der Apps',
    callers: 'Aufrufer der API',
    caller: 'Aufrufer',
    kinds: { CLIENT: 'API-Schlüssel', TOKEN_ISSUER: 'Tokens eines Ausstellers', ANONYMOUS: 'Ohne Zugangsdaten' },
    limit: 'Limit je Minute',
    unlimited: 'Keines',
    lastHour: 'Anfragen, letzte Stunde',
    refusedHour: 'Abgewiesen, letzte Stunde',
    lastDay: 'Anfragen, 24 Stunden',
    refusedDay: 'Abgewiesen, 24 Stunden',
    refusals: (rateLimited, forbidden) =>
      [
        rateLimited > 0 ? `${rateLimited} über dem Limit` : '',
        forbidden > 0 ? `${forbidden} ohne Berechtigung` : '',
      ]
        .filter(Boolean)
        .join(', '),
    noCallers: 'Kein Aufrufer ist eingerichtet',
    perReplica: (time) =>
      `Seit ${time} von der Instanz gezählt, die diese Anfrage beantwortet hat. Jede Instanz zählt für sich.`,
  },
  confirm: {
    retry: (venue, order) =>
      `Sieht jetzt nach, was aus dem Teil der Bestellung ${order} bei ${venue} wurde, oder wiederholt seinen letzten Schritt, ohne auf die nächste Prüfung zu warten.`,
    resumeTitle: (venue) => `${venue} fortsetzen`,
    resume: (venue) =>
      `${venue} nimmt wieder Bestellungen an, und angehaltene Aufrufe gehen weiter. Alle Instanzen folgen innerhalb von Sekunden.`,
    pause: {
      REFUSE_NEW_ORDERS: 'Neue Bestellungen werden abgelehnt, bis Sie fortsetzen. Begonnene Bestellungen laufen weiter.',
      STOP_ALL_CALLS:
        'Bis Sie fortsetzen, gibt es keinen Aufruf, auch nicht für begonnene Bestellungen. Vormerkungen können inzwischen ablaufen.',
    },
    settle: {
      SOLD: 'Der Verkauf gilt als bestätigt. Seine Tickets werden beim Anbieter gelesen, und die Bestellung geht weiter.',
      NOT_SOLD:
        'Der Verkauf gilt als gescheitert. Die Bestellung geht ohne ihn weiter oder wird rückgängig gemacht, je nach ihrer Regel.',
      UNDONE: 'Der Verkauf gilt als storniert, und seine Tickets sind ungültig.',
      NOT_UNDONE: 'Der Verkauf bleibt, und nichts versucht mehr, ihn rückgängig zu machen.',
    },
    note: {
      open: 'Notiz hinzufügen',
      list: 'Notizen',
      title: (order) => `Notiz zur Bestellung ${order}`,
      explain: 'Fügt der Bestellung eine Notiz hinzu. Nur Betreiber sehen sie, und sie lässt sich nicht ändern.',
      text: 'Notiz',
      go: 'Hinzufügen',
      refused: 'Nicht hinzugefügt',
    },
  },
};

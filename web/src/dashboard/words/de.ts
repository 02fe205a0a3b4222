// The German words.

import type { Words } from './en';
import { plural } from './plural';

const many = plural('de');

export const de: Words = {
  app: {
    dashboard: 'Übersicht', skip: 'Zum Inhalt springen', views: 'Ansichten', language: 'Sprache', theme: 'Farben',
    themes: { system: 'Wie das System', light: 'Hell', dark: 'Dunkel' }, signOut: 'Abmelden', settings: 'Einstellungen',
    sandbox: 'Zum Ausprobieren', notFound: 'Diese Ansicht gibt es nicht', toStart: 'Zur ersten Ansicht',
    nothingToSee: 'Dieser Schlüssel darf nichts von dem sehen, was die Übersicht zeigt. Er braucht eines der Rechte catalog:read, order:read oder report:read.',
    live: { idle: 'Nichts wird beobachtet', connecting: 'Verbindet', live: 'Live', lost: 'Verbindung verloren, neuer Versuch' },
  },
  nav: {
    sales: 'Verkäufe', orders: 'Bestellungen', connections: 'Anbindungen', sources: 'Quellen', attention: 'Zu klären',
    resellers: 'Wiederverkäufer', reconciliation: 'Abgleich',
  },
  signIn: {
    title: 'Anmelden', key: 'Schlüssel des Aufrufers', go: 'Anmelden', show: 'Schlüssel zeigen', hide: 'Schlüssel verbergen',
    explain: 'Der Schlüssel, den Ihre Programme als Bearer-Token senden. Er bleibt in diesem Tab und wird mit ihm vergessen.',
    refused: 'Der Server kennt diesen Schlüssel nicht.', anonymous: 'Geben Sie einen Schlüssel ein.', checking: 'Es wird nachgesehen, wer Sie sind …',
    sandbox: 'Das ist die Sandbox', sandboxHint: 'Jeder Anbieter ist nachgebildet, nichts hier ist echt. Melden Sie sich als einer der bereitgestellten Aufrufer an:',
  },
  state: {
    loading: 'Lädt …', again: 'Noch einmal', partly: 'Ein Teil konnte nicht geladen werden', failed: 'Das konnte nicht geladen werden',
    reference: (id) => `Kennzeichen ${id}`, stale: 'Wird erneuert …', more: 'Mehr zeigen', none: 'Keine', unknown: 'Nicht bekannt',
    copy: 'Kopieren', copied: 'Kopiert', close: 'Schließen', cancel: 'Zurück', yes: 'Ja', no: 'Nein',
  },
  errors: {
    network: 'Der Server ist nicht erreichbar.', FORBIDDEN: 'Dieser Schlüssel darf das nicht sehen.', UNAUTHENTICATED: 'Der Server kennt diesen Schlüssel nicht.',
    RATE_LIMITED: 'Zu viele Anfragen: bitte einen Moment warten.', OVERLOADED: 'Der Dienst ist ausgelastet: bitte gleich noch einmal.',
    LEDGER_UNAVAILABLE: 'Bestellungen können zurzeit weder gelesen noch geschrieben werden.', NOT_FOUND: 'Das gibt es nicht (mehr).',
    BAD_USER_INPUT: 'So kann nicht gefragt werden.', OPERATION_TOO_COSTLY: 'Das ist zu viel auf einmal.',
    SOURCE_UNAVAILABLE: 'Eine Quelle antwortet nicht.', SOURCE_TIMEOUT: 'Eine Quelle hat nicht rechtzeitig geantwortet.',
    SOURCE_THROTTLED: 'Eine Quelle nimmt zurzeit keine Anfragen mehr an.', SOURCE_UNAUTHORIZED: 'Eine Quelle erkennt die Zugangsdaten dieses Dienstes nicht an.',
    SOURCE_GONE: 'Eine Quelle ist nicht mehr eingerichtet.', UNSUPPORTED_BY_SOURCE: 'Die Quelle kann das nicht.',
    other: 'Im Dienst ist etwas schiefgegangen.',
  },
  retry: {
    NEVER: 'Ein neuer Versuch hilft nicht.', AFTER_REQUERY: 'Erst den jetzigen Stand ansehen, dann entscheiden.',
    SAME_KEY_AFTER_DELAY: 'Dasselbe kann nach einer Weile noch einmal versucht werden.', WITH_NEW_INPUT: 'Es muss etwas anderes verlangt werden.',
  },
  period: {
    title: 'Zeitraum', from: 'Von', to: 'Bis', last7: '7 Tage', last30: '30 Tage', last90: '90 Tage', year: '1 Jahr', wrong: 'Der Zeitraum endet, bevor er beginnt, oder ist länger als 366 Tage.',
    interval: 'Eine Säule je', intervals: { DAY: 'Tag', WEEK: 'Woche', MONTH: 'Monat' },
  },
  sales: {
    title: 'Verkäufe', of: (name) => `Verkäufe von ${name}`, overTime: 'Verkäufe im Lauf der Zeit', tickets: 'Tickets', orders: 'Bestellungen', gross: 'Berechnet',
    measure: 'Größe', money: (currency) => `Berechnet in ${currency}`, table: 'Dasselbe als Tabelle', from: 'Ab', source: 'Quelle', sum: 'Summe',
    chart: (measure) => `Säulen: ${measure}, nach Quelle`, none: 'In diesem Zeitraum wurde nichts verkauft',
    noneHint: 'Bestätigte Bestellungen erscheinen hier sofort. Wählen Sie einen längeren Zeitraum, oder bestellen Sie etwas.',
    statement: 'Abrechnung', statementHint: 'Eine Zeile je Quelle und Währung; nichts wird umgerechnet.', totals: 'Summen', sold: 'Verkauft', voided: 'Storniert', used: 'Genutzt', unresolved: 'Ungeklärt',
    refunded: 'Zurückgegeben', commission: 'Provision', net: 'Dem Haus geschuldet', noRate: 'Kein Satz vereinbart',
    unresolvedHint: (count) => `Von ${many(count, 'Verkauf', 'Verkäufen')} ist der Ausgang noch nicht bekannt; sie stehen nicht in den Summen.`,
    ticketsSold: (count) => many(count, 'Ticket verkauft', 'Tickets verkauft'), inOrders: (count) => `in ${many(count, 'Bestellung', 'Bestellungen')}`,
  },
  orders: {
    title: 'Bestellungen', latest: 'Neueste Bestellungen', number: 'Bestellung', status: 'Stand', placed: 'Aufgegeben', total: 'Summe', legs: 'Quellen', reference: 'Kennzeichen',
    filter: 'Zeigen', all: 'Alle', open: 'Unterwegs', sold: 'Verkauft', ended: 'Nicht verkauft oder storniert', find: 'Nummer einer Bestellung', go: 'Öffnen', notFound: (number) => `Es gibt keine Bestellung ${number}, die Sie sehen dürfen.`,
    none: 'Noch keine Bestellungen', noneHint: 'Eine Bestellung erscheint hier, sobald sie geplant ist, und jeder Schritt jedes Teils, sobald er geschieht.', noneFiltered: 'Keine Bestellung ist so.',
    count: (count) => many(count, 'Bestellung', 'Bestellungen'), test: 'Probe', reseller: 'Wiederverkäufer',
  },
  order: {
    title: (number) => `Bestellung ${number}`, back: 'Alle Bestellungen', gone: 'Diese Bestellung gibt es nicht, oder sie ist nicht Ihre.', progress: 'Wo sie steht', lines: 'Was gekauft wurde', legs: 'Teile', tickets: 'Tickets', timeline: 'Verlauf',
    attempts: 'Aufrufe der Quelle', noAttempts: 'Die Quelle wurde noch nichts gefragt.', buyer: 'Käufer', placed: 'Aufgegeben', changed: 'Geändert', heldUntil: 'Vorgemerkt bis', version: 'Fassung', requested: 'Verlangt', held: 'Vorgemerkt', confirmed: 'Verkauft', refundable: 'Käme zurück',
    undoing: 'Stornieren', ourReference: 'Unser Kennzeichen', vendorReferences: 'Kennzeichen des Anbieters', nextLook: 'Nächster Blick', unknownSince: 'Antwort verloren seit', cancelable: 'Kann storniert werden', until: (time) => `bis ${time}`, fee: (percent) => `${percent} werden einbehalten`, notCancelable: 'Kann nicht storniert werden',
    noTickets: 'Noch keine Tickets', noTicketsHint: 'Sie erscheinen hier, sobald die Quelle sie ausgestellt hat.', seat: 'Platz', usedAt: 'Genutzt', holder: 'Name', code: 'Code', codeHidden: 'Dieser Schlüssel darf den Code nicht sehen, oder es gibt noch keinen.', codeOf: (seat) => `Code des Tickets ${seat}`, inApp: (app) => `In der App ${app}`, visibleFrom: (time) => `Der Code ist ab ${time} zu sehen`,
    drift: 'Die beiden Systeme sind sich nicht einig', onSale: (count) => many(count, 'Ticket', 'Tickets'), whole: 'Ganze Bestellung', moved: (what, from, to) => `${what}: ${from} → ${to}`, problems: 'Was schiefging', when: 'Wann', operation: 'Verlangt', outcome: 'Ergebnis', took: 'Dauer', vendorCode: 'Code des Anbieters', unknownPerformance: 'Was das ist, lässt sich gerade nicht nachsehen',
    guarantee: 'Gewähr', guarantees: { ATOMIC: 'Ganz oder gar nicht', COMPENSATED: 'Alles, oder Verkauftes wird rückgängig gemacht', BEST_EFFORT: 'So viel, wie zu haben ist' },
    live: 'Änderungen erscheinen hier von selbst.', release: 'Plätze freigeben', releaseSure: 'Die Plätze jetzt freigeben? Sie kommen wieder in den Verkauf.', announced: (status) => `Die Bestellung ist jetzt: ${status}`,
  },
  cancel: {
    open: 'Stornieren …', title: 'Bestellung stornieren', which: 'Was soll storniert werden?', ask: 'Was käme zurück?', asking: 'Fragt …', quote: 'Das käme zurück', refund: 'Zurückgegeben', fee: 'Einbehalten', nothing: 'Nichts', also: 'Diese gehen mit, weil ihre Quelle nur ganze Bestellungen storniert:',
    expires: (time) => `Das Angebot gilt bis ${time}.`, expired: 'Das Angebot ist abgelaufen: bitte neu fragen.', changed: 'Die Bestellung hat sich seit dem Angebot geändert: bitte neu fragen.', reason: 'Warum (für die Bücher des Hauses)', go: 'Endgültig stornieren', going: 'Storniert …', done: 'Die Bestellung wird storniert: beobachten Sie ihre Teile.', refused: 'Das kann nicht storniert werden', lost: 'Die Antwort ging verloren. Ein neuer Versuch tut nichts doppelt.',
  },
  connections: {
    title: 'Anbindungen', of: (name) => `Anbindungen von ${name}`, none: 'Keine Quelle ist angebunden', noneHint: 'Der Betreiber dieses Dienstes bindet einen Wiederverkäufer in der Konfiguration an eine Quelle an.', checklist: 'Bereitschaft', recheck: 'Neu prüfen', checking: 'Prüft …', passed: 'Wie es sein soll', failed: 'Es fehlt etwas', checkedAt: (time) => `Geprüft ${time}`,
    handover: 'Nachricht an den Partner', subject: 'Betreff', copyBody: 'Nachricht kopieren', missing: 'Von Hand zu ergänzen', noHandover: 'Dieser Anbieter kennt keine solche Nachricht.', account: 'Konto beim Anbieter', mappings: 'Wörter des Wiederverkäufers', partnerCode: 'Code', meansEvent: 'Veranstaltung', meansType: 'Ticketart', anyEvent: 'Jede', done: (ok, all) => `${ok} von ${all} wie sie sein sollen`,
    states: { READY: 'Bereit', INCOMPLETE: 'Unvollständig', SUSPENDED: 'Vom Haus abgeschaltet' },
  },
  resellers: { title: 'Wiederverkäufer', none: 'Kein Wiederverkäufer ist eingerichtet', noneHint: 'Wiederverkäufer stehen in der Konfiguration unter [resellers].', sales: 'Verkäufe und Abrechnung', connections: 'Anbindungen', sources: 'Quellen' },
  sources: {
    title: 'Quellen', none: 'Keine Quelle ist eingerichtet', since: (time) => `seit ${time}`, budget: 'Übrige Anfragen', noBudget: 'Keine Grenze gesetzt', throttled: 'Aufrufe werden zurückgehalten', lastGood: 'Letzte gute Antwort', lastBad: 'Letzter Fehler', never: 'Nie', catalogue: 'Alter des Katalogs', events: (count) => many(count, 'Veranstaltung', 'Veranstaltungen'), catalogueLost: 'Der Katalog kann nicht gelesen werden',
    modes: { LIVE: 'eben gefragt', CACHED: 'gemerkt', STALE: 'veraltet' }, health: { UP: 'Antwortet', DEGRADED: 'Fällt zeitweise aus', DOWN: 'Antwortet nicht' },
    summary: (up, all) => `${up} von ${many(all, 'Quelle', 'Quellen')} antworten`, delivery: (app) => `Lieferung an ${app}`, stream: 'Strom', lastRun: 'Letzter Lauf', pending: 'Warten', refused: 'Abgelehnt', run: 'Jetzt laufen', running: 'Läuft …', state: 'Stand', fine: 'In Ordnung', trouble: 'Störung', behind: 'Im Rückstand', announced: (name, state) => `${name}: ${state}`,
    streams: { INJECTION: 'In die App', CANCELLED: 'Aus der App', CONTROLLED: 'Eingelassen', STATUS: 'Was die App sagt' },
  },
  attention: {
    title: 'Zu klären', needPerson: 'Ein Mensch muss entscheiden', needPersonNone: 'Keine Bestellung braucht einen Menschen', needPersonHint: 'Wo der Dienst etwas nicht selbst herausfinden oder rückgängig machen kann, steht die Bestellung hier, mit dem, was zu tun ist.', onTheWay: 'Noch unterwegs', onTheWayNone: 'Nichts ist unterwegs', onTheWayHint: 'An diesen arbeitet der Dienst noch; er sieht von selbst wieder nach.',
    todo: 'Was zu tun ist', open: 'Bestellung öffnen', since: (time) => `unverändert seit ${time}`, next: (time) => `nächster Blick ${time}`, quote: (reference) => `Nennen Sie unser Kennzeichen ${reference}.`,
    steps: {
      OUTCOME_NEVER_KNOWN: 'Die Antwort der Quelle ging verloren, und kein Nachsehen fand sie. Fragen Sie das Haus, ob es den Verkauf gibt; wenn ja, lassen Sie ihn dort stornieren.',
      OUTCOME_UNKNOWN: 'Die Antwort der Quelle ging verloren. Der Dienst sieht von selbst nach; noch ist nichts zu tun.',
      UNDO_REFUSED: 'Die Quelle hat es abgelehnt, einen Verkauf zu stornieren. Lassen Sie ihn beim Haus stornieren.',
      TICKETS_STILL_VALID: 'Das Geld ging zurück, aber Tickets öffnen vielleicht noch das Tor. Lassen Sie sie beim Haus ungültig machen.',
      CALLED_OFF: 'Das Haus hat abgesagt. Stornieren Sie die Bestellung, damit der Besucher sein Geld zurückbekommt.',
      SOURCE_UNAVAILABLE: 'Die Quelle antwortet nicht. Der Dienst macht weiter, wenn sie wieder da ist.',
      other: 'Öffnen Sie die Bestellung und lesen Sie die Aufrufe der Quelle; dann fragen Sie das Haus.',
    },
  },
  reconciliation: {
    title: 'Abgleich', explain: 'Was der Anbieter unter unserem Konto führt, neben dem, was in unserem Buch steht.', source: 'Quelle', from: 'Von', to: 'Bis', go: 'Vergleichen', going: 'Vergleicht …', matched: 'Stimmen überein', missing: 'Hier verkauft, beim Anbieter nicht vorhanden', orphans: 'Beim Anbieter, hier unbekannt', clean: 'Beide Seiten stimmen überein.', checked: (time) => `Nachgesehen ${time}`, kind: 'Was', value: 'Kennzeichen des Anbieters', wrong: 'Das Fenster endet, bevor es beginnt, oder ist länger als 366 Tage.',
    missingHint: 'Fragen Sie das Haus, was aus diesen Verkäufen wurde, bevor etwas bezahlt wird.', orphansHint: 'Lassen Sie diese beim Haus stornieren, oder finden Sie heraus, wer sie gemacht hat.',
  },
  orderStatus: {
    DRAFT: 'Geplant', HOLDING: 'Wird vorgemerkt', HELD: 'Vorgemerkt', PARTIALLY_HELD: 'Teils vorgemerkt', CONFIRMING: 'Wird verkauft', CONFIRMED: 'Verkauft', PARTIALLY_CONFIRMED: 'Teils verkauft', COMPENSATING: 'Wird zurückgenommen', CANCELLING: 'Wird storniert', CANCELLED: 'Storniert', PARTIALLY_CANCELLED: 'Teils storniert', RELEASING: 'Wird freigegeben', RELEASED: 'Freigegeben', EXPIRED: 'Abgelaufen', FAILED: 'Fehlgeschlagen', NEEDS_ATTENTION: 'Zu klären',
  },
  legStatus: {
    DRAFT: 'Geplant', HOLDING: 'Wird vorgemerkt', HELD: 'Vorgemerkt', HOLD_FAILED: 'Nicht vorgemerkt', CONFIRMING: 'Wird verkauft', CONFIRMED: 'Verkauft', CONFIRM_FAILED: 'Nicht verkauft', OUTCOME_UNKNOWN: 'Wird nachgesehen', CANCELLING: 'Wird storniert', CANCELLED: 'Storniert', RELEASING: 'Wird freigegeben', RELEASED: 'Freigegeben', EXPIRED: 'Abgelaufen', NEEDS_ATTENTION: 'Zu klären',
  },
  ticketStatus: { PENDING: 'Noch kein Code', ISSUED: 'Gültig', DELIVERED: 'In der App', TRANSFERRED: 'Weitergegeben', USED: 'Genutzt', VOIDING: 'Wird ungültig', VOID: 'Ungültig' },
  appState: {
    NOT_SENT: 'Nicht gesendet', INJECTED: 'Gesendet', DOWNLOADED: 'In der Brieftasche', ACTIVATED: 'Aktiviert', ASSIGNED: 'Einem Gast zugeordnet', TRANSFER_PENDING: 'Wird weitergegeben', TRANSFERRED: 'Weitergegeben', CONTROLLED: 'Am Tor genutzt', DELETION_PENDING: 'Wird gelöscht', DELETED: 'Gelöscht',
  },
  operation: { HOLD: 'Vormerken', EXTEND: 'Verlängern', CONFIRM: 'Verkaufen', RELEASE: 'Freigeben', CANCEL: 'Stornieren' },
  outcome: { IN_FLIGHT: 'Noch keine Antwort', SUCCEEDED: 'Getan', REJECTED: 'Nicht getan', UNKNOWN: 'Antwort verloren', RESOLVED_DONE: 'Als getan gefunden', RESOLVED_NOT_DONE: 'Als nicht getan gefunden' },
};

// German: the views of an operator.

import type { operation as words } from '../en/operation';
import { plural } from '../plural';

const many = plural('de');

export const operation: typeof words = {
  sources: {
    title: 'Quellen',
    none: 'Keine Quelle ist eingerichtet',
    since: (time) => `seit ${time}`,
    budget: 'Verbleibende Anfragen',
    noBudget: 'Kein Limit',
    throttled: 'Gedrosselt',
    lastGood: 'Letzter Erfolg',
    lastBad: 'Letzter Fehler',
    never: 'Nie',
    catalog: 'Alter des Katalogs',
    events: (count) => many(count, 'Veranstaltung', 'Veranstaltungen'),
    modes: { LIVE: 'live', CACHED: 'aus dem Cache', STALE: 'veraltet' },
    health: { UP: 'Verfügbar', DEGRADED: 'Eingeschränkt', DOWN: 'Nicht erreichbar' },
    summary: (up, all) => `${up} von ${many(all, 'Quelle', 'Quellen')} antworten`,
    delivery: (app) => `Lieferung an ${app}`,
    stream: 'Datenstrom',
    lastRun: 'Letzter Lauf',
    pending: 'Ausstehend',
    refused: 'Abgelehnt',
    run: 'Jetzt ausführen',
    running: 'Läuft …',
    state: 'Status',
    fine: 'OK',
    trouble: 'Fehler',
    behind: 'Verzögert',
    streams: { INJECTION: 'Übertragung', CANCELLED: 'Stornierungen', CONTROLLED: 'Einlässe', STATUS: 'Status aus der App' },
  },
  attention: {
    title: 'Zu klären',
    needPerson: 'Entscheidung erforderlich',
    needPersonNone: 'Keine Bestellung erfordert eine Entscheidung',
    needPersonHint:
      'Wo der Dienst etwas nicht selbst herausfinden oder rückgängig machen kann, steht die Bestellung hier, mit dem, was zu tun ist.',
    onTheWay: 'In Bearbeitung',
    onTheWayNone: 'Keine Bestellung in Bearbeitung',
    onTheWayHint: 'An diesen arbeitet der Dienst noch; er sieht von selbst wieder nach.',
    todo: 'Nächster Schritt',
    since: (time) => `unverändert seit ${time}`,
    quote: (reference) => `Nennen Sie die Referenz ${reference}.`,
    steps: {
      OUTCOME_NEVER_KNOWN:
        'Die Antwort der Quelle ging verloren, und kein Nachsehen fand sie. Fragen Sie das Haus, ob es den Verkauf gibt; wenn ja, lassen Sie ihn dort stornieren.',
      OUTCOME_UNKNOWN: 'Die Antwort der Quelle ging verloren. Der Dienst sieht von selbst nach; noch ist nichts zu tun.',
      UNDO_REFUSED: 'Die Quelle hat es abgelehnt, einen Verkauf zu stornieren. Lassen Sie ihn beim Haus stornieren.',
      TICKETS_STILL_VALID:
        'Das Geld ging zurück, aber Tickets öffnen vielleicht noch das Tor. Lassen Sie sie beim Haus ungültig machen.',
      CALLED_OFF: 'Das Haus hat abgesagt. Stornieren Sie die Bestellung, damit der Besucher sein Geld zurückbekommt.',
      SOURCE_UNAVAILABLE: 'Die Quelle antwortet nicht. Der Dienst macht weiter, wenn sie wieder da ist.',
      other: 'Öffnen Sie die Bestellung und lesen Sie die Aufrufe der Quelle; dann fragen Sie das Haus.',
    },
  },
  reconciliation: {
    title: 'Abgleich',
    explain: 'Was der Anbieter unter unserem Konto führt, neben dem, was in unserem Buch steht.',
    source: 'Quelle',
    from: 'Von',
    to: 'Bis',
    go: 'Vergleichen',
    matched: 'Übereinstimmend',
    missing: 'Hier verkauft, beim Anbieter nicht vorhanden',
    orphans: 'Beim Anbieter, hier unbekannt',
    clean: 'Beide Seiten stimmen überein.',
    checked: 'Geprüft',
    kind: 'Was',
    value: 'Referenz des Anbieters',
    wrong: 'Das Fenster endet, bevor es beginnt, oder ist länger als 366 Tage.',
    missingHint: 'Fragen Sie das Haus, was aus diesen Verkäufen wurde, bevor etwas bezahlt wird.',
    orphansHint: 'Lassen Sie diese beim Haus stornieren, oder finden Sie heraus, wer sie gemacht hat.',
  },
};

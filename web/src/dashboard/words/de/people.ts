// German: people who sign in.

import type { people as words } from '../en/people';

export const people: typeof words = {
  session: {
    signInWith: (provider) => `Mit ${provider} anmelden`,
    otherAccount: 'Anderes Konto verwenden',
    signOutEverywhere: 'Überall abmelden',
    signOutFailed: 'Sie sind noch angemeldet: Der Server ist nicht erreichbar.',
    reasons: {
      expired: 'Ihre Sitzung ist abgelaufen. Melden Sie sich erneut an, um fortzufahren.',
      ended: 'Ihre Sitzung wurde beendet. Melden Sie sich erneut an, um fortzufahren.',
      'no-access': 'Ihr Konto hat hier keinen Zugriff. Bitten Sie die Betreiber dieses Dienstes um eine Rolle.',
      refused: 'Die Anmeldung wurde abgebrochen oder abgelehnt.',
      invalid: 'Die Anmeldung konnte nicht überprüft werden. Versuchen Sie es noch einmal.',
      unavailable: 'Die Anmeldung ist zurzeit nicht verfügbar. Versuchen Sie es in einer Minute noch einmal.',
    },
  },
  audit: {
    title: 'Protokoll',
    explain: 'Wer Ticketcodes gelesen, storniert, geklärt, exportiert oder pausiert hat, und wer sich an- und abgemeldet hat.',
    entries: 'Einträge',
    none: 'Keine Einträge',
    when: 'Wann',
    who: 'Wer',
    action: 'Aktion',
    subject: 'Bestellung oder Quelle',
    order: 'Bestellnummer',
    all: 'Alle Aktionen',
    apply: 'Filtern',
    everybody: 'Alle anzeigen',
    newest: 'Neueste Einträge',
    older: 'Ältere Einträge',
    actions: {
      SIGNED_IN: 'Angemeldet',
      SIGNED_OUT: 'Abgemeldet',
      SIGNED_OUT_EVERYWHERE: 'Überall abgemeldet',
      CODES_READ: 'Ticketcodes gelesen',
      ORDER_CANCELED: 'Storniert',
      LEG_SETTLED: 'Teil geklärt',
      LEGS_RETRIED: 'Erneut versucht',
      NOTE_ADDED: 'Notiz hinzugefügt',
      ORPHAN_RESOLVED: 'Fremde Buchung zugeordnet',
      SOURCE_PAUSED: 'Quelle pausiert',
      SOURCE_RESUMED: 'Quelle fortgesetzt',
      ORDERS_EXPORTED: 'Bestellungen exportiert',
      STATEMENT_EXPORTED: 'Abrechnung exportiert',
    },
  },
};

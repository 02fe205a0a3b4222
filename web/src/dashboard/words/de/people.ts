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
};

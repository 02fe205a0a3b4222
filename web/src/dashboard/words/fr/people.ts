// French: people who sign in.

import type { people as words } from '../en/people';

export const people: typeof words = {
  session: {
    signInWith: (provider) => `Se connecter avec ${provider}`,
    otherAccount: 'Utiliser un autre compte',
    signOutEverywhere: 'Se déconnecter partout',
    signOutFailed: 'Vous êtes toujours connecté : le serveur est injoignable.',
    reasons: {
      expired: 'Votre session a expiré. Reconnectez-vous pour continuer.',
      ended: 'Votre session est terminée. Reconnectez-vous pour continuer.',
      'no-access': "Votre compte n'a pas accès à ce service. Demandez un rôle à la personne qui l'administre.",
      refused: 'La connexion a été annulée ou refusée.',
      invalid: "La connexion n'a pas pu être vérifiée. Réessayez.",
      unavailable: 'La connexion est indisponible pour le moment. Réessayez dans une minute.',
    },
  },
};

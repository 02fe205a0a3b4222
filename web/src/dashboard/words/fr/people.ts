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
  audit: {
    title: "Journal d'audit",
    explain: "Qui a lu des codes de billets, annulé, réglé, exporté ou suspendu quelque chose, et qui s'est connecté ou déconnecté.",
    entries: 'Entrées',
    none: 'Aucune entrée',
    when: 'Quand',
    who: 'Qui',
    action: 'Action',
    subject: 'Commande ou source',
    order: 'Numéro de commande',
    all: 'Toutes les actions',
    apply: 'Filtrer',
    everybody: 'Afficher tout le monde',
    newest: 'Entrées les plus récentes',
    older: 'Entrées plus anciennes',
    actions: {
      SIGNED_IN: 'Connexion',
      SIGNED_OUT: 'Déconnexion',
      SIGNED_OUT_EVERYWHERE: 'Déconnexion partout',
      CODES_READ: 'Lecture des codes de billets',
      ORDER_CANCELED: 'Annulation',
      LEG_SETTLED: "Règlement d'une partie",
      LEGS_RETRIED: 'Nouvel essai',
      NOTE_ADDED: 'Ajout d’une note',
      ORPHAN_RESOLVED: "Traitement d'un orphelin",
      SOURCE_PAUSED: "Suspension d'une source",
      SOURCE_RESUMED: "Reprise d'une source",
      ORDERS_EXPORTED: 'Export de commandes',
      STATEMENT_EXPORTED: "Export d'un relevé",
    },
  },
};

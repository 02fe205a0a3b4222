// French: the views of an operator.

import type { operation as words } from '../en/operation';
import { plural } from '../plural';

const many = plural('fr');

export const operation: typeof words = {
  sources: {
    title: 'Sources',
    none: "Aucune source n'est configurée",
    since: (time) => `depuis ${time}`,
    budget: 'Requêtes restantes',
    noBudget: 'Aucune limite',
    throttled: 'Limité',
    lastGood: 'Dernier succès',
    lastBad: 'Dernier échec',
    never: 'Jamais',
    catalog: 'Âge du catalog',
    events: (count) => many(count, 'événement', 'événements'),
    modes: { LIVE: 'en direct', CACHED: 'en cache', STALE: 'périmé' },
    health: { UP: 'Disponible', DEGRADED: 'Dégradé', DOWN: 'Indisponible' },
    summary: (up, all) => `${up} sur ${many(all, 'source répond', 'sources répondent')}`,
    delivery: (app) => `Livraison à ${app}`,
    stream: 'Flux',
    lastRun: 'Dernier passage',
    pending: 'En attente',
    refused: 'Refusés',
    run: 'Lancer',
    running: 'En cours …',
    state: 'Statut',
    fine: 'OK',
    trouble: 'Erreur',
    behind: 'En retard',
    streams: {
      INJECTION: 'Injection',
      CANCELLED: 'Annulations',
      CONTROLLED: 'Entrées',
      STATUS: "Statut de l'application",
    },
  },
  attention: {
    title: 'À traiter',
    needPerson: 'Décision requise',
    needPersonNone: 'Aucune commande ne requiert de décision',
    needPersonHint:
      "Quand le service ne peut pas savoir ou annuler par lui-même, la commande figure ici avec ce qu'il faut faire.",
    onTheWay: 'En cours',
    onTheWayNone: "Rien n'est en cours",
    onTheWayHint: 'Le service y travaille encore ; il vérifie de lui-même.',
    todo: 'Étape suivante',
    since: (time) => `inchangée depuis ${time}`,
    quote: (reference) => `Indiquez notre référence ${reference}.`,
    steps: {
      OUTCOME_NEVER_KNOWN:
        "La réponse de la source a été perdue et aucune recherche ne l'a retrouvée. Demandez au lieu si la vente existe ; si oui, faites-la annuler sur place.",
      OUTCOME_UNKNOWN: 'La réponse de la source a été perdue. Le service la recherche de lui-même ; rien à faire pour le moment.',
      UNDO_REFUSED: "La source a refusé d'annuler une vente. Faites-la annuler par le lieu.",
      TICKETS_STILL_VALID:
        "L'argent a été rendu mais des billets ouvrent peut-être encore l'entrée. Faites-les invalider par le lieu.",
      CALLED_OFF: 'Le lieu a annulé la représentation. Annulez la commande, pour que le visiteur soit remboursé.',
      SOURCE_UNAVAILABLE: 'La source ne répond pas. Le service reprendra quand elle sera de retour.',
      other: 'Ouvrez la commande et lisez les appels à la source ; puis demandez au lieu.',
    },
  },
  reconciliation: {
    title: 'Rapprochement',
    explain: 'Ce que le fournisseur tient sous notre compte, à côté de ce que tient notre registre.',
    source: 'Source',
    from: 'Du',
    to: 'Au',
    go: 'Comparer',
    matched: 'Concordants',
    missing: 'Vendu ici, absent chez le fournisseur',
    orphans: 'Chez le fournisseur, inconnu ici',
    clean: 'Les deux côtés concordent.',
    checked: 'Vérifié',
    kind: 'Quoi',
    value: 'Référence du fournisseur',
    wrong: 'La fenêtre finit avant de commencer, ou dépasse 366 jours.',
    missingHint: 'Demandez au lieu ce que sont devenues ces ventes avant de payer quoi que ce soit.',
    orphansHint: 'Faites-les annuler par le lieu, ou trouvez qui les a faites.',
  },
};

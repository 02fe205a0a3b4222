// French: the overview of an operator, and what an action will do.

import type { overview as words } from '../en/overview';
import { plural } from '../plural';

const many = plural('fr');

const wait = (seconds: number) =>
  seconds < 120 ? many(seconds, 'seconde', 'secondes') : many(Math.round(seconds / 60), 'minute', 'minutes');

export const overview: typeof words = {
  overview: {
    title: 'Vue d’ensemble',
    sales: 'Ventes',
    periods: { today: 'Aujourd’hui', last7: '7 jours', last30: '30 jours' },
    periodOfTable: 'Période du tableau',
    bySeller: 'Par vendeur',
    seller: 'Vendeur',
    ownShop: 'Vente directe (sans revendeur)',
    unconfigured: 'n’est plus configuré',
    tickets: 'Billets',
    nothingSold: 'Aucune vente',
    before: (range) => `Période précédente : ${range}`,
    change: 'Évolution',
    salesHint: 'Les jours sont ceux de chaque source. Les montants ne sont pas convertis.',
    queue: (venue, requests, seconds) => {
      if (requests > 0) {
        return `${many(requests, 'requête de commande attend', 'requêtes de commande attendent')} ${venue}, environ ${wait(seconds)}.`;
      }
      return seconds > 0
        ? `Une nouvelle requête de commande pour ${venue} attendrait environ ${wait(seconds)}.`
        : 'Aucune requête de commande n’attend.';
    },
    budget: (requests, orders) => {
      if (requests === null) return 'Aucune limite de débit n’est configurée.';
      const left = `Encore ${many(requests, 'requête', 'requêtes')} dans la limite de débit`;
      if (orders === null) return `${left}.`;
      const allowed = orders < 1 ? 'moins d’une commande' : `environ ${many(Math.floor(orders), 'commande', 'commandes')}`;
      return `${left}, qui permet ${allowed} par minute.`;
    },
    overQuota: (forecast, quota) => `${forecast} requêtes sont prévues ce mois-ci ; ${quota} sont permises.`,
    noFailure: 'Aucun échec depuis le démarrage de cette instance.',
    allCases: (count) => `Afficher ${many(count, 'commande', 'commandes')}`,
    deliveries: 'Livraisons aux applications',
    failedTickets: (count) => many(count, 'billet refusé', 'billets refusés'),
    pendingTickets: (count) => many(count, 'billet en attente', 'billets en attente'),
    noApps: 'Aucune application n’est configurée',
    noDeliveries: 'Tous les billets sont dans leurs applications',
    noDeliveriesHint: 'Les billets qui attendent une application, ou qu’elle a refusés, figurent ici avec leurs commandes.',
    ticket: 'Billet',
    app: 'Application',
    attempts: 'Tentatives',
    reason: 'Raison',
    ticketStates: { PENDING: 'En attente', FAILED: 'Refusé' },
    moreTickets: (count) => `${many(count, 'autre billet n’est pas affiché', 'autres billets ne sont pas affichés')}.`,
    toStreams: 'Flux des applications',
    callers: 'Clients de l’API',
    caller: 'Client',
    kinds: { CLIENT: 'Clé d’API', TOKEN_ISSUER: 'Jetons d’un émetteur', ANONYMOUS: 'Sans identifiants' },
    limit: 'Limite par minute',
    unlimited: 'Aucune',
    lastHour: 'Requêtes, dernière heure',
    refusedHour: 'Refusées, dernière heure',
    lastDay: 'Requêtes, 24 heures',
    refusedDay: 'Refusées, 24 heures',
    refusals: (rateLimited, forbidden) =>
      [
        rateLimited > 0 ? `${rateLimited} au-delà de la limite` : '',
        forbidden > 0 ? `${forbidden} sans autorisation` : '',
      ]
        .filter(Boolean)
        .join(', '),
    noCallers: 'Aucun client n’est configuré',
    perReplica: (time) =>
      `Compté depuis le ${time} par l’instance qui a répondu à cette requête. Chaque instance compte pour elle-même.`,
  },
  confirm: {
    retry: (venue, order) =>
      `Recherche maintenant la partie de la commande ${order} chez ${venue}, ou répète sa dernière étape, sans attendre la prochaine vérification.`,
    resumeTitle: (venue) => `Reprendre ${venue}`,
    resume: (venue) =>
      `${venue} accepte de nouveau des commandes, et les appels arrêtés reprennent. Toutes les instances suivent en quelques secondes.`,
    pause: {
      REFUSE_NEW_ORDERS: 'Les nouvelles commandes sont refusées jusqu’à la reprise. Les commandes commencées continuent.',
      STOP_ALL_CALLS:
        'Aucun appel n’est fait jusqu’à la reprise, même pour les commandes commencées. Des options peuvent expirer entre-temps.',
    },
    settle: {
      SOLD: 'La vente compte comme confirmée. Ses billets sont lus chez le fournisseur, et la commande continue.',
      NOT_SOLD: 'La vente compte comme échouée. La commande continue sans elle, ou est annulée, selon ses règles.',
      UNDONE: 'La vente compte comme annulée, et ses billets ne sont plus valables.',
      NOT_UNDONE: 'La vente est gardée, et plus rien ne tente de l’annuler.',
    },
    note: {
      open: 'Ajouter une note',
      list: 'Notes',
      title: (order) => `Note sur la commande ${order}`,
      explain: 'Ajoute une note à la commande. Seuls les exploitants la voient, et elle ne peut pas être modifiée.',
      text: 'Note',
      go: 'Ajouter',
      refused: 'Pas ajoutée',
    },
  },
};

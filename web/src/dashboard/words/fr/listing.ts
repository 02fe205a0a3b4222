import type { Words } from '..';

export const listing: Pick<Words, 'listing' | 'breakdown'> = {
  listing: {
    sortBy: 'Trier par',
    columns: { CREATED: 'Date de commande', VISIT: 'Visite', TOTAL: 'Total', STATUS: 'Statut' },
    directions: { asc: 'croissant', desc: 'décroissant' },
    allResellers: 'Tous les revendeurs',
    soldIn: (source, from, to) => `Ventes chez ${source} du ${from} au ${to}`,
    inCurrency: (currency) => `en ${currency}`,
    of: (name) => `« ${name} »`,
  },
  breakdown: {
    title: 'Par événement et type de billet',
    hint: 'Le montant d’une commande auprès d’une source est réparti entre ses billets selon leurs prix. La somme des lignes est celle du relevé.',
    by: 'Regrouper par',
    groupings: { EVENT: 'Événement', TICKET_TYPE: 'Type de billet' },
    other: 'Tout le reste',
    unnamed: 'N’est plus au catalogue',
    ordersOf: (name) => `Commandes avec ${name}`,
  },
};

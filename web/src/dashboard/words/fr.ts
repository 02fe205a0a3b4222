// The French words.

import type { Words } from './en';
import { plural } from './plural';

const many = plural('fr');

export const fr: Words = {
  app: {
    dashboard: 'Tableau de bord', skip: 'Aller au contenu', views: 'Vues', language: 'Langue', theme: 'Couleurs',
    themes: { system: 'Comme le système', light: 'Clair', dark: 'Sombre' }, signOut: 'Se déconnecter', settings: 'Réglages',
    sandbox: 'Pour essayer', notFound: "Cette vue n'existe pas", toStart: 'Vers la première vue',
    nothingToSee: "Cette clé ne peut rien voir de ce que montre le tableau de bord. Il lui faut l'un des droits catalog:read, order:read ou report:read.",
    live: { idle: 'Rien à observer', connecting: 'Connexion', live: 'En direct', lost: 'Connexion perdue, nouvel essai' },
  },
  nav: {
    sales: 'Ventes', orders: 'Commandes', connections: 'Raccordements', sources: 'Sources', attention: 'À traiter',
    resellers: 'Revendeurs', reconciliation: 'Rapprochement',
  },
  signIn: {
    title: 'Se connecter', key: "Clé de l'appelant", go: 'Se connecter', show: 'Montrer la clé', hide: 'Cacher la clé',
    explain: "La clé que vos programmes envoient comme jeton bearer. Elle reste dans cet onglet et s'oublie avec lui.",
    refused: 'Le serveur ne connaît pas cette clé.', anonymous: 'Saisissez une clé.', checking: 'Vérification de votre identité …',
    sandbox: 'Ceci est le bac à sable', sandboxHint: 'Chaque fournisseur est émulé, rien ici n’est réel. Connectez-vous comme l’un de ses appelants prêts :',
  },
  state: {
    loading: 'Chargement …', again: 'Réessayer', partly: "Une partie n'a pas pu être chargée", failed: "Ceci n'a pas pu être chargé",
    reference: (id) => `Référence ${id}`, stale: 'Mise à jour …', more: 'Afficher plus', none: 'Aucun', unknown: 'Inconnu',
    copy: 'Copier', copied: 'Copié', close: 'Fermer', cancel: 'Retour', yes: 'Oui', no: 'Non',
  },
  errors: {
    network: 'Le serveur est injoignable.', FORBIDDEN: 'Cette clé ne peut pas voir ceci.', UNAUTHENTICATED: 'Le serveur ne connaît pas cette clé.',
    RATE_LIMITED: 'Trop de demandes : attendez un instant.', OVERLOADED: 'Le service est occupé : réessayez dans un instant.',
    LEDGER_UNAVAILABLE: 'Les commandes ne peuvent être ni lues ni écrites pour le moment.', NOT_FOUND: "Cela n'existe pas (ou plus).",
    BAD_USER_INPUT: 'On ne peut pas le demander ainsi.', OPERATION_TOO_COSTLY: "C'est trop demander à la fois.",
    SOURCE_UNAVAILABLE: 'Une source ne répond pas.', SOURCE_TIMEOUT: "Une source n'a pas répondu à temps.",
    SOURCE_THROTTLED: "Une source n'accepte plus de demandes pour le moment.", SOURCE_UNAUTHORIZED: "Une source n'accepte pas les identifiants de ce service.",
    SOURCE_GONE: "Une source n'est plus configurée.", UNSUPPORTED_BY_SOURCE: 'La source ne sait pas le faire.',
    other: "Quelque chose s'est mal passé dans le service.",
  },
  retry: {
    NEVER: "Réessayer n'y changera rien.", AFTER_REQUERY: "Regardez d'abord l'état actuel, puis décidez.",
    SAME_KEY_AFTER_DELAY: 'La même chose peut être retentée après un moment.', WITH_NEW_INPUT: 'Il faut demander autre chose.',
  },
  period: {
    title: 'Période', from: 'Du', to: 'Au', last7: '7 jours', last30: '30 jours', last90: '90 jours', year: '1 an', wrong: 'La période finit avant de commencer, ou dépasse 366 jours.',
    interval: 'Une colonne par', intervals: { DAY: 'Jour', WEEK: 'Semaine', MONTH: 'Mois' },
  },
  sales: {
    title: 'Ventes', of: (name) => `Ventes de ${name}`, overTime: 'Ventes au fil du temps', tickets: 'Billets', orders: 'Commandes', gross: 'Facturé',
    measure: 'Mesure', money: (currency) => `Facturé en ${currency}`, table: 'La même chose en tableau', from: 'À partir du', source: 'Source', sum: 'Total',
    chart: (measure) => `Colonnes : ${measure}, par source`, none: "Rien n'a été vendu dans cette période",
    noneHint: 'Les commandes confirmées apparaissent ici aussitôt. Choisissez une période plus longue, ou passez une commande.',
    statement: 'Décompte', statementHint: "Une ligne par source et par monnaie ; rien n'est converti.", totals: 'Totaux', sold: 'Vendus', voided: 'Annulés', used: 'Utilisés', unresolved: 'En suspens',
    refunded: 'Remboursé', commission: 'Commission', net: 'Dû au lieu', noRate: 'Aucun taux convenu',
    unresolvedHint: (count) => `${many(count, "vente n'a", "ventes n'ont")} pas encore d'issue connue et ne compte${count > 1 ? 'nt' : ''} pas dans les totaux.`,
    ticketsSold: (count) => many(count, 'billet vendu', 'billets vendus'), inOrders: (count) => `dans ${many(count, 'commande', 'commandes')}`,
  },
  orders: {
    title: 'Commandes', latest: 'Dernières commandes', number: 'Commande', status: 'État', placed: 'Passée', total: 'Total', legs: 'Sources', reference: 'Référence',
    filter: 'Afficher', all: 'Toutes', open: 'En cours', sold: 'Vendues', ended: 'Non vendues ou annulées', find: "Numéro d'une commande", go: 'Ouvrir', notFound: (number) => `Aucune commande ${number} ne vous est visible.`,
    none: 'Pas encore de commande', noneHint: 'Une commande apparaît ici dès qu’elle est prévue, et chaque étape de chaque partie au moment où elle a lieu.', noneFiltered: 'Aucune commande ne correspond.',
    count: (count) => many(count, 'commande', 'commandes'), test: 'Essai', reseller: 'Revendeur',
  },
  order: {
    title: (number) => `Commande ${number}`, back: 'Toutes les commandes', gone: "Cette commande n'existe pas, ou n'est pas à vous.", progress: 'Où elle en est', lines: 'Ce qui a été acheté', legs: 'Parties', tickets: 'Billets', timeline: 'Chronologie',
    attempts: 'Appels à la source', noAttempts: "Rien n'a encore été demandé à la source.", buyer: 'Acheteur', placed: 'Passée', changed: 'Modifiée', heldUntil: "Réservée jusqu'à", version: 'Version', requested: 'Demandé', held: 'Réservé', confirmed: 'Vendu', refundable: 'Serait remboursé',
    undoing: 'Annulation', ourReference: 'Notre référence', vendorReferences: 'Références du fournisseur', nextLook: 'Prochaine vérification', unknownSince: 'Réponse perdue depuis', cancelable: 'Peut être annulée', until: (time) => `jusqu'au ${time}`, fee: (percent) => `${percent} sont retenus`, notCancelable: 'Ne peut être annulée',
    noTickets: 'Pas encore de billet', noTicketsHint: 'Ils apparaissent ici dès que la source les a émis.', seat: 'Place', usedAt: 'Utilisé', holder: 'Nom', code: 'Code', codeHidden: "Cette clé ne peut pas voir le code, ou il n'y en a pas encore.", codeOf: (seat) => `Code du billet ${seat}`, inApp: (app) => `Dans l'application ${app}`, visibleFrom: (time) => `Le code s'affiche à partir du ${time}`,
    drift: "Les deux systèmes ne sont pas d'accord", onSale: (count) => many(count, 'billet', 'billets'), whole: 'Commande entière', moved: (what, from, to) => `${what} : ${from} → ${to}`, problems: "Ce qui n'a pas marché", when: 'Quand', operation: 'Demandé', outcome: 'Résultat', took: 'Durée', vendorCode: 'Code du fournisseur', unknownPerformance: "On ne peut pas savoir maintenant ce que c'est",
    guarantee: 'Garantie', guarantees: { ATOMIC: 'Tout ou rien', COMPENSATED: 'Tout, ou ce qui est vendu est annulé', BEST_EFFORT: 'Autant que possible' },
    live: "Les changements apparaissent ici d'eux-mêmes.", release: 'Rendre les places', releaseSure: 'Rendre les places maintenant ? Elles seront remises en vente.', announced: (status) => `La commande est maintenant : ${status}`,
  },
  cancel: {
    open: 'Annuler …', title: 'Annuler la commande', which: 'Que faut-il annuler ?', ask: 'Que serait-il remboursé ?', asking: 'Demande …', quote: 'Voici ce qui serait remboursé', refund: 'Remboursé', fee: 'Retenu', nothing: 'Rien', also: "Celles-ci partent avec, car leur source n'annule que des commandes entières :",
    expires: (time) => `L'offre tient jusqu'à ${time}.`, expired: "L'offre a expiré : redemandez.", changed: "La commande a changé depuis l'offre : redemandez.", reason: 'Pourquoi (pour les livres du lieu)', go: 'Annuler définitivement', going: 'Annulation …', done: "La commande est en cours d'annulation : observez ses parties.", refused: 'Ceci ne peut être annulé', lost: 'La réponse a été perdue. Réessayer ne fait rien deux fois.',
  },
  connections: {
    title: 'Raccordements', of: (name) => `Raccordements de ${name}`, none: "Aucune source n'est raccordée", noneHint: "L'exploitant de ce service raccorde un revendeur à une source dans la configuration.", checklist: 'Aptitude', recheck: 'Revérifier', checking: 'Vérification …', passed: "Comme il se doit", failed: 'Il manque quelque chose', checkedAt: (time) => `Vérifié ${time}`,
    handover: 'Message au partenaire', subject: 'Objet', copyBody: 'Copier le message', missing: 'À compléter à la main', noHandover: "Ce fournisseur n'a pas de tel message.", account: 'Compte chez le fournisseur', mappings: 'Mots du revendeur', partnerCode: 'Code', meansEvent: 'Événement', meansType: 'Type de billet', anyEvent: 'Tous', done: (ok, all) => `${ok} sur ${all} comme il se doit`,
    states: { READY: 'Prêt', INCOMPLETE: 'Incomplet', SUSPENDED: 'Désactivé par le lieu' },
  },
  resellers: { title: 'Revendeurs', none: "Aucun revendeur n'est configuré", noneHint: 'Les revendeurs se trouvent sous [resellers] dans la configuration.', sales: 'Ventes et décompte', connections: 'Raccordements', sources: 'Sources' },
  sources: {
    title: 'Sources', none: "Aucune source n'est configurée", since: (time) => `depuis ${time}`, budget: 'Demandes restantes', noBudget: 'Aucune limite', throttled: 'Les appels sont retenus', lastGood: 'Dernière bonne réponse', lastBad: 'Dernier échec', never: 'Jamais', catalogue: 'Âge du catalogue', events: (count) => many(count, 'événement', 'événements'), catalogueLost: 'Le catalogue ne peut être lu',
    modes: { LIVE: "demandé à l'instant", CACHED: 'mémorisé', STALE: 'périmé' }, health: { UP: 'Répond', DEGRADED: 'Échoue parfois', DOWN: 'Ne répond pas' },
    summary: (up, all) => `${up} sur ${many(all, 'source répond', 'sources répondent')}`, delivery: (app) => `Livraison à ${app}`, stream: 'Flux', lastRun: 'Dernier passage', pending: 'En attente', refused: 'Refusés', run: 'Lancer', running: 'En cours …', state: 'État', fine: 'En ordre', trouble: 'Incident', behind: 'En retard', announced: (name, state) => `${name} : ${state}`,
    streams: { INJECTION: "Vers l'application", CANCELLED: "Hors de l'application", CONTROLLED: 'Admis', STATUS: "Ce que dit l'application" },
  },
  attention: {
    title: 'À traiter', needPerson: 'Quelqu’un doit décider', needPersonNone: "Aucune commande n'attend quelqu'un", needPersonHint: "Quand le service ne peut pas savoir ou annuler par lui-même, la commande figure ici avec ce qu'il faut faire.", onTheWay: 'Encore en cours', onTheWayNone: "Rien n'est en cours", onTheWayHint: 'Le service y travaille encore ; il vérifie de lui-même.',
    todo: "Ce qu'il faut faire", open: 'Ouvrir la commande', since: (time) => `inchangée depuis ${time}`, next: (time) => `prochaine vérification ${time}`, quote: (reference) => `Indiquez notre référence ${reference}.`,
    steps: {
      OUTCOME_NEVER_KNOWN: "La réponse de la source a été perdue et aucune recherche ne l'a retrouvée. Demandez au lieu si la vente existe ; si oui, faites-la annuler sur place.",
      OUTCOME_UNKNOWN: 'La réponse de la source a été perdue. Le service la recherche de lui-même ; rien à faire pour le moment.',
      UNDO_REFUSED: "La source a refusé d'annuler une vente. Faites-la annuler par le lieu.",
      TICKETS_STILL_VALID: "L'argent a été rendu mais des billets ouvrent peut-être encore l'entrée. Faites-les invalider par le lieu.",
      CALLED_OFF: 'Le lieu a annulé la représentation. Annulez la commande, pour que le visiteur soit remboursé.',
      SOURCE_UNAVAILABLE: 'La source ne répond pas. Le service reprendra quand elle sera de retour.',
      other: 'Ouvrez la commande et lisez les appels à la source ; puis demandez au lieu.',
    },
  },
  reconciliation: {
    title: 'Rapprochement', explain: 'Ce que le fournisseur tient sous notre compte, à côté de ce que tient notre registre.', source: 'Source', from: 'Du', to: 'Au', go: 'Comparer', going: 'Comparaison …', matched: "D'accord", missing: 'Vendu ici, absent chez le fournisseur', orphans: 'Chez le fournisseur, inconnu ici', clean: "Les deux côtés sont d'accord.", checked: (time) => `Vérifié ${time}`, kind: 'Quoi', value: 'Référence du fournisseur', wrong: 'La fenêtre finit avant de commencer, ou dépasse 366 jours.',
    missingHint: 'Demandez au lieu ce que sont devenues ces ventes avant de payer quoi que ce soit.', orphansHint: 'Faites-les annuler par le lieu, ou trouvez qui les a faites.',
  },
  orderStatus: {
    DRAFT: 'Prévue', HOLDING: 'En réservation', HELD: 'Réservée', PARTIALLY_HELD: 'Réservée en partie', CONFIRMING: 'En vente', CONFIRMED: 'Vendue', PARTIALLY_CONFIRMED: 'Vendue en partie', COMPENSATING: 'En cours de reprise', CANCELLING: "En cours d'annulation", CANCELLED: 'Annulée', PARTIALLY_CANCELLED: 'Annulée en partie', RELEASING: 'En cours de libération', RELEASED: 'Libérée', EXPIRED: 'Expirée', FAILED: 'Échouée', NEEDS_ATTENTION: 'À traiter',
  },
  legStatus: {
    DRAFT: 'Prévue', HOLDING: 'En réservation', HELD: 'Réservée', HOLD_FAILED: 'Non réservée', CONFIRMING: 'En vente', CONFIRMED: 'Vendue', CONFIRM_FAILED: 'Non vendue', OUTCOME_UNKNOWN: 'En recherche', CANCELLING: "En cours d'annulation", CANCELLED: 'Annulée', RELEASING: 'En cours de libération', RELEASED: 'Libérée', EXPIRED: 'Expirée', NEEDS_ATTENTION: 'À traiter',
  },
  ticketStatus: { PENDING: 'Pas encore de code', ISSUED: 'Valable', DELIVERED: "Dans l'application", TRANSFERRED: 'Transmis', USED: 'Utilisé', VOIDING: "En cours d'invalidation", VOID: 'Invalide' },
  appState: {
    NOT_SENT: 'Non envoyé', INJECTED: 'Envoyé', DOWNLOADED: 'Dans le portefeuille', ACTIVATED: 'Activé', ASSIGNED: 'Attribué à un invité', TRANSFER_PENDING: 'En transmission', TRANSFERRED: 'Transmis', CONTROLLED: "Utilisé à l'entrée", DELETION_PENDING: 'En suppression', DELETED: 'Supprimé',
  },
  operation: { HOLD: 'Réserver', EXTEND: 'Prolonger', CONFIRM: 'Vendre', RELEASE: 'Libérer', CANCEL: 'Annuler' },
  outcome: { IN_FLIGHT: 'Pas encore de réponse', SUCCEEDED: 'Fait', REJECTED: 'Non fait', UNKNOWN: 'Réponse perdue', RESOLVED_DONE: 'Trouvé fait', RESOLVED_NOT_DONE: 'Trouvé non fait' },
};

//! Texts of the readiness checks and of the handover message.

use domain::Texts;

pub(super) const CREDENTIALS: Texts =
    ["The vendor knows the API key", "Le fournisseur connaît la clé d'API", "Der Anbieter kennt den API-Schlüssel"];
pub(super) const UNKNOWN_KEY: Texts = [
    "The key is unknown here. A key belongs to one venue and one environment: request one for this environment from api-help@acmeticketing.com.",
    "La clé est inconnue ici. Une clé appartient à un seul lieu et à un seul environnement : demandez-en une pour cet environnement à api-help@acmeticketing.com.",
    "Der Schlüssel ist hier unbekannt. Ein Schlüssel gehört zu einem Haus und einer Umgebung: Fordern Sie einen für diese Umgebung bei api-help@acmeticketing.com an.",
];
pub(super) const NO_PRICE: Texts = [
    "No event of this connection has a price for it. Check the id, which differs between environments, and the price lists.",
    "Aucun événement de cette connexion n'a de prix pour ce type. Vérifiez l'identifiant, qui diffère d'un environnement à l'autre, et les listes de prix.",
    "Keine Veranstaltung dieser Anbindung hat einen Preis dafür. Prüfen Sie die ID, die in jeder Umgebung anders ist, und die Preislisten.",
];
pub(super) const ORGANIZATION_CONFIGURED: Texts =
    ["An organization is configured", "Une organisation est configurée", "Eine Organisation ist konfiguriert"];
pub(super) const CONFIGURE_ORGANIZATION: Texts = [
    "Configure organization_id: see the URL of the organization record in the back office.",
    "Renseignez organization_id : voyez l'URL de la fiche de l'organisation dans le back-office.",
    "Tragen Sie organization_id ein: Sie steht in der URL des Datensatzes der Organisation im Backoffice.",
];
pub(super) const UNKNOWN_ORGANIZATION: Texts = [
    "The venue has no organization with this id in this environment: create a reseller record for the partner, or copy its id again.",
    "Le lieu n'a pas d'organisation avec cet identifiant dans cet environnement : créez une fiche de revendeur pour le partenaire, ou recopiez son identifiant.",
    "Das Haus hat in dieser Umgebung keine Organisation mit dieser ID: Legen Sie den Partner als Wiederverkäufer an, oder kopieren Sie seine ID noch einmal.",
];
pub(super) const LOST_SALES_FOUND: Texts = [
    "A sale whose response is lost can be looked up",
    "Une vente dont la réponse est perdue peut être retrouvée",
    "Ein Verkauf, dessen Antwort verloren ging, kann nachgeschlagen werden",
];
pub(super) const NO_TENANT: Texts = [
    "Configure tenant_id: without it no order can be looked up, so each sale whose response is lost waits for a person, who has to compare it with the back office.",
    "Renseignez tenant_id : sans lui, aucune commande ne peut être retrouvée, et chaque vente dont la réponse est perdue attend une personne, qui doit la comparer avec le back-office.",
    "Tragen Sie tenant_id ein: Ohne sie kann keine Bestellung nachgeschlagen werden, und jeder Verkauf, dessen Antwort verloren ging, wartet auf eine Person, die ihn mit dem Backoffice vergleicht.",
];
pub(super) const NO_ORDER_LOOKUP: Texts = [
    "assumptions.order_lookup is \"none\": each sale whose response is lost waits for a person, who has to compare it with the back office.",
    "assumptions.order_lookup vaut \"none\" : chaque vente dont la réponse est perdue attend une personne, qui doit la comparer avec le back-office.",
    "assumptions.order_lookup ist \"none\": Jeder Verkauf, dessen Antwort verloren ging, wartet auf eine Person, die ihn mit dem Backoffice vergleicht.",
];
pub(super) const UNKNOWN_TEMPLATE: Texts = [
    "The venue has no event template with this id in this environment: copy it again from the URL of the template in the back office.",
    "Le lieu n'a pas de modèle d'événement avec cet identifiant dans cet environnement : recopiez-le depuis l'URL du modèle dans le back-office.",
    "Das Haus hat in dieser Umgebung keine Veranstaltungsvorlage mit dieser ID: Kopieren Sie sie noch einmal aus der URL der Vorlage im Backoffice.",
];
pub(super) const MAY_WRITE: Texts = [
    "Only a request that may write shows it: --try-writes sends one that carries nothing.",
    "Seule une requête susceptible d'écrire le montre : --try-writes en envoie une qui ne contient rien.",
    "Nur eine Anfrage, die schreiben könnte, zeigt es: --try-writes sendet eine ohne Inhalt.",
];
pub(super) const CARRIED_OUT: Texts = [
    "The vendor carried out a request that carries nothing: look in its back office for what it made, and send no such request again.",
    "Le fournisseur a exécuté une requête vide : cherchez dans son back-office ce qu'elle a créé, et n'en envoyez plus de telle.",
    "Der Anbieter hat eine Anfrage ohne Inhalt ausgeführt: Sehen Sie in seinem Backoffice nach, was dabei entstand, und senden Sie keine solche Anfrage mehr.",
];
pub(super) const NO_SCHEDULE: Texts = [
    "No schedule of the event template has the Reseller channel enabled.",
    "Aucun planning du modèle d'événement n'a le canal Reseller activé.",
    "Kein Zeitplan der Veranstaltungsvorlage hat den Kanal Reseller aktiviert.",
];
pub(super) const NO_RESELLER_PRICE: Texts = [
    "No price of the configured ticket types has the Reseller channel enabled: check the price list.",
    "Aucun prix des types de billets configurés n'a le canal Reseller activé : vérifiez la liste de prix.",
    "Kein Preis der konfigurierten Ticketarten hat den Kanal Reseller aktiviert: Prüfen Sie die Preisliste.",
];
pub(super) const NO_VISIBLE_DATE: Texts = [
    "No dates are visible while the event template has the Reseller channel disabled.",
    "Aucune date n'est visible tant que le canal Reseller est désactivé dans le modèle d'événement.",
    "Solange die Veranstaltungsvorlage den Kanal Reseller deaktiviert hat, sind keine Termine sichtbar.",
];
pub(super) const NO_DATE: Texts = [
    "It has no date in the next seven days: nothing can be sold, and the channel of its dates was not checked.",
    "Il n'a aucune date dans les sept prochains jours : rien ne peut être vendu, et le canal de ses dates n'a pas été vérifié.",
    "Sie hat keinen Termin in den nächsten sieben Tagen: Nichts kann verkauft werden, und der Kanal der Termine wurde nicht geprüft.",
];
pub(super) const NO_RESELLER_DATE: Texts = [
    "None of the next dates has the Reseller channel enabled: an edited date no longer follows its template.",
    "Aucune des prochaines dates n'a le canal Reseller activé : une date modifiée ne suit plus son modèle.",
    "Keiner der nächsten Termine hat den Kanal Reseller aktiviert: Ein geänderter Termin folgt seiner Vorlage nicht mehr.",
];
pub(super) const EVENT_TEMPLATE_IDS: Texts =
    ["Event template IDs", "Identifiants des modèles d'événements", "IDs der Veranstaltungsvorlagen"];
pub(super) const SEE_EVENT_TEMPLATE: Texts = [
    "see the URL of each event template in the back office",
    "voir l'URL de chaque modèle d'événement dans le back-office",
    "siehe die URL jeder Veranstaltungsvorlage im Backoffice",
];
pub(super) const TICKET_TYPE_IDS: Texts =
    ["Ticket type IDs", "Identifiants des types de billets", "IDs der Ticketarten"];
pub(super) const SEE_TICKET_CATEGORIES: Texts = [
    "see the list of ticket categories in the back office",
    "voir la liste des catégories de billets dans le back-office",
    "siehe die Liste der Ticketkategorien im Backoffice",
];
pub(super) const ORGANIZATION_ID: Texts = ["Organization ID", "Identifiant de l'organisation", "ID der Organisation"];
pub(super) const SEE_ORGANIZATION: Texts = [
    "see the URL of the organization record in the back office",
    "voir l'URL de la fiche de l'organisation dans le back-office",
    "siehe die URL des Datensatzes der Organisation im Backoffice",
];
pub(super) const API_KEY: Texts = ["API key", "Clé d'API", "API-Schlüssel"];
pub(super) const REQUEST_KEY: Texts = [
    "request it from api-help@acmeticketing.com, and send it through another channel than this message",
    "la demander à api-help@acmeticketing.com, et l'envoyer par un autre canal que ce message",
    "bei api-help@acmeticketing.com anfordern und auf einem anderen Weg als mit dieser Nachricht senden",
];

//! Texts of the readiness checks and of the handover message.

use domain::Texts;

pub(super) const CLIENT_VERSION: Texts = [
    "The vendor takes the client version",
    "Le fournisseur accepte la version du client",
    "Der Anbieter akzeptiert die Client-Version",
];
pub(super) const SET_CLIENT_VERSION: Texts = [
    "Set client_version to the version that the vendor requires.",
    "Réglez client_version sur la version que le fournisseur exige.",
    "Setzen Sie client_version auf die Version, die der Anbieter verlangt.",
];
pub(super) const KEY_MISSING: Texts = [
    "API key: a TickeTing administrator creates an integration key; send it through another channel than this message",
    "clé d'API : un administrateur TickeTing crée une clé d'intégration ; envoyez-la par un autre canal que ce message",
    "API-Schlüssel: Ein TickeTing-Administrator erstellt einen Integrationsschlüssel; senden Sie ihn auf einem anderen Weg als mit dieser Nachricht",
];
pub(super) const KEY_LEVEL: Texts = [
    "The integration key has administrator level",
    "La clé d'intégration a le niveau administrateur",
    "Der Integrationsschlüssel hat die Stufe Administrator",
];
pub(super) const REQUEST_ADMINISTRATOR: Texts = [
    "A key of a lower level cannot refund orders or issue admission tokens: request a key with administrator level.",
    "Une clé de niveau inférieur ne peut ni rembourser des commandes ni émettre des jetons d'entrée : demandez une clé de niveau administrateur.",
    "Ein Schlüssel niedrigerer Stufe kann weder Bestellungen erstatten noch Eintrittstoken ausstellen: Fordern Sie einen mit der Stufe Administrator an.",
];
pub(super) const EVENTS_PUBLISHED: Texts =
    ["The host has published events", "L'hôte a publié des événements", "Der Host hat Veranstaltungen veröffentlicht"];
pub(super) const PUBLISH_EVENT: Texts = [
    "The host has no published event: publish one, or check the host id.",
    "L'hôte n'a aucun événement publié : publiez-en un, ou vérifiez l'identifiant de l'hôte.",
    "Der Host hat keine veröffentlichte Veranstaltung: Veröffentlichen Sie eine, oder prüfen Sie die Host-ID.",
];
pub(super) const NO_LIST: Texts = [
    "The key may read no list of the host's events, so nothing is sold: request a key with administrator level, or set assumptions.published_host_filter to \"trusted\" if the vendor confirms that the public list is filtered by host.",
    "La clé ne peut lire aucune liste des événements de l'hôte, donc rien n'est vendu : demandez une clé de niveau administrateur, ou réglez assumptions.published_host_filter sur \"trusted\" si le fournisseur confirme que la liste publique est filtrée par hôte.",
    "Der Schlüssel darf keine Liste der Veranstaltungen des Hosts lesen, also wird nichts verkauft: Fordern Sie einen mit der Stufe Administrator an, oder setzen Sie assumptions.published_host_filter auf \"trusted\", wenn der Anbieter bestätigt, dass die öffentliche Liste nach Host gefiltert ist.",
];
pub(super) const UNKNOWN_HOST: Texts = [
    "The vendor has no host with this id in this environment: copy its 14 digits again.",
    "Le fournisseur n'a pas d'hôte avec cet identifiant dans cet environnement : recopiez ses 14 chiffres.",
    "Der Anbieter hat in dieser Umgebung keinen Host mit dieser ID: Kopieren Sie ihre 14 Ziffern noch einmal.",
];
pub(super) const CREDENTIALS: Texts = [
    "The vendor knows the integration key",
    "Le fournisseur connaît la clé d'intégration",
    "Der Anbieter kennt den Integrationsschlüssel",
];
pub(super) const REQUEST_KEY: Texts = [
    "Request an integration key for this environment from a TickeTing administrator.",
    "Demandez une clé d'intégration pour cet environnement à un administrateur TickeTing.",
    "Fordern Sie bei einem TickeTing-Administrator einen Integrationsschlüssel für diese Umgebung an.",
];

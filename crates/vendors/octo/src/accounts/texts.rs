//! Texts of the readiness checks and of the handover message.

/// A text in English, French and German.
pub(super) type Texts = [&'static str; 3];

pub(super) const CREDENTIALS: Texts =
    ["The supplier knows the key", "Le fournisseur connaît la clé", "Der Anbieter kennt den Schlüssel"];
pub(super) const REQUEST_KEY: Texts = [
    "The supplier refuses the key: request one for this environment, and check supplier_path.",
    "Le fournisseur refuse la clé : demandez-en une pour cet environnement, et vérifiez supplier_path.",
    "Der Anbieter lehnt den Schlüssel ab: Fordern Sie einen für diese Umgebung an, und prüfen Sie supplier_path.",
];
pub(super) const SUPPLIER: Texts = [
    "The key belongs to the configured supplier",
    "La clé appartient au fournisseur configuré",
    "Der Schlüssel gehört zum konfigurierten Anbieter",
];
pub(super) const OTHER_SUPPLIER: Texts = [
    "The key belongs to another supplier than supplier_id: correct one of them.",
    "La clé appartient à un autre fournisseur que supplier_id : corrigez l'un des deux.",
    "Der Schlüssel gehört zu einem anderen Anbieter als supplier_id: Korrigieren Sie eines von beiden.",
];
pub(super) const CAPABILITIES: Texts = [
    "The supplier requires no capability that is not supported",
    "Le fournisseur n'exige aucune capacité non prise en charge",
    "Der Anbieter verlangt keine Fähigkeit, die nicht unterstützt wird",
];
pub(super) const REQUIRED_CAPABILITY: Texts = [
    "The supplier requires a capability that this service lacks, so its bookings will be refused: ask the supplier to make it optional for this key.",
    "Le fournisseur exige une capacité que ce service n'a pas, donc ses réservations seront refusées : demandez-lui de la rendre facultative pour cette clé.",
    "Der Anbieter verlangt eine Fähigkeit, die dieser Dienst nicht hat, also werden Buchungen abgelehnt: Bitten Sie ihn, sie für diesen Schlüssel freiwillig zu machen.",
];
pub(super) const PRODUCTS: Texts =
    ["The supplier has products", "Le fournisseur a des produits", "Der Anbieter hat Produkte"];
pub(super) const NO_PRODUCTS: Texts = [
    "The list of products is empty: ask the supplier to assign products to this key.",
    "La liste des produits est vide : demandez au fournisseur d'attribuer des produits à cette clé.",
    "Die Liste der Produkte ist leer: Bitten Sie den Anbieter, diesem Schlüssel Produkte zuzuordnen.",
];
pub(super) const LIST_IS_CUT: Texts = [
    "The list has as many products as list_cap, so some may be missing: ask the supplier for a key whose lists are complete.",
    "La liste compte autant de produits que list_cap, il peut donc en manquer : demandez au fournisseur une clé dont les listes sont complètes.",
    "Die Liste hat so viele Produkte wie list_cap, es können also welche fehlen: Bitten Sie den Anbieter um einen Schlüssel mit vollständigen Listen.",
];
pub(super) const PRICES: Texts = [
    "The products have prices in the currency of the source",
    "Les produits ont des prix dans la devise de la source",
    "Die Produkte haben Preise in der Währung der Quelle",
];
pub(super) const NO_PRICES: Texts = [
    "No product has a price per ticket in this currency, so nothing is sold: check currency and capability_prefix, and ask the supplier to enable the capability of prices.",
    "Aucun produit n'a de prix par billet dans cette devise, donc rien n'est vendu : vérifiez currency et capability_prefix, et demandez au fournisseur d'activer la capacité des prix.",
    "Kein Produkt hat einen Preis pro Ticket in dieser Währung, also wird nichts verkauft: Prüfen Sie currency und capability_prefix, und bitten Sie den Anbieter, die Fähigkeit für Preise zu aktivieren.",
];
pub(super) const SALES: Texts =
    ["All products can be sold", "Tous les produits peuvent être vendus", "Alle Produkte können verkauft werden"];
pub(super) const NOT_ALL_SOLD: Texts = [
    "Some products are listed and not sold: they are confirmed on request (see sells_on_request), priced per booking, or of an undocumented kind.",
    "Certains produits sont affichés sans être vendus : leur confirmation est sur demande (voir sells_on_request), leur prix est par réservation, ou leur type n'est pas documenté.",
    "Manche Produkte werden gezeigt und nicht verkauft: Sie werden auf Anfrage bestätigt (siehe sells_on_request), haben einen Preis pro Buchung oder sind von einer nicht dokumentierten Art.",
];
pub(super) const KEY_MISSING: Texts = [
    "API key: the supplier issues a key for this reseller; send it through another channel than this message",
    "clé d'API : le fournisseur émet une clé pour ce revendeur ; envoyez-la par un autre canal que ce message",
    "API-Schlüssel: Der Anbieter stellt einen Schlüssel für diesen Wiederverkäufer aus; senden Sie ihn auf einem anderen Weg als mit dieser Nachricht",
];

//! Texts of the readiness checks and of the handover message.

use crate::map::family::ProductFamily;
use domain::Texts;

pub(super) const PASSWORD_MISSING: Texts = [
    "password: SecuTix assigns it to the operator of the sales channel; send it separately from this message",
    "mot de passe : SecuTix l'attribue à l'opérateur du canal de vente ; envoyez-le séparément de ce message",
    "Passwort: SecuTix vergibt es an den Operator des Verkaufskanals; senden Sie es getrennt von dieser Nachricht",
];
pub(super) const CONTACT_MISSING: Texts = [
    "contact_reference: number of the technical contact that sales are associated with",
    "contact_reference : numéro du contact technique auquel les ventes sont associées",
    "contact_reference: Nummer des technischen Kontakts, dem die Verkäufe zugeordnet werden",
];
pub(super) const OTHER_SALES_CHANNEL: Texts = [
    "The login belongs to another sales channel. Use the login of this one.",
    "Le compte appartient à un autre canal de vente. Utilisez celui de ce canal.",
    "Das Konto gehört zu einem anderen Verkaufskanal. Verwenden Sie das Konto dieses Kanals.",
];
pub(super) const ACTIVATE_SALES_CHANNEL: Texts = [
    "Activate the sales channel; it must be an internal one of the type real-time interface.",
    "Activez le canal de vente ; ce doit être un canal interne du type interface temps réel.",
    "Aktivieren Sie den Verkaufskanal; er muss ein interner vom Typ Echtzeit-Schnittstelle sein.",
];
pub(super) const CREATE_CONTACT: Texts = [
    "Create or choose a contact for which the pending account is authorized, and associate it with the sales channel.",
    "Créez ou choisissez un contact pour lequel le compte en attente est autorisé, et associez-le au canal de vente.",
    "Legen Sie einen Kontakt an, für den das Sammelkonto freigegeben ist, oder wählen Sie einen solchen, und ordnen Sie ihn dem Verkaufskanal zu.",
];
pub(super) const PRODUCTS_ON_SALE: Texts = [
    "Products are on sale through the channel",
    "Des produits sont en vente par le canal",
    "Über den Kanal sind Produkte im Verkauf",
];
pub(super) const LINK_PROFILE: Texts = [
    "Link an activity profile (events) or a product profile (passes) to the sales channel and put products on sale.",
    "Liez un profil d'activité (événements) ou de produit (pass) au canal de vente et mettez des produits en vente.",
    "Verknüpfen Sie ein Aktivitätsprofil (Veranstaltungen) oder ein Produktprofil (Pässe) mit dem Verkaufskanal, und geben Sie Produkte in den Verkauf.",
];
pub(super) const CONTINGENTS_HAVE_SEATS: Texts = [
    "The contingents of the channel have seats",
    "Les contingents du canal ont des places",
    "Die Kontingente des Kanals haben Plätze",
];
pub(super) const ADD_SEATS: Texts = [
    "Associate the contingent with the sales channel and add seats of the products to it.",
    "Associez le contingent au canal de vente et ajoutez-y des places des produits.",
    "Ordnen Sie das Kontingent dem Verkaufskanal zu, und fügen Sie ihm Plätze der Produkte hinzu.",
];
pub(super) const NO_PRODUCT_IN_SEASONS: Texts = [
    "No product is in the seasons of `assumptions.seasons`: compare them with those of the catalog.",
    "Aucun produit n'est dans les saisons de `assumptions.seasons` : comparez-les à celles du catalogue.",
    "Kein Produkt liegt in den Saisons von `assumptions.seasons`: Vergleichen Sie sie mit denen des Katalogs.",
];
pub(super) const PRICES_READABLE: Texts =
    ["Prices can be read", "Les prix peuvent être lus", "Preise können gelesen werden"];
pub(super) const OTHER_AMOUNT_UNIT: Texts = [
    "Prices do not fit the smallest amount of their currency and are not sold: if the venue's amounts have another unit, set `assumptions.amount_unit`.",
    "Des prix ne correspondent pas à la plus petite unité de leur monnaie et ne sont pas vendus : si les montants du lieu ont une autre unité, réglez `assumptions.amount_unit`.",
    "Preise passen nicht zur kleinsten Einheit ihrer Währung und werden nicht verkauft: Wenn die Beträge des Hauses eine andere Einheit haben, setzen Sie `assumptions.amount_unit`.",
];
pub(super) const CREDENTIALS: Texts = [
    "The vendor knows the login and its password",
    "Le fournisseur connaît le compte et son mot de passe",
    "Der Anbieter kennt das Konto und sein Passwort",
];
pub(super) const ASK_FOR_PASSWORD: Texts = [
    "Ask SecuTix for the password of the operator that is linked to the sales channel, and check the login: <institution code>_<sales channel>.",
    "Demandez à SecuTix le mot de passe de l'opérateur lié au canal de vente, et vérifiez le compte : <code de l'institution>_<canal de vente>.",
    "Fragen Sie SecuTix nach dem Passwort des Operators, der mit dem Verkaufskanal verknüpft ist, und prüfen Sie das Konto: <Code der Institution>_<Verkaufskanal>.",
];
pub(super) const CHANNEL_TYPE: Texts = [
    "The sales channel is of the type real-time interface",
    "Le canal de vente est du type interface temps réel",
    "Der Verkaufskanal ist vom Typ Echtzeit-Schnittstelle",
];
pub(super) const CREATE_CHANNEL: Texts = [
    "Create an internal sales channel of the type real-time interface: the type of a saved one cannot be changed. If the venue's word for it is another one, add it to `assumptions.channel_types`.",
    "Créez un canal de vente interne du type interface temps réel : le type d'un canal enregistré ne peut être changé. Si le lieu emploie un autre mot, ajoutez-le à `assumptions.channel_types`.",
    "Legen Sie einen internen Verkaufskanal vom Typ Echtzeit-Schnittstelle an: Der Typ eines gespeicherten kann nicht geändert werden. Nennt das Haus ihn anders, ergänzen Sie das Wort in `assumptions.channel_types`.",
];
pub(super) const VERIFY_CHANNEL_TYPE: Texts = [
    "The API does not show it: verify in the venue's back office that the channel is an internal one of this type.",
    "L'API ne le montre pas : vérifiez dans le back-office du lieu que le canal est un canal interne de ce type.",
    "Die API zeigt es nicht: Prüfen Sie im Backoffice des Hauses, dass der Kanal ein interner dieses Typs ist.",
];
pub(super) const AUTHORIZE_ACCOUNT: Texts = [
    "Authorize the pending account for this contact, or name one for which it is.",
    "Autorisez le compte en attente pour ce contact, ou indiquez-en un pour lequel il l'est.",
    "Geben Sie das Sammelkonto für diesen Kontakt frei, oder nennen Sie einen, für den es freigegeben ist.",
];
pub(super) const VERIFY_AUTHORIZATION: Texts = [
    "The API does not show it: verify in the venue's back office that the contact may pay with a pending account.",
    "L'API ne le montre pas : vérifiez dans le back-office du lieu que le contact peut payer avec un compte en attente.",
    "Die API zeigt es nicht: Prüfen Sie im Backoffice des Hauses, dass der Kontakt mit einem Sammelkonto zahlen darf.",
];
pub(super) const ALL_FAMILIES_SOLD: Texts = [
    "All families of products in the catalog are sold",
    "Toutes les familles de produits du catalogue sont vendues",
    "Alle Produktfamilien des Katalogs werden verkauft",
];
pub(super) const POINT_OF_SALE_EXISTS: Texts =
    ["A point of sale exists", "Un point de vente existe", "Eine Verkaufsstelle ist vorhanden"];
pub(super) const CREATE_POINT_OF_SALE: Texts = [
    "Create a point of sale for the sales channel.",
    "Créez un point de vente pour le canal de vente.",
    "Legen Sie eine Verkaufsstelle für den Verkaufskanal an.",
];
pub(super) const OTHER_POINT_OF_SALE: Texts = [
    "The login has a different point of sale than the connection. Use the one that getPOSConfig returns.",
    "Le compte a un autre point de vente que la connexion. Utilisez celui que renvoie getPOSConfig.",
    "Das Konto hat eine andere Verkaufsstelle als die Anbindung. Verwenden Sie die, die getPOSConfig liefert.",
];
pub(super) const ACTIVATE_POINT_OF_SALE: Texts =
    ["Activate the point of sale.", "Activez le point de vente.", "Aktivieren Sie die Verkaufsstelle."];
pub(super) const PENDING_ACCOUNT: Texts = [
    "Sales can be paid with a pending account",
    "Les ventes peuvent être payées par un compte en attente",
    "Verkäufe können über ein Sammelkonto bezahlt werden",
];
pub(super) const ADD_PENDING_ACCOUNT: Texts = [
    "Add the payment method pending account to the point of sale and make it available for payment.",
    "Ajoutez le mode de paiement compte en attente au point de vente et rendez-le disponible pour le paiement.",
    "Fügen Sie der Verkaufsstelle die Zahlungsart Sammelkonto hinzu, und geben Sie sie zum Bezahlen frei.",
];

/// Reason that products of the family are not sold.
pub(crate) fn unsold_reason(family: ProductFamily) -> Texts {
    match family {
        ProductFamily::SeasonTicket | ProductFamily::Membership => [
            "Digital privileges are not supported: they are neither sold nor delivered to the app, whose call for them is not public.",
            "Les privilèges numériques ne sont pas pris en charge : ils ne sont ni vendus ni livrés à l'application, dont l'appel n'est pas public.",
            "Digitale Privilegien werden nicht unterstützt: Sie werden weder verkauft noch an die App geliefert, deren Aufruf dafür nicht öffentlich ist.",
        ],
        ProductFamily::Package => [
            "It consists of several products; the form of such an order is not documented.",
            "Elle se compose de plusieurs produits ; la forme d'une telle commande n'est pas documentée.",
            "Es besteht aus mehreren Produkten; die Form einer solchen Bestellung ist nicht dokumentiert.",
        ],
        ProductFamily::Service => [
            "The catalog's form of services is not documented. If they have items as passes have, add \"SERVICE\" to `assumptions.sold_families`.",
            "La forme des services dans le catalogue n'est pas documentée. S'ils ont des articles comme les pass, ajoutez \"SERVICE\" à `assumptions.sold_families`.",
            "Die Form von Services im Katalog ist nicht dokumentiert. Haben sie Artikel wie Pässe, ergänzen Sie \"SERVICE\" in `assumptions.sold_families`.",
        ],
        ProductFamily::SingleEntry
        | ProductFamily::Pass
        | ProductFamily::Goods
        | ProductFamily::Transport
        | ProductFamily::Hospitality
        | ProductFamily::Unknown => [
            "The family is not in `assumptions.sold_families`. Add it there if its products are sold by date or by item.",
            "La famille n'est pas dans `assumptions.sold_families`. Ajoutez-l'y si ses produits sont vendus par date ou par article.",
            "Die Familie steht nicht in `assumptions.sold_families`. Ergänzen Sie sie, wenn ihre Produkte nach Termin oder Artikel verkauft werden.",
        ],
    }
}

//! The closed list of problem codes, each with messages for visitors.

use domain::error::{ErrorKind, RefusalReason};
use strum::{EnumIter, IntoStaticStr};

use crate::graphql::topics::orders::messages;

/// The kind of problem. The list is closed and documented. A topic that needs another code adds it here, with its
/// messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum SchemaProblemCode {
    /// The source is unavailable.
    SourceUnavailable,
    /// The source did not respond in time.
    SourceTimeout,
    /// The source is limiting requests.
    SourceThrottled,
    /// The source sent a response that could not be read.
    SourceMalformed,
    /// The source rejected the credentials of this service.
    SourceUnauthorized,
    /// The source does not support this.
    UnsupportedBySource,
    /// The source does not have it (any more).
    NotFound,
    /// Not enough places are left.
    NotAvailable,
    /// The price has changed.
    PriceChanged,
    /// The hold was released before the purchase was complete.
    HoldExpired,
    /// The quantity exceeds the limit of an order.
    LimitExceeded,
    /// Not for sale at the moment.
    NotOnSale,
    /// The payment was declined.
    PaymentDeclined,
    /// The deadline has passed.
    TooLate,
    /// The source rejected the input as invalid.
    InvalidInput,
    /// The current state does not allow this.
    Conflict,
    /// The source forbids this service to do this.
    ForbiddenBySource,
    /// The source rejected the request without a specific reason.
    RefusedBySource,
    /// The source's response was lost, so the edit may have been applied. The same key never sends it again.
    EditOutcomeUnknown,
    /// The caller has no such webhook.
    WebhookNotFound,
    /// The URL is not https, or its address is not allowed.
    WebhookUrlInvalid,
    /// The list of event types is empty, or the cursor is none of the feed.
    WebhookInputInvalid,
    /// The owner has as many webhooks as allowed.
    WebhookLimitReached,
    /// The configuration defines the webhook, so only its state can be changed.
    WebhookConfigured,
    /// An internal error of this service.
    Internal,
    /// A problem of an order, from the order codes.
    #[strum(disabled)]
    Order(orders::ProblemCode),
}

impl SchemaProblemCode {
    /// Maps a failure of a source to its code.
    pub fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Unsupported => Self::UnsupportedBySource,
            ErrorKind::Unauthorized => Self::SourceUnauthorized,
            ErrorKind::RateLimited => Self::SourceThrottled,
            ErrorKind::Unavailable => Self::SourceUnavailable,
            ErrorKind::Timeout => Self::SourceTimeout,
            ErrorKind::Malformed => Self::SourceMalformed,
            ErrorKind::Internal => Self::Internal,
            ErrorKind::Rejected(refusal) => match refusal.reason {
                RefusalReason::SoldOut { .. } => Self::NotAvailable,
                RefusalReason::PriceChanged { .. } => Self::PriceChanged,
                RefusalReason::HoldExpired => Self::HoldExpired,
                RefusalReason::LimitExceeded => Self::LimitExceeded,
                RefusalReason::NotOnSale => Self::NotOnSale,
                RefusalReason::PaymentDeclined => Self::PaymentDeclined,
                RefusalReason::TooLate => Self::TooLate,
                RefusalReason::InvalidInput { .. } => Self::InvalidInput,
                RefusalReason::Conflict => Self::Conflict,
                RefusalReason::Forbidden => Self::ForbiddenBySource,
                RefusalReason::Other => Self::RefusedBySource,
            },
        }
    }

    /// The code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order(code) => code.name(),
            code => code.into(),
        }
    }

    /// The message in a language. Falls back to English.
    pub fn message(self, locale: Option<&str>) -> &'static str {
        match locale.and_then(|tag| tag.split('-').next()) {
            Some("fr") => self.french(),
            Some("de") => self.german(),
            _ => self.english(),
        }
    }

    /// The English message.
    fn english(self) -> &'static str {
        match self {
            Self::SourceUnavailable => "The venue cannot be reached at the moment.",
            Self::SourceTimeout => "The venue did not respond in time.",
            Self::SourceThrottled => "The venue is very busy. Please try again in a moment.",
            Self::SourceMalformed => "The venue sent a response that could not be read.",
            Self::SourceUnauthorized => "The venue is refusing our access at the moment.",
            Self::UnsupportedBySource => "The venue does not offer this.",
            Self::NotFound => "The venue no longer has this.",
            Self::NotAvailable => "Not enough places are left.",
            Self::PriceChanged => "The price has changed.",
            Self::HoldExpired => "The places were released before the purchase was complete.",
            Self::LimitExceeded => "This is more than one order may contain.",
            Self::NotOnSale => "This is not for sale at the moment.",
            Self::PaymentDeclined => "The payment was declined.",
            Self::TooLate => "It is too late for this.",
            Self::InvalidInput => "The venue does not accept these details.",
            Self::Conflict => "This is not possible in the current state.",
            Self::ForbiddenBySource => "The venue does not allow us to do this.",
            Self::RefusedBySource => "The venue rejected the request.",
            Self::EditOutcomeUnknown => "It is not known yet whether this was done. Please check before you try again.",
            Self::WebhookNotFound => "You have no such webhook.",
            Self::WebhookUrlInvalid => "Messages cannot be sent to this URL.",
            Self::WebhookInputInvalid => "The webhook does not accept these details.",
            Self::WebhookLimitReached => "There are as many webhooks as allowed.",
            Self::WebhookConfigured => "This webhook is part of the configuration.",
            Self::Internal => "Something went wrong on our side.",
            Self::Order(code) => messages(code)[0],
        }
    }

    /// The French message.
    fn french(self) -> &'static str {
        match self {
            Self::SourceUnavailable => "Le lieu est injoignable pour le moment.",
            Self::SourceTimeout => "Le lieu n'a pas répondu à temps.",
            Self::SourceThrottled => "Le lieu est très sollicité. Veuillez réessayer dans un instant.",
            Self::SourceMalformed => "La réponse du lieu est illisible.",
            Self::SourceUnauthorized => "Le lieu nous refuse l'accès pour le moment.",
            Self::UnsupportedBySource => "Le lieu ne propose pas cela.",
            Self::NotFound => "Le lieu ne connaît plus cet élément.",
            Self::NotAvailable => "Il ne reste pas assez de places.",
            Self::PriceChanged => "Le prix a changé.",
            Self::HoldExpired => "Les places ont été libérées avant la fin de l'achat.",
            Self::LimitExceeded => "C'est plus que ce qu'une commande peut contenir.",
            Self::NotOnSale => "Ceci n'est pas en vente pour le moment.",
            Self::PaymentDeclined => "Le paiement a été refusé.",
            Self::TooLate => "Il est trop tard pour cela.",
            Self::InvalidInput => "Le lieu n'accepte pas ces informations.",
            Self::Conflict => "Ce n'est pas possible dans l'état actuel.",
            Self::ForbiddenBySource => "Le lieu ne nous autorise pas à faire cela.",
            Self::RefusedBySource => "Le lieu a refusé.",
            Self::EditOutcomeUnknown => "On ignore encore si cela a été fait. Vérifiez avant de réessayer.",
            Self::WebhookNotFound => "Le webhook n'existe pas, ou pas pour vous.",
            Self::WebhookUrlInvalid => "Aucun message ne peut être envoyé à cette URL.",
            Self::WebhookInputInvalid => "Ces informations ne conviennent pas au webhook.",
            Self::WebhookLimitReached => "Le nombre de webhooks autorisé est atteint.",
            Self::WebhookConfigured => "Ce webhook fait partie de la configuration.",
            Self::Internal => "Une erreur est survenue de notre côté.",
            Self::Order(code) => messages(code)[1],
        }
    }

    /// The German message.
    fn german(self) -> &'static str {
        match self {
            Self::SourceUnavailable => "Der Veranstalter ist zurzeit nicht erreichbar.",
            Self::SourceTimeout => "Der Veranstalter hat nicht rechtzeitig geantwortet.",
            Self::SourceThrottled => {
                "Beim Veranstalter ist gerade viel los. Bitte versuchen Sie es gleich noch einmal."
            }
            Self::SourceMalformed => "Die Antwort des Veranstalters ist nicht lesbar.",
            Self::SourceUnauthorized => "Der Veranstalter verweigert uns zurzeit den Zugang.",
            Self::UnsupportedBySource => "Der Veranstalter bietet dies nicht an.",
            Self::NotFound => "Der Veranstalter kennt dies nicht mehr.",
            Self::NotAvailable => "Es sind nicht mehr genügend Plätze frei.",
            Self::PriceChanged => "Der Preis hat sich geändert.",
            Self::HoldExpired => "Die Plätze wurden vor Abschluss des Kaufs wieder freigegeben.",
            Self::LimitExceeded => "Das ist mehr, als eine Bestellung enthalten darf.",
            Self::NotOnSale => "Dies ist zurzeit nicht im Verkauf.",
            Self::PaymentDeclined => "Die Zahlung wurde abgelehnt.",
            Self::TooLate => "Dafür ist es zu spät.",
            Self::InvalidInput => "Der Veranstalter nimmt diese Angaben nicht an.",
            Self::Conflict => "Dies ist im jetzigen Zustand nicht möglich.",
            Self::ForbiddenBySource => "Der Veranstalter erlaubt uns dies nicht.",
            Self::RefusedBySource => "Der Veranstalter hat abgelehnt.",
            Self::EditOutcomeUnknown => {
                "Ob das geschehen ist, ist noch nicht bekannt. Bitte sehen Sie nach, bevor Sie es noch einmal versuchen."
            }
            Self::WebhookNotFound => "Diesen Webhook gibt es nicht, oder nicht für Sie.",
            Self::WebhookUrlInvalid => "An diese URL können keine Nachrichten gesendet werden.",
            Self::WebhookInputInvalid => "Diese Angaben passen nicht zum Webhook.",
            Self::WebhookLimitReached => "Die erlaubte Zahl von Webhooks ist erreicht.",
            Self::WebhookConfigured => "Dieser Webhook ist Teil der Konfiguration.",
            Self::Internal => "Bei uns ist etwas schiefgegangen.",
            Self::Order(code) => messages(code)[2],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn every_code_has_a_distinct_name_and_a_message_in_three_languages() {
        let mut names = HashSet::new();
        for code in SchemaProblemCode::iter() {
            assert!(names.insert(code.as_str()), "{code:?} has the name of another code");
            let messages = [code.message(None), code.message(Some("fr-ch")), code.message(Some("de"))];
            assert_eq!(HashSet::from(messages).len(), 3, "{code:?}");
            assert_eq!(code.message(Some("it")), messages[0], "{code:?}: a language that is none of ours");
        }
    }
}

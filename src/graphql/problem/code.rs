//! The closed list of problem codes, each with a message that a visitor may read.

use crate::graphql::orders::words;
use domain::error::{ErrorKind, Reason};
use orders;

/// What kind of problem it is. The list is closed and documented; a topic that needs another code adds it here, with its
/// messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemCode {
    /// The source did not answer.
    SourceUnavailable,
    /// The source did not answer in time.
    SourceTimeout,
    /// The source takes no more requests for now.
    SourceThrottled,
    /// The source gave an answer that cannot be read.
    SourceMalformed,
    /// The source does not accept the credentials of this service.
    SourceUnauthorized,
    /// The source cannot do this.
    UnsupportedBySource,
    /// The source does not know it (any more).
    NotFound,
    /// Not enough places are left.
    NotAvailable,
    /// The price is another one now.
    PriceChanged,
    /// The places were released before the purchase was complete.
    HoldExpired,
    /// More than one order may take.
    LimitExceeded,
    /// Not for sale at present.
    NotOnSale,
    /// The payment was declined.
    PaymentDeclined,
    /// Too late for this.
    TooLate,
    /// The source calls the input wrong.
    InvalidInput,
    /// It is in a state that forbids this.
    Conflict,
    /// This service may not do this at the source.
    ForbiddenBySource,
    /// The source refused, without a reason that can be told.
    RefusedBySource,
    /// The answer of the source was lost: it may have been done. The same key never does it again.
    EditOutcomeUnknown,
    /// A mistake of this service.
    Internal,
    /// A problem of an order, from the list of orders.
    Order(orders::ProblemCode),
}

impl ProblemCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 20] = [
        Self::SourceUnavailable,
        Self::SourceTimeout,
        Self::SourceThrottled,
        Self::SourceMalformed,
        Self::SourceUnauthorized,
        Self::UnsupportedBySource,
        Self::NotFound,
        Self::NotAvailable,
        Self::PriceChanged,
        Self::HoldExpired,
        Self::LimitExceeded,
        Self::NotOnSale,
        Self::PaymentDeclined,
        Self::TooLate,
        Self::InvalidInput,
        Self::Conflict,
        Self::ForbiddenBySource,
        Self::RefusedBySource,
        Self::EditOutcomeUnknown,
        Self::Internal,
    ];

    /// What a failure of a source is called.
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
                Reason::SoldOut { .. } => Self::NotAvailable,
                Reason::PriceChanged { .. } => Self::PriceChanged,
                Reason::HoldExpired => Self::HoldExpired,
                Reason::LimitExceeded => Self::LimitExceeded,
                Reason::NotOnSale => Self::NotOnSale,
                Reason::PaymentDeclined => Self::PaymentDeclined,
                Reason::TooLate => Self::TooLate,
                Reason::InvalidInput { .. } => Self::InvalidInput,
                Reason::Conflict => Self::Conflict,
                Reason::Forbidden => Self::ForbiddenBySource,
                Reason::Other => Self::RefusedBySource,
            },
        }
    }

    /// The code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SourceUnavailable => "SOURCE_UNAVAILABLE",
            Self::SourceTimeout => "SOURCE_TIMEOUT",
            Self::SourceThrottled => "SOURCE_THROTTLED",
            Self::SourceMalformed => "SOURCE_MALFORMED",
            Self::SourceUnauthorized => "SOURCE_UNAUTHORIZED",
            Self::UnsupportedBySource => "UNSUPPORTED_BY_SOURCE",
            Self::NotFound => "NOT_FOUND",
            Self::NotAvailable => "NOT_AVAILABLE",
            Self::PriceChanged => "PRICE_CHANGED",
            Self::HoldExpired => "HOLD_EXPIRED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::NotOnSale => "NOT_ON_SALE",
            Self::PaymentDeclined => "PAYMENT_DECLINED",
            Self::TooLate => "TOO_LATE",
            Self::InvalidInput => "INVALID_INPUT",
            Self::Conflict => "CONFLICT",
            Self::ForbiddenBySource => "FORBIDDEN_BY_SOURCE",
            Self::RefusedBySource => "REFUSED_BY_SOURCE",
            Self::EditOutcomeUnknown => "EDIT_OUTCOME_UNKNOWN",
            Self::Internal => "INTERNAL",
            Self::Order(code) => code.name(),
        }
    }

    /// The message in a language; English where it is none of ours.
    pub fn message(self, locale: Option<&str>) -> &'static str {
        match locale.and_then(|tag| tag.split('-').next()) {
            Some("fr") => self.french(),
            Some("de") => self.german(),
            _ => self.english(),
        }
    }

    /// For visitors who read English.
    fn english(self) -> &'static str {
        match self {
            Self::SourceUnavailable => "The venue cannot be reached at the moment.",
            Self::SourceTimeout => "The venue did not answer in time.",
            Self::SourceThrottled => "The venue is very busy. Please try again in a moment.",
            Self::SourceMalformed => "The venue gave an answer that cannot be read.",
            Self::SourceUnauthorized => "The venue does not let us in at the moment.",
            Self::UnsupportedBySource => "The venue does not offer this.",
            Self::NotFound => "The venue does not know this any more.",
            Self::NotAvailable => "Not enough places are left.",
            Self::PriceChanged => "The price has changed.",
            Self::HoldExpired => "The places were released before the purchase was complete.",
            Self::LimitExceeded => "This is more than one order may take.",
            Self::NotOnSale => "This is not for sale at the moment.",
            Self::PaymentDeclined => "The payment was declined.",
            Self::TooLate => "It is too late for this.",
            Self::InvalidInput => "The venue does not accept these details.",
            Self::Conflict => "This is not possible in its present state.",
            Self::ForbiddenBySource => "The venue does not allow us to do this.",
            Self::RefusedBySource => "The venue refused.",
            Self::EditOutcomeUnknown => "Nobody knows yet whether this was done. Please look before you try again.",
            Self::Internal => "Something went wrong on our side.",
            Self::Order(code) => words(code)[0],
        }
    }

    /// For visitors who read French.
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
            Self::Internal => "Une erreur est survenue de notre côté.",
            Self::Order(code) => words(code)[1],
        }
    }

    /// For visitors who read German.
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
            Self::Internal => "Bei uns ist etwas schiefgegangen.",
            Self::Order(code) => words(code)[2],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_a_message_in_three_languages() {
        let mut names = HashSet::new();
        for code in ProblemCode::ALL {
            assert!(names.insert(code.as_str()), "{code:?} has the name of another");
            let messages = [code.message(None), code.message(Some("fr-ch")), code.message(Some("de"))];
            assert_eq!(HashSet::from(messages).len(), 3, "{code:?}");
            assert_eq!(code.message(Some("it")), messages[0], "{code:?}: a language that is none of ours");
        }
    }
}

//! Messages for visitors about order problems, in English, French and German.

use orders::ProblemCode;

/// Returns the message of a problem in English, French and German.
pub fn messages(code: ProblemCode) -> [&'static str; 3] {
    match code {
        ProblemCode::IdempotencyKeyReused
        | ProblemCode::IdempotencyKeyInvalid
        | ProblemCode::NoLines
        | ProblemCode::TooManyLines
        | ProblemCode::QuantityInvalid
        | ProblemCode::LimitExceeded
        | ProblemCode::UnknownPerformance
        | ProblemCode::UnknownTicketType
        | ProblemCode::TicketTypeOfAnotherSource
        | ProblemCode::ContactIncomplete
        | ProblemCode::ContactMissing
        | ProblemCode::EmailInvalid
        | ProblemCode::TextTooLong
        | ProblemCode::UnknownReseller => input_messages(code),
        ProblemCode::LegNotFound
        | ProblemCode::SettlementNotPossible
        | ProblemCode::SettlementContradicted
        | ProblemCode::ReferenceInvalid
        | ProblemCode::ReferenceOfAnotherOrder
        | ProblemCode::NoteMissing
        | ProblemCode::TooManyNotes
        | ProblemCode::RateInvalid
        | ProblemCode::UnknownSource
        | ProblemCode::SourcePaused
        | ProblemCode::SourceNotPaused
        | ProblemCode::TimeInvalid => operator_messages(code),
        ProblemCode::TestAndLiveMixed
        | ProblemCode::UnsupportedBySource
        | ProblemCode::SettlementUnsupported
        | ProblemCode::NotCombinable
        | ProblemCode::NotOnSale
        | ProblemCode::NotAvailable
        | ProblemCode::PriceChanged
        | ProblemCode::HoldTooShort
        | ProblemCode::HoldExpired
        | ProblemCode::HoldNotExtended
        | ProblemCode::PaymentDeclined
        | ProblemCode::RefusedBySource
        | ProblemCode::CalledOff => sale_messages(code),
        _ => progress_messages(code),
    }
}

fn input_messages(code: ProblemCode) -> [&'static str; 3] {
    match code {
        ProblemCode::IdempotencyKeyReused => [
            "This request key was used for another request.",
            "Cette clé a déjà servi à une autre demande.",
            "Dieser Schlüssel wurde schon für eine andere Anfrage benutzt.",
        ],
        ProblemCode::IdempotencyKeyInvalid => [
            "The request key must have 1 to 128 characters.",
            "La clé de la demande doit compter de 1 à 128 caractères.",
            "Der Schlüssel der Anfrage muss 1 bis 128 Zeichen haben.",
        ],
        ProblemCode::NoLines => ["The order is empty.", "La commande est vide.", "Die Bestellung ist leer."],
        ProblemCode::TooManyLines => [
            "The order has too many lines.",
            "La commande compte trop de lignes.",
            "Die Bestellung hat zu viele Zeilen.",
        ],
        ProblemCode::QuantityInvalid => {
            ["At least one ticket is needed.", "Il faut au moins un billet.", "Es braucht mindestens ein Ticket."]
        }
        ProblemCode::LimitExceeded => [
            "This is more than one order may contain.",
            "C'est plus que ce qu'une commande peut contenir.",
            "Das ist mehr, als eine Bestellung enthalten darf.",
        ],
        ProblemCode::UnknownPerformance => [
            "This performance does not exist.",
            "Cette représentation n'existe pas.",
            "Diese Vorstellung gibt es nicht.",
        ],
        ProblemCode::UnknownTicketType => [
            "This ticket does not exist for this performance.",
            "Ce billet n'existe pas pour cette représentation.",
            "Dieses Ticket gibt es für diese Vorstellung nicht.",
        ],
        ProblemCode::TicketTypeOfAnotherSource => [
            "The ticket and the performance belong to two venues.",
            "Le billet et la représentation relèvent de deux lieux.",
            "Ticket und Vorstellung gehören zu zwei Veranstaltern.",
        ],
        ProblemCode::ContactIncomplete => {
            ["Please enter your full name.", "Veuillez compléter votre nom.", "Bitte vervollständigen Sie Ihren Namen."]
        }
        ProblemCode::ContactMissing => [
            "The name and the email address of the visitor are needed.",
            "Il faut le nom et l'adresse e-mail du visiteur.",
            "Name und E-Mail-Adresse des Besuchers werden gebraucht.",
        ],
        ProblemCode::EmailInvalid => [
            "Please enter a valid email address.",
            "Veuillez indiquer une adresse e-mail valable.",
            "Bitte geben Sie eine gültige E-Mail-Adresse an.",
        ],
        ProblemCode::TextTooLong => ["This text is too long.", "Ce texte est trop long.", "Dieser Text ist zu lang."],
        _ => ["This seller is unknown.", "Ce vendeur n'est pas connu ici.", "Dieser Verkäufer ist hier nicht bekannt."],
    }
}

fn sale_messages(code: ProblemCode) -> [&'static str; 3] {
    match code {
        ProblemCode::CalledOff => [
            "The venue has canceled this performance.",
            "Le lieu a annulé cette représentation.",
            "Der Veranstalter hat diese Vorstellung abgesagt.",
        ],
        ProblemCode::TestAndLiveMixed => [
            "Test and real tickets cannot be bought together.",
            "Les billets d'essai et réels ne peuvent être achetés ensemble.",
            "Probe- und echte Tickets können nicht zusammen gekauft werden.",
        ],
        ProblemCode::UnsupportedBySource => {
            ["The venue does not offer this.", "Le lieu ne propose pas cela.", "Der Veranstalter bietet dies nicht an."]
        }
        ProblemCode::SettlementUnsupported => [
            "The venue cannot be paid through us.",
            "Le lieu ne peut être payé par notre intermédiaire.",
            "Der Veranstalter kann über uns nicht bezahlt werden.",
        ],
        ProblemCode::NotCombinable => [
            "These tickets can only be bought one by one.",
            "Ces billets ne s'achètent que séparément.",
            "Diese Tickets können nur einzeln gekauft werden.",
        ],
        ProblemCode::NotOnSale => [
            "This is not for sale at the moment.",
            "Ceci n'est pas en vente pour le moment.",
            "Dies ist zurzeit nicht im Verkauf.",
        ],
        ProblemCode::NotAvailable => [
            "Not enough places are left.",
            "Il ne reste pas assez de places.",
            "Es sind nicht mehr genügend Plätze frei.",
        ],
        ProblemCode::PriceChanged => ["The price has changed.", "Le prix a changé.", "Der Preis hat sich geändert."],
        ProblemCode::HoldTooShort => [
            "The places are reserved for too short a time to complete the purchase.",
            "Les places sont réservées trop peu de temps pour terminer l'achat.",
            "Die Plätze sind zu kurz vorgemerkt, um den Kauf abzuschließen.",
        ],
        ProblemCode::HoldExpired => [
            "The places were released before the purchase was complete.",
            "Les places ont été libérées avant la fin de l'achat.",
            "Die Plätze wurden vor Abschluss des Kaufs wieder freigegeben.",
        ],
        ProblemCode::HoldNotExtended => [
            "The places cannot be reserved any longer.",
            "Les places ne peuvent être réservées plus longtemps.",
            "Die Plätze können nicht länger vorgemerkt werden.",
        ],
        ProblemCode::PaymentDeclined => {
            ["The payment was declined.", "Le paiement a été refusé.", "Die Zahlung wurde abgelehnt."]
        }
        _ => ["The venue rejected the request.", "Le lieu a refusé.", "Der Veranstalter hat abgelehnt."],
    }
}

fn operator_messages(code: ProblemCode) -> [&'static str; 3] {
    match code {
        ProblemCode::LegNotFound => {
            ["This leg does not exist.", "Cette partie de commande n'existe pas.", "Diesen Bestellteil gibt es nicht."]
        }
        ProblemCode::SettlementNotPossible => [
            "The leg does not wait for this answer.",
            "Cette partie de commande n'attend pas cette réponse.",
            "Der Bestellteil wartet nicht auf diese Antwort.",
        ],
        ProblemCode::SettlementContradicted => [
            "The venue does not have the sale that was settled. We will take care of it.",
            "Le lieu n'a pas la vente qui a été constatée. Nous nous en occupons.",
            "Der Veranstalter hat den festgestellten Verkauf nicht. Wir kümmern uns darum.",
        ],
        ProblemCode::ReferenceInvalid => [
            "A reference needs a kind of this vendor, like `vendor.order`, and a value of at most 255 characters.",
            "Une référence demande un type de ce fournisseur et une valeur d'au plus 255 caractères.",
            "Eine Referenz braucht eine Art dieses Anbieters und einen Wert von höchstens 255 Zeichen.",
        ],
        ProblemCode::ReferenceOfAnotherOrder => [
            "This reference belongs to another order.",
            "Cette référence appartient à une autre commande.",
            "Diese Referenz gehört zu einer anderen Bestellung.",
        ],
        ProblemCode::NoteMissing => ["A note is needed.", "Une note est nécessaire.", "Es braucht eine Notiz."],
        ProblemCode::TooManyNotes => [
            "The order has 200 notes already.",
            "La commande compte déjà 200 notes.",
            "Die Bestellung hat schon 200 Notizen.",
        ],
        ProblemCode::RateInvalid => [
            "The rate must be 1 to 6,000 a minute.",
            "Le débit doit être de 1 à 6000 par minute.",
            "Die Rate muss 1 bis 6000 je Minute sein.",
        ],
        ProblemCode::UnknownSource => {
            ["This source does not exist.", "Cette source n'existe pas.", "Diese Quelle gibt es nicht."]
        }
        ProblemCode::SourcePaused => [
            "The venue takes no orders at the moment.",
            "Le lieu ne prend pas de commandes pour le moment.",
            "Der Veranstalter nimmt zurzeit keine Bestellungen an.",
        ],
        ProblemCode::SourceNotPaused => {
            ["The source is not paused.", "La source n'est pas en pause.", "Die Quelle ist nicht angehalten."]
        }
        _ => ["This time is in the past.", "Ce moment est déjà passé.", "Dieser Zeitpunkt ist schon vorbei."],
    }
}

#[expect(clippy::too_many_lines, reason = "a table of messages, one entry per code")]
fn progress_messages(code: ProblemCode) -> [&'static str; 3] {
    match code {
        ProblemCode::OrderNotFound => {
            ["This order does not exist.", "Cette commande n'existe pas.", "Diese Bestellung gibt es nicht."]
        }
        ProblemCode::VersionOutdated => [
            "The order has changed in the meantime.",
            "La commande a changé entre-temps.",
            "Die Bestellung hat sich inzwischen geändert.",
        ],
        ProblemCode::ActionNotAvailable => [
            "This is not possible in the current state of the order.",
            "Ce n'est pas possible dans l'état actuel de la commande.",
            "Das ist im jetzigen Zustand der Bestellung nicht möglich.",
        ],
        ProblemCode::OrderBusy => [
            "The order is being processed. Please try again in a moment.",
            "La commande est en traitement. Veuillez réessayer dans un instant.",
            "Die Bestellung wird gerade bearbeitet. Bitte versuchen Sie es gleich noch einmal.",
        ],
        ProblemCode::QuoteNotFound => {
            ["This quote does not exist.", "Ce devis n'existe pas.", "Dieses Angebot gibt es nicht."]
        }
        ProblemCode::QuoteExpired => {
            ["This quote is no longer valid.", "Ce devis n'est plus valable.", "Dieses Angebot ist nicht mehr gültig."]
        }
        ProblemCode::NothingToCancel => {
            ["There is nothing to cancel.", "Il n'y a rien à annuler.", "Es gibt nichts zu stornieren."]
        }
        ProblemCode::CancellationTooLate => {
            ["It is too late to cancel.", "Il est trop tard pour annuler.", "Für eine Stornierung ist es zu spät."]
        }
        ProblemCode::SourceUnavailable => [
            "The venue cannot be reached at the moment.",
            "Le lieu est injoignable pour le moment.",
            "Der Veranstalter ist zurzeit nicht erreichbar.",
        ],
        ProblemCode::SourceBusy => [
            "The venue is very busy. Please try again in a moment.",
            "Le lieu est très sollicité. Veuillez réessayer dans un instant.",
            "Beim Veranstalter ist gerade viel los. Bitte versuchen Sie es gleich noch einmal.",
        ],
        ProblemCode::SourceFault => [
            "The venue sent a response that could not be used.",
            "La réponse du lieu est inutilisable.",
            "Die Antwort des Veranstalters ist nicht verwendbar.",
        ],
        ProblemCode::OutcomeUnknown => [
            "We are checking with the venue. Please do not buy again.",
            "Nous vérifions auprès du lieu. Merci de ne pas racheter.",
            "Wir fragen beim Veranstalter nach. Bitte kaufen Sie nicht noch einmal.",
        ],
        ProblemCode::OutcomeNeverKnown => [
            "The venue could not confirm the outcome of the purchase. We will take care of it.",
            "Le lieu n'a pu dire ce qu'il est advenu de l'achat. Nous nous en occupons.",
            "Der Veranstalter konnte nicht sagen, was aus dem Kauf wurde. Wir kümmern uns darum.",
        ],
        ProblemCode::TicketsMissing => [
            "The purchase is complete, but its tickets are late. We will take care of it.",
            "L'achat est fait, mais les billets se font attendre. Nous nous en occupons.",
            "Der Kauf ist abgeschlossen, doch die Tickets lassen auf sich warten. Wir kümmern uns darum.",
        ],
        ProblemCode::UndoRefused => [
            "Part of the purchase could not be canceled. We will take care of it.",
            "Une partie de l'achat n'a pu être annulée. Nous nous en occupons.",
            "Ein Teil des Kaufs konnte nicht rückgängig gemacht werden. Wir kümmern uns darum.",
        ],
        _ => [
            "The money was refunded, but tickets may still be valid. We will take care of it.",
            "L'argent a été rendu, mais des billets sont peut-être encore valables. Nous nous en occupons.",
            "Das Geld wurde erstattet, doch Tickets sind vielleicht noch gültig. Wir kümmern uns darum.",
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_distinct_messages_in_three_languages() {
        let mut english = HashSet::new();
        for &code in ProblemCode::ALL {
            let translations = messages(code);
            assert_eq!(HashSet::from(translations).len(), 3, "{code:?}");
            assert!(english.insert(translations[0]), "{code:?} has the words of another");
        }
    }
}

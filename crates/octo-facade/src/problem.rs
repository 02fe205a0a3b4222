//! Maps problems of orders to errors of OCTO.

use orders::ProblemCode;

use crate::booking::lines_of;
use crate::error::{OctoError, OctoErrorCode};
use crate::facts::ProblemFacts;

/// Converts the first problem of an order to an error. `uuid` names the booking. The text is ours: that of a problem is for visitors.
pub fn to_error(problem: &ProblemFacts, uuid: &str) -> OctoError {
    let Some(code) = ProblemCode::parse(&problem.code) else { return unknown_code(&problem.code) };
    let error = match code {
        ProblemCode::IdempotencyKeyReused => {
            OctoError::booking(uuid, "the uuid was used for a booking with another content")
        }
        ProblemCode::IdempotencyKeyInvalid | ProblemCode::OrderNotFound | ProblemCode::LegNotFound => {
            OctoError::booking(uuid, "there is no such booking")
        }
        ProblemCode::HoldExpired => OctoError::booking(uuid, "the hold has expired"),
        ProblemCode::UnknownPerformance => OctoError::availability(None),
        ProblemCode::UnknownTicketType | ProblemCode::TicketTypeOfAnotherSource => OctoError::unit(None),
        ProblemCode::ContactIncomplete | ProblemCode::EmailInvalid | ProblemCode::TextTooLong => {
            OctoError::bad_request(
                "the contact needs `firstName`, `lastName` and a valid `emailAddress`, and no text may be too long",
            )
        }
        ProblemCode::TestAndLiveMixed => OctoError::refused("live sources sell no test bookings"),
        _ => refusal(code),
    };
    error.with_retry_after(problem.retry_after_seconds)
}

/// As [`to_error`], for an order with lines for these units: an error about a unit names it.
pub fn to_error_of_lines<'a>(
    problem: &ProblemFacts,
    uuid: &str,
    units: impl IntoIterator<Item = &'a str>,
) -> OctoError {
    let error = to_error(problem, uuid);
    if error.code != OctoErrorCode::InvalidUnitId {
        return error;
    }
    let line = problem.path.iter().flatten().find_map(|part| part.parse::<usize>().ok());
    let named = line.and_then(|line| lines_of(units).get(line).copied());
    named.map_or(error, |(unit, _)| OctoError::unit(Some(unit)))
}

/// Converts a problem that is neither about an id nor about the form of the request.
fn refusal(code: ProblemCode) -> OctoError {
    match code {
        ProblemCode::NoLines => OctoError::refused("`unitItems` is empty"),
        ProblemCode::TooManyLines | ProblemCode::LimitExceeded => OctoError::refused("too many units for one booking"),
        ProblemCode::QuantityInvalid => OctoError::refused("too few units of one kind"),
        ProblemCode::ContactMissing => OctoError::refused("the supplier needs a contact before anything can be held"),
        ProblemCode::NotAvailable => OctoError::refused("not enough places are left"),
        ProblemCode::NotOnSale | ProblemCode::CalledOff => OctoError::refused("not for sale"),
        ProblemCode::PriceChanged => OctoError::refused("the price has changed"),
        ProblemCode::HoldTooShort => OctoError::refused("the hold ends too soon for a confirmation"),
        ProblemCode::HoldNotExtended => OctoError::refused("the hold cannot be extended"),
        ProblemCode::CancellationTooLate => OctoError::refused("the time for a cancellation is over"),
        ProblemCode::NothingToCancel => OctoError::refused("the booking cannot be canceled"),
        ProblemCode::UnsupportedBySource | ProblemCode::SettlementUnsupported | ProblemCode::NotCombinable => {
            OctoError::refused("the supplier does not support this")
        }
        ProblemCode::ActionNotAvailable => OctoError::refused("the state of the booking does not allow this"),
        ProblemCode::OrderBusy | ProblemCode::VersionOutdated => {
            OctoError::refused("the booking is being processed: read it, then try again")
        }
        ProblemCode::SourceUnavailable | ProblemCode::SourceFault => {
            OctoError::unavailable("the supplier's system cannot be reached")
        }
        ProblemCode::SourceBusy => OctoError::unavailable("the supplier is very busy"),
        ProblemCode::SourcePaused => OctoError::unavailable("the supplier is paused"),
        ProblemCode::OutcomeUnknown | ProblemCode::OutcomeNeverKnown => {
            OctoError::unavailable("the outcome is not known yet: read the booking")
        }
        _ => OctoError::refused("the supplier refused the request"),
    }
}

/// Converts a problem of a source outside of orders.
fn unknown_code(code: &str) -> OctoError {
    match code {
        "SOURCE_TIMEOUT" | "SOURCE_THROTTLED" | "SOURCE_MALFORMED" | "SOURCE_UNAUTHORIZED" | "INTERNAL" => {
            OctoError::unavailable("the supplier's system cannot be reached")
        }
        _ => OctoError::new(OctoErrorCode::UnprocessableEntity, "the supplier refused the request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_an_order_has_an_error_and_only_failures_of_systems_are_503() {
        for code in ProblemCode::ALL {
            let problem = ProblemFacts { code: code.name().to_owned(), path: None, retry_after_seconds: None };
            let error = to_error(&problem, "u");
            let is_outage = error.code == OctoErrorCode::InternalServerError;
            assert_eq!(is_outage, error.status == 503, "{}", code.name());
        }
        let error = |code: &str| {
            to_error(&ProblemFacts { code: code.to_owned(), path: None, retry_after_seconds: Some(9) }, "u")
        };
        for (code, expected) in [
            ("NOT_AVAILABLE", OctoErrorCode::UnprocessableEntity),
            ("HOLD_EXPIRED", OctoErrorCode::InvalidBookingUuid),
            ("IDEMPOTENCY_KEY_REUSED", OctoErrorCode::InvalidBookingUuid),
            ("UNKNOWN_PERFORMANCE", OctoErrorCode::InvalidAvailabilityId),
            ("UNKNOWN_TICKET_TYPE", OctoErrorCode::InvalidUnitId),
            ("EMAIL_INVALID", OctoErrorCode::BadRequest),
            ("SOURCE_TIMEOUT", OctoErrorCode::InternalServerError),
        ] {
            assert_eq!((error(code).code, error(code).status == 503), (expected, code == "SOURCE_TIMEOUT"), "{code}");
        }
        assert_eq!(error("SOURCE_BUSY").retry_after, Some(9));
    }

    #[test]
    fn an_error_about_a_unit_of_a_line_names_the_unit() {
        let problem = |code: &str| ProblemFacts {
            code: code.to_owned(),
            path: Some(["input", "lines", "1", "ticketType"].map(str::to_owned).to_vec()),
            retry_after_seconds: None,
        };
        let error = |code| to_error_of_lines(&problem(code), "u", ["adult", "child", "adult"]).to_json();
        assert_eq!(error("UNKNOWN_TICKET_TYPE")["unitId"], "child");
        assert_eq!(error("NOT_AVAILABLE")["error"], "UNPROCESSABLE_ENTITY");
    }
}

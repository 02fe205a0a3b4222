//! Maps what the pipeline refuses, and what fields fail with, to errors of OCTO. The texts are ours.

use axum::http::StatusCode;
use domain::StoreError;
use octo_facade::{OctoError, OctoErrorCode};
use serde_json::Value;
use strum::IntoEnumIterator as _;

use crate::gateway::rejection::RequestRejection;
use crate::graphql::ErrorCode;

/// Seconds after which a request may be repeated that the ledger could not serve.
const LEDGER_RETRY: u64 = 1;

/// Converts a rejected operation.
pub(super) fn of_rejection(rejection: &RequestRejection) -> OctoError {
    let error = match (rejection.code, rejection.status) {
        (ErrorCode::BadRequest | ErrorCode::BodyTooLarge, status) => {
            OctoError::bad_request(rejection.message.as_str()).with_status(status.as_u16())
        }
        // Credentials that are not accepted; a request without any is refused before.
        (ErrorCode::Unauthenticated, _) => OctoError::new(OctoErrorCode::Forbidden, "the key is not valid"),
        (ErrorCode::Overloaded | ErrorCode::RequestTimeout, status) => {
            OctoError::unavailable(rejection.code.message()).with_status(status.as_u16())
        }
        (code, _) => of_code(code),
    };
    match rejection.retry_after {
        None => error,
        seconds => error.with_retry_after(seconds),
    }
}

/// Converts the first error of a result, by its code.
pub(super) fn of_errors(errors: &[Value]) -> OctoError {
    errors.first().map_or_else(OctoError::internal, |error| of_code(code_of(error)))
}

/// Returns true if each error is about an id that is malformed or names nothing.
pub(super) fn name_nothing(errors: &[Value]) -> bool {
    errors.iter().all(|error| matches!(code_of(error), ErrorCode::BadUserInput | ErrorCode::NotFound))
}

fn code_of(error: &Value) -> ErrorCode {
    let code = ErrorCode::iter().find(|known| error["extensions"]["code"] == known.as_str());
    code.unwrap_or(ErrorCode::Internal)
}

fn of_code(code: ErrorCode) -> OctoError {
    match code {
        ErrorCode::BadUserInput => OctoError::bad_request("a value is not valid"),
        ErrorCode::Forbidden => OctoError::new(OctoErrorCode::Forbidden, "the key is not for this"),
        ErrorCode::Unauthenticated => OctoError::new(OctoErrorCode::Forbidden, "the key is not valid"),
        ErrorCode::RateLimited => OctoError::new(OctoErrorCode::TooManyRequests, "too many requests"),
        ErrorCode::UnsupportedBySource => OctoError::refused("the supplier does not support this"),
        ErrorCode::SourceRefused => OctoError::refused("the supplier refused the request"),
        ErrorCode::SourceUnauthorized
        | ErrorCode::SourceThrottled
        | ErrorCode::SourceUnavailable
        | ErrorCode::SourceTimeout
        | ErrorCode::SourceMalformed
        | ErrorCode::SourceGone => OctoError::unavailable("the supplier's system cannot be reached"),
        ErrorCode::LedgerUnavailable => OctoError::unavailable(code.message()).with_retry_after(Some(LEDGER_RETRY)),
        ErrorCode::Overloaded => OctoError::unavailable(code.message()),
        ErrorCode::RequestTimeout => {
            OctoError::unavailable(code.message()).with_status(StatusCode::GATEWAY_TIMEOUT.as_u16())
        }
        _ => OctoError::internal(),
    }
}

/// Converts and logs a failure of the store.
pub(super) fn of_store(error: &StoreError) -> OctoError {
    tracing::error!(error = error as &dyn std::error::Error, "a booking could not be stored or read");
    of_code(ErrorCode::LedgerUnavailable)
}

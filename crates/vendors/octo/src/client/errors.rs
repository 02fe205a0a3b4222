//! Errors are classified by their code, and by the status only without a readable body (`octo.md §2.3`, `§2.4`).

use std::time::Duration;

use crate::wire::ErrorBody;
use domain::{Effect, ErrorKind, RefusalReason, VendorError, VendorOperation};
use http_client::VendorResponse;

/// Code of a booking that is unknown, expired or already used.
pub(crate) const INVALID_BOOKING_UUID: &str = "INVALID_BOOKING_UUID";
/// Code of an unknown availability.
pub(crate) const INVALID_AVAILABILITY_ID: &str = "INVALID_AVAILABILITY_ID";

/// Code of a request that is malformed, or a combination that the supplier forbids.
pub(crate) const BAD_REQUEST: &str = "BAD_REQUEST";

/// Longest wait that a body can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Meaning of an error code.
enum Meaning {
    NotFound,
    Rejected(RefusalReason),
    Unauthorized,
    RateLimited,
    /// The supplier is broken: a write has an unknown outcome, whatever the status (`octo.md §14`, trap 2).
    Broken,
}

/// Returns the error of an unsuccessful response.
pub(super) fn error_of(response: &VendorResponse) -> VendorError {
    let by_status = response.status_error();
    let body: ErrorBody = serde_json::from_slice(response.json_body()).unwrap_or_default();
    let status = response.status.as_u16();
    let Some(code) = body.error else { return unreadable(by_status, status) };
    let op = by_status.operation;
    let effect = if op.is_read_only() { Effect::None } else { Effect::Unknown };
    match meaning(&code, op) {
        Some(Meaning::NotFound) if status < 500 => {
            VendorError { kind: ErrorKind::NotFound, effect: Effect::None, ..by_status }.with_cause(Code(code))
        }
        Some(Meaning::Rejected(reason)) if status < 500 => {
            VendorError::rejected(&by_status.source, op, reason, Some(code.clone())).with_cause(Code(code))
        }
        Some(Meaning::Unauthorized) if status < 500 => {
            VendorError { kind: ErrorKind::Unauthorized, effect: Effect::None, ..by_status }
        }
        Some(Meaning::RateLimited) => {
            let asked = body.retry_after.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
            let wait = by_status.retry_after.or(asked);
            VendorError { kind: ErrorKind::RateLimited, effect: Effect::None, retry_after: wait, ..by_status }
        }
        Some(Meaning::Broken) if status < 500 => VendorError { kind: ErrorKind::Unavailable, effect, ..by_status },
        // A code that is not documented may mean that the supplier is broken.
        None if status < 500 && !is_about_credentials(status) && status != 429 => {
            VendorError { effect, ..by_status }.with_cause(Code(code))
        }
        _ => by_status,
    }
}

/// A response without a code is not the supplier's own: a write may have taken effect (`octo.md §12.1`).
fn unreadable(error: VendorError, status: u16) -> VendorError {
    let is_definite = is_about_credentials(status) || matches!(status, 429 | 509);
    if is_definite || error.operation.is_read_only() { error } else { error.with_effect(Effect::Unknown) }
}

fn is_about_credentials(status: u16) -> bool {
    matches!(status, 401 | 403)
}

fn meaning(code: &str, op: VendorOperation) -> Option<Meaning> {
    let invalid = |field: &str| RefusalReason::InvalidInput { field: field.to_owned() };
    Some(match code {
        "INVALID_PRODUCT_ID" | "INVALID_OPTION_ID" | "INVALID_UNIT_ID" | INVALID_AVAILABILITY_ID | "NOT_FOUND" => {
            Meaning::NotFound
        }
        INVALID_BOOKING_UUID => Meaning::Rejected(match op {
            VendorOperation::Confirm | VendorOperation::Extend => RefusalReason::HoldExpired,
            _ => RefusalReason::Conflict,
        }),
        BAD_REQUEST => Meaning::Rejected(invalid("lines")),
        "UNPROCESSABLE_ENTITY" => Meaning::Rejected(match op {
            VendorOperation::Cancel => RefusalReason::TooLate,
            VendorOperation::Extend => RefusalReason::Conflict,
            _ => RefusalReason::Other,
        }),
        "INVALID_ORDER_ID" | "INVALID_OFFER_CODE" => Meaning::Rejected(RefusalReason::Other),
        "UNAUTHORIZED" | "FORBIDDEN" => Meaning::Unauthorized,
        "TOO_MANY_REQUESTS" => Meaning::RateLimited,
        "INTERNAL_SERVER_ERROR" => Meaning::Broken,
        _ => return None,
    })
}

/// Error code as the cause of an error. Text that does not have the form of a code is not displayed.
#[derive(Debug)]
struct Code(String);

impl std::fmt::Display for Code {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_code = self.0.len() <= 64 && self.0.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        out.write_str(if is_code { &self.0 } else { "an undocumented error code" })
    }
}

impl std::error::Error for Code {}

/// Returns true if an error has this code.
pub(crate) fn has_code(error: &VendorError, code: &str) -> bool {
    error.cause.as_ref().and_then(|cause| cause.downcast_ref::<Code>()).is_some_and(|found| found.0 == code)
}

/// Returns true if the supplier refused a write as such: what it concerns is read before it is believed (`octo.md §6.2`).
pub(crate) fn is_refusal(error: &VendorError) -> bool {
    error.effect == Effect::None && matches!(error.kind, ErrorKind::Rejected(_) | ErrorKind::NotFound)
}

/// Returns true if the supplier does not have an endpoint (`octo.md §2.4`).
pub(super) fn is_missing_endpoint(response: &VendorResponse) -> bool {
    response.status.as_u16() == 404
}

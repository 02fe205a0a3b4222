//! The response of a vendor. Its content never appears unmasked in logs or errors.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;

use domain::{Effect, ErrorKind, SourceId, VendorError, VendorOperation};

/// Pause after a rate-limit response without `Retry-After`.
const DEFAULT_RATE_LIMIT_PAUSE: Duration = Duration::from_secs(5);
/// Upper limit of the wait that a vendor can request.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);
/// Number of bytes of an unparsable response that are logged, masked.
const MAX_SAMPLE_BYTES: usize = 240;

/// The response to a request, with any status.
pub struct VendorResponse {
    pub(super) source: SourceId,
    pub(super) operation: VendorOperation,
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// Complete body.
    pub body: Bytes,
}

impl VendorResponse {
    /// Parses the body as JSON. Fails with `Malformed` and logs a masked sample if the body does not match.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        serde_json::from_slice(&self.body).map_err(|error| self.malformed(&error))
    }

    /// Returns a `Malformed` error and logs a masked sample of the body. The error contains nothing of it.
    pub fn malformed(&self, why: &dyn fmt::Display) -> VendorError {
        tracing::warn!(
            source = %self.source,
            operation = self.operation.name(),
            status = self.status.as_u16(),
            bytes = self.body.len(),
            sample = %mask(&self.body),
            "the response cannot be parsed: {}",
            mask(why.to_string().as_bytes()),
        );
        self.error(ErrorKind::Malformed).with_effect(self.write_effect())
    }

    /// Returns the error for an unsuccessful status that the vendor crate does not map itself. 401 and 403 are
    /// `Unauthorized`, 404 is `NotFound`, 408 and 504 are `Timeout`, 429 and 509 are `RateLimited`, other 4xx are
    /// `Internal`, all others are
    /// `Unavailable`.
    pub fn status_error(&self) -> VendorError {
        let kind = match self.status.as_u16() {
            401 | 403 => ErrorKind::Unauthorized,
            404 => ErrorKind::NotFound,
            429 | 509 => ErrorKind::RateLimited,
            408 | 504 => ErrorKind::Timeout,
            400..=499 => ErrorKind::Internal,
            _ => ErrorKind::Unavailable,
        };
        self.error(kind)
            .with_effect(self.write_effect())
            .with_retry_after(self.retry_after())
            .with_cause(format!("HTTP status {}", self.status.as_u16()))
    }

    /// Creates an error of this call.
    pub fn error(&self, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, self.operation, kind)
    }

    /// Returns the wait that the vendor requests in seconds in `Retry-After`, at most ten minutes.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
    }

    /// Returns the pause to make after a rate-limit response, or `None` for any other response.
    pub(super) fn rate_limit_pause(&self) -> Option<Duration> {
        matches!(self.status.as_u16(), 429 | 509).then(|| self.retry_after().unwrap_or(DEFAULT_RATE_LIMIT_PAUSE))
    }

    /// Returns the possible effect of the call: none for a read or a definite 4xx, unknown for an unparsable success or a
    /// 5xx.
    fn write_effect(&self) -> Effect {
        let refused = self.status.is_client_error() && self.status != StatusCode::REQUEST_TIMEOUT;
        if self.operation.is_read_only() || refused || self.status.as_u16() == 509 {
            Effect::None
        } else {
            Effect::Unknown
        }
    }
}

impl fmt::Debug for VendorResponse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} with {} bytes from {}", self.status, self.body.len(), self.source)
    }
}

/// Hides the content of a text but keeps its structure: letters become `x`, digits become `0`.
fn mask(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_SAMPLE_BYTES)]);
    text.chars()
        .map(|c| match c {
            '0'..='9' => '0',
            c if c.is_alphanumeric() => 'x',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(operation: VendorOperation, status: u16) -> VendorResponse {
        VendorResponse {
            source: SourceId::new("opera"),
            operation,
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"not json"),
        }
    }

    #[test]
    fn a_definite_rejection_had_no_effect_and_a_broken_response_to_a_write_has_an_unknown_effect() {
        for (operation, status, kind, effect) in [
            (VendorOperation::Confirm, 400, ErrorKind::Internal, Effect::None),
            (VendorOperation::Confirm, 502, ErrorKind::Unavailable, Effect::Unknown),
            (VendorOperation::Confirm, 509, ErrorKind::RateLimited, Effect::None),
            (VendorOperation::LoadEvents, 502, ErrorKind::Unavailable, Effect::None),
            (VendorOperation::LoadEvents, 404, ErrorKind::NotFound, Effect::None),
        ] {
            let error = response(operation, status).status_error();
            assert_eq!((error.kind, error.effect), (kind, effect), "{operation:?} {status}");
        }
        let unparsable = response(VendorOperation::Hold, 200).json::<u32>().expect_err("not a number");
        assert_eq!((unparsable.kind, unparsable.effect), (ErrorKind::Malformed, Effect::Unknown));
    }

    #[test]
    fn a_sample_shows_the_structure_of_a_response_and_none_of_its_content() {
        assert_eq!(mask(br#"{"code":"K7P2M9QX","n":41}"#), r#"{"xxxx":"x0x0x0xx","x":00}"#);
    }
}

//! What a vendor answered, and how to read it without leaking it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;

use domain::{Effect, ErrorKind, Operation, SourceId, VendorError};

/// How long to keep quiet after a "too many" that names no time.
const QUIET: Duration = Duration::from_secs(5);
/// The longest wait that a vendor can impose on us.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// How much of an unreadable answer goes to the log, masked.
const SAMPLE: usize = 240;

/// The answer to a call, any status.
pub struct Answer {
    pub(super) source: SourceId,
    pub(super) operation: Operation,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// Reads the body as JSON; `Malformed` with a masked sample in the log where it is not what was expected.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        serde_json::from_slice(&self.body).map_err(|fault| self.malformed(&fault))
    }

    /// The answer cannot be read. A masked sample goes to the log, nothing of it to anybody else.
    pub fn malformed(&self, why: &dyn fmt::Display) -> VendorError {
        tracing::warn!(
            source = %self.source,
            operation = self.operation.name(),
            status = self.status.as_u16(),
            bytes = self.body.len(),
            sample = %masked(&self.body),
            "the answer cannot be read: {}",
            masked(why.to_string().as_bytes()),
        );
        self.error(ErrorKind::Malformed).with_effect(self.effect_unless_refused())
    }

    /// The error of a status that is not a success and has no better meaning to the vendor folder:
    /// 401 and 403 are `Unauthorized`, 404 is `NotFound`, 429 and 509 are `RateLimited`, other 4xx are `Internal`, the rest `Unavailable`.
    pub fn refused(&self) -> VendorError {
        let kind = match self.status.as_u16() {
            401 | 403 => ErrorKind::Unauthorized,
            404 => ErrorKind::NotFound,
            429 | 509 => ErrorKind::RateLimited,
            408 | 504 => ErrorKind::Timeout,
            400..=499 => ErrorKind::Internal,
            _ => ErrorKind::Unavailable,
        };
        self.error(kind)
            .with_effect(self.effect_unless_refused())
            .with_retry_after(self.retry_after())
            .because(format!("HTTP status {}", self.status.as_u16()))
    }

    /// An error of this call.
    pub fn error(&self, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, self.operation, kind)
    }

    /// How long the vendor asks to wait, where it says so in seconds; at most ten minutes.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
    }

    /// The quiet time after a "too many".
    pub(super) fn throttled(&self) -> Option<Duration> {
        matches!(self.status.as_u16(), 429 | 509).then(|| self.retry_after().unwrap_or(QUIET))
    }

    /// A clear 4xx did nothing; a success that cannot be read, or a 5xx, may have.
    fn effect_unless_refused(&self) -> Effect {
        let refused = self.status.is_client_error() && self.status != StatusCode::REQUEST_TIMEOUT;
        if self.operation.reads() || refused || self.status.as_u16() == 509 { Effect::None } else { Effect::Unknown }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} with {} bytes from {}", self.status, self.body.len(), self.source)
    }
}

/// Keeps the shape of a text and hides what it says: letters become `x`, digits `0`.
fn masked(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SAMPLE)]);
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

    fn answer(operation: Operation, status: u16) -> Answer {
        Answer {
            source: SourceId::new("opera"),
            operation,
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"not json"),
        }
    }

    #[test]
    fn a_clear_refusal_did_nothing_and_a_broken_answer_to_a_write_may_have() {
        for (operation, status, kind, effect) in [
            (Operation::Confirm, 400, ErrorKind::Internal, Effect::None),
            (Operation::Confirm, 502, ErrorKind::Unavailable, Effect::Unknown),
            (Operation::Confirm, 509, ErrorKind::RateLimited, Effect::None),
            (Operation::LoadEvents, 502, ErrorKind::Unavailable, Effect::None),
            (Operation::LoadEvents, 404, ErrorKind::NotFound, Effect::None),
        ] {
            let error = answer(operation, status).refused();
            assert_eq!((error.kind, error.effect), (kind, effect), "{operation:?} {status}");
        }
        let unread = answer(Operation::Hold, 200).json::<u32>().expect_err("no number");
        assert_eq!((unread.kind, unread.effect), (ErrorKind::Malformed, Effect::Unknown));
    }

    #[test]
    fn a_sample_shows_the_shape_of_an_answer_and_nothing_of_what_it_says() {
        assert_eq!(masked(br#"{"code":"K7P2M9QX","n":41}"#), r#"{"xxxx":"x0x0x0xx","x":00}"#);
    }
}

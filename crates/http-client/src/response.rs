//! The response of a vendor. Its content never appears unmasked in logs or errors.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use serde::de::DeserializeOwned;

use crate::misfit::{misfit, row_misfit, sample, without_values};
use crate::request_metrics::count_unreadable_rows;
use domain::seen::record_misfit;
use domain::{Clock, Effect, ErrorKind, SourceId, SystemClock, VendorError, VendorOperation};

/// Pauses that a vendor asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PausePolicy {
    /// Pause after a rate-limit response without a readable `Retry-After`.
    pub default: Duration,
    /// Upper bound of the pause that a vendor can ask for.
    pub max: Duration,
}

/// UTF-8 byte order mark. RFC 8259 §8.1 forbids it in JSON and lets readers ignore it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The response to a request, with any status.
pub struct VendorResponse {
    pub(super) source: SourceId,
    pub(super) operation: VendorOperation,
    pub(super) pauses: PausePolicy,
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// Complete body.
    pub body: Bytes,
}

impl VendorResponse {
    /// Returns the body without a byte order mark.
    pub fn json_body(&self) -> &[u8] {
        self.body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.body)
    }

    /// Parses the body as JSON, with or without a byte order mark. Fails with `Malformed` and logs a masked sample if the body
    /// does not match.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        serde_json::from_slice(self.json_body()).map_err(|_| self.malformed(&misfit::<T>(self.json_body())))
    }

    /// Returns a `Malformed` error, and logs and records why, and what the body looks like: its keys, and no
    /// value. The error contains nothing of it.
    pub fn malformed(&self, why: &dyn fmt::Display) -> VendorError {
        let why = without_values(&why.to_string());
        record_misfit(&why);
        tracing::debug!(
            source = %self.source,
            operation = self.operation.name(),
            status = self.status.as_u16(),
            bytes = self.body.len(),
            sample = sample(self.json_body()),
            "the response cannot be read: {why}",
        );
        self.error(ErrorKind::Malformed).with_effect(self.write_effect())
    }

    /// Returns the readable rows of a list, and counts those that could not be read. Fails with `Malformed` if there are rows
    /// and none is readable: that is a changed format, not an empty list. The reason is that of the first row.
    pub fn readable_rows<T: DeserializeOwned>(&self, rows: Vec<T>, unreadable: usize) -> Result<Vec<T>, VendorError> {
        count_unreadable_rows(&self.source, self.operation, unreadable);
        if rows.is_empty() && unreadable > 0 {
            return Err(self.malformed(&row_misfit::<T>(self.json_body())));
        }
        Ok(rows)
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
            .with_retry_after(self.pause().or_else(|| self.retry_after()))
            .with_cause(format!("HTTP status {}", self.status.as_u16()))
    }

    /// Creates an error of this call.
    pub fn error(&self, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, self.operation, kind)
    }

    /// Returns the wait that the vendor asks for in `Retry-After`, at most the bound of the policy. `None` if there is none, or
    /// an unreadable one or a date in the past. A date is compared with the vendor's own clock, which is in `Date`, so that a
    /// clock that is off does not change the wait (RFC 9110 §10.2.3).
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let wait = if is_number {
            text.parse().map_or(Duration::MAX, Duration::from_secs)
        } else {
            let now = self.date(&DATE).unwrap_or_else(|| SystemClock.now().into());
            self.date(&RETRY_AFTER)?.duration_since(now).ok().filter(|wait| !wait.is_zero())?
        };
        Some(wait.min(self.pauses.max))
    }

    fn date(&self, name: &HeaderName) -> Option<SystemTime> {
        httpdate::parse_http_date(self.headers.get(name)?.to_str().ok()?.trim()).ok()
    }

    /// Returns the pause to make before further requests: after a rate-limit response (429, 509), and after a 503 with
    /// `Retry-After`. `None` for any other response.
    pub(super) fn pause(&self) -> Option<Duration> {
        match self.status.as_u16() {
            429 | 509 => Some(self.retry_after().unwrap_or(self.pauses.default).min(self.pauses.max)),
            503 => self.retry_after(),
            _ => None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSES: PausePolicy = PausePolicy { default: Duration::from_secs(30), max: Duration::from_secs(3600) };

    fn response(operation: VendorOperation, status: u16) -> VendorResponse {
        VendorResponse {
            source: SourceId::new("opera"),
            operation,
            pauses: PAUSES,
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
    fn a_pause_is_read_as_seconds_or_as_a_date_and_bounded_and_the_default_replaces_what_cannot_be_read() {
        let (default, max) = (Some(PAUSES.default), Some(PAUSES.max));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (status, header, expected) in [
            (429, Some("17"), seconds(17)),
            (509, Some("17"), seconds(17)),
            (503, Some("17"), seconds(17)),
            (429, Some("0"), seconds(0)),
            (429, Some("Sun, 06 Nov 1994 08:51:37 GMT"), seconds(120)),
            (503, Some("Sunday, 06-Nov-94 08:51:37 GMT"), seconds(120)),
            (429, Some("Sun, 06 Nov 1994 07:49:37 GMT"), default),
            (429, Some("Sat, 06 Nov 2094 08:49:37 GMT"), max),
            (429, Some("99999999999999999999999"), max),
            (429, Some("soon"), default),
            (429, Some("-5"), default),
            (429, None, default),
            (509, None, default),
            (503, Some("soon"), None),
            (503, None, None),
            (502, Some("17"), None),
        ] {
            let mut response = response(VendorOperation::Hold, status);
            response.headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().expect("a header"));
            if let Some(header) = header {
                response.headers.insert(RETRY_AFTER, header.parse().expect("a header"));
            }
            assert_eq!(response.pause(), expected, "{status} {header:?}");
            assert!(status == 502 || response.status_error().retry_after == expected, "{status} {header:?}");
        }
    }

    #[test]
    fn without_a_date_of_the_vendor_our_clock_is_compared() {
        let mut response = response(VendorOperation::Hold, 429);
        let later = SystemTime::from(SystemClock.now()) + Duration::from_secs(100);
        response.headers.insert(RETRY_AFTER, httpdate::fmt_http_date(later).parse().expect("a header"));
        let pause = response.pause().expect("a pause");
        assert!((Duration::from_secs(90)..=Duration::from_secs(100)).contains(&pause), "{pause:?}");
    }

    #[test]
    fn json_is_read_behind_a_byte_order_mark() {
        let body = Bytes::from_static(b"\xef\xbb\xbf[1, 2]");
        let response = VendorResponse { body, ..response(VendorOperation::LoadEvents, 200) };
        assert_eq!(response.json::<Vec<u32>>().ok(), Some(vec![1, 2]));
    }

    #[test]
    fn a_list_without_a_readable_row_is_malformed_and_an_empty_one_is_not() {
        let response = response(VendorOperation::ListEvents, 200);
        assert_eq!(response.readable_rows::<u32>(Vec::new(), 0).ok(), Some(Vec::new()));
        assert_eq!(response.readable_rows(vec![1], 2).ok(), Some(vec![1]));
        let error = response.readable_rows::<u32>(Vec::new(), 2).expect_err("nothing is readable");
        assert_eq!(error.kind, ErrorKind::Malformed);
    }
}

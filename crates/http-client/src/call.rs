//! One call to a vendor, before it is sent.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;

use domain::Operation;

/// What a call carries.
#[derive(Clone)]
pub struct Payload {
    content_type: HeaderValue,
    bytes: Bytes,
}

impl Payload {
    /// A JSON body.
    pub fn json<T: Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self {
            content_type: HeaderValue::from_static("application/json"),
            bytes: serde_json::to_vec(value)?.into(),
        })
    }

    /// A body of another kind.
    pub fn new(content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self { content_type: HeaderValue::from_static(content_type), bytes: bytes.into() }
    }
}

/// One call to a vendor. Its headers and body may hold secrets: neither is ever shown.
pub struct Call {
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) timeout: Option<Duration>,
    shown: Option<&'static str>,
    headers: HeaderMap,
    payload: Option<Payload>,
}

impl Call {
    /// A call without a body.
    pub fn new(operation: Operation, method: Method, url: Url) -> Self {
        Self { operation, method, url, timeout: None, shown: None, headers: HeaderMap::new(), payload: None }
    }

    /// Adds a header. Text that no header may hold is left out: the vendor then answers as if it were missing.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds a header that holds a secret.
    #[must_use]
    pub fn secret_header(mut self, name: HeaderName, value: &SecretString) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value.expose_secret()) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }

    /// Gives the call a body.
    #[must_use]
    pub fn payload(mut self, payload: Payload) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Allows this call longer, or less, than the source's attempt timeout.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Shows this path in spans and `Debug` instead of the real one, for a path that holds a secret.
    #[must_use]
    pub fn shown_as(mut self, path: &'static str) -> Self {
        self.shown = Some(path);
        self
    }

    /// The path, as spans and `Debug` show it.
    pub(super) fn path(&self) -> &str {
        self.shown.unwrap_or_else(|| self.url.path())
    }

    pub(super) fn into_request(self) -> Request {
        let mut request = Request::new(self.method, self.url);
        *request.headers_mut() = self.headers;
        if let Some(payload) = self.payload {
            request.headers_mut().insert(CONTENT_TYPE, payload.content_type);
            *request.body_mut() = Some(payload.bytes.into());
        }
        request
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_holds_a_secret_is_not_shown() {
        let url = Url::parse("https://vendor.example/v3/tokens/K7P2M9QX").expect("an address");
        let call = Call::new(Operation::ReadTokens, Method::GET, url).shown_as("/tokens/…");
        assert_eq!(format!("{call:?}"), "GET /tokens/…");
    }
}

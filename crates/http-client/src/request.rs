//! A request to a vendor.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use domain::{Endpoint, VendorOperation};

/// Body of a request.
#[derive(Clone)]
pub struct RequestBody {
    content_type: HeaderValue,
    bytes: Bytes,
}

impl RequestBody {
    /// Creates a JSON body.
    pub fn json<T: Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self {
            content_type: HeaderValue::from_static("application/json"),
            bytes: serde_json::to_vec(value)?.into(),
        })
    }

    /// Creates a body with another content type.
    pub fn new(content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self { content_type: HeaderValue::from_static(content_type), bytes: bytes.into() }
    }
}

/// A request to a vendor. Its headers and body may contain secrets and are never displayed.
pub struct VendorRequest {
    pub(super) operation: VendorOperation,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) timeout: Option<Duration>,
    pub(super) endpoint: Endpoint,
    pub(super) display_path: Option<&'static str>,
    headers: HeaderMap,
    payload: Option<RequestBody>,
}

impl VendorRequest {
    /// Creates a request without a body.
    pub fn new(operation: VendorOperation, method: Method, url: Url) -> Self {
        Self {
            operation,
            method,
            url,
            timeout: None,
            endpoint: Endpoint::default(),
            display_path: None,
            headers: HeaderMap::new(),
            payload: None,
        }
    }

    /// Adds a header. A value that is not valid in a header is omitted, so the vendor responds as if it were missing.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds a header with a secret value.
    #[must_use]
    pub fn secret_header(mut self, name: HeaderName, value: &SecretString) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value.expose_secret()) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn payload(mut self, payload: RequestBody) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Overrides the source's attempt timeout for this request.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Names the endpoint that is called, as far as the vendor limits it by itself.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Sets the path to display in spans and `Debug` output instead of the real one. For paths that contain a secret.
    #[must_use]
    pub fn with_display_path(mut self, path: &'static str) -> Self {
        self.display_path = Some(path);
        self
    }

    /// Returns the path for spans and `Debug` output.
    pub(super) fn path_for_display(&self) -> &str {
        self.display_path.unwrap_or_else(|| self.url.path())
    }

    /// Describes the request, for a report to the vendor.
    pub fn report(&self) -> RequestReport {
        RequestReport {
            method: self.method.clone(),
            path: self.path_for_display().to_owned(),
            headers: self.headers.keys().cloned().collect(),
            payload: self.payload.as_ref().map(|payload| payload.bytes.clone()),
        }
    }

    /// Returns the names of the headers in ascending order. Values may be secrets.
    pub(super) fn header_names(&self) -> Vec<String> {
        let content_type = self.payload.as_ref().map(|_| CONTENT_TYPE);
        let mut names: Vec<String> =
            self.headers.keys().cloned().chain(content_type).map(|it| it.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns the body; empty without one.
    pub(super) fn body(&self) -> Bytes {
        self.payload.as_ref().map_or_else(Bytes::new, |payload| payload.bytes.clone())
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

/// Description of a request without the values of its headers and with a masked body.
pub struct RequestReport {
    /// HTTP method.
    pub method: Method,
    /// Path, without the query.
    pub path: String,
    headers: Vec<HeaderName>,
    payload: Option<Bytes>,
}

impl RequestReport {
    /// Returns the names of the headers.
    pub fn header_names(&self) -> String {
        self.headers.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Returns the JSON body with its keys and without its values; empty for any other body.
    pub fn masked_payload(&self) -> String {
        let body = self.payload.as_deref().and_then(|payload| serde_json::from_slice(payload).ok());
        body.map_or_else(String::new, |body: Value| masked(&body).to_string())
    }
}

/// Replaces each value by a placeholder of its type.
fn masked(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), masked(value))).collect(),
        Value::Array(list) => list.iter().map(masked).collect(),
        Value::String(_) => "…".into(),
        Value::Number(_) => 0.into(),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

impl fmt::Debug for VendorRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.path_for_display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_contains_a_secret_is_not_displayed() {
        let url = Url::parse("https://vendor.example/v3/tokens/K7P2M9QX").expect("a URL");
        let call = VendorRequest::new(VendorOperation::ReadTokens, Method::GET, url).with_display_path("/tokens/…");
        assert_eq!(format!("{call:?}"), "GET /tokens/…");
    }

    #[test]
    fn a_report_has_the_structure_of_a_request_and_none_of_its_values() {
        let url = Url::parse("https://vendor.example/v3/orders?email=ada%40example.org").expect("a URL");
        let body = serde_json::json!({ "card": { "number": "4111", "cvv": 123 }, "items": ["a"], "free": true });
        let request = VendorRequest::new(VendorOperation::Confirm, Method::POST, url)
            .secret_header(HeaderName::from_static("x-api-key"), &"secret".into())
            .payload(RequestBody::json(&body).expect("JSON"));
        let report = request.report();
        assert_eq!((report.method.as_str(), report.path.as_str()), ("POST", "/v3/orders"));
        assert_eq!(report.header_names(), "x-api-key");
        assert_eq!(report.masked_payload(), r#"{"card":{"cvv":0,"number":"…"},"free":true,"items":["…"]}"#);
    }
}

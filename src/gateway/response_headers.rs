//! Headers of every response, whichever path it came by: security headers and the request id.

use axum::http::header::{REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};

use crate::gateway::request_id;

/// Adds the security headers, and the request id if there is one to add. Pages have their own content security policy.
pub fn finish_headers(headers: &mut HeaderMap, request_id: Option<&str>, serves_tls: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if serves_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if let Some(request_id) = request_id {
        request_id::add_header(request_id, headers);
    }
}

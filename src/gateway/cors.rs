//! Cross-origin requests: allowed origins, methods and headers.

use std::time::Duration;

use axum::http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderName, RETRY_AFTER,
    VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};
use url::{Host, Url};

use crate::gateway::request_id;

/// Response headers that scripts of other origins may read.
const EXPOSED_HEADERS: [HeaderName; 7] = [
    request_id::HEADER,
    RETRY_AFTER,
    ETAG,
    CONTENT_DISPOSITION,
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// Returns the value of `access-control-expose-headers`.
pub fn exposed_headers() -> HeaderValue {
    let names = EXPOSED_HEADERS.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(",");
    HeaderValue::from_str(&names).expect("valid header values")
}

/// Adds what the layer adds to the response of a request without `Origin`.
pub fn add_headers_without_origin(headers: &mut HeaderMap, exposed_headers: &HeaderValue) {
    headers.append(VARY, HeaderValue::from_static("origin"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed_headers.clone());
}

/// Returns true if an origin is on this machine: `localhost` or a loopback address, at any port.
pub fn is_loopback_origin(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|origin| match origin.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

/// Builds the layer that responds to preflight requests and adds the headers for allowed origins, and for those on this machine if
/// `allows_loopback`.
pub fn cors_layer(origins: &[String], allows_loopback: bool) -> CorsLayer {
    let allowed: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let is_allowed = move |origin: &HeaderValue, _: &Parts| {
        let is_loopback = || origin.to_str().is_ok_and(is_loopback_origin);
        allowed.contains(origin) || allows_loopback && is_loopback()
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, request_id::HEADER])
        .expose_headers(EXPOSED_HEADERS)
        .max_age(Duration::from_secs(600))
}

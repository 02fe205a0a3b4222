//! Cross-origin requests: allowed origins, methods and headers.

use std::time::Duration;

use axum::http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, RETRY_AFTER, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::gateway::request_id;

/// Response headers that scripts of other origins may read.
const EXPOSED_HEADERS: [HeaderName; 6] = [
    request_id::HEADER,
    RETRY_AFTER,
    ETAG,
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

/// Builds the layer that responds to preflight requests and adds the headers for allowed origins.
pub fn cors_layer(origins: &[String]) -> CorsLayer {
    let allowed: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, request_id::HEADER])
        .expose_headers(EXPOSED_HEADERS)
        .max_age(Duration::from_secs(600))
}

//! Responses that shared caches ("edges") may store: which are public, for how long, and with which cache tags.
//!
//! A response is public only if it is the cached response of a catalog query and the caller may see exactly what a
//! caller without credentials sees. It has no header that depends on the caller.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use edge::EdgeTag;
use sha2::{Digest, Sha256};

use crate::gateway::auth::Principal;
use crate::gateway::graphql_http::{cached_response, encoded_body};
use crate::gateway::negotiate::MediaType;
use crate::gateway::pages;
use crate::gateway::response_cache::{CachePartition, CachedResponse};
use crate::gateway::state::AppState;

/// Request headers that decide which response a client gets. CORS adds `Origin`.
pub const VARY_CACHED: HeaderValue =
    HeaderValue::from_static("accept, accept-encoding, authorization, cookie, x-csrf-protection");
/// Cache tags, separated by commas (Cloudflare, Akamai and others).
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
/// Cache tags, separated by spaces (Fastly, Varnish).
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
/// Time after an invalidation in which responses with its facts are not stored: another replica may not know of it, and
/// the edges get purges once more.
const QUIET_TIME: Duration = Duration::from_secs(2);

/// Settings of public responses.
#[derive(Debug, Clone, Copy)]
pub struct EdgeSettings {
    /// Time after its expiry in which an edge may serve a response while it fetches a new one.
    pub stale_while_revalidate: Duration,
    /// Time after its expiry in which an edge may serve a response while the service fails.
    pub stale_if_error: Duration,
    /// Largest number of cache tags, besides those of sources.
    pub max_tags: usize,
    /// True if POST queries are public, too, for the response caches of federation routers.
    pub router_caches: bool,
}

/// Marks a response whose headers do not depend on the caller: nothing about the request is added to it.
#[derive(Debug, Clone, Copy)]
pub struct Shareable;

/// Builds the response of a cached GET query for shared caches. Returns `None` if it must not be public, expires within a
/// second, or contains facts that were invalidated just before.
pub(super) fn shared_response(
    state: &AppState,
    caller: &Principal,
    cached: &CachedResponse,
    headers: &HeaderMap,
    media: MediaType,
) -> Option<Response> {
    let settings = state.edge?;
    let validity = cached.validity_in(&anonymous_partition(state, caller)?)?;
    let (body, coding) = encoded_body(state, cached, headers);
    let etag = entity_tag(&body, media);
    let if_none_match = headers.get(IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let is_match = if_none_match.is_some_and(|tag| pages::etag_matches(tag, &etag));
    let tags = validity.edge_tags(settings.max_tags);
    let mut response = Response::new(if is_match { Body::empty() } else { Body::from(body) });
    let response_headers = response.headers_mut();
    response_headers.reserve(20);
    response_headers.insert(VARY, VARY_CACHED);
    if !is_match {
        response_headers.insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
        if let Some(name) = coding {
            response_headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
    }
    insert(response_headers, ETAG, &etag);
    // Checked last: whatever is invalidated from now on is purged after this response.
    let seconds = validity.shared_lifetime(QUIET_TIME)?.as_secs();
    if seconds == 0 {
        return None;
    }
    insert(response_headers, CACHE_CONTROL, &cache_control(settings, seconds, validity.may_be_stale()));
    insert(response_headers, CACHE_TAG, &join(tags, ","));
    insert(response_headers, SURROGATE_KEY, &join(tags, " "));
    if is_match {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.extensions_mut().insert(Shareable);
    Some(response)
}

/// Builds the response of a cached POST query for the response cache of a federation router. Returns `None` as
/// [`shared_response`] does, or if those caches are not used.
pub(super) fn router_response(
    state: &AppState,
    caller: &Principal,
    cached: &CachedResponse,
    headers: &HeaderMap,
    media: MediaType,
) -> Option<Response> {
    state.edge.filter(|settings| settings.router_caches)?;
    let validity = cached.validity_in(&anonymous_partition(state, caller)?)?;
    let mut response = cached_response(state, cached, headers, media);
    let seconds = validity.shared_lifetime(QUIET_TIME)?.as_secs();
    if seconds == 0 {
        return None;
    }
    // Apollo Router refuses the whole header if `stale-if-error` has a value.
    insert(response.headers_mut(), CACHE_CONTROL, &format!("public, s-maxage={seconds}"));
    response.extensions_mut().insert(Shareable);
    Some(response)
}

/// Returns the cache partition of callers without credentials, unless they are rejected. A person who has signed in never
/// gets a public response.
fn anonymous_partition(state: &AppState, caller: &Principal) -> Option<CachePartition> {
    let authenticator = state.authenticator.load();
    let anonymous = authenticator.anonymous.as_ref().filter(|_| caller.session.is_none())?;
    Some(CachePartition::of(&anonymous.viewer))
}

/// Returns a strong tag: of the bytes as sent, and of their media type.
fn entity_tag(body: &[u8], media: MediaType) -> String {
    let digest = Sha256::new().chain_update(media.content_type()).chain_update(body).finalize();
    format!("\"{}\"", hex::encode(&digest[..16]))
}

/// Browsers, which no purge reaches, must revalidate (`max-age=0`).
fn cache_control(settings: EdgeSettings, seconds: u64, may_be_stale: bool) -> String {
    let stale = |time: Duration| if may_be_stale { time.as_secs() } else { 0 };
    format!(
        "public, s-maxage={seconds}, max-age=0, stale-while-revalidate={}, stale-if-error={}",
        stale(settings.stale_while_revalidate),
        stale(settings.stale_if_error)
    )
}

fn join(tags: &[EdgeTag], separator: &str) -> String {
    tags.iter().map(EdgeTag::as_str).collect::<Vec<_>>().join(separator)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

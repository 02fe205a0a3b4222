//! Fast path: serves cached responses by request body, ahead of the router.
//!
//! Running the layers of the router costs more than sending a cached response. The fast path calls the same functions
//! as the regular path for authentication, rate limits, validity and content coding. A request with anything unusual in
//! it is passed to the regular path unchanged. A test compares the responses of both paths.

use std::future::ready;
use std::sync::Arc;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, ORIGIN, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::BodyExt;
use metrics::{Histogram, SharedString};
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::gateway::cors::{add_headers_without_origin, exposed_headers};
use crate::gateway::edge::{Shareable, router_response};
use crate::gateway::graphql_http::cached_response;
use crate::gateway::negotiate::{MediaType, accepted, has_json_body};
use crate::gateway::observe::{has_one_host, operation_duration, request_duration};
use crate::gateway::request_id;
use crate::gateway::response_headers::finish_headers;
use crate::gateway::state::{AppState, PeerAddress};

/// Longest body that is looked up, in bytes.
const MAX_BODY_LENGTH: usize = 16 << 10;
/// Attempts to read the whole body. A body that takes longer goes to the regular path, which can wait.
const MAX_READ_ATTEMPTS: usize = 3;
/// Headers that only the regular path supports.
const UNSUPPORTED_HEADERS: [HeaderName; 5] =
    [ORIGIN, TRANSFER_ENCODING, CONTENT_ENCODING, EXPECT, HeaderName::from_static("traceparent")];

/// Serves responses that are cached for exactly the received body.
pub struct FastPath {
    state: Arc<AppState>,
    is_enabled: bool,
    exposed_headers: HeaderValue,
    requests: Histogram,
    operations: Histogram,
}

impl FastPath {
    /// Creates a fast path. It is disabled if requests are traced, because every request then needs its spans.
    pub fn new(state: Arc<AppState>, is_traced: bool) -> Self {
        Self {
            state,
            is_enabled: !is_traced,
            exposed_headers: exposed_headers(),
            requests: request_duration("POST", SharedString::const_str("/graphql"), StatusCode::OK),
            operations: operation_duration("query", "ok"),
        }
    }

    /// Returns the cached response, or the unchanged request for the regular path.
    pub async fn try_respond<B>(&self, request: Request<B>, peer: PeerAddress) -> Result<Response<Body>, Request<Body>>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let Some((length, media)) = self.eligible(&request) else { return Err(request.map(Body::new)) };
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let body = match read_body(body, length).await {
            Ok(body) => body,
            Err(rest) => return Err(Request::from_parts(parts, rest)),
        };
        match self.find_response(&parts.headers, &body, media, peer).await {
            Some(response) => {
                let took = started.elapsed().as_secs_f64();
                self.requests.record(took);
                self.operations.record(took);
                Ok(response)
            }
            None => Err(Request::from_parts(parts, Body::from(body))),
        }
    }

    /// Returns the body length and the accepted media type if the fast path supports the request.
    fn eligible<B>(&self, request: &Request<B>) -> Option<(usize, MediaType)> {
        let headers = request.headers();
        let is_supported = self.is_enabled
            && request.method() == Method::POST
            && request.uri().path() == "/graphql"
            && has_one_host(request)
            && !UNSUPPORTED_HEADERS.iter().any(|name| headers.contains_key(name))
            && has_json_body(headers);
        if !is_supported {
            return None;
        }
        let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
        let is_short = (1..=MAX_BODY_LENGTH.min(self.state.pipeline.limits().body_bytes)).contains(&length);
        let media = accepted(headers)?.media;
        if !matches!(media, MediaType::Json | MediaType::GraphqlResponse) {
            return None;
        }
        is_short.then_some((length, media))
    }

    async fn find_response(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        media: MediaType,
        peer: PeerAddress,
    ) -> Option<Response<Body>> {
        let (state, pipeline) = (&self.state, &self.state.pipeline);
        let indexed = pipeline.find_indexed_body(body)?;
        // The regular path reports failed authentication and exceeded limits.
        let caller = state.authenticator.load().authenticate(headers).await.ok()?;
        let cached = pipeline.find_cached(indexed, &caller.viewer)?;
        let anonymous_peer = caller.counted_address(headers, peer);
        let status = state.count_against_limit(&caller, anonymous_peer, 1).await.ok()?;
        state.record_requests(&caller, 1);
        let shared = router_response(state, &caller, &cached, headers, media);
        let mut response = shared.unwrap_or_else(|| cached_response(state, &cached, headers, media));
        let is_shareable = response.extensions().get::<Shareable>().is_some();
        let length = response.body().size_hint().exact();
        let response_headers = response.headers_mut();
        if let Some(length) = length {
            response_headers.insert(CONTENT_LENGTH, length.into());
        }
        if let Some(status) = status.filter(|_| !is_shareable) {
            status.add_headers(response_headers);
        }
        add_headers_without_origin(response_headers, &self.exposed_headers);
        let request_id = (!is_shareable).then(|| request_id::from_headers(headers));
        finish_headers(response_headers, request_id.as_deref(), state.serves_tls);
        Some(response)
    }
}

/// Reads the body if it arrives together with the head. Otherwise returns the received part followed by the rest.
async fn read_body<B>(mut body: B, length: usize) -> Result<Bytes, Body>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let mut parts: Vec<Bytes> = Vec::new();
    for _ in 0..MAX_READ_ATTEMPTS {
        // Only buffered data is read; no timer is needed.
        while let Some(Some(frame)) = body.frame().now_or_never() {
            match frame {
                Ok(frame) => parts.extend(frame.into_data().ok()),
                Err(error) => {
                    let torn = stream::once(ready(Err(error.into())));
                    let started = stream::iter(parts.into_iter().map(Ok::<_, BoxError>));
                    return Err(Body::from_stream(started.chain(torn)));
                }
            }
        }
        if parts.iter().map(Bytes::len).sum::<usize>() == length {
            return Ok(match parts.len() {
                1 => parts.swap_remove(0),
                _ => parts.concat().into(),
            });
        }
        yield_now().await;
    }
    let started = stream::iter(parts.into_iter().map(Ok));
    Err(Body::from_stream(started.chain(Body::new(body).into_data_stream())))
}

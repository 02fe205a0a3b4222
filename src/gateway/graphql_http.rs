//! GraphQL over HTTP: `GET` for queries, `POST` for all operations, server-sent events for subscriptions.

use std::sync::Arc;

use async_graphql::Response as GraphqlResponse;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::gateway::auth::{AuthError, Principal};
use crate::gateway::concurrency_limit::LoadShed;
use crate::gateway::edge::{Shareable, VARY_CACHED, router_response, shared_response};
use crate::gateway::negotiate::{Accepted, MediaType, PayloadStream, accepted, has_json_body};
use crate::gateway::operation::{
    ALL_OPERATION_TYPES, OperationOutcome, OperationRequest, QUERIES_AND_SUBSCRIPTIONS, QUERIES_ONLY,
};
use crate::gateway::pages;
use crate::gateway::params::{GraphqlBody, RequestParams, parse_body, parse_query_string};
use crate::gateway::payloads;
use crate::gateway::rate_limiter::RateLimitStatus;
use crate::gateway::rejection::RequestRejection;
use crate::gateway::request_id::RequestId;
use crate::gateway::response_body::{is_request_error, to_json_text};
use crate::gateway::response_cache::{CachedResponse, ContentCoding};
use crate::gateway::state::{AppState, PeerAddress};
use crate::graphql::ErrorCode;
use crate::graphql::operation::OperationType;

/// Serves GraphiQL to browsers that open `GET /graphql`.
pub async fn serve_graphiql(request: Request, next: Next) -> Response {
    let media = accepted(request.headers()).map(|accepted| accepted.media);
    if request.method() != Method::GET || media != Some(MediaType::Html) {
        return next.run(request).await;
    }
    let mut response = pages::graphiql().into_response_for(request.headers());
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    response
}

/// `GET /graphql`: a query.
pub async fn get(
    State(state): State<Arc<AppState>>,
    Extension(RequestId(id)): Extension<RequestId>,
    Extension(load_shed): Extension<LoadShed>,
    peer: Option<Extension<PeerAddress>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(accepted) = accepted(&headers).filter(|accepted| accepted.media != MediaType::Html) else {
        return not_acceptable(&id);
    };
    let exchange = match HttpExchange::authenticate(&state, &load_shed, &headers, peer, accepted, &id).await {
        Ok(exchange) => exchange,
        Err(rejection) => return reject(&rejection, accepted.media, &id),
    };
    let allowed_types = if accepted.stream.is_some() { QUERIES_AND_SUBSCRIPTIONS } else { QUERIES_ONLY };
    let response = match parse_query_string(query.as_deref().unwrap_or_default()) {
        Ok(params) => exchange.respond(params, None, allowed_types).await,
        Err(invalid) => exchange.reject(&RequestRejection::bad_request(invalid.to_string())),
    };
    // Responses of several payloads have no length yet; those for shared caches have their tag.
    let is_complete =
        response.body().size_hint().exact().is_some() && response.extensions().get::<Shareable>().is_none();
    if is_complete { with_etag(response, &headers).await } else { response }
}

/// `POST /graphql`: accepts JSON bodies only, so that simple cross-site requests are never executed.
pub async fn post(
    State(state): State<Arc<AppState>>,
    Extension(RequestId(id)): Extension<RequestId>,
    Extension(load_shed): Extension<LoadShed>,
    peer: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(accepted) = accepted(&headers).filter(|accepted| accepted.media != MediaType::Html) else {
        return not_acceptable(&id);
    };
    if !has_json_body(&headers) {
        let rejection = RequestRejection::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::UnsupportedMediaType,
            "send the request as `Content-Type: application/json` in UTF-8",
        );
        return reject(&rejection, accepted.media, &id);
    }
    // The caller is known before its body is read, and its body before it takes one of the places.
    let exchange = match HttpExchange::authenticate(&state, &load_shed, &headers, peer, accepted, &id).await {
        Ok(exchange) => exchange,
        Err(rejection) => return reject(&rejection, accepted.media, &id),
    };
    let limits = state.pipeline.limits();
    let body = match load_shed.read_body(body, limits.body_bytes).await {
        Ok(body) => body,
        Err(rejection) => return exchange.reject(&rejection),
    };
    match parse_body(&body, limits.batch) {
        Ok(GraphqlBody::Single(params)) => exchange.respond(*params, Some(&body), ALL_OPERATION_TYPES).await,
        Ok(GraphqlBody::Batch(batch)) => exchange.respond_to_batch(batch).await,
        Err(invalid) => exchange.reject(&RequestRejection::bad_request(invalid.to_string())),
    }
}

/// Rejects all other methods.
pub async fn method_not_allowed(Extension(RequestId(id)): Extension<RequestId>) -> Response {
    let rejection =
        RequestRejection::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, "use GET or POST");
    reject(&rejection, MediaType::Json, &id)
}

/// The caller of an HTTP request, which was counted.
pub(super) struct AuthenticatedCaller {
    /// Identity and limits.
    pub(super) principal: Principal,
    /// Address of an anonymous client.
    peer: Option<PeerAddress>,
    /// Rate limit status, if the caller has a limit.
    pub(super) rate_limit_status: Option<RateLimitStatus>,
}

impl AuthenticatedCaller {
    /// Authenticates the caller by its headers and counts one request.
    ///
    /// # Errors
    ///
    /// The credentials are missing or not valid, or the caller exceeded its rate limit.
    pub(super) async fn authenticate(
        state: &AppState,
        headers: &HeaderMap,
        peer: Option<PeerAddress>,
    ) -> Result<Self, RequestRejection> {
        let authenticator = state.authenticator.load_full();
        let principal = authenticator.authenticate(headers).await.map_err(unauthenticated)?;
        let peer = peer.and_then(|peer| principal.counted_address(headers, peer));
        let rate_limit_status = state.check_rate_limit(&principal, peer, 1).await?;
        Ok(Self { principal, peer, rate_limit_status })
    }
}

/// An HTTP request of an authenticated caller, and the negotiated media type of its response.
struct HttpExchange<'a> {
    state: &'a Arc<AppState>,
    load_shed: &'a LoadShed,
    headers: &'a HeaderMap,
    principal: Principal,
    /// Address of an anonymous client.
    peer: Option<PeerAddress>,
    rate_limit_status: Option<RateLimitStatus>,
    media: MediaType,
    /// Form of a response with several payloads, if the client accepts one.
    stream: Option<PayloadStream>,
    id: &'a str,
}

impl<'a> HttpExchange<'a> {
    /// Authenticates the caller and counts one request.
    async fn authenticate(
        state: &'a Arc<AppState>,
        load_shed: &'a LoadShed,
        headers: &'a HeaderMap,
        peer: Option<Extension<PeerAddress>>,
        Accepted { media, stream }: Accepted,
        id: &'a str,
    ) -> Result<Self, RequestRejection> {
        let caller = AuthenticatedCaller::authenticate(state, headers, peer.map(|Extension(peer)| peer)).await?;
        let AuthenticatedCaller { principal, peer, rate_limit_status } = caller;
        Ok(Self { state, load_shed, headers, principal, peer, rate_limit_status, media, stream, id })
    }

    /// Runs one operation in one of the places, and builds its response.
    async fn respond(
        self,
        params: RequestParams,
        body: Option<&Bytes>,
        allowed_types: &'static [OperationType],
    ) -> Response {
        let is_get = body.is_none();
        let operation = self.operation(params, body.cloned(), allowed_types);
        let (outcome, permit) = match self.load_shed.run(Box::pin(self.state.pipeline.run(operation))).await {
            Ok((outcome, permit)) => (outcome, Some(permit)),
            Err(rejection) => (OperationOutcome::Rejected(rejection), None),
        };
        let events = self.stream.filter(|_| self.media == MediaType::EventStream);
        let mut response = match (outcome, self.stream) {
            (OperationOutcome::Rejected(rejection), _) => return self.reject(&rejection),
            (OperationOutcome::Deferred(response, results), Some(stream)) => {
                // Fragments in flight count as one operation, even if the client does not read their results.
                results.hold(permit);
                payloads::deferred(stream, &response, results)
            }
            (OperationOutcome::Response(response) | OperationOutcome::Deferred(response, _), _) => match events {
                Some(events) => payloads::single(events, to_json_text(&response)),
                None => {
                    let status = response_status(&response, self.media);
                    (status, content_headers(self.media), to_json_text(&response)).into_response()
                }
            },
            (OperationOutcome::Cached(cached), _) => match events {
                // The body is UTF-8: the gateway serialized it.
                Some(events) => payloads::single(events, String::from_utf8_lossy(&cached.body).into_owned()),
                None => match self.shared_response(&cached, is_get) {
                    Some(shared) => return shared,
                    None => cached_response(self.state, &cached, self.headers, self.media),
                },
            },
            // A stream ends when its caller loses access, and at shutdown.
            (OperationOutcome::Stream(responses), Some(stream)) => {
                let (state, principal) = (Arc::clone(self.state), self.principal.clone());
                let stop = state.stop.clone();
                let responses =
                    responses.take_until(Box::pin(async move { state.wait_until_revoked(&principal).await }));
                payloads::subscription(stream, responses.boxed(), stop.cancelled_owned())
            }
            (OperationOutcome::Stream(_), None) => {
                let text =
                    "subscriptions need `Accept: text/event-stream`, `multipart/mixed`, or a WebSocket at /graphql/ws";
                let rejection = RequestRejection::new(StatusCode::NOT_ACCEPTABLE, ErrorCode::NotAcceptable, text);
                return self.reject(&rejection);
            }
        };
        self.add_rate_limit(&mut response);
        response
    }

    /// Builds the response of a query for shared caches, if it is public.
    fn shared_response(&self, cached: &CachedResponse, is_get: bool) -> Option<Response> {
        let build = if is_get { shared_response } else { router_response };
        build(self.state, &self.principal, cached, self.headers, self.media)
    }

    /// Runs each request of a batch; responses keep the order. A rejected request does not affect the others.
    async fn respond_to_batch(mut self, batch: Vec<RequestParams>) -> Response {
        if self.media == MediaType::EventStream {
            return not_acceptable(self.id);
        }
        // Every request of a batch counts against the rate limit; the first one was counted before the body was read.
        let others = u32::try_from(batch.len()).unwrap_or(u32::MAX).saturating_sub(1);
        if others > 0 {
            match self.state.check_rate_limit(&self.principal, self.peer, others).await {
                Ok(status) => self.rate_limit_status = status,
                Err(rejection) => return reject(&rejection, self.media, self.id),
            }
        }
        let run = async {
            let mut responses = Vec::with_capacity(batch.len());
            for params in batch {
                let operation = self.operation(params, None, ALL_OPERATION_TYPES);
                let operation = OperationRequest { accepts_deferred: false, ..operation };
                responses.push(match self.state.pipeline.run(operation).await {
                    OperationOutcome::Response(response) | OperationOutcome::Deferred(response, _) => {
                        to_json_text(&response)
                    }
                    OperationOutcome::Cached(cached) => String::from_utf8_lossy(&cached.body).into_owned(),
                    OperationOutcome::Rejected(rejection) => rejection.to_body(self.id),
                    OperationOutcome::Stream(_) => {
                        RequestRejection::bad_request("a batch cannot contain subscriptions".to_owned())
                            .to_body(self.id)
                    }
                });
            }
            responses
        };
        match self.load_shed.run(Box::pin(run)).await {
            Ok((responses, _permit)) => {
                let body = format!("[{}]", responses.join(","));
                let mut response = (StatusCode::OK, content_headers(self.media), body).into_response();
                self.add_rate_limit(&mut response);
                response
            }
            Err(rejection) => self.reject(&rejection),
        }
    }

    fn operation(
        &self,
        params: RequestParams,
        body: Option<Bytes>,
        allowed_types: &'static [OperationType],
    ) -> OperationRequest {
        let (viewer, request_id) = (Arc::clone(&self.principal.viewer), self.id.to_owned());
        let accepts_deferred = self.stream.is_some();
        OperationRequest { params, body, viewer, request_id, allowed_types, accepts_deferred }
    }

    fn reject(&self, rejection: &RequestRejection) -> Response {
        let mut response = reject(rejection, self.media, self.id);
        if rejection.rate_limit_status.is_none() {
            self.add_rate_limit(&mut response);
        }
        response
    }

    fn add_rate_limit(&self, response: &mut Response) {
        if let Some(rate_limit_status) = &self.rate_limit_status {
            rate_limit_status.add_headers(response.headers_mut());
        }
    }
}

/// Builds the HTTP response of a cached body in the content coding that the client accepts.
pub(super) fn cached_response(
    state: &AppState,
    cached: &CachedResponse,
    headers: &HeaderMap,
    media: MediaType,
) -> Response {
    let (body, coding) = encoded_body(state, cached, headers);
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    // Reserves space for the headers that layers add.
    headers.reserve(16);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    headers.insert(VARY, VARY_CACHED);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(name) = coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

/// Returns a cached body in the content coding that the client accepts, and the name of the coding.
pub(super) fn encoded_body(
    state: &AppState,
    cached: &CachedResponse,
    headers: &HeaderMap,
) -> (Bytes, Option<&'static str>) {
    let coding = ContentCoding::negotiate(headers);
    match state.pipeline.response_cache().and_then(|responses| responses.encoded(cached, coding)) {
        Some(encoded) => (encoded, coding.name()),
        None => (cached.body.clone(), None),
    }
}

/// Adds an `ETag` to the response of a GET query, or replaces it by 304 if the client has the same one. Responses
/// depend on the caller, so only the client itself may cache them, and it must revalidate.
async fn with_etag(response: Response, headers: &HeaderMap) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // The body is in memory; nothing blocks here.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // A weak tag, because the same response may be sent in several codings.
    let tag = pages::etag(&body);
    let weak = format!("W/{tag}");
    let is_match = headers
        .get(IF_NONE_MATCH)
        .and_then(|pair| pair.to_str().ok())
        .is_some_and(|pair| pages::etag_matches(pair, &tag));
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&weak) {
        parts.headers.insert(ETAG, tag);
    }
    if is_match {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// Returns the rejection for failed authentication.
pub fn unauthenticated(error: AuthError) -> RequestRejection {
    match error {
        AuthError::ForeignOrigin => {
            RequestRejection::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, error.to_string())
        }
        AuthError::SessionsUnavailable => {
            let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::LedgerUnavailable);
            RequestRejection { retry_after: Some(1), ..RequestRejection::new(status, code, error.to_string()) }
        }
        _ => RequestRejection::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, error.to_string()),
    }
}

/// Returns 400 for a request error under `application/graphql-response+json`. Under `application/json` every executed
/// operation is 200.
fn response_status(response: &GraphqlResponse, media: MediaType) -> StatusCode {
    if media == MediaType::GraphqlResponse && is_request_error(response) {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    }
}

fn content_headers(media: MediaType) -> [(axum::http::HeaderName, &'static str); 3] {
    [
        (CONTENT_TYPE, media.content_type()),
        (VARY, "accept, authorization, cookie, x-csrf-protection"),
        (CACHE_CONTROL, "no-store"),
    ]
}

/// Builds the response of a rejection.
pub(super) fn reject(rejection: &RequestRejection, media: MediaType, id: &str) -> Response {
    let body = rejection.to_body(id);
    let media = if media == MediaType::GraphqlResponse { media } else { MediaType::Json };
    let status = if rejection.is_well_formed && media == MediaType::Json { StatusCode::OK } else { rejection.status };
    let mut response = (status, content_headers(media), body).into_response();
    if let Some(rate_limit_status) = &rejection.rate_limit_status {
        rate_limit_status.add_headers(response.headers_mut());
    }
    if let Some(seconds) = rejection.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn not_acceptable(id: &str) -> Response {
    let text = "accept application/graphql-response+json or application/json; for subscriptions and deferred fragments, text/event-stream or multipart/mixed";
    reject(&RequestRejection::new(StatusCode::NOT_ACCEPTABLE, ErrorCode::NotAcceptable, text), MediaType::Json, id)
}

impl pages::StaticPage {
    /// Builds the response of a page, or 304 if the browser has the same version.
    pub fn into_response_for(self, headers: &HeaderMap) -> Response {
        let pair = headers.get(IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
        let status =
            if pair.is_some_and(|tag| self.matches_etag(tag)) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let body = if status == StatusCode::OK { Body::from(self.body) } else { Body::empty() };
        let mut response = (status, body).into_response();
        let fixed = [
            (CONTENT_TYPE, self.content_type),
            (ETAG, self.etag),
            (CACHE_CONTROL, self.cache_control.to_owned()),
            (axum::http::header::CONTENT_SECURITY_POLICY, self.content_security_policy.to_owned()),
        ];
        for (name, value) in fixed {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

//! GraphQL over HTTP: `GET` for queries, `POST` for everything, server-sent events for subscriptions.

use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::Response as Answer;
use async_graphql_parser::types::OperationType;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::gateway::answer::{never_began, to_text};
use crate::gateway::answers::{Coding, Ready};
use crate::gateway::callers::Caller;
use crate::gateway::engine::{ALL, Ask, Outcome, QUERIES, READS};
use crate::gateway::negotiate::{Media, accepted, carries_json};
use crate::gateway::pace::Standing;
use crate::gateway::pages;
use crate::gateway::params::{Body as Asked, Params, from_body, from_query_string};
use crate::gateway::refusal::Refusal;
use crate::gateway::request_id::RequestId;
use crate::gateway::router::{Front, Peer};
use crate::graphql::Code;

/// `GET /graphql`: a query, or GraphiQL for a browser.
pub async fn get(
    State(front): State<Arc<Front>>,
    Extension(RequestId(id)): Extension<RequestId>,
    peer: Option<Extension<Peer>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asks = query.as_deref().unwrap_or_default();
    let Some(media) = accepted(&headers) else { return not_acceptable(&id) };
    let peer = peer.map(|Extension(peer)| peer);
    if media == Media::Html {
        return pages::graphiql().into_response_for(&headers);
    }
    match from_query_string(asks) {
        Ok(params) => {
            let kinds = if media == Media::EventStream { READS } else { QUERIES };
            let asking = Asking { front: &front, headers: &headers, peer, media, id: &id };
            let response = asking.answer_one(params, None, kinds).await;
            if kinds == QUERIES { revalidated(response, &headers).await } else { response }
        }
        Err(unreadable) => refuse(&Refusal::bad_request(unreadable.to_string()), media, &id),
    }
}

/// `POST /graphql`: JSON bodies only, so that no simple cross-site request is ever executed.
pub async fn post(
    State(front): State<Arc<Front>>,
    Extension(RequestId(id)): Extension<RequestId>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let Some(media) = accepted(&headers).filter(|media| *media != Media::Html) else { return not_acceptable(&id) };
    if !carries_json(&headers) {
        let refusal = Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::UnsupportedMediaType,
            "send the request as `Content-Type: application/json` in UTF-8",
        );
        return refuse(&refusal, media, &id);
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() != StatusCode::PAYLOAD_TOO_LARGE => {
            return refuse(&Refusal::cut_off(), media, &id);
        }
        Err(_) => {
            let most = front.engine.limits().body_bytes;
            let text = format!("the body is larger than {most} bytes");
            return refuse(&Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge, text), media, &id);
        }
    };
    let peer = peer.map(|Extension(peer)| peer);
    let asking = Asking { front: &front, headers: &headers, peer, media, id: &id };
    match from_body(&body, front.engine.limits().batch) {
        Ok(Asked::Single(params)) => asking.answer_one(*params, Some(&body), ALL).await,
        Ok(Asked::Batch(batch)) => asking.answer_batch(batch).await,
        Err(unreadable) => refuse(&Refusal::bad_request(unreadable.to_string()), media, &id),
    }
}

/// Any other method.
pub async fn other(Extension(RequestId(id)): Extension<RequestId>) -> Response {
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, "use GET or POST");
    refuse(&refusal, Media::Json, &id)
}

/// One request, and how it wants to be answered.
struct Asking<'a> {
    front: &'a Arc<Front>,
    headers: &'a HeaderMap,
    peer: Option<Peer>,
    media: Media,
    id: &'a str,
}

impl Asking<'_> {
    async fn answer_one(&self, params: Params, body: Option<&Bytes>, kinds: &'static [OperationType]) -> Response {
        let (media, id) = (self.media, self.id);
        let (caller, standing) = match self.recognise(1).await {
            Ok(known) => known,
            Err(refusal) => return refuse(&refusal, media, id),
        };
        let (viewer, request_id) = (Arc::clone(&caller.viewer), id.to_owned());
        let ask = Ask { params, body: body.cloned(), viewer, request_id, kinds };
        let mut response = match self.front.engine.run(ask).await {
            Outcome::Refused(refusal) => refuse(&refusal, media, id),
            Outcome::Answer(answer) if media == Media::EventStream => {
                stream(futures_util::stream::iter([*answer]).boxed())
            }
            Outcome::Answer(answer) => (status(&answer, media), typed(media), to_text(&answer)).into_response(),
            Outcome::Ready(ready) if media == Media::EventStream => {
                // Bytes of ours: they are text.
                let text = String::from_utf8_lossy(&ready.body).into_owned();
                stream_of(futures_util::stream::iter([text]).boxed())
            }
            Outcome::Ready(ready) => ready_response(self.front, &ready, self.headers, media),
            // Who may watch no longer hears no more.
            Outcome::Stream(answers) if media == Media::EventStream => {
                let front = Arc::clone(self.front);
                let stop = front.stop.clone();
                let answers = answers.take_until(Box::pin(async move { front.gone(&caller).await }));
                watching(answers.map(|answer| to_text(&answer)).boxed(), stop)
            }
            Outcome::Stream(_) => {
                let text = "subscriptions need `Accept: text/event-stream` or a WebSocket at /graphql/ws";
                refuse(&Refusal::new(StatusCode::NOT_ACCEPTABLE, Code::NotAcceptable, text), media, id)
            }
        };
        if let Some(standing) = standing {
            standing.tell(response.headers_mut());
        }
        response
    }

    /// Answers each request of a batch in its place; one that cannot run does not fail its neighbours.
    async fn answer_batch(&self, batch: Vec<Params>) -> Response {
        let (media, id) = (self.media, self.id);
        if media == Media::EventStream {
            return not_acceptable(id);
        }
        // Each request of a batch counts.
        let (caller, standing) = match self.recognise(u32::try_from(batch.len()).unwrap_or(u32::MAX)).await {
            Ok(known) => known,
            Err(refusal) => return refuse(&refusal, media, id),
        };
        let mut answers = Vec::with_capacity(batch.len());
        for params in batch {
            let (viewer, request_id) = (Arc::clone(&caller.viewer), id.to_owned());
            let ask = Ask { params, body: None, viewer, request_id, kinds: ALL };
            answers.push(match self.front.engine.run(ask).await {
                Outcome::Answer(answer) => to_text(&answer),
                Outcome::Ready(ready) => String::from_utf8_lossy(&ready.body).into_owned(),
                Outcome::Refused(refusal) => refusal.to_body(id),
                Outcome::Stream(_) => Refusal::bad_request("a batch holds no subscriptions".to_owned()).to_body(id),
            });
        }
        let mut response = (StatusCode::OK, typed(media), format!("[{}]", answers.join(","))).into_response();
        if let Some(standing) = standing {
            standing.tell(response.headers_mut());
        }
        response
    }

    async fn recognise(&self, requests: u32) -> Result<(Caller, Option<Standing>), Refusal> {
        let callers = self.front.callers.load_full();
        let caller = callers.recognise(self.headers).await.map_err(unauthenticated)?;
        let stranger_at = self.peer.filter(|_| !self.headers.contains_key(AUTHORIZATION));
        let standing = self.front.admit(&caller, stranger_at, requests).await?;
        Ok((caller, standing))
    }
}

/// An answer that is bytes already, in the coding that the client takes, where that is kept too.
pub(super) fn ready_response(front: &Front, ready: &Ready, headers: &HeaderMap, media: Media) -> Response {
    let coding = Coding::accepted(headers);
    let coded = front.engine.answers().and_then(|answers| answers.coded(ready, coding));
    let is_coded = coded.is_some();
    let mut response = Response::new(Body::from(coded.unwrap_or_else(|| ready.body.clone())));
    let told = response.headers_mut();
    // Room for all that the layers add.
    told.reserve(16);
    told.insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    told.insert(VARY, HeaderValue::from_static("accept, accept-encoding, authorization"));
    told.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(name) = coding.name().filter(|_| is_coded) {
        told.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

/// An answer to a query by GET, or 304 where the client has just that. Answers depend on who asks, so only the client itself
/// may keep one, and asks each time.
async fn revalidated(response: Response, headers: &HeaderMap) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // The body is in memory already: nothing is waited for.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // Weak: the same answer may leave compressed in several ways.
    let tag = pages::tag(&body);
    let weak = format!("W/{tag}");
    let is_known =
        headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).is_some_and(|known| pages::names(known, &tag));
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&weak) {
        parts.headers.insert(ETAG, tag);
    }
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// The refusal of somebody we do not know.
pub fn unauthenticated(stranger: crate::gateway::callers::Stranger) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, Code::Unauthenticated, stranger.to_string())
}

/// A request error (no data, no path) is a 400 under `application/graphql-response+json`; under `application/json` all that ran is 200.
fn status(answer: &Answer, media: Media) -> StatusCode {
    if media == Media::GraphqlResponse && never_began(answer) { StatusCode::BAD_REQUEST } else { StatusCode::OK }
}

fn typed(media: Media) -> [(axum::http::HeaderName, &'static str); 3] {
    [(CONTENT_TYPE, media.content_type()), (VARY, "accept, authorization"), (CACHE_CONTROL, "no-store")]
}

fn refuse(refusal: &Refusal, media: Media, id: &str) -> Response {
    let body = refusal.to_body(id);
    let media = if media == Media::GraphqlResponse { media } else { Media::Json };
    let status = if refusal.is_well_formed && media == Media::Json { StatusCode::OK } else { refusal.status };
    let mut response = (status, typed(media), body).into_response();
    if let Some(standing) = &refusal.standing {
        standing.tell(response.headers_mut());
    }
    if let Some(seconds) = refusal.retry_after {
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
    let text = "accept application/graphql-response+json, application/json, or text/event-stream for subscriptions";
    refuse(&Refusal::new(StatusCode::NOT_ACCEPTABLE, Code::NotAcceptable, text), Media::Json, id)
}

/// Results as events (graphql-sse, distinct connections): `next` for each, then `complete`.
fn stream(answers: BoxStream<'static, Answer>) -> Response {
    stream_of(answers.map(|answer| to_text(&answer)).boxed())
}

fn stream_of(answers: BoxStream<'static, String>) -> Response {
    sent(events(answers).boxed())
}

/// The same for what has no end of its own: when the service goes away it breaks off without `complete`, so that clients come back.
fn watching(answers: BoxStream<'static, String>, stop: CancellationToken) -> Response {
    sent(events(answers).take_until(Box::pin(stop.cancelled_owned())).boxed())
}

fn events(answers: BoxStream<'static, String>) -> impl Stream<Item = Event> {
    answers
        .map(|answer| Event::default().event("next").data(answer))
        .chain(futures_util::stream::iter([Event::default().event("complete").data("")]))
}

fn sent(events: BoxStream<'static, Event>) -> Response {
    let events = events.map(Ok::<Event, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather an answer before passing it on would hold every event back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

impl pages::Page {
    /// The page as an answer, or 304 where the browser has it already.
    pub fn into_response_for(self, headers: &HeaderMap) -> Response {
        let known = headers.get(IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
        let status =
            if known.is_some_and(|tag| self.is_known(tag)) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
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

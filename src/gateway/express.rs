//! The short way to an answer that is kept: for a request whose very bytes were answered before.
//!
//! To send what is kept costs less than to pass the layers around the router. What decides whether an answer may be told, to whom,
//! and how, is asked here of the same functions that the ordinary way asks: who the caller is, where it stands in its minute,
//! whether the answer still holds, in which coding it goes out. A request with anything unusual about it takes the ordinary way, as
//! it came. A test holds the answers of both ways against each other.

use std::future::ready;
use std::sync::Arc;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, ORIGIN, TRANSFER_ENCODING,
    VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::BodyExt;
use metrics::{Histogram, histogram};
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::gateway::graphql_http::ready_response;
use crate::gateway::hardening::protect;
use crate::gateway::negotiate::{Media, accepted, carries_json};
use crate::gateway::request_id;
use crate::gateway::router::{Front, Peer, exposed};

/// The longest body that is looked up, in bytes.
const LONGEST: usize = 16 << 10;
/// How often a body is looked for. One that is not there by then takes the ordinary way, which knows how to wait.
const TURNS: usize = 3;
/// What only the ordinary way understands.
const UNUSUAL: [HeaderName; 5] =
    [ORIGIN, TRANSFER_ENCODING, CONTENT_ENCODING, EXPECT, HeaderName::from_static("traceparent")];

/// Answers what was answered before.
pub struct Express {
    front: Arc<Front>,
    is_open: bool,
    exposed: HeaderValue,
    requests: Histogram,
    operations: Histogram,
}

impl Express {
    /// The short way into a front door. Where requests are traced it is closed: each is to have its spans.
    pub fn new(front: Arc<Front>, is_traced: bool) -> Self {
        let request =
            [("http_request_method", "POST"), ("http_route", "/graphql"), ("http_response_status_code", "200")];
        let operation = [("operation_type", "query"), ("outcome", "ok")];
        Self {
            front,
            is_open: !is_traced,
            exposed: exposed(),
            requests: histogram!("http_server_request_duration_seconds", &request),
            operations: histogram!("ticketgraph_operation_duration_seconds", &operation),
        }
    }

    /// An answer that is kept; or the request, for the ordinary way.
    pub async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Result<Response<Body>, Request<Body>>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let Some((length, media)) = self.fits(&request) else { return Err(request.map(Body::new)) };
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        let body = match read(body, length).await {
            Ok(body) => body,
            Err(rest) => return Err(Request::from_parts(parts, rest)),
        };
        match self.find(&parts.headers, &body, media, peer).await {
            Some(response) => {
                let took = begun.elapsed().as_secs_f64();
                self.requests.record(took);
                self.operations.record(took);
                Ok(response)
            }
            None => Err(Request::from_parts(parts, Body::from(body))),
        }
    }

    /// The length of the body and what the client accepts, where a request is of the usual kind.
    fn fits<B>(&self, request: &Request<B>) -> Option<(usize, Media)> {
        let headers = request.headers();
        let is_usual = self.is_open
            && request.method() == Method::POST
            && request.uri().path() == "/graphql"
            && !UNUSUAL.iter().any(|name| headers.contains_key(name))
            && carries_json(headers);
        if !is_usual {
            return None;
        }
        let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
        let is_short = (1..=LONGEST.min(self.front.engine.limits().body_bytes)).contains(&length);
        let media = accepted(headers).filter(|media| matches!(media, Media::Json | Media::GraphqlResponse))?;
        is_short.then_some((length, media))
    }

    async fn find(&self, headers: &HeaderMap, body: &Bytes, media: Media, peer: Peer) -> Option<Response<Body>> {
        let (front, engine) = (&self.front, &self.front.engine);
        let asked = engine.asked_before(body)?;
        // Who is not recognised, or asks too much, is told so by the ordinary way.
        let caller = front.callers.load().recognise(headers).await.ok()?;
        let ready = engine.tell_again(asked, &caller.viewer)?;
        let stranger_at = (!headers.contains_key(AUTHORIZATION)).then_some(peer);
        let standing = front.admit(&caller, stranger_at, 1).await.ok()?;
        let mut response = ready_response(front, &ready, headers, media);
        let length = response.body().size_hint().exact();
        let told = response.headers_mut();
        if let Some(length) = length {
            told.insert(CONTENT_LENGTH, length.into());
        }
        if let Some(standing) = standing {
            standing.tell(told);
        }
        told.append(VARY, HeaderValue::from_static("origin"));
        told.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        protect(told);
        request_id::tell(&request_id::of(headers), told);
        Some(response)
    }
}

/// The whole body, where it came with its head; else what there is of it, with the rest to come.
async fn read<B>(mut body: B, length: usize) -> Result<Bytes, Body>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let mut parts: Vec<Bytes> = Vec::new();
    for _ in 0..TURNS {
        // What was received already is read while others have their turn; no clock is set for it.
        while let Some(Some(frame)) = body.frame().now_or_never() {
            match frame {
                Ok(frame) => parts.extend(frame.into_data().ok()),
                Err(fault) => {
                    let torn = stream::once(ready(Err(fault.into())));
                    let begun = stream::iter(parts.into_iter().map(Ok::<_, BoxError>));
                    return Err(Body::from_stream(begun.chain(torn)));
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
    let begun = stream::iter(parts.into_iter().map(Ok));
    Err(Body::from_stream(begun.chain(Body::new(body).into_data_stream())))
}

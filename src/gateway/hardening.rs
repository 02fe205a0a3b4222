//! Layers around every address: refusing early when there is too much to do, and headers that keep browsers out of trouble.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::http::header::{CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::gateway::refusal::Refusal;
use crate::gateway::request_id::RequestId;
use crate::graphql::Code;

/// How many requests may be in flight.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

impl Room {
    /// Room for so many.
    pub fn new(requests: usize) -> Self {
        Self(Arc::new(Semaphore::new(requests)))
    }

    /// A place, where one is free; it is free again when this is dropped.
    pub fn enter(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.0).try_acquire_owned().ok();
        if place.is_none() {
            metrics::counter!("ticketgraph_requests_shed_total").increment(1);
        }
        place
    }
}

/// What is let in, and for how long.
#[derive(Clone)]
pub struct Gate {
    /// Room for requests in flight.
    pub room: Room,
    /// How long an answer may take to begin.
    pub answer_within: Duration,
}

/// Answers 503 at once when there is no room, so that what is accepted is answered in time; and 504 when an answer does not begin in
/// time. Streams that began go on; orders under way come to their end without whoever asked.
pub async fn admit(
    State(gate): State<Gate>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let Some(_place) = gate.room.enter() else { return refuse(&Refusal::overloaded(), &id) };
    match tokio::time::timeout(gate.answer_within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            metrics::counter!("ticketgraph_requests_late_total").increment(1);
            let late = Refusal::new(StatusCode::GATEWAY_TIMEOUT, Code::RequestTimeout, Code::RequestTimeout.message());
            refuse(&Refusal { retry_after: Some(1), ..late }, &id)
        }
    }
}

fn refuse(refusal: &Refusal, id: &str) -> Response {
    let mut response = (refusal.status, refusal.to_body(id)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Headers that every answer has; pages bring their own content policy.
pub fn protect(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}

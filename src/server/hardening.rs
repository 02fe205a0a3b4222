//! Layers around every address: refusing early when there is too much to do, and headers that keep browsers out of trouble.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

/// How many requests may be in flight.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

impl Room {
    /// Room for so many.
    pub fn new(requests: usize) -> Self {
        Self(Arc::new(Semaphore::new(requests)))
    }
}

/// Answers 503 at once when there is no room: what is accepted is answered in time.
pub async fn shed(State(room): State<Room>, request: Request, next: Next) -> Response {
    match room.0.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => {
            metrics::counter!("ticketgraph_requests_shed_total").increment(1);
            let body = r#"{"errors":[{"message":"the service is busy, try again in a moment","extensions":{"code":"OVERLOADED","retryable":true,"retryAfterMs":1000}}]}"#;
            let mut response = (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

/// Headers that every answer has; pages bring their own content policy.
pub async fn guard_browsers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

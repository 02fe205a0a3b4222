//! Concurrency limit with load shedding.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::gateway::rejection::RequestRejection;
use crate::gateway::request_id::RequestId;
use crate::graphql::ErrorCode;

/// Limit on requests in flight.
#[derive(Clone)]
pub struct ConcurrencyLimit(Arc<Semaphore>);

impl ConcurrencyLimit {
    /// Creates a limit of this many requests.
    pub fn new(requests: usize) -> Self {
        Self(Arc::new(Semaphore::new(requests)))
    }

    /// Returns a permit if one is free. Dropping it releases the slot.
    pub fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok();
        if permit.is_none() {
            metrics::counter!("ticketgraph_requests_shed_total").increment(1);
        }
        permit
    }
}

/// Settings of load shedding.
#[derive(Clone)]
pub struct LoadShed {
    /// Limit on requests in flight.
    pub limit: ConcurrencyLimit,
    /// Time until a response must start.
    pub response_timeout: Duration,
}

/// Responds 503 at once when the limit is reached, so that accepted requests stay fast, and 504 when a response does
/// not start in time. Streams that have started continue; orders in flight continue without the client.
pub async fn shed_load(
    State(load_shed): State<LoadShed>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let Some(_permit) = load_shed.limit.try_acquire() else { return reject(&RequestRejection::overloaded(), &id) };
    match tokio::time::timeout(load_shed.response_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            metrics::counter!("ticketgraph_requests_timed_out_total").increment(1);
            let timeout = RequestRejection::new(
                StatusCode::GATEWAY_TIMEOUT,
                ErrorCode::RequestTimeout,
                ErrorCode::RequestTimeout.message(),
            );
            reject(&RequestRejection { retry_after: Some(1), ..timeout }, &id)
        }
    }
}

fn reject(rejection: &RequestRejection, id: &str) -> Response {
    let mut response = (rejection.status, rejection.to_body(id)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(seconds) = rejection.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}
